"""What has to be converted before anything else reads it."""

from pathlib import Path

import pytest

from slicewise.dataset.case import Case


@pytest.mark.parametrize(
    ("image", "mask", "converted"),
    [
        (["a.nii.gz"], ["m.nii"], False),
        (["a.nii.gz"], ["m.nrrd"], True),
        (["a.mha"], ["m.nii"], True),
        (["1.dcm", "2.dcm"], ["m.nii"], True),
        (["a.hdr", "a.img"], ["m.nii"], True),
        ([], [], False),  # a phantom has no source
    ],
)
def test_only_pairs_of_nifti_files_are_read_as_they_are(image, mask, converted):
    case = Case("c", "p", tuple(map(Path, image)), tuple(map(Path, mask)))
    assert case.needs_conversion == converted


def test_names_are_looked_at_once_however_often_it_is_asked(monkeypatch):
    looked = []
    monkeypatch.setattr("slicewise.dataset.case.is_nifti", lambda path: looked.append(path) or True)
    case = Case("c", "p", (Path("a.nii"),), (Path("m.nii"),))
    assert [case.needs_conversion, case.needs_conversion] == [False, False]
    assert looked == [Path("a.nii"), Path("m.nii")]
