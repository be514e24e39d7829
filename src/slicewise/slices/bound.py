"""What a slice recipe allows at all: a mask that is cut and brought back is not the same.

Things that are smaller than a pixel of the slice vanish, and are background in
training. A network that found every pixel of its slices would still have the
Dice that is computed here, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from slicewise.config import Recipe
from slicewise.slices.grid import Grid
from slicewise.volumes.volume import Volume

BLOCK = 8  # slices at a time
NOTABLE = 0.95
"""Below this Dice of the mask brought back, or where a component is lost, a line says so."""
SPECK_ML = 0.01
"""Components that are smaller together are specks of the pen, unless they are all that there is."""
TOUCHING = np.ones((3, 3), bool)
_AROUND = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]


class RecipeBound:
    """Compares label masks with what their slices bring back, a few slices at a time.

    Parameters
    ----------
    grid : Grid
        How the volume is cut, straight.
    labels : int
        Number of labels.
    contiguous : bool
        Whether slices are neighbours, so that components hang together across
        them (26 neighbours); else they are counted slice by slice (8).
    """

    def __init__(self, grid: Grid, labels: int, contiguous: bool) -> None:
        self.grid, self.labels = grid, labels
        self.scaled = grid.recipe.every > 1 or grid.axes[0].scale < 1
        self._sums = np.zeros((3, labels + 1), np.int64)  # voxels before, after, and both
        self._parts = [_Components(contiguous) for _ in range(labels)]

    def add(self, stack: np.ndarray, small: np.ndarray) -> None:
        """Take the next slices.

        Parameters
        ----------
        stack : ndarray of uint8, shape (n, rows, columns)
            Label numbers at full resolution.
        small : ndarray of uint8, shape (n, *grid.size)
            What `Grid.shrink_mask` made of them.
        """
        stack = np.ascontiguousarray(stack)
        back = brought_back(self.grid, small, self.labels) if self.scaled else stack
        both = np.where(stack == back, stack, 0)
        for total, array in zip(self._sums, (stack, back, both), strict=True):
            total += np.bincount(array.ravel(), minlength=self.labels + 1)
        if not self.scaled:
            return
        for one, found in zip(stack, both, strict=True):
            boxes = ndimage.find_objects(one, self.labels)
            # labels beyond the last one that is there have no box
            boxes += [None] * (self.labels - len(boxes))
            for label, (part, box) in enumerate(zip(self._parts, boxes, strict=True), start=1):
                part.add(one, found, label, box)

    def result(self, names: list[str], voxel_ml: float) -> dict[str, dict[str, Any]]:
        """Return for each label what the recipe leaves of it.

        Returns
        -------
        dict
            ``{label: {voxels, dice, components, lost_components, lost_ml}}``:
            voxels of the mask; Dice of the mask brought back (None without
            voxels); connected components of the mask, and those of which
            nothing came back, with their millilitres. Where slices are as
            large as the volume nothing is lost, and components are not counted
            (None).
        """
        bound = {}
        for index, name in enumerate(names, start=1):
            before, after, both = (int(total[index]) for total in self._sums)
            sizes, kept = self._parts[index - 1].result()
            lost = sizes[~kept]
            bound[name] = {
                "voxels": before,
                "dice": round(2 * both / (before + after), 6) if before else None,
                "components": len(sizes) if self.scaled else None,
                "lost_components": len(lost),
                "lost_ml": round(float(lost.sum()) * voxel_ml, 6),
            }
        return bound


def recipe_bound(
    labels: Volume, recipe: Recipe, names: list[str], contiguous: bool = True
) -> dict[str, dict[str, Any]]:
    """Say what a recipe allows at all: how much of each label comes back from its slices.

    Slices are cut as for training, and brought back as predictions are:
    interpolated linearly, the likeliest label taken (a single one above 1/2).

    Parameters
    ----------
    labels : Volume
        Label numbers (uint8) on the grid of their file.
    recipe : Recipe
        A straight cut.
    names : list of str
        Names of labels 1, 2, ….
    contiguous : bool
        As in `RecipeBound`.

    Returns
    -------
    dict
        As `RecipeBound.result` gives it.
    """
    array = labels.canonical().array
    x, y, z = array.shape
    grid = Grid((x, y, z), recipe)
    stack, bound = grid.stack(array), RecipeBound(grid, len(names), contiguous)
    for start in range(0, grid.number, BLOCK):
        block = stack[start : start + BLOCK]
        bound.add(block, grid.shrink_mask(block, len(names)) if bound.scaled else block)
    return bound.result(names, labels.voxel_ml)


def brought_back(grid: Grid, small: np.ndarray, labels: int) -> np.ndarray:
    """Bring label masks of slices back to full resolution as a prediction is.

    Parameters
    ----------
    grid : Grid
    small : ndarray of uint8, shape (n, *grid.size)
        Label numbers.
    labels : int
        Number of labels; of several the background takes part in the decision.

    Returns
    -------
    ndarray of uint8, shape (n, rows, columns)
    """
    if labels == 1:
        return (grid.enlarge(small == 1) > 0.5).astype(np.uint8)
    # one label at a time: memory does not grow with their number
    best = grid.enlarge(small == 0)
    chosen = np.zeros(best.shape, np.uint8)
    for label in range(1, labels + 1):
        if not (small == label).any():
            continue
        share = grid.enlarge(small == label)
        # of equals the first wins, as argmax has it
        chosen[share > best] = label
        np.maximum(best, share, out=best)
    return chosen


class _Components:
    """Connected components of one label, found slice by slice."""

    def __init__(self, contiguous: bool) -> None:
        self._contiguous = contiguous
        self._sizes: list[np.ndarray] = []
        self._kept: list[np.ndarray] = []
        self._links: list[np.ndarray] = []
        self._number = 0
        self._last: tuple[np.ndarray, int] | None = None

    def add(
        self, one: np.ndarray, found: np.ndarray, label: int, box: tuple[slice, slice] | None
    ) -> None:
        """Take the next slice: the mask, and the part of it that comes back."""
        if box is None:
            self._last = None
            return
        parts, number = ndimage.label(one[box] == label, TOUCHING)
        parts = parts.astype(np.int64)
        self._sizes.append(np.bincount(parts.ravel(), minlength=number + 1)[1:])
        kept = np.zeros(number + 1, bool)
        kept[parts[found[box] == label]] = True
        self._kept.append(kept[1:])
        if self._contiguous:
            here = np.zeros((one.shape[0] + 2, one.shape[1] + 2), np.int32)
            here[1:-1, 1:-1][box] = parts
            if self._last is not None:
                self._link(parts, box, *self._last)
            self._last = here, self._number
        self._number += number

    def _link(
        self, parts: np.ndarray, box: tuple[slice, slice], last: np.ndarray, first: int
    ) -> None:
        """Note which parts of a slice touch which of the one before, with a rim around it."""
        rows, columns = box
        width = int(last.max()) + 1
        touching = []
        for i, j in _AROUND:
            moved = last[
                rows.start + 1 + i : rows.stop + 1 + i, columns.start + 1 + j : columns.stop + 1 + j
            ]
            pairs = (parts * width + moved)[(parts > 0) & (moved > 0)]
            # neighbours are nearly always of the same two
            new = np.flatnonzero(np.diff(pairs, prepend=-1))
            touching.append(np.unique(pairs[new]))
        found = np.unique(np.concatenate(touching))
        own, other = np.divmod(found, width)
        self._links.append(np.stack([own + self._number, other + first], axis=1))

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the voxels of each component, and whether some of it comes back."""
        if not self._number:
            return np.zeros(0, np.int64), np.zeros(0, bool)
        links = np.concatenate([*self._links, np.empty((0, 2), np.int64)]).astype(np.int64) - 1
        shape = (self._number, self._number)
        graph = sparse.coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape)
        number, owner = csgraph.connected_components(graph, directed=False)
        sizes = np.bincount(owner, np.concatenate(self._sizes), number).astype(np.int64)
        kept = np.bincount(owner, np.concatenate(self._kept), number) > 0
        return sizes, kept


def cut_words(recipe: Recipe) -> str:
    """Name the size of the slices of a recipe."""
    if recipe.size is not None:
        return f"to size {recipe.size}"
    return (
        f"with every {recipe.every}. pixel" if recipe.every > 1 else f"in the {recipe.plane} plane"
    )


def lost_words(bound: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say of each label that a recipe loses some of what is lost; nothing where it is little."""
    said = []
    for name, known in bound.items():
        if not known["voxels"]:
            continue
        dice, lost = known["dice"], known["lost_components"]
        if lost and (known["lost_ml"] >= SPECK_ML or dice < NOTABLE):
            said.append(
                f"of label {name} {lost} of {known['components']} components vanish "
                f"({known['lost_ml']:.3g} ml), and a Dice of {dice:.3f} is the most it allows"
            )
        elif dice is not None and dice < NOTABLE:
            said.append(f"of label {name} a Dice of {dice:.3f} is the most it allows")
    return said
