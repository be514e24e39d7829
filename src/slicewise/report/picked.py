"""Which slices of a case are worth showing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slicewise.config import UNDRAWN

FAIR = 0.25
"""Of the largest area of an organ, from which a slice shows it."""
SEEN = 0.1
"""Of the most wrong voxels in any slice, from which one shows the fault."""


@dataclass(frozen=True)
class PickedSlice:
    """A slice worth showing."""

    name: str
    """worst, median or best; only, where there is one; middle, where all are empty."""
    index: int
    dice: float
    """Dice of this slice alone; NaN where both masks are empty."""


def drawn_only(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both masks with background where nobody drew (`UNDRAWN` in the truth)."""
    undrawn = truth == UNDRAWN
    if not undrawn.any():
        return truth, prediction
    return np.where(undrawn, 0, truth), np.where(undrawn, 0, prediction)


def told_apart(
    scored: Mapping[str, Sequence[int]],
) -> tuple[np.ndarray, dict[str, list[int]]]:
    """Number labels anew, so that those have one number that lie in the same of what is scored.

    A mask of regions is written with one label of several that would be as right.

    Parameters
    ----------
    scored : mapping of str to sequence of int
        Labels or regions, each with the numbers of its labels.

    Returns
    -------
    table : ndarray of uint8, shape (256,)
        For each label the new number, 0 where it lies in nothing; `UNDRAWN` stays.
    numbers : dict of str to list of int
        The new numbers of each label or region.

    Examples
    --------
    >>> table, numbers = told_apart({"whole": [1, 2, 3], "core": [2, 3]})
    >>> table[:4].tolist(), numbers
    ([0, 1, 2, 2], {'whole': [1, 2], 'core': [2]})
    """
    holders = [
        tuple(name for name, numbers in scored.items() if label in numbers)
        for label in range(UNDRAWN)
    ]
    kinds = list(dict.fromkeys(holders))
    table = np.array([*map(kinds.index, holders), UNDRAWN], np.uint8)
    numbers = {name: [k for k, kind in enumerate(kinds) if name in kind] for name in scored}
    return table, numbers


def slice_dice(
    truth: np.ndarray,
    prediction: np.ndarray,
    scored: Mapping[str, Sequence[int]],
    axis: int = 2,
) -> np.ndarray:
    """Score every slice alone.

    Parameters
    ----------
    truth, prediction : numpy.ndarray
        Label arrays of the same shape, 0 is background. What nobody drew does not count.
    scored : mapping of str to sequence of int
        Labels or regions, each with its numbers.
    axis : int
        The axis along which slices are counted.

    Returns
    -------
    numpy.ndarray
        Dice by slice, the mean over the labels or regions that occur in either
        mask of that slice; NaN where none does.
    """
    truth, prediction = drawn_only(truth, prediction)
    others = tuple(other for other in range(truth.ndim) if other != axis)
    total = np.zeros(truth.shape[axis])
    present = np.zeros(truth.shape[axis])
    for numbers in scored.values():
        left = _any_of(truth, numbers)
        right = _any_of(prediction, numbers)
        size = left.sum(axis=others) + right.sum(axis=others)
        shared = (left & right).sum(axis=others)
        total += 2 * shared / np.maximum(size, 1)
        present += size > 0
    return np.where(present > 0, total / np.maximum(present, 1), np.nan)


def _any_of(mask: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Return where any of some numbers is; for a few of them ten times as fast as `np.isin`."""
    found: np.ndarray = np.logical_or.reduce([mask == number for number in numbers])
    return found


def telling_slice(organ: np.ndarray, wrong: np.ndarray) -> int:
    """Choose the slice that shows both an organ and what is wrong with it.

    Parameters
    ----------
    organ, wrong : ndarray of integers, shape (slices,)
        Voxels of the reference, and voxels that are wrong, in each slice.

    Returns
    -------
    int
        Of the slices with a fair part of the organ that with the most wrong voxels, or of those
        with any of it. The slice with the most wrong voxels of all where that shows hardly any
        of the fault, as it lies beyond the organ; the middle one where nothing is wrong.
    """
    if not wrong.any():
        return len(wrong) // 2
    for least in (FAIR * organ.max(), 1):
        there = np.where(organ >= max(least, 1), wrong, 0)
        if there.max() >= SEEN * wrong.max():
            return int(there.argmax())
    return int(wrong.argmax())


def pick_slices(
    truth: np.ndarray,
    prediction: np.ndarray,
    scored: Mapping[str, Sequence[int]],
    axis: int = 2,
) -> list[PickedSlice]:
    """Choose the worst, the median and the best slice of a case.

    Parameters
    ----------
    truth, prediction : numpy.ndarray
        Three-dimensional label arrays of the same shape, 0 is background.
    scored : mapping of str to sequence of int
        Labels or regions, each with its numbers.
    axis : int
        The axis along which slices are counted: 2 for axial slices in RAS.

    Returns
    -------
    list of PickedSlice
        Different slices, in this order, among those where either mask has
        something. Of equal Dice the worst and the best are the slices with
        the most to see, then the lowest index; the median of an even number
        is the lower one. Two such slices give worst and best, one gives
        ``only``, none gives the ``middle`` slice of the case.
    """
    truth, prediction = drawn_only(truth, prediction)
    dice = slice_dice(truth, prediction, scored, axis)
    others = tuple(other for other in range(truth.ndim) if other != axis)
    area = ((truth != 0) | (prediction != 0)).sum(axis=others)
    rest = sorted(np.flatnonzero(~np.isnan(dice)), key=lambda k: (dice[k], -area[k], k))
    if not rest:
        return [PickedSlice("middle", truth.shape[axis] // 2, math.nan)]
    chosen = {"worst" if len(rest) > 1 else "only": rest.pop(0)}
    if rest:
        best = max(rest, key=lambda k: (dice[k], area[k], -k))
        rest.remove(best)
        if rest:
            # Without its extremes the list still has the same middle.
            chosen["median"] = rest[(len(rest) - 1) // 2]
        chosen["best"] = best
    return [PickedSlice(name, int(k), float(dice[k])) for name, k in chosen.items()]
