"""What a folder looks like, by its names."""

import pytest

from slicewise.dataset.finding import find_cases
from slicewise.dataset.looks import MOST, looks_like
from slicewise.errors import SlicewiseError
from tests.layouts import dataset, touch


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"], "looks like layout nnunet"),
        (["imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "dataset.json"], "looks like layout msd"),
        (["x/3Dircadb1.1/PATIENT_DICOM.zip"], "looks like layout ircad"),
        (["sub-01/anat/sub-01_T1w.nii"], "looks like layout bids"),
        (["p1/ct.nii", "p1/seg.nii", "p1/a.txt"], "holds 2 .nii, 1 .txt, such as p1/ct.nii"),
        (["a.png", "b.png"], "holds 2 .png, such as a.png, and none of them is a volume"),
        ([".DS_Store"], "holds no file"),
    ],
)
def test_what_a_folder_looks_like(tmp_path, names, said):
    touch(tmp_path, *names)
    found = looks_like(tmp_path)
    assert said in found
    volumes = "none of them" not in said and "no file" not in said
    assert (f"slicewise init {tmp_path}" in found) == volumes


def test_a_command_is_quoted_where_a_path_has_blanks(tmp_path):
    touch(tmp_path, "my data/p1/ct.nii")
    assert f"slicewise init '{tmp_path / 'my data'}' writes" in looks_like(tmp_path / "my data")


def test_of_thousands_of_files_the_first_are_looked_at(tmp_path):
    touch(tmp_path, *(f"{n}.nii" for n in range(MOST + 5)))
    assert f"it holds {MOST} .nii" in looks_like(tmp_path)
    assert "it is a file" in looks_like(tmp_path / "0.nii")


@pytest.mark.parametrize("layout", ["pairs", "msd", "nnunet", "ircad"])
def test_layouts_that_find_nothing_say_what_would_fit(tmp_path, layout):
    touch(tmp_path, "data/sub-01/anat/sub-01_T1w.nii")
    labels = {"liver": "liver"} if layout == "ircad" else {"liver": 1}
    with pytest.raises(SlicewiseError, match=r"looks like layout bids.*slicewise init"):
        find_cases(dataset(layout, labels), tmp_path)
