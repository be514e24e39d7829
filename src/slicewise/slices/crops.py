"""Squares that training cuts out of slices of any field of view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slicewise.config import UNDRAWN

Part = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class Crop:
    """What is taken out of a stored slice, and where it goes in the array that is read.

    Attributes
    ----------
    source, target : tuple of slice
        Rows and columns of the stored slice, and of the array; what it does
        not cover there is padding.
    """

    source: Part
    target: Part

    @classmethod
    def at(cls, corner: Sequence[int], size: Sequence[int], stored: Sequence[int]) -> Crop:
        """Return the crop of a size whose first row and column these are.

        Parameters
        ----------
        corner : sequence of int
            Row and column of the stored slice; outside of it is padding.
        size, stored : sequences of int
            Rows and columns of the crop, and of the stored slice.

        Examples
        --------
        >>> Crop.at((-2, 0), (6, 8), (8, 8)).target
        (slice(2, 6, None), slice(0, 8, None))
        """
        source = []
        target = []
        for start, length, limit in zip(corner, size, stored, strict=True):
            first = max(start, 0)
            last = max(first, min(start + length, limit))
            source.append(slice(first, last))
            target.append(slice(first - start, last - start))
        return cls((source[0], source[1]), (target[0], target[1]))


def middle(covered: Part, size: Sequence[int]) -> tuple[int, int]:
    """Return the corner of the crop of a size in the middle of what a volume covers."""
    row, column = (
        part.start - (length - (part.stop - part.start)) // 2
        for part, length in zip(covered, size, strict=True)
    )
    return row, column


def drawn(
    covered: Part,
    size: Sequence[int],
    random: np.random.Generator,
    shown: Sequence[int] | None = None,
) -> tuple[int, int]:
    """Draw the corner of a crop, all places alike that lie within what a volume covers.

    Parameters
    ----------
    covered : tuple of slice
        Rows and columns of the stored slice that are no padding. Where they
        are no more than the crop, they lie in its middle.
    size : sequence of int
        Rows and columns of the crop.
    random : Generator
        Draws two numbers, whatever they are used for.
    shown : sequence of int, optional
        A pixel, row and column, that has to be in the crop.
    """
    corner = list(middle(covered, size))
    for axis, (part, length, draw) in enumerate(zip(covered, size, random.random(2), strict=True)):
        first = part.start
        last = part.stop - length
        if last < first:
            continue
        if shown is not None:
            first = max(first, shown[axis] - length + 1)
            last = min(last, shown[axis])
        corner[axis] = first + int(draw * (last - first + 1))
    return corner[0], corner[1]


def pixel_of(mask: np.ndarray, random: np.random.Generator) -> tuple[int, int]:
    """Draw a pixel that shows a label: a label first, so that small ones are seen as often.

    Parameters
    ----------
    mask : ndarray of uint8, shape (rows, columns)
        Label numbers, some above 0; undrawn pixels show none.
    random : Generator
        Draws two numbers.
    """
    labels = np.unique(mask[(mask > 0) & (mask != UNDRAWN)])
    first, second = random.random(2)
    places = np.argwhere(mask == labels[int(first * len(labels))])
    row, column = places[int(second * len(places))]
    return int(row), int(column)


def drawn_pixel(
    mask: np.ndarray, covered: Part, random: np.random.Generator
) -> tuple[int, int] | None:
    """Draw a pixel that somebody drew, for a crop that teaches something.

    Parameters
    ----------
    mask : ndarray of uint8, shape (rows, columns)
        Label numbers, `UNDRAWN` where nobody drew.
    covered : tuple of slice
        Rows and columns that are no padding.
    random : Generator
        Draws a number.

    Returns
    -------
    tuple of int or None
        Row and column; None where there is no such pixel, or no other.
    """
    undrawn = mask[covered] == UNDRAWN
    draw = random.random()
    if not undrawn.any() or undrawn.all():
        return None
    places = np.argwhere(~undrawn)
    row, column = places[int(draw * len(places))]
    return int(row) + covered[0].start, int(column) + covered[1].start
