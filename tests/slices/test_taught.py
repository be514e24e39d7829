"""What a teacher says is cut as the slices of its image are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.grid import Grid
from slicewise.slices.taught import (
    Taught,
    TaughtFolder,
    cut_taught,
    kept_taught,
    read_taught,
    taught_place,
)
from slicewise.volumes.volume import Volume

RANDOM = np.random.default_rng(4)
# left and right, and axes, are not as the array has them
AFFINE = np.array([[0, -1.5, 0, 9], [2.0, 0, 0, 4], [0, 0, 3.0, 1], [0, 0, 0, 1]])
RECIPES = [
    Recipe(),
    Recipe(plane="coronal"),
    Recipe(plane="sagittal", every=2),
    Recipe(size=24),
    Recipe(size=64),
    Recipe(plane="coronal", spacing=2.5),
    Recipe(spacing=0.7),
    Recipe(tilt=[10.0, -5.0]),
    Recipe(plane="acquired", size=16),
]


def volumes() -> tuple[Volume, np.ndarray]:
    image = RANDOM.normal(0, 100, (40, 36, 9)).round().astype(np.int16)
    labels = RANDOM.integers(0, 3, image.shape).astype(np.uint8)
    return Volume(image, AFFINE), labels


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_it_has_the_shape_of_the_slices_and_lies_where_they_do(recipe, tmp_path):
    """A probability that is linear in the image becomes what the image becomes."""
    image, labels = volumes()
    folder = SliceFolder.below(tmp_path, "a")
    geometry = extract(image, labels, ["one", "two"], recipe, folder, intensity="hu")
    low, high = -600, 600
    linear = ((image.array - low) / (high - low)).astype(np.float32)
    shape, _ = cut_taught(
        [Volume(linear, AFFINE), Volume(1 - linear, AFFINE)], recipe, tmp_path / "p.npy"
    )
    number, *size = geometry.shape
    assert shape == [number, 2, *size]
    said = np.load(tmp_path / "p.npy")
    shown = np.load(folder.image).astype(float)
    rows, columns = geometry.covered
    shown, said = shown[:, rows, columns], said[:, :, rows, columns]
    # air beside an oblique cut is nothing that a teacher speaks of
    inside = said[:, 0].astype(int) + said[:, 1] > 253
    wanted = (shown - low) / (high - low) * 255
    assert inside.mean() > 0.5
    # a pixel at the edge of an oblique cut may lie beyond the volume by as much as rounding hides
    most = 0.51 + 255 * 0.51 / (high - low) + recipe.oblique
    assert np.abs(said[:, 0] - wanted)[inside].max() <= most
    assert inside.all() or recipe.oblique


def test_a_sure_teacher_is_the_mask_where_no_pixels_are_averaged(tmp_path):
    image, labels = volumes()
    for recipe in (Recipe(), Recipe(plane="coronal", every=2), Recipe(size=64)):
        folder = SliceFolder.below(tmp_path, recipe.plane)
        extract(image, labels, ["one", "two"], recipe, folder, intensity="hu")
        each = [Volume((labels == k).astype(np.float32), AFFINE) for k in (1, 2)]
        cut_taught(each, recipe, tmp_path / "p.npy")
        mask = np.load(folder.mask)
        said = np.load(tmp_path / "p.npy")
        for k in (1, 2):
            np.testing.assert_array_equal(said[:, k - 1], 255 * (mask == k))


def test_padding_is_no_label_and_a_pixel_the_mean_of_its_voxels(tmp_path):
    half = np.zeros((32, 24, 2), np.float32)
    half[::2] = 1
    volume = Volume(half, np.eye(4))
    shape, _ = cut_taught([volume], Recipe(size=16), tmp_path / "p.npy")
    said = np.load(tmp_path / "p.npy")
    rows, columns = (axis.inside for axis in Grid.of(volume, Recipe(size=16)).axes)
    covered = said[:, :, rows, columns]
    assert shape == [2, 1, 16, 16]
    assert set(np.unique(covered)) == {128}
    assert said.sum() == covered.sum()


def stored(place: Path) -> tuple[TaughtFolder, Taught]:
    folder = TaughtFolder.below(taught_place(place / "axial", "large", 1), "p01")
    shape, sha = cut_taught([Volume(np.ones((4, 4, 2)), np.eye(4))], Recipe(), folder.array)
    taught = Taught(shape=shape, found=["liver"], teacher="t", recipe=Recipe(), sha256=sha)
    taught.write(folder.record, "all that it was made from")
    return folder, taught


def test_what_is_kept_is_read_again_and_only_if_it_was_made_from_the_same(tmp_path):
    folder, taught = stored(tmp_path)
    assert folder.is_there
    read, array = read_taught(folder)
    assert taught.model_dump().items() <= read.model_dump().items()
    assert array.read([1]).tolist() == [[[[255] * 4] * 4]]
    kept = kept_taught(folder, "all that it was made from")
    assert kept is not None and kept.sha256 == taught.sha256
    assert kept_taught(folder, "something else") is None
    folder.array.unlink()
    assert kept_taught(folder, "all that it was made from") is None
    assert not folder.is_there


@pytest.mark.parametrize("how", ["cut", "edited", "gone"])
def test_what_is_damaged_is_refused(how, tmp_path):
    folder, _ = stored(tmp_path)
    if how == "cut":
        folder.array.write_bytes(folder.array.read_bytes()[:-3])
    elif how == "edited":
        folder.record.write_text(folder.record.read_text().replace('"t"', '"u"'))
    else:
        folder.record.unlink()
    with pytest.raises(SlicewiseError, match=r"run snakemake again"):
        read_taught(folder)
