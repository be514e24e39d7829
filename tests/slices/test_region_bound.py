"""What a recipe allows of regions, against the masks that come back of each."""

import numpy as np
import pytest
from scipy.spatial import distance

from slicewise.config import UNDRAWN, Recipe
from slicewise.slices.bound import brought_back, recipe_bound
from slicewise.slices.grid import Grid
from slicewise.slices.region_bound import region_dice
from slicewise.volumes.volume import Volume

REGIONS = {"whole": [1, 2], "core": [2], "nowhere": [3]}


@pytest.mark.parametrize("partial", [False, True])
def test_regions_are_cut_as_labels_and_come_back_as_sigmoids(partial):
    coarse = np.random.default_rng(0).integers(0, 3, (12, 11, 9)).astype(np.uint8)
    array = coarse.repeat(3, axis=0).repeat(3, axis=1)
    if partial:
        array[..., [0, 4, 5]] = UNDRAWN
    recipe = Recipe(size=18)
    found = region_dice(Volume(array, np.eye(4)), recipe, ["a", "b", "c"], REGIONS)
    assert found["nowhere"] is None
    grid = Grid.of(Volume(array, np.eye(4)), recipe)
    stack = grid.stack(array)
    small = grid.shrink_mask(stack, 3)
    drawn = stack != UNDRAWN
    for name in ("whole", "core"):
        back = brought_back(grid, np.isin(small, REGIONS[name]).astype(np.uint8), 1) > 0
        wanted = 1 - distance.dice(np.isin(stack, REGIONS[name])[drawn], back[drawn])
        assert found[name] == pytest.approx(wanted, abs=1e-6)


def test_a_region_of_one_label_alone_is_that_label():
    array = np.zeros((40, 40, 4), np.uint8)
    array[7:30, 9:26, 1:3] = 1
    volume = Volume(array, np.eye(4))
    recipe = Recipe(size=16)
    bound = recipe_bound(volume, recipe, ["a"])["a"].dice
    assert region_dice(volume, recipe, ["a"], {"r": [1]}) == {"r": bound}
    assert region_dice(volume, Recipe(), ["a"], {"r": [1]}) == {"r": 1.0}
