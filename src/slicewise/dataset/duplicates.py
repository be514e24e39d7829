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
from collections.abc import Iterator, Sequence

import numpy as np

from slicewise.dataset.keys import how_laid, shared_by
from slicewise.dataset.marks import (
    ACROSS,
    ALONG,
    CANVAS,
    COEFFICIENTS,
    CONTENT,
    FREQUENCIES,
    NEGATIVE,
    USED,
    Marks,
    Scan,
)
from slicewise.dataset.overlay import SURE, agreement, laid

ALIKE = 0.7
"""Scans that agree so well are one; benchmarks/leaks.py measures how far off all others are."""

SHARE = 0.25  # of the slices of the smaller scan that have to be found in the other
PROBES = 6  # so many that one lies in any quarter of a scan
NEAR = 0.85  # slices whose marks are so alike make a suspicion
MOST = 16  # other scans that a scan is suspected to be by its marks
LAID = 12  # slices that are laid over each other
TOGETHER = 128  # scans whose marks are multiplied at once

KINDS = ((CANVAS, CANVAS), (NEGATIVE, CANVAS), (CANVAS, NEGATIVE), (CONTENT, CONTENT))
"""The marks that are compared with each other."""
PROBED_WITH = (((CANVAS, NEGATIVE), CANVAS), ((CONTENT,), CONTENT))
"""The marks of which few slices are compared with all of another mark."""

_SIGNS = np.array([(x**ACROSS * y**ALONG)[USED] for x in (1, -1) for y in (1, -1)], np.float32)
_PLACES = np.full(USED.shape, -1)
_PLACES[USED] = np.arange(COEFFICIENTS)
_SWAPPED = _PLACES.T[USED]


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
    if not len(one) or not len(other):
        return -1.0
    best = -1.0
    for slices, turn, axes in _ways(one, other):
        mine, yours = slices[:, :LAID]
        best = max(best, agreement(laid(one.thumbs[mine], turn), other.thumbs[yours], axes))
        if best >= SURE:
            break
    return min(1.0, best)


Way = tuple[np.ndarray, int, tuple[tuple[float, float], tuple[float, float]]]
"""Slices of one and the other, how the first are turned, and where they lie along each axis."""


def _ways(one: Scan, other: Scan) -> Iterator[Way]:
    """Yield the ways in which two scans may lie on each other."""
    by_keys = _by_keys(one, other)
    if by_keys is not None:
        yield by_keys
    turned_back = len(one) > len(other)
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
        yield slices, turn, _axes(one, other, turn, whole=first != CONTENT)


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


def _by_marks(small: Scan, large: Scan, first: int, second: int) -> tuple[np.ndarray, int] | None:
    """Find the slices of the larger scan that those of the smaller are most alike to."""
    mine = _unit(small.marks[:, first])
    yours = _unit(large.marks[:, second])
    wanted = math.ceil(SHARE * len(mine))
    few = np.abs(_turns(_spread(mine)).reshape(-1, COEFFICIENTS) @ yours.T)
    if few.max() < NEAR:  # a quarter of the slices would hold one of these
        return None
    products = (_turns(mine).reshape(-1, COEFFICIENTS) @ yours.T).reshape(8, len(mine), -1)
    if first == second == CONTENT:
        products = np.abs(products)
    best = products.max(axis=2)
    turn = int(np.sort(best, axis=1)[:, -wanted].argmax())
    order = np.argsort(-best[turn], kind="stable")[:wanted]
    if best[turn][order[-1]] < NEAR:
        return None
    return np.stack([order, products[turn].argmax(axis=1)[order]]), turn


def find_alike(ours: Marks, theirs: Marks) -> list[tuple[str, str, float]]:
    """List the pairs of scans that are one.

    Parameters
    ----------
    ours, theirs : mapping of case to Scan
        Two data sets, or the same twice.

    Returns
    -------
    list of (str, str, float)
        A case of ours, one of theirs and their `likeness`, the most alike first.
    """
    pairs = _candidates(ours, theirs)
    pairs |= {(a, b) for b, a in (pairs if ours is theirs else _candidates(theirs, ours))}
    mine = list(ours)
    yours = list(theirs)
    shared = shared_by([ours[c].keys for c in mine], [theirs[c].keys for c in yours])
    pairs |= {(mine[a], yours[b]) for a, b in shared}
    if ours is theirs:  # each pair once, as both ways agree
        known = {(a, b): likeness(ours[a], ours[b]) for a, b in sorted(pairs) if a <= b}
        known |= {(b, a): score for (a, b), score in known.items()}
        scored = [(a, b, score) for (a, b), score in sorted(known.items())]
    else:
        scored = [(a, b, likeness(ours[a], theirs[b])) for a, b in sorted(pairs)]
    return sorted((pair for pair in scored if pair[2] >= ALIKE), key=lambda pair: -pair[2])


def _candidates(probed: Marks, searched: Marks) -> set[tuple[str, str]]:
    """Pairs in which some slice of the first may be one of the second, the `MOST` for each."""
    names = [case for case in probed if len(probed[case])]
    others = [case for case in searched if len(searched[case])]
    most = min(MOST, len(others))
    if not most:
        return set()
    pairs: set[tuple[str, str]] = set()
    for first in range(0, len(names), TOGETHER):
        block = names[first : first + TOGETHER]
        scores = _at_most([probed[name] for name in block], [searched[name] for name in others])
        nearest = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        near = np.argwhere(np.take_along_axis(scores, nearest, 1) >= NEAR)
        pairs |= {(block[row], others[nearest[row, column]]) for row, column in near}
    return pairs


def _at_most(probed: Sequence[Scan], searched: Sequence[Scan]) -> np.ndarray:
    """Return how alike a slice of each scan is at most to one of each other.

    Parameters
    ----------
    probed, searched : sequence of Scan
        Scans with slices.

    Returns
    -------
    ndarray of float32, shape (probed, searched)
        The greatest bound over all slices that are compared (see `_bounds`).
    """
    scores = np.zeros((len(probed), len(searched)), np.float32)
    for kinds, kind in PROBED_WITH:
        few = [_spread(scan.marks[:, k]) for scan in probed for k in kinds]
        probes = _bounds(_unit(np.concatenate(few)))
        owner = _starts(few)[:: len(kinds)]
        for start in range(0, len(searched), TOGETHER):
            rows = [scan.marks[:, kind] for scan in searched[start : start + TOGETHER]]
            products = probes @ _bounds(_unit(np.concatenate(rows))).T
            by_scan = np.maximum.reduceat(products, _starts(rows), 1)
            best = np.maximum.reduceat(by_scan, owner, 0)
            part = scores[:, start : start + len(rows)]
            np.maximum(part, best, out=part)
    return scores


def _starts(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return where each part begins once all are concatenated."""
    return np.cumsum([0, *(len(part) for part in parts)])[:-1]


def _spread(marks: np.ndarray) -> np.ndarray:
    """Return `PROBES` slices, evenly spread, or all where there are no more."""
    if len(marks) <= PROBES:
        return marks
    return marks[((np.arange(PROBES) + 0.5) * (len(marks) / PROBES)).astype(int)]


def _unit(marks: np.ndarray) -> np.ndarray:
    values = marks.astype(np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


def _square(values: np.ndarray) -> np.ndarray:
    square = np.zeros((len(values), FREQUENCIES, FREQUENCIES), np.float32)
    square[:, USED] = values
    return square


def _turns(values: np.ndarray) -> np.ndarray:
    """Return the coefficients of n slices in the ways that they may lie, of shape (8, n, …)."""
    ways = (values, values[:, _SWAPPED])
    return np.array([way * signs for way in ways for signs in _SIGNS])


def _bounds(values: np.ndarray) -> np.ndarray:
    """Return vectors whose product is at least the likeness of two slices, however they lie.

    Mirroring changes signs and swapping the axes exchanges (u, v) with (v, u),
    so the lengths of these pairs bound the product (Cauchy and Schwarz).
    """
    square = _square(values)
    pairs = np.hypot(square, square.swapaxes(1, 2))
    diagonal = np.arange(FREQUENCIES)
    pairs[:, diagonal, diagonal] = np.abs(square[:, diagonal, diagonal])
    return pairs[:, np.triu(USED)]
