"""Cases that fit the patterns of the others."""

import pytest

from slicewise.survey.layout import layout_of
from slicewise.survey.listing import list_folder
from slicewise.survey.looking import Looker
from tests.imitated import pair, scan, write

REPEATED = ["Kaya", "Meier", "Mueller", "Mueller{}2", "Schmidt", "Schmidt{}2"]


def found(folder):
    layout = layout_of(list_folder(folder), Looker(folder), "data")
    return layout, [case.name for case in layout.cases]


@pytest.mark.parametrize(
    ("image", "mask"), [("{}.nii.gz", "{}_seg.nii.gz"), ("ct/{}.nii.gz", "seg/{}.nii.gz")]
)
@pytest.mark.parametrize("sign", "_ ")
def test_second_scans_of_some_people_are_cases_of_theirs(tmp_path, image, mask, sign):
    names = [name.format(sign) for name in REPEATED]
    for n, name in enumerate(names):
        pair(tmp_path / image.format(name), tmp_path / mask.format(name), n)
    layout, cases = found(tmp_path)
    assert sorted(cases) == [name.replace(" ", "_") for name in names]
    assert {(case.image[0].name[:9], case.mask[0].name[:9]) for case in layout.cases} >= {
        (f"Mueller{sign}2", f"Mueller{sign}2")
    }


def test_the_one_patient_of_a_hospital_is_a_case(tmp_path):
    for n, name in enumerate(("CHUM-1", "CHUM-2", "CHUS-1", "CHUS-2", "MDA-1")):
        pair(tmp_path / f"images/{name}__CT.nii.gz", tmp_path / f"labels/{name}.nii.gz", n)
    layout, cases = found(tmp_path)
    assert (layout.name, cases[-1], len(cases)) == ("pairs", "MDA-1", 5)


@pytest.mark.parametrize("other", ["modality", "grid", "mask"])
def test_what_holds_something_else_is_no_further_case(tmp_path, other):
    names = [name.format("_") for name in REPEATED]
    for n, name in enumerate(names):
        image, mask = tmp_path / f"{name}.nii.gz", tmp_path / f"{name}_seg.nii.gz"
        odd = name.endswith("2")
        pair(image, mask, n, "mr" if odd and other == "modality" else "ct")
        if odd and other == "grid":
            write(image, scan(n, shape=(20, 20, 6))[0])
        if odd and other == "mask":
            write(mask, scan(n)[0])
    _, cases = found(tmp_path)
    assert cases == ["Kaya", "Meier", "Mueller", "Schmidt"]
