"""What a slice recipe allows at all of regions, which are labels taken together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from slicewise.config import UNDRAWN, Recipe
from slicewise.slices.bound import BLOCK, brought_back
from slicewise.slices.grid import Grid
from slicewise.volumes.volume import Volume


def region_dice(
    labels: Volume, recipe: Recipe, names: Sequence[str], regions: Mapping[str, Sequence[int]]
) -> dict[str, float | None]:
    """Return the Dice of each region that comes back from slices.

    Labels are cut as for training, and each region of them is brought back as
    its sigmoid is: interpolated linearly, above 1/2.

    Parameters
    ----------
    labels : Volume
        Label numbers (uint8) on the grid of their file, `UNDRAWN` where nobody drew.
    recipe : Recipe
        A straight cut.
    names : sequence of str
        Names of labels 1, 2, ….
    regions : mapping of str to sequence of int
        By region the numbers of its labels.

    Returns
    -------
    dict of str to float or None
        None for a region without any voxel.
    """
    grid = Grid.of(labels, recipe)
    stack = grid.stack(labels.canonical().array)
    sums = {region: np.zeros(3, np.int64) for region in regions}
    for start in range(0, grid.number, BLOCK):
        block = np.ascontiguousarray(stack[start : start + BLOCK])
        small = grid.shrink_mask(block, len(names))
        drawn = block != UNDRAWN
        for region, numbers in regions.items():
            truth = np.isin(block, numbers)
            own = np.where(small == UNDRAWN, small, np.isin(small, numbers).view(np.uint8))
            back = (brought_back(grid, own, 1) > 0) & drawn
            counts = [np.count_nonzero(each) for each in (truth, back, truth & back)]
            sums[region] += counts
    return {
        region: round(2 * int(both) / int(true + after), 6) if true else None
        for region, (true, after, both) in sums.items()
    }
