"""A scan as a coarse picture of what lies where in its field of view."""

from __future__ import annotations

import math

import numpy as np

from slicewise.config import Intensity

SHAPE = (8, 8, 6)
"""Parts of the field of view from left to right, from back to front and from foot to head."""
ENDS = (1.0, 99.0)
"""Percentiles that are black and white."""
SOFT = (-200.0, 300.0)
"""Hounsfield units that are: beside air and bone soft tissues would all be grey."""
WHITE = 255


def picture_of(sample: np.ndarray, intensity: Intensity) -> list[int]:
    """Average the voxels of each part of the field of view.

    Parameters
    ----------
    sample : ndarray, shape (i, j, k)
        Finite intensities in canonical orientation.
    intensity : {"hu", "clipped_hu", "arbitrary"}
        What they measure.

    Returns
    -------
    list of int
        From 0 to 255, the last axis quickest; empty of an image without contrast.
    """
    low, high = SOFT
    if intensity != "hu":
        low, high = (float(value) for value in np.percentile(sample, ENDS))
    least = float(sample.min())
    most = float(sample.max())
    if low == high or least == most or least >= high or most <= low:
        return []
    parts = ((sample.astype(np.float32) - low) / (high - low)).clip(0, 1)
    for axis, number in enumerate(SHAPE):
        parts = _averaged(parts, axis, number)
    return [int(value) for value in np.rint(WHITE * parts).ravel()]


def _averaged(array: np.ndarray, axis: int, number: int) -> np.ndarray:
    """Average along an axis to so many parts; those of a short axis share voxels."""
    size = array.shape[axis]
    means = []
    for part in range(number):
        start = part * size // number
        stop = math.ceil((part + 1) * size / number)
        here = [slice(None)] * array.ndim
        here[axis] = slice(start, stop)
        means.append(array[tuple(here)].mean(axis=axis))
    return np.stack(means, axis=axis)
