"""Finding the same scan after it was padded, cropped, turned, mirrored, resampled or windowed.

A suspicion comes first, from two kinds of marks that are quick to compare among thousands of scans:

- every axial slice is described by its low cosine frequencies, as in the perceptual hash pHash
  (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010), of the whole
  canvas with intensities clipped to a range of ranks (which windows leave alone), of the same with
  inverted contrast, and of what is inside the content;
- single places are named by their very voxels (`keys`), which finds parts of a scan.

Frequencies are weighted by their distance from zero, which evens out the falling spectrum of
images: else all bodies are alike. Mirroring only changes signs of cosine coefficients, and swapping
the axes only transposes them, so all eight ways to lay a slice are compared at no cost.

Then thumbnails of the slices are laid over each other (`overlay`), and how well they agree decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_limits

from slicewise.dataset.keys import how_laid, shared_by
from slicewise.dataset.marks import (
    ACROSS,
    ALONG,
    CANVAS,
    COEFFICIENTS,
    CONTENT,
    NEGATIVE,
    USED,
    Marks,
    Scan,
)
from slicewise.dataset.overlay import SURE, agreement, laid
from slicewise.dataset.suspects import NEAR, PLACES, find_suspects, spread, unit

ALIKE = 0.7
"""Scans that agree so well are one; benchmarks/leaks.py measures how far off all others are."""

SHARE = 0.25  # of the slices of the smaller scan that have to be found in the other
LAID = 12  # slices that are laid over each other
KEPT = 256  # scans whose vectors are kept while pairs are compared

KINDS = ((CANVAS, CANVAS), (NEGATIVE, CANVAS), (CANVAS, NEGATIVE), (CONTENT, CONTENT))
"""The marks that are compared with each other."""

_SIGNS = np.array([(x**ACROSS * y**ALONG)[USED] for x in (1, -1) for y in (1, -1)], np.float32)
_SWAPPED = PLACES.T[USED]


class _Vectors:
    """The marks of a scan as vectors of length 1, made when they are asked for, once."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self._unit: dict[int, np.ndarray] = {}
        self._probes: dict[int, np.ndarray] = {}

    def unit(self, kind: int) -> np.ndarray:
        """Return those of all slices."""
        if kind not in self._unit:
            self._unit[kind] = unit(self.scan.marks[:, kind])
        return self._unit[kind]

    def probes(self, kind: int) -> np.ndarray:
        """Return those of a few slices, in each way that they may lie."""
        if kind not in self._probes:
            self._probes[kind] = _turns(spread(self.unit(kind))).reshape(-1, COEFFICIENTS)
        return self._probes[kind]


def likeness(one: Scan, other: Scan) -> float:
    """Say how alike two scans are.

    Parameters
    ----------
    one, other : Scan
        What `slice_marks` returned of them.

    Returns
    -------
    float
        At most 1: the absolute correlation of the detail in their thumbnails,
        laid as marks or keys say. -1 where neither gives a reason to lay them
        over each other.
    """
    with threadpool_limits(1, "blas"):
        return _likeness(_Vectors(one), _Vectors(other))


def _likeness(one: _Vectors, other: _Vectors) -> float:
    if not len(one.scan) or not len(other.scan):
        return -1.0
    best = -1.0
    for slices, turn, axes in _ways(one, other):
        mine, yours = slices[:, :LAID]
        pictures = laid(one.scan.thumbs[mine], turn)
        best = max(best, agreement(pictures, other.scan.thumbs[yours], axes))
        if best >= SURE:
            break
    return min(1.0, best)


Way = tuple[np.ndarray, int, tuple[tuple[float, float], tuple[float, float]]]
"""Slices of one and the other, how the first are turned, and where they lie along each axis."""


def _ways(one: _Vectors, other: _Vectors) -> Iterator[Way]:
    """Yield the ways in which two scans may lie on each other."""
    by_keys = _by_keys(one.scan, other.scan)
    if by_keys is not None:
        yield by_keys
    turned_back = len(one.scan) > len(other.scan)
    smaller = other if turned_back else one
    larger = one if turned_back else other
    for first, second in KINDS:
        way = _by_marks(smaller, larger, first, second)
        if way is None:
            continue
        slices, turn = way
        if turned_back:
            slices = slices[::-1]
            turn = _undone(turn)
        yield slices, turn, _axes(one.scan, other.scan, turn, whole=first != CONTENT)


def _undone(turn: int) -> int:
    """Return the turn that takes a turn back: what was swapped is mirrored before, not after."""
    return turn if not turn & 4 else 4 | (turn & 1) << 1 | (turn & 2) >> 1


def _axes(
    one: Scan, other: Scan, turn: int, *, whole: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Place content on content, or, through these, the whole canvas on the whole canvas."""
    if not whole:
        return (1.0, 0.0), (1.0, 0.0)
    a = one.frame.turned(turn)
    b = other.frame
    return (
        _on(a.width / b.width, 0, (a.left, a.across), (b.left, b.across)),
        _on(a.height / b.height, 0, (a.top, a.along), (b.top, b.along)),
    )


def _on(
    scale: float, shift: float, mine: tuple[int, int], yours: tuple[int, int]
) -> tuple[float, float]:
    """Place boxes (start, length) where a pixel p of yours is scale · p - shift of mine."""
    return scale * yours[1] / mine[1], (scale * yours[0] - shift - mine[0]) / mine[1]


def _by_keys(one: Scan, other: Scan) -> Way | None:
    a = one.frame
    b = other.frame
    place = how_laid((one.keys, one.places), (other.keys, other.places), (a.width, a.height))
    if place is None:
        return None
    turn, up, (x, y, z) = place
    away = np.abs(up * one.heights.astype(int)[:, None] + z - other.heights)
    nearest = away.argmin(axis=1)
    distance = away[np.arange(len(one)), nearest]
    order = np.argsort(distance, kind="stable")
    order = order[distance[order] <= max(1, distance[order[0]])]
    if len(order) > LAID:
        order = np.sort(order)[np.linspace(0, len(order) - 1, LAID).astype(int)]
    a = a.turned(turn)
    axes = (
        _on(1.0, x, (a.left, a.across), (b.left, b.across)),
        _on(1.0, y, (a.top, a.along), (b.top, b.along)),
    )
    return np.stack([order, nearest[order]]), turn, axes


def _by_marks(
    small: _Vectors, large: _Vectors, first: int, second: int
) -> tuple[np.ndarray, int] | None:
    """Find the slices of the larger scan that those of the smaller are most alike to."""
    yours = large.unit(second)
    few = np.abs(small.probes(first) @ yours.T)
    if few.max() < NEAR:  # a quarter of the slices would hold one of these
        return None
    mine = small.unit(first)
    wanted = math.ceil(SHARE * len(mine))
    products = (_turns(mine).reshape(-1, COEFFICIENTS) @ yours.T).reshape(8, len(mine), -1)
    if first == second == CONTENT:
        products = np.abs(products)
    best = products.max(axis=2)
    turn = int(np.sort(best, axis=1)[:, -wanted].argmax())
    order = np.argsort(-best[turn], kind="stable")[:wanted]
    if best[turn][order[-1]] < NEAR:
        return None
    return np.stack([order, products[turn].argmax(axis=1)[order]]), turn


def find_alike(ours: Marks, theirs: Marks, threads: int = 1) -> list[tuple[str, str, float]]:
    """List the pairs of scans that are one.

    Parameters
    ----------
    ours, theirs : mapping of case to Scan
        Two data sets, or the same twice.
    threads : int
        How many to use where thousands of scans are compared.

    Returns
    -------
    list of (str, str, float)
        A case of ours, one of theirs and their `likeness`, the most alike first. Of
        one data set each pair is there once, by name, and no case with itself.
    """
    # the products are small: threads of BLAS would wait for each other most of the time
    with threadpool_limits(1, "blas"):
        pairs = _candidates(ours, theirs, threads)
        turned = pairs if ours is theirs else _candidates(theirs, ours, threads)
        pairs |= {(a, b) for b, a in turned}
        mine = list(ours)
        yours = list(theirs)
        shared = shared_by([ours[c].keys for c in mine], [theirs[c].keys for c in yours])
        pairs |= {(mine[a], yours[b]) for a, b in shared}
        if ours is theirs:  # as both ways agree
            pairs = {(a, b) for a, b in pairs if a < b}
        vectors = _kept(ours)
        others = vectors if ours is theirs else _kept(theirs)
        scored = [(a, b, _likeness(vectors(a), others(b))) for a, b in sorted(pairs)]
    return sorted((pair for pair in scored if pair[2] >= ALIKE), key=lambda pair: -pair[2])


def _kept(marks: Marks) -> Callable[[str], _Vectors]:
    """Return what makes the vectors of a case, and keeps those of the last ones."""
    return lru_cache(KEPT)(lambda case: _Vectors(marks[case]))


def _candidates(probed: Marks, searched: Marks, threads: int) -> set[tuple[str, str]]:
    """Pairs in which some slice of the first may be one of the second."""
    names = [case for case in probed if len(probed[case])]
    others = [case for case in searched if len(searched[case])]
    suspects = find_suspects([probed[c] for c in names], [searched[c] for c in others], threads)
    return {(names[a], others[b]) for a, b in suspects}


def _turns(values: np.ndarray) -> np.ndarray:
    """Return the coefficients of n slices in the ways that they may lie, of shape (8, n, …)."""
    ways = (values, values[:, _SWAPPED])
    return np.array([way * signs for way in ways for signs in _SIGNS])
