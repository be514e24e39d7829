"""Contours in a plane, as pixels: which centres of pixels lie inside.

A centre belongs to the inside by the even-odd rule: a ray from it crosses the
contours an odd number of times. So a contour within another is a hole, one within
that an island, and a contour that runs in and out along one line (a keyhole) is
as if it were two. Centres on an edge belong to the side of growing indices: of
regions that share an edge, each centre is in exactly one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DIGITS = 6
"""Decimals of a pixel that count: rounding must not decide on contours along centres."""


def inside(polygon: np.ndarray, start: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """Return which centres of a box of pixels lie inside a closed polygon.

    Parameters
    ----------
    polygon : ndarray, shape (n, 2)
        Its corners in pixels, a centre at whole numbers; the last is joined with the first.
    start, size : two ints
        The box.

    Returns
    -------
    ndarray of bool, of that size
    """
    first = np.round(np.asarray(polygon, np.float64) - np.asarray(start), DIGITS)
    last = np.roll(first, -1, axis=0)
    # rows of centres that an edge crosses: its lower end counts, its upper end does not
    lows = np.ceil(np.minimum(first[:, 0], last[:, 0])).astype(np.int64).clip(0, size[0])
    highs = np.ceil(np.maximum(first[:, 0], last[:, 0])).astype(np.int64).clip(0, size[0])
    counts = highs - lows
    edge = np.repeat(np.arange(len(first)), counts)
    rows = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + lows[edge]
    begin = first[edge]
    along = (rows - begin[:, 0]) / (last[edge, 0] - begin[:, 0])
    crossings = begin[:, 1] + along * (last[edge, 1] - begin[:, 1])
    columns = np.ceil(np.round(crossings, DIGITS)).astype(np.int64).clip(0, size[1])
    turns = np.zeros((size[0], size[1] + 1), np.int64)
    np.add.at(turns, (rows, columns), 1)
    return np.cumsum(turns[:, :-1], axis=1) % 2 == 1


def box_of(polygon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return start and size of a box of pixels that holds all centres inside a polygon."""
    start = np.floor(polygon.min(axis=0)).astype(np.int64)
    return start, np.ceil(polygon.max(axis=0)).astype(np.int64) - start + 1


def cross(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two polygons share pixels while neither holds the other: no hole, no island.

    Parameters
    ----------
    one, other : ndarray, shape (n, 2)
    """
    starts = []
    ends = []
    for polygon in (one, other):
        start, size = box_of(polygon)
        starts.append(start)
        ends.append(start + size)
    start = np.minimum(*starts)
    size = np.maximum(*ends) - start
    if (np.minimum(*ends) <= np.maximum(*starts)).any():
        return False
    first = inside(one, start, size)
    second = inside(other, start, size)
    shared = np.count_nonzero(first & second)
    return bool(0 < shared < min(np.count_nonzero(first), np.count_nonzero(second)))
