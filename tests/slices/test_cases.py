"""Cutting a case again: what is whole and made from the same is kept."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from slicewise.config import Content, Recipe
from slicewise.errors import SlicewiseError
from slicewise.files import read_json
from slicewise.slices.batches import SliceSet, check_labels, usable
from slicewise.slices.cases import cut_case
from slicewise.slices.folder import SliceFolder

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
    first = cut_case(*files, CONTENT, RECIPE, folder, version="1")
    before = ages(folder)
    for path in files:
        path.unlink()  # it is not even read
    assert cut_case(*files, CONTENT, RECIPE, folder, version="1") == first
    assert ages(folder) == before
    assert len(SliceSet([folder])) == 5


@pytest.mark.parametrize(("version", "size"), [("2", 16), ("1", 32)])
def test_a_change_cuts_anew(files, folder, version, size):
    first = cut_case(*files, CONTENT, RECIPE, folder, version="1")
    before = ages(folder)
    again = cut_case(*files, CONTENT, Recipe(size=size), folder, version=version)
    assert not set(ages(folder)) & set(before)
    # another version of the same files and code gives what training takes for the same
    assert (again == first) == (size == 16)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("damage", [Path.unlink, cut_off])
@pytest.mark.parametrize("name", ["image", "mask", "geometry"])
def test_what_is_gone_or_damaged_is_cut_anew(files, folder, name, damage):
    first = cut_case(*files, CONTENT, RECIPE, folder, version="1")
    whole = {path: path.read_bytes() for path in (folder.image, folder.mask, folder.geometry)}
    damage(getattr(folder, name))
    assert cut_case(*files, CONTENT, RECIPE, folder, version="1") == first
    assert {path: path.read_bytes() for path in whole} == whole


def test_what_the_cut_loses_is_said(tmp_path, folder, caplog):
    image = np.random.default_rng(0).integers(-1000, 300, (128, 128, 5)).astype(np.int16)
    mask = np.zeros(image.shape, np.uint8)
    mask[21:23, 41:43, 2] = 1
    files = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    for path, array in zip(files, (image, mask), strict=True):
        nib.save(nib.Nifti1Image(array, np.diag([2, 2, 5, 1])), path)
    cut_case(*files, CONTENT, Recipe(), folder, version="1")
    assert caplog.records == []
    cut_case(*files, CONTENT, RECIPE, folder, version="1")
    (record,) = caplog.records
    said = record.getMessage()
    assert said.startswith("anna: cut to size 16, of label l 1 of 1 components vanish (0.08 ml)")
    known = read_json(folder.geometry)["recipe_bound"]["l"]
    assert known["lost_components"] == 1
    assert known["dice"] == 0
    with pytest.raises(SlicewiseError, match="lost when they were cut to size 16") as caught:
        check_labels(SliceSet([folder]))
    assert "1 of 1 cut training cases have it (4 voxels)" in str(caught.value)


def test_a_label_lost_in_all_is_said_where_it_may_be_missing(tmp_path, folder, caplog):
    image = np.random.default_rng(0).integers(-1000, 300, (128, 128, 5)).astype(np.int16)
    mask = np.zeros(image.shape, np.uint8)
    mask[60:120, 41:100, 1:4] = 1
    mask[21:23, 41:43, 2] = 2
    files = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    for path, array in zip(files, (image, mask), strict=True):
        nib.save(nib.Nifti1Image(array, np.diag([2, 2, 5, 1])), path)
    content = CONTENT.model_copy(update={"labels": {"l": [1], "small": [2]}})
    cut_case(*files, content, RECIPE, folder, version="1")
    with pytest.raises(SlicewiseError, match="label small: 1 of 1 cut training cases have it"):
        check_labels(SliceSet([folder]))
    caplog.clear()
    assert check_labels(SliceSet([folder]), "allow") == ["small"]
    (record,) = caplog.records
    assert "it was lost when they were cut to size 16" in record.getMessage()


def test_what_an_oblique_cut_loses_is_said(tmp_path, folder, caplog):
    image = np.random.default_rng(0).integers(-1000, 300, (40, 40, 9)).astype(np.int16)
    mask = np.zeros(image.shape, np.uint8)
    mask[0, 0, 0] = 1  # a corner that turns out of the picture
    files = tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"
    for path, array in zip(files, (image, mask), strict=True):
        nib.save(nib.Nifti1Image(array, np.diag([2, 2, 5, 1])), path)
    cut_case(*files, CONTENT, Recipe(tilt=[20.0, 20.0]), folder, version="1")
    assert "of label l no pixel is left" in caplog.records[0].getMessage()
    assert read_json(folder.geometry)["recipe_bound"]["l"]["voxels"] == 1


def test_offset_and_spacing_are_those_of_the_data_set(files, folder):
    content = CONTENT.model_copy(update={"offset": -24, "spacing": [0.8, 0.7, 5.0]})
    cut_case(*files, CONTENT, Recipe(), folder, version="1")
    before, plain = np.load(folder.image, allow_pickle=False), read_json(folder.geometry)
    cut_case(*files, content, Recipe(), folder, version="1")
    after, known = np.load(folder.image, allow_pickle=False), read_json(folder.geometry)
    np.testing.assert_array_equal(after, before - 24)
    assert plain["slice_spacing"] == 1
    assert known["slice_spacing"] == 5
    assert known["pixel_spacing"] == [0.8, 0.7]


def test_a_healthy_patient_has_slices_without_labels(files, folder):
    nib.save(nib.Nifti1Image(np.zeros((20, 18, 5), np.uint8), np.eye(4)), files[1])
    cut_case(*files, CONTENT, RECIPE, folder, version="1")
    slices = SliceSet([folder])
    assert len(slices) == 5
    assert not slices.counts.any()
    assert usable(slices, 0.0).tolist() == []
    assert usable(slices, 1.0).tolist() == [0, 1, 2, 3, 4]
