"""What a slice recipe allows at all: a mask that is cut and brought back is not the same.

Things that are smaller than a pixel of the slice vanish, and are background in
training. A network that found every pixel of its slices would still have the
Dice that is computed here, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import ConfigDict
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from slicewise.boxes import Box, label_boxes
from slicewise.config import UNDRAWN, Recipe
from slicewise.slices.grid import Grid
from slicewise.stored import Count, Loose
from slicewise.volumes.volume import Volume

BLOCK = 8  # slices at a time
NOTABLE = 0.95
"""Below this Dice of the mask brought back, or where a component is lost, a line says so."""
SPECK_ML = 0.01
"""Components that are smaller together are specks of the pen, unless they are all that there is."""
TOUCHING = np.ones((3, 3), bool)
_AROUND = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]


class LabelBound(Loose):
    """What a recipe leaves of a label.

    Attributes
    ----------
    voxels : int
        Voxels of the mask.
    dice : float or None
        Dice of the mask brought back; None without voxels.
    components, lost_components : int or None
        Connected components of the mask, and those of which nothing came back;
        None where they are not counted.
    lost_ml : float or None
        Millilitres of these.
    """

    model_config = ConfigDict(frozen=True)

    voxels: Count
    dice: float | None
    components: Count | None
    lost_components: Count | None
    lost_ml: float | None


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
        self.grid = grid
        self.labels = labels
        self.scaled = grid.scaled
        self._sums = np.zeros((3, labels + 1), np.int64)  # voxels before, after, and both
        self._parts = [_Components(contiguous) for _ in range(labels)]

    def add(self, stack: np.ndarray, small: np.ndarray) -> None:
        """Take the next slices.

        Parameters
        ----------
        stack : ndarray of uint8, shape (n, rows, columns)
            Label numbers at full resolution. What nobody drew is left aside.
        small : ndarray of uint8, shape (n, *grid.size)
            What `Grid.shrink_mask` made of them.
        """
        stack = np.ascontiguousarray(stack)
        back = brought_back(self.grid, small, self.labels) if self.scaled else stack
        undrawn = stack == UNDRAWN
        if undrawn.any():
            stack, back = (np.where(undrawn, np.uint8(0), each) for each in (stack, back))
        both = np.where(stack == back, stack, 0)
        for total, array in zip(self._sums, (stack, back, both), strict=True):
            total += np.bincount(array.ravel(), minlength=self.labels + 1)
        if not self.scaled:
            return
        for one, left in zip(stack, both, strict=True):
            boxes = label_boxes(one, self.labels)
            for label, (part, box) in enumerate(zip(self._parts, boxes, strict=True), start=1):
                part.add(one, left, label, box)

    def result(self, names: list[str], voxel_ml: float) -> dict[str, LabelBound]:
        """Return for each label what the recipe leaves of it.

        Where slices are as large as the volume nothing is lost, and components
        are not counted.
        """
        bound = {}
        for index, name in enumerate(names, start=1):
            before, after, both = (int(total[index]) for total in self._sums)
            parts = self._parts[index - 1]
            parts.finish()
            bound[name] = LabelBound(
                voxels=before,
                dice=round(2 * both / (before + after), 6) if before else None,
                components=parts.number if self.scaled else None,
                lost_components=parts.lost,
                lost_ml=round(parts.lost_voxels * voxel_ml, 6),
            )
        return bound


def recipe_bound(
    labels: Volume, recipe: Recipe, names: list[str], contiguous: bool = True
) -> dict[str, LabelBound]:
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
    dict of str to LabelBound
        By the name of the label.
    """
    grid = Grid.of(labels, recipe)
    stack = grid.stack(labels.canonical().array)
    bound = RecipeBound(grid, len(names), contiguous)
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
        Label numbers; of undrawn pixels nothing is taken.
    labels : int
        Number of labels; of several the background takes part in the decision.

    Returns
    -------
    ndarray of uint8, shape (n, rows, columns)
    """
    if labels == 1:
        undrawn = small == UNDRAWN
        least = 0.5 * grid.enlarge(~undrawn) if undrawn.any() else np.float32(0.5)
        return (grid.enlarge(small == 1) > least).astype(np.uint8)
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
    """Connected components of one label, found slice by slice.

    Only those that reach the last slice are in memory, the others are counted.

    Attributes
    ----------
    number, lost, lost_voxels : int
        Components; those of which nothing comes back; their voxels.
    """

    def __init__(self, contiguous: bool) -> None:
        self.number = 0
        self.lost = 0
        self.lost_voxels = 0
        self._contiguous = contiguous
        self._last: np.ndarray | None = None  # component of each pixel of the slice, with a rim
        self._open(np.zeros(0, np.int64), np.zeros(0, bool))

    def _open(self, sizes: np.ndarray, kept: np.ndarray) -> None:
        self._sizes = sizes
        self._kept = kept

    def add(self, one: np.ndarray, left: np.ndarray, label: int, box: Box | None) -> None:
        """Take the next slice: the mask, and the part of it that comes back."""
        if box is None:
            self.finish()
            return
        parts, number = ndimage.label(one[box] == label, TOUCHING)
        sizes = np.bincount(parts.ravel(), minlength=number + 1)[1:]
        kept = np.zeros(number + 1, bool)
        kept[parts[left[box] == label]] = True
        if self._last is None or not self._contiguous:
            self.finish()
            place = np.arange(number + 1)
            self._open(sizes, kept[1:])
        else:
            place = self._join(parts, box, sizes, kept[1:])
        if self._contiguous:
            self._last = np.zeros((one.shape[0] + 2, one.shape[1] + 2), np.int32)
            self._last[1:-1, 1:-1][box] = place[parts]

    def finish(self) -> None:
        """Count what no further slice can reach."""
        self._close(self._sizes, self._kept)
        self._open(np.zeros(0, np.int64), np.zeros(0, bool))
        self._last = None

    def _close(self, sizes: np.ndarray, kept: np.ndarray) -> None:
        self.number += len(sizes)
        self.lost += int(np.count_nonzero(~kept))
        self.lost_voxels += int(sizes[~kept].sum())

    def _join(self, parts: np.ndarray, box: Box, sizes: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Join the parts of a slice to what they touch in the last; return the number of each."""
        before = len(self._sizes)
        total = before + len(sizes)
        own, other = self._touching(parts, box)
        pairs = (other - 1, own - 1 + before)
        graph = sparse.coo_array((np.ones(len(own), bool), pairs), (total, total))
        number, owner = csgraph.connected_components(graph, directed=False)
        joined = np.bincount(owner, np.concatenate([self._sizes, sizes]), number).astype(np.int64)
        some = np.bincount(owner, np.concatenate([self._kept, kept]), number) > 0
        here = np.zeros(number, bool)
        here[owner[before:]] = True
        self._close(joined[~here], some[~here])
        self._open(joined[here], some[here])
        return np.concatenate([[0], np.cumsum(here)[owner[before:]]])

    def _touching(self, parts: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """Return which parts of a slice touch which components of the last one."""
        assert self._last is not None
        rows, columns = box
        width = len(self._sizes) + 1
        touching = []
        for i, j in _AROUND:
            moved = self._last[
                rows.start + 1 + i : rows.stop + 1 + i, columns.start + 1 + j : columns.stop + 1 + j
            ]
            both = (parts > 0) & (moved > 0)
            pairs = parts[both].astype(np.int64) * width + moved[both]
            # neighbours are nearly always of the same two
            touching.append(np.unique(pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]))
        own, other = np.divmod(np.unique(np.concatenate(touching)), width)
        return own, other


def cut_words(recipe: Recipe) -> str:
    """Name the size of the slices of a recipe."""
    if recipe.spacing is not None:
        return f"to pixels of {recipe.spacing:g} mm"
    if recipe.size is not None:
        return f"to size {recipe.size}"
    if recipe.every > 1:
        return f"with every {recipe.every}. pixel"
    if recipe.plane == "acquired":
        return "in the plane that each was acquired in"
    return f"in the {recipe.plane} plane"


def keeps_more(recipe: Recipe) -> str:
    """Say what of a recipe would lose less; a size of null loses nothing."""
    return "a larger size" if recipe.spacing is None else "a smaller spacing"


def lost_words(bound: Mapping[str, LabelBound]) -> list[str]:
    """Say of each label that a recipe loses some of what is lost; nothing where it is little."""
    said = []
    for name, known in bound.items():
        if not known.voxels or known.dice is None or known.lost_ml is None:
            continue
        most = f"a Dice of {known.dice:.3f} is the most it allows"
        if known.lost_components and (known.lost_ml >= SPECK_ML or known.dice < NOTABLE):
            said.append(
                f"of label {name} {known.lost_components} of {known.components} components vanish "
                f"({known.lost_ml:.3g} ml), and {most}"
            )
        elif known.dice < NOTABLE:
            said.append(f"of label {name} {most}")
    return said
