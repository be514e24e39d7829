"""Which scans, of thousands, may be the same: a bound of how alike two slices are.

A few slices of each scan are compared with all slices of each other scan, by vectors that bound how
alike two slices are however they are laid. Each scan has as many suspects as `MOST`: those whose
bound is greatest. The work grows with the square of the number of scans, so it is done in blocks
that stay in a processor's cache, in several threads if asked for, and only the best are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from slicewise.dataset.marks import (
    CANVAS,
    COEFFICIENTS,
    CONTENT,
    NEGATIVE,
    USED,
    Scan,
)

PROBES = 6  # so many that one lies in any quarter of a scan
NEAR = 0.85  # slices whose marks are so alike make a suspicion
MOST = 16  # other scans that a scan is suspected to be by its marks

PROBED_WITH = (((CANVAS, NEGATIVE), CANVAS), ((CONTENT,), CONTENT))
"""The marks of which few slices are compared with all of another mark."""

TOGETHER = 128  # scans whose few slices are multiplied at once
ROWS = 300  # slices of the others that are multiplied with these at once
DESCRIBED = 1024  # scans whose slices are kept as vectors at once

PLACES = np.full(USED.shape, -1)
"""Which coefficient of a mark lies where in the square of frequencies."""
PLACES[USED] = np.arange(COEFFICIENTS)
_UPPER = PLACES[np.triu(USED)]
_LOWER = PLACES.T[np.triu(USED)]
_TWO = _UPPER != _LOWER


def unit(marks: np.ndarray) -> np.ndarray:
    """Return marks as vectors of length 1."""
    values = marks.astype(np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


def spread(marks: np.ndarray) -> np.ndarray:
    """Return `PROBES` slices, evenly spread, or all where there are no more."""
    return marks[_chosen(len(marks))] if len(marks) > PROBES else marks


def bounds(values: np.ndarray) -> np.ndarray:
    """Return vectors whose product is at least the likeness of two slices, however they lie.

    Mirroring changes signs and swapping the axes exchanges (u, v) with (v, u),
    so the lengths of these pairs bound the product (Cauchy and Schwarz).
    """
    pairs = np.abs(values[:, _UPPER])
    pairs[:, _TWO] = np.hypot(values[:, _UPPER[_TWO]], values[:, _LOWER[_TWO]])
    return pairs


def find_suspects(
    probed: Sequence[Scan], searched: Sequence[Scan], threads: int = 1
) -> set[tuple[int, int]]:
    """Find the scans of which some slice may be the same.

    Parameters
    ----------
    probed, searched : sequence of Scan
        Scans with slices.
    threads : int
        How many blocks are compared at once; NumPy should use one thread for each.

    Returns
    -------
    set of (int, int)
        Numbers of scans: each probed one with the `MOST` of those searched that may
        be most alike, if these are at least `NEAR`.
    """
    blocks = [_Probed(probed[k : k + TOGETHER], k) for k in range(0, len(probed), TOGETHER)]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for start in range(0, len(searched), DESCRIBED):
            others = _Searched(searched[start : start + DESCRIBED], start)
            # all are waited for, so that no more slices are kept than one block has
            list(pool.map(lambda block, others=others: block.compare(others), blocks))
    return {pair for block in blocks for pair in block.found()}


@dataclass(frozen=True)
class _Part:
    """Slices of some scans of one kind of mark: rows of vectors, and where each scan begins."""

    rows: np.ndarray
    starts: list[int]


class _Searched:
    """All slices of scans as vectors, in parts that fit the cache.

    Attributes
    ----------
    first : int
        Number of the first scan.
    number : int
        How many there are.
    """

    def __init__(self, scans: Sequence[Scan], first: int) -> None:
        self.first = first
        self.number = len(scans)
        groups = _grouped([len(scan) for scan in scans])
        self._parts = {
            kind: [_part([scans[k].marks[:, kind] for k in group]) for group in groups]
            for _, kind in PROBED_WITH
        }

    def best(self, probes: np.ndarray, kind: int) -> np.ndarray:
        """Return the greatest product of each probe with a slice of each scan, (scans, probes)."""
        best = np.empty((self.number, len(probes)), np.float32)
        turned = np.ascontiguousarray(probes.T)
        row = 0
        for part in self._parts[kind]:
            products = part.rows @ turned
            for start, end in zip(part.starts, [*part.starts[1:], len(products)], strict=True):
                np.maximum.reduce(products[start:end], axis=0, out=best[row])
                row += 1
        return best


class _Probed:
    """Few slices of some scans as vectors, and the scans found so far that may be most alike."""

    def __init__(self, scans: Sequence[Scan], first: int) -> None:
        self._first = first
        self._number = len(scans)
        # of each scan as many: one that is there twice changes no maximum
        chosen = [_chosen(len(scan)) for scan in scans]
        self._probes = [
            np.concatenate(
                [
                    bounds(
                        unit(
                            np.stack([s.marks[c[n], k] for s, c in zip(scans, chosen, strict=True)])
                        )
                    )
                    for k in kinds
                    for n in range(PROBES)
                ]
            )
            for kinds, _ in PROBED_WITH
        ]
        self._scores = np.empty((self._number, 0), np.float32)
        self._suspects = np.empty((self._number, 0), int)

    def at_most(self, others: _Searched) -> np.ndarray:
        """Return how alike a slice of each scan is at most to one of each other, (own, others)."""
        scores = np.zeros((others.number, self._number), np.float32)
        for probes, (_, kind) in zip(self._probes, PROBED_WITH, strict=True):
            best = others.best(probes, kind)
            best = best.reshape(others.number, -1, self._number).max(axis=1)
            np.maximum(scores, best, out=scores)
        return scores.T

    def compare(self, others: _Searched) -> None:
        """Keep the most alike of those known and these."""
        scores = np.concatenate([self._scores, self.at_most(others)], axis=1)
        numbers = np.arange(others.first, others.first + others.number)
        numbers = np.broadcast_to(numbers, (self._number, others.number))
        suspects = np.concatenate([self._suspects, numbers], axis=1)
        most = min(MOST, scores.shape[1])
        nearest = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        self._scores = np.take_along_axis(scores, nearest, 1)
        self._suspects = np.take_along_axis(suspects, nearest, 1)

    def found(self) -> list[tuple[int, int]]:
        """Return the numbers of own scans and others that make a suspicion."""
        rows, columns = np.nonzero(self._scores >= NEAR)
        suspects = self._suspects[rows, columns]
        return list(zip((rows + self._first).tolist(), suspects.tolist(), strict=True))


def _chosen(slices: int) -> np.ndarray:
    """Return the numbers of `PROBES` slices, evenly spread; some twice where there are fewer."""
    return ((np.arange(PROBES) + 0.5) * (slices / PROBES)).astype(int)


def _grouped(lengths: Sequence[int]) -> list[list[int]]:
    """Put scans together, in order, while they have no more slices than `ROWS` in all."""
    groups: list[list[int]] = []
    rows = ROWS + 1
    for number, length in enumerate(lengths):
        rows += length
        if rows > ROWS:
            groups.append([])
            rows = length
        groups[-1].append(number)
    return groups


def _part(marks: Sequence[np.ndarray]) -> _Part:
    starts = np.cumsum([0, *(len(rows) for rows in marks[:-1])])
    return _Part(bounds(unit(np.concatenate(marks))), starts.tolist())
