"""Masks as label numbers."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from slicewise.config import Content
from slicewise.dataset.truth import labels_digest, read_labels, truth_reader
from slicewise.volumes.volume import Volume

AFFINE = np.diag([-0.8, -0.8, 2.5, 1])


def written(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> str:
    nib.save(nib.Nifti1Image(array, affine), path)
    return str(path)


def content(**labels: list[int]) -> Content:
    return Content(intensity="hu", contiguous=True, labels=labels, other_labels="background")


@pytest.fixture
def mask() -> np.ndarray:
    array = np.zeros((6, 5, 4), np.uint8)
    array[1:4, 1:4, 1:3] = 7
    return array


def test_the_digest_of_labels_is_that_of_their_meaning_not_of_their_file(tmp_path, mask):
    liver = content(liver=[7])
    first = labels_digest(read_labels(written(tmp_path / "a.nii.gz", mask), liver), ["liver"])
    packed = written(tmp_path / "b.nii", mask.astype(np.int16))
    assert labels_digest(read_labels(packed, liver), ["liver"]) == first
    renamed = written(tmp_path / "c.nii.gz", np.where(mask, 3, 0).astype(np.uint8))
    assert labels_digest(read_labels(renamed, content(liver=[3])), ["liver"]) == first


def test_a_voxel_or_a_grid_that_differs_makes_another_digest(tmp_path, mask):
    liver = content(liver=[7])
    first = labels_digest(read_labels(written(tmp_path / "a.nii.gz", mask), liver), ["liver"])
    other = mask.copy()
    other[0, 0, 0] = 7
    assert (
        labels_digest(read_labels(written(tmp_path / "b.nii.gz", other), liver), ["liver"]) != first
    )
    thicker = written(tmp_path / "c.nii.gz", mask, np.diag([-0.8, -0.8, 5, 1]))
    assert labels_digest(read_labels(thicker, liver), ["liver"]) != first


def test_neither_the_order_of_labels_nor_single_precision_makes_another_digest(tmp_path, mask):
    mask[4:, :2] = 2
    affine = np.array(
        [[-0.7421875, 0, 0, 173.03711], [0, 0.7421875, 0, -1e-17], [0, 0, 1.6, -309.3]]
    )
    affine = np.vstack([affine, [0, 0, 0, 1]])
    found = set()
    for name, kind, names in (
        ("a.nii.gz", np.float64, {"liver": [7], "spleen": [2]}),
        ("b.nii.gz", np.float32, {"spleen": [2], "liver": [7]}),
    ):
        path = written(tmp_path / name, mask, affine.astype(kind))
        found.add(labels_digest(read_labels(path, content(**names)), list(names)))
    assert len(found) == 1
    swapped = content(liver=[2], spleen=[7])
    assert labels_digest(read_labels(path, swapped), ["liver", "spleen"]) not in found


def test_labels_are_read_on_the_grid_of_their_image(tmp_path, mask):
    """By whoever reads them: with the image, a prediction, or what slices tell of it."""
    liver = content(liver=[7])
    image = Volume(np.zeros(mask.shape, np.int16), AFFINE)
    whole = read_labels(written(tmp_path / "a.nii.gz", mask), liver, image)
    place = AFFINE @ np.array([[-1, 0, 0, 4], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1]])
    cropped = written(tmp_path / "b.nii.gz", mask[4::-1, 1:, 1:], place)
    found = read_labels(cropped, liver, image)
    np.testing.assert_array_equal(found.array, whole.array)
    np.testing.assert_array_equal(found.affine, AFFINE)
    assert labels_digest(found, ["liver"]) == labels_digest(whole, ["liver"])
    truth = truth_reader(["b"], [cropped], liver, [image])("b")
    np.testing.assert_array_equal(truth, whole.canonical().array)


def test_what_was_drawn_belongs_to_the_truth():
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[:2] = 1
    partial = np.where(np.arange(4) > 1, np.uint8(255), labels)
    whole = labels_digest(Volume(labels, np.eye(4)), ["a", "b"])
    part = labels_digest(Volume(partial, np.eye(4)), ["a", "b"])
    assert whole != part
    renumbered = np.where(partial == 1, np.uint8(2), partial)
    assert labels_digest(Volume(renumbered, np.eye(4)), ["b", "a"]) == part
