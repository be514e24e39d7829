"""What a recipe allows at all, against a plain computation with scipy."""

import itertools
import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from slicewise.config import UNDRAWN, Recipe
from slicewise.slices.bound import brought_back, cut_words, lost_words, recipe_bound
from slicewise.slices.grid import Grid
from slicewise.volumes.volume import Volume

RECIPES = [{"size": 16}, {"size": 20}, {"every": 2}, {"every": 3}, {}, {"size": 64}]
SPACING = (0.8, 0.9, 2.5)


def blobs(labels: int, seed: int = 0, shape=(40, 33, 21)) -> np.ndarray:
    """Many boxes of one to five voxels a side; some touch, some lie over others."""
    random = np.random.default_rng(seed)
    array = np.zeros(shape, np.uint8)
    for _ in range(60):
        start, size = random.integers(0, shape), random.integers(1, 6, 3)
        box = tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))
        array[box] = random.integers(0, labels + 1)
    return array


def as_predicted(grid: Grid, small: np.ndarray, labels: int) -> np.ndarray:
    """Bring perfect probabilities back as `predict` does."""
    if labels == 1:
        return (grid.enlarge((small == 1)[..., None])[..., 0] > 0.5).astype(np.uint8)
    perfect = np.stack([small == label for label in range(labels + 1)], axis=-1)
    return grid.enlarge(perfect).argmax(axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("labels", "plane", "contiguous"),
    itertools.product((1, 3), ("axial", "coronal", "sagittal"), (True, False)),
)
@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_it_is_what_a_perfect_network_would_reach(labels, plane, contiguous, recipe):
    volume = Volume(blobs(labels), np.diag([-SPACING[0], *SPACING[1:], 1]))
    wanted, names = Recipe(plane=plane, **recipe), [f"l{k}" for k in range(1, labels + 1)]
    bound = recipe_bound(volume, wanted, names, contiguous)
    array = volume.canonical().array
    grid = Grid(array.shape, wanted)
    stack = grid.stack(array)
    back = as_predicted(grid, grid.shrink_mask(stack, labels), labels)
    structure = np.ones((3, 3, 3), bool)
    structure[[0, 2]] &= contiguous
    for label, name in enumerate(names, start=1):
        true, found = stack == label, back == label
        known = bound[name]
        dice = 2 * np.sum(true & found) / (true.sum() + found.sum())
        assert known.dice == pytest.approx(dice, abs=1e-6)
        assert known.voxels == true.sum()
        parts, number = ndimage.label(true, structure)
        sizes = np.bincount(parts.ravel())[1:]
        left = np.zeros(number, bool)
        left[np.unique(parts[true & found]) - 1] = True
        assert known.lost_components == np.sum(~left)
        assert known.lost_ml == pytest.approx(sizes[~left].sum() * np.prod(SPACING) / 1000)
        if recipe in ({}, {"size": 64}):
            assert known.dice == 1
            assert known.components is None
        else:
            assert known.components == number


def test_real_components_wind_through_slices():
    # a spiral is one component, and in each slice but the first two parts of it
    array = np.zeros((40, 40, 12), np.uint8)
    for z in range(12):
        angle = z / 2
        for turn in (0, np.pi):
            x, y = (round(20 + 12 * f(angle + turn)) for f in (np.cos, np.sin))
            array[x - 4 : x + 5, y - 4 : y + 5, z] = 1
    array[20 - 12 : 20 + 12, 18:22, 0] = 1
    known = recipe_bound(Volume(array, np.eye(4)), Recipe(every=2), ["spiral"])["spiral"]
    assert known.components == 1
    apart = recipe_bound(Volume(array, np.eye(4)), Recipe(every=2), ["spiral"], False)["spiral"]
    assert apart.components == 23


def test_what_is_smaller_than_a_pixel_is_lost():
    array = np.zeros((256, 256, 8), np.uint8)
    for k in range(8):
        array[20 * k + 41 : 20 * k + 43, 101:103, k] = 1
    known = recipe_bound(Volume(array, np.diag([0.8, 0.8, 4, 1])), Recipe(size=64), ["lesion"])
    assert known["lesion"].model_dump() == {
        "voxels": 32,
        "dice": 0.0,
        "components": 8,
        "lost_components": 8,
        "lost_ml": pytest.approx(32 * 0.8 * 0.8 * 4 / 1000),
    }
    (said,) = lost_words(known)
    assert "of label lesion 8 of 8 components vanish (0.0819 ml)" in said
    assert recipe_bound(Volume(array, np.eye(4)), Recipe(), ["lesion"])["lesion"].dice == 1


def test_a_label_that_is_not_there_has_no_dice():
    bound = recipe_bound(Volume(np.zeros((40, 40, 3), np.uint8), np.eye(4)), Recipe(size=16), ["a"])
    assert bound["a"].dice is None
    assert bound["a"].lost_components == 0
    assert lost_words(bound) == []


def test_little_is_not_said():
    x, y, _ = np.mgrid[:128, :128, :20]
    array = (((x - 60) ** 2 + (y - 60) ** 2) < 2000).astype(np.uint8)
    array[120, 120, 3] = 1  # a speck of the pen
    bound = recipe_bound(Volume(array, np.diag([0.7, 0.7, 2, 1])), Recipe(size=64), ["liver"])
    assert bound["liver"].lost_components == 1
    assert bound["liver"].dice > 0.97
    assert lost_words(bound) == []


def test_memory_does_not_grow_with_labels():
    random = np.random.default_rng(0)
    peaks = []
    for labels in (2, 100):
        array = random.integers(0, labels + 1, (24, 24, 6)).astype(np.uint8)
        array = array.repeat(8, 0).repeat(8, 1)
        grid = Grid(array.shape, Recipe(size=96))
        small = grid.shrink_mask(grid.stack(array), labels)
        tracemalloc.start()
        brought_back(grid, small, labels)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_cuts_are_named():
    assert cut_words(Recipe(size=64)) == "to size 64"
    assert cut_words(Recipe(every=2)) == "with every 2. pixel"
    assert cut_words(Recipe(plane="coronal")) == "in the coronal plane"


@pytest.mark.parametrize("labels", [1, 2])
def test_what_nobody_drew_is_not_compared(labels):
    """Of slices that were drawn or not as a whole, the bound is that of the drawn ones alone."""
    random = np.random.default_rng(4)
    coarse = random.integers(0, labels + 1, (10, 9, 12)).astype(np.uint8)
    array = coarse.repeat(3, axis=0).repeat(3, axis=1)
    kept = [0, 1, 5, 6, 7, 11]
    partial = np.full_like(array, UNDRAWN)
    partial[..., kept] = array[..., kept]
    names = ["a", "b"][:labels]
    recipe = Recipe(size=16)
    whole = Volume(np.ascontiguousarray(array[..., kept]), np.eye(4))
    wanted = recipe_bound(whole, recipe, names, contiguous=False)
    got = recipe_bound(Volume(partial, np.eye(4)), recipe, names, contiguous=False)
    assert got == wanted


def test_an_undrawn_rim_takes_nothing_from_what_comes_back():
    array = np.zeros((32, 32, 2), np.uint8)
    array[8:24, 8:24] = 1
    partial = np.full_like(array, UNDRAWN)
    partial[8:24, 8:24] = 1
    grid = Grid((32, 32, 2), Recipe(size=16))
    stack = grid.stack(partial)
    back = brought_back(grid, grid.shrink_mask(stack, 1), 1)
    assert back[:, 8:24, 8:24].all()
