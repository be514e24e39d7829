"""Cutting a case again: what is whole and made from the same is kept."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from slicewise.config import Content, Recipe
from slicewise.slices.batches import SliceFolder, SliceSet, usable
from slicewise.slices.cases import cut_case

CONTENT = Content(intensity="hu", contiguous=True, labels={"l": [1]}, other_labels="refuse")
RECIPE = Recipe(size=16)


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    image = np.random.default_rng(0).integers(-1000, 300, (20, 18, 5)).astype(np.int16)
    paths = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    for path, array in zip(paths, (image, (image > 0).astype(np.uint8)), strict=True):
        nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    return paths


@pytest.fixture
def folder(tmp_path) -> SliceFolder:
    return SliceFolder.below(tmp_path / "axial16", "anna")


def ages(folder: SliceFolder) -> list[int]:
    return [path.stat().st_mtime_ns for path in (folder.image, folder.mask, folder.geometry)]


def test_what_was_cut_from_the_same_is_kept(files, folder):
    first = cut_case(*files, CONTENT, RECIPE, folder, "1")
    before = ages(folder)
    for path in files:
        path.unlink()  # it is not even read
    assert cut_case(*files, CONTENT, RECIPE, folder, "1") == first
    assert ages(folder) == before
    assert len(SliceSet([folder])) == 5


@pytest.mark.parametrize(("version", "size"), [("2", 16), ("1", 32)])
def test_a_change_cuts_anew(files, folder, version, size):
    first = cut_case(*files, CONTENT, RECIPE, folder, "1")
    before = ages(folder)
    again = cut_case(*files, CONTENT, Recipe(size=size), folder, version)
    assert not set(ages(folder)) & set(before)
    # another version of the same files and code gives what training takes for the same
    assert (again == first) == (size == 16)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("damage", [Path.unlink, cut_off])
@pytest.mark.parametrize("name", ["image", "mask", "geometry"])
def test_what_is_gone_or_damaged_is_cut_anew(files, folder, name, damage):
    first = cut_case(*files, CONTENT, RECIPE, folder, "1")
    whole = {path: path.read_bytes() for path in (folder.image, folder.mask, folder.geometry)}
    damage(getattr(folder, name))
    assert cut_case(*files, CONTENT, RECIPE, folder, "1") == first
    assert {path: path.read_bytes() for path in whole} == whole


def test_a_healthy_patient_has_slices_without_labels(files, folder):
    nib.save(nib.Nifti1Image(np.zeros((20, 18, 5), np.uint8), np.eye(4)), files[1])
    cut_case(*files, CONTENT, RECIPE, folder, "1")
    slices = SliceSet([folder])
    assert len(slices) == 5
    assert not slices.counts.any()
    assert usable(slices, 0.0).tolist() == []
    assert usable(slices, 1.0).tolist() == [0, 1, 2, 3, 4]
