"""Cases whose truth is known are read as a model is shown them."""

import numpy as np
import pytest

from slicewise.config import Content
from slicewise.training.known import known_cases
from slicewise.volumes.volume import Volume, from_canonical
from slicewise.volumes.write import write_nifti

CONTENT = Content(
    intensity="hu",
    contiguous=True,
    labels={"liver": [5], "spleen": [6, 7]},
    other_labels="background",
    offset=-1024,
    spacing=[2.0, 2.0, 3.0],
)


def test_image_and_truth_are_canonical_in_hounsfield_units_and_millimetres(tmp_path):
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    stored = np.full((4, 5, 6), 1064, np.int16)
    stored[0, 0, 0] = -1000  # padding, which is air once the offset was added
    mask = np.zeros(stored.shape, np.uint8)
    mask[3, 4, 5] = 5
    mask[2, 4, 5] = 7
    mask[1, 4, 5] = 9
    for name, array in (("image", stored), ("mask", mask)):
        volume = Volume(from_canonical(array, affine), affine)
        write_nifti(tmp_path / f"{name}.nii.gz", volume, dtype=array.dtype)
    image, truth = (str(tmp_path / f"{name}.nii.gz") for name in ("image", "mask"))
    (case,) = known_cases(["p1"], [image], [truth], CONTENT)
    read = case.read()
    assert case.case == "p1"
    assert list(read.image.spacing) == [2.0, 2.0, 3.0]
    assert read.image.orientation == "RAS"
    assert read.image.array[1, 1, 1] == 40
    assert read.image.array[0, 0, 0] == -1024
    assert {tuple(place): read.truth[tuple(place)] for place in np.argwhere(read.truth)} == {
        (3, 4, 5): 1,
        (2, 4, 5): 2,
    }


def test_each_case_has_files_of_its_own():
    with pytest.raises(ValueError, match="shorter"):
        known_cases(["p1", "p2"], ["a"], ["b"], CONTENT)
