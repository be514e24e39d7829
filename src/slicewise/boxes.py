"""The part of an array that holds what is looked for: bounding boxes, as slices to index with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

Box = tuple[slice, ...]
"""A slice along each axis, with a start and a stop that lie within the array."""


def bounding_box(mask: np.ndarray) -> Box | None:
    """Return the smallest box that holds all true elements of a mask.

    Parameters
    ----------
    mask : ndarray of bool
        Of any number of axes.

    Returns
    -------
    Box or None
        None where no element is true.

    Examples
    --------
    >>> bounding_box(np.array([[0, 0, 0, 0], [0, 1, 0, 1]], dtype=bool))
    (slice(1, 2, None), slice(1, 4, None))
    >>> bounding_box(np.zeros((2, 3), dtype=bool)) is None
    True
    """
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        places = np.flatnonzero(mask.any(axis=others))
        if not places.size:
            return None
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)


def label_boxes(labels: np.ndarray, count: int) -> list[Box | None]:
    """Return the bounding box of each label of an array, all found in one go.

    Parameters
    ----------
    labels : ndarray of integers
        Label numbers, 0 where there is none.
    count : int
        How many labels there are; larger numbers are left aside.

    Returns
    -------
    list of Box or None
        Of labels 1 to `count`; None where an array does not hold the label.

    Examples
    --------
    >>> label_boxes(np.array([0, 3, 3, 1]), 3)
    [(slice(3, 4, None),), None, (slice(1, 3, None),)]
    """
    # scipy is several times slower on arrays whose first axis varies fastest
    if labels.flags.f_contiguous:
        return [box and box[::-1] for box in ndimage.find_objects(labels.T, count)]
    return list(ndimage.find_objects(labels, count))


def centre_of(inside: np.ndarray, box: Box, shape: Sequence[int]) -> list[float]:
    """Return where the centre of a mask lies in its array, from 0 to 1 along each axis.

    Parameters
    ----------
    inside : ndarray of bool
        The mask within its bounding box.
    box : Box
        Where that lies.
    shape : sequence of int
        Of the array.

    Examples
    --------
    >>> centre_of(np.array([[True, True, True]]), (slice(0, 1), slice(1, 4)), (2, 4))
    [0.25, 0.625]
    """
    centre = []
    for axis, (side, size) in enumerate(zip(box, shape, strict=True)):
        others = tuple(other for other in range(inside.ndim) if other != axis)
        counts = np.count_nonzero(inside, axis=others)
        middle = float(np.average(np.arange(side.start, side.stop) + 0.5, weights=counts))
        centre.append(round(middle / size, 6))
    return centre


def whole(shape: Sequence[int]) -> Box:
    """Return the box of all elements of an array of a shape."""
    return tuple(slice(0, size) for size in shape)


def widened(box: Box, margins: Sequence[int], shape: Sequence[int]) -> Box:
    """Return a box with a margin around it, as far as the array reaches.

    Parameters
    ----------
    box : Box
    margins : sequence of int
        Elements to add at both ends of each axis.
    shape : sequence of int
        Of the array.

    Examples
    --------
    >>> widened((slice(1, 3), slice(4, 6)), (2, 3), (9, 8))
    (slice(0, 5, None), slice(1, 8, None))
    """
    return tuple(
        slice(max(side.start - margin, 0), min(side.stop + margin, size))
        for side, margin, size in zip(box, margins, shape, strict=True)
    )
