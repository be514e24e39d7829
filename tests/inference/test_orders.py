"""Rows of a table of volumes are read and refused before any image is opened."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from slicewise.errors import SlicewiseError
from slicewise.inference.orders import check_masks, order_of

ARRAY = np.arange(24, dtype=np.float64).reshape(2, 3, 4)


@pytest.fixture
def image(tmp_path) -> Path:
    path = tmp_path / "ct.nii"
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.diag([0.8, 0.8, 2.5, 1])), path)
    return path


def test_a_file_is_ordered_by_its_path(image, tmp_path):
    order = order_of({"image": str(image), "mask": str(tmp_path / "mask.nii.gz")}, 0)
    assert (order.image, order.mask) == (image, tmp_path / "mask.nii.gz")
    assert order.name == str(image)
    assert order.spacing is None


def test_an_array_lies_where_its_affine_or_spacing_says():
    affine = np.array([[0, -2, 0, 5], [1, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]], float)
    placed = order_of({"image": ARRAY, "affine": affine.tolist()}, 3)
    np.testing.assert_array_equal(placed.image.affine, affine)
    assert placed.name == "image of row 3"
    assert placed.image.array.dtype == np.float32, "as it would be read from a file"
    sized = order_of({"image": ARRAY, "spacing": [0.8, 0.7, 2.5]}, 0)
    np.testing.assert_array_equal(sized.image.affine, np.diag([0.8, 0.7, 2.5, 1]))
    whole = order_of({"image": ARRAY.astype(np.int16), "spacing": [1, 1, 1]}, 0)
    assert whole.image.array.dtype == np.int16


def test_gaps_of_a_table_are_nothing(image):
    rows = pd.DataFrame({"image": [str(image)], "mask": [np.nan], "spacing": [None]})
    (order,) = (order_of(row, 0) for row in rows.to_dict("records"))
    assert (order.mask, order.spacing) == (None, None)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("ct.nii", "row 7: this is no mapping"),
        ({"image": ARRAY, "masks": "m.nii"}, "there is no column 'masks'"),
        ({"image": ARRAY, "mask": "m.nii"}, "its mask comes back as one"),
        ({"image": "nowhere.nii"}, "there is no such file"),
        ({"image": ARRAY}, "nothing says how large its voxels are"),
        ({"image": ARRAY, "spacing": [1, 0, 1]}, "is not three positive numbers"),
        ({"image": ARRAY, "affine": np.zeros((4, 4))}, "its affine is no regular"),
        ({"image": [[1, 2], [3]], "spacing": [1, 1, 1]}, "neither a path nor a 3-D array"),
        ({"image": ARRAY.astype(str), "spacing": [1, 1, 1]}, "neither a path nor a 3-D array"),
        ({"image": {"t1": __file__, "t2": None}}, "row 7: channel t2 is no path; give the file"),
        ({"image": {"t1": ARRAY}}, "row 7: channel t1 is no path"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused(row, says):
    with pytest.raises(SlicewiseError, match=says):
        order_of(row, 7)


def test_a_file_that_knows_its_place_is_told_none(image):
    for column in ({"affine": np.eye(4)}, {"spacing": [1, 1, 1]}):
        with pytest.raises(SlicewiseError, match="a file knows where its voxels lie"):
            order_of({"image": str(image), **column}, 0)


def test_no_mask_costs_a_file(image, tmp_path):
    def orders(*masks: Path):
        return [order_of({"image": str(image), "mask": str(mask)}, 0) for mask in masks]

    fresh = tmp_path / "mask.nii.gz"
    check_masks(orders(fresh), overwrite=False)
    with pytest.raises(SlicewiseError, match="a mask is written as NIfTI"):
        check_masks(orders(tmp_path / "mask.png"), overwrite=True)
    with pytest.raises(SlicewiseError, match="would overwrite an image"):
        check_masks(orders(tmp_path / "x" / ".." / "ct.nii"), overwrite=True)
    with pytest.raises(SlicewiseError, match="two masks have this path"):
        check_masks(orders(fresh, fresh), overwrite=True)
    fresh.touch()
    with pytest.raises(SlicewiseError, match="there is such a file already"):
        check_masks(orders(fresh), overwrite=False)
    check_masks(orders(fresh), overwrite=True)
