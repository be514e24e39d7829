"""Masks of a file a label are put into one, compared with a loop over voxels."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.structures import read_structures

AFFINE = np.array([[-0.8, 0, 0, 8], [0, -0.7, 0, 9], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])
SHAPE = (7, 6, 5)
GRID = VoxelGrid(SHAPE, AFFINE, "ct.nii.gz")


def box(*slices: slice, value: int = 1) -> np.ndarray:
    array = np.zeros(SHAPE, np.uint8)
    array[slices] = value
    return array


LIVER = box(slice(1, 4), slice(1, 4), slice(1, 4), value=255)
SPLEEN = box(slice(5, 7), slice(1, 4), slice(0, 2))
TUMOUR = box(slice(2, 5), slice(2, 4), slice(2, 3))


@pytest.fixture
def write(tmp_path):
    """Writes a mask and returns its files."""

    def written(name, array, affine=AFFINE):
        path = tmp_path / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(array, affine), path)
        return [path]

    return written


def expected(*values_and_masks):
    """Return what voxel by voxel the last mask says."""
    merged = np.zeros(SHAPE, int)
    for place in np.ndindex(SHAPE):
        for value, mask in values_and_masks:
            if mask[place]:
                merged[place] = value
    return merged


def test_each_label_gets_its_value(write):
    groups = [("spleen", write("s", SPLEEN)), ("liver", write("l", LIVER))]
    mask, overlap = read_structures(groups, {"liver": 2, "spleen": 7}, GRID)
    np.testing.assert_array_equal(mask.array, expected((2, LIVER), (7, SPLEEN)))
    assert mask.array.dtype == np.uint8
    np.testing.assert_allclose(mask.affine, AFFINE, atol=1e-6)
    assert overlap == 0


def test_masks_of_one_label_are_united(write):
    groups = [("both", write("a", LIVER)), ("both", write("b", TUMOUR))]
    mask, overlap = read_structures(groups, {"both": 300}, GRID)
    np.testing.assert_array_equal(mask.array, expected((300, LIVER), (300, TUMOUR)))
    assert overlap == 0


@pytest.mark.parametrize("order", [1, -1])
def test_overlaps_are_refused_or_belong_to_the_label_that_is_named_later(write, refused, order):
    groups = [("tumour", write("t", TUMOUR)), ("liver", write("l", LIVER))][::order]
    labels = {"liver": 1, "tumour": 2}
    shared = int(np.count_nonzero(LIVER.astype(bool) & TUMOUR.astype(bool)))
    message = refused(read_structures, groups, labels, GRID)
    assert f"t.nii.gz: {shared} voxels of tumour belong to an earlier label" in message
    assert "such as liver" in message
    assert "dataset.pairs.overlaps" in message
    mask, overlap = read_structures(groups, labels, GRID, overlaps="later")
    np.testing.assert_array_equal(mask.array, expected((1, LIVER), (2, TUMOUR)))
    assert overlap == shared


def test_masks_on_grids_of_their_own_are_brought_onto_the_image(write, tmp_path, caplog):
    # as 3D Slicer writes them: only the box that holds the segment
    cropped = SPLEEN[4:, :5, :3]
    affine = AFFINE.copy()
    affine[:3, 3] = (AFFINE @ [4, 0, 0, 1])[:3]
    flipped = AFFINE @ np.array([[-1, 0, 0, 6], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    groups = [
        ("liver", write("l", LIVER[::-1], flipped)),
        ("spleen", write("s", cropped, affine)),
    ]
    with caplog.at_level(logging.WARNING):
        mask, _ = read_structures(groups, {"liver": 1, "spleen": 2}, GRID)
    np.testing.assert_array_equal(mask.array, expected((1, LIVER), (2, SPLEEN)))
    assert "l.nii.gz: the mask is stored with axes flipped" in caplog.text
    assert "s.nii.gz: the mask is stored cropped" in caplog.text


def test_a_mask_off_the_voxels_of_the_image_is_refused_or_resampled(write, refused):
    off = AFFINE.copy()
    off[0, 3] += 0.3
    groups = [("liver", write("l", LIVER)), ("spleen", write("s", SPLEEN, off))]
    labels = {"liver": 1, "spleen": 2}
    assert "s.nii.gz" in refused(read_structures, groups, labels, GRID)
    mask, _ = read_structures(groups, labels, GRID, masks="resample")
    np.testing.assert_array_equal(mask.array == 2, SPLEEN != 0)


def test_a_label_map_is_no_structure(write, refused):
    groups = [("liver", write("l", np.where(SPLEEN, 2, LIVER).astype(np.uint8)))]
    message = refused(read_structures, groups, {"liver": 1}, GRID)
    assert "l.nii.gz: it holds 2 values beside 0, so it is no mask of liver alone" in message


def test_an_empty_structure_is_nothing(write):
    groups = [("liver", write("l", LIVER)), ("spleen", write("s", SPLEEN * 0))]
    mask, _ = read_structures(groups, {"liver": 1, "spleen": 2}, GRID)
    np.testing.assert_array_equal(mask.array, expected((1, LIVER)))


def test_structures_of_several_formats(write, tmp_path):
    """A header and its data count as one mask, however many files there are."""
    image = sitk.GetImageFromArray(SPLEEN.transpose(2, 1, 0))
    image.SetSpacing((0.8, 0.7, 2.5))
    image.SetOrigin((-8, -9, -30))
    sitk.WriteImage(image, tmp_path / "s.mhd")
    groups = [
        ("spleen", [tmp_path / "s.mhd", tmp_path / "s.raw"]),
        ("liver", write("l", LIVER)),
    ]
    mask, _ = read_structures(groups, {"liver": 1, "spleen": 2}, GRID)
    np.testing.assert_array_equal(mask.array, expected((1, LIVER), (2, SPLEEN)))
