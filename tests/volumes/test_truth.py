"""Masks as label numbers."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from slicewise.config import Content
from slicewise.volumes.truth import labels_digest, read_labels

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
    first = labels_digest(read_labels(written(tmp_path / "a.nii.gz", mask), liver))
    packed = written(tmp_path / "b.nii", mask.astype(np.int16))
    assert labels_digest(read_labels(packed, liver)) == first
    renamed = written(tmp_path / "c.nii.gz", np.where(mask, 3, 0).astype(np.uint8))
    assert labels_digest(read_labels(renamed, content(liver=[3]))) == first


def test_a_voxel_or_a_grid_that_differs_makes_another_digest(tmp_path, mask):
    liver = content(liver=[7])
    first = labels_digest(read_labels(written(tmp_path / "a.nii.gz", mask), liver))
    other = mask.copy()
    other[0, 0, 0] = 7
    assert labels_digest(read_labels(written(tmp_path / "b.nii.gz", other), liver)) != first
    thicker = written(tmp_path / "c.nii.gz", mask, np.diag([-0.8, -0.8, 5, 1]))
    assert labels_digest(read_labels(thicker, liver)) != first
