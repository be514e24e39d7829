"""What lies around a slice: 2.5-D context, the same for training and for prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def neighbours(
    number: int | Sequence[int] | np.ndarray,
    total: int,
    spacing: float,
    context: int,
    context_mm: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find between which slices of its case each channel of a slice lies.

    Channel `c` lies ``(c - context // 2) * context_mm`` millimetres from the
    slice, or at the first or last slice where the case ends before.

    Parameters
    ----------
    number : int or array_like of int, shape (...)
        The slices in the middle, counted from 0.
    total : int
        Slices of the case.
    spacing : float
        Distance of neighbouring slices, mm.
    context : int
        Channels, an odd number.
    context_mm : float
        Distance of neighbouring channels, mm.

    Returns
    -------
    low, high : ndarray of int, shape (..., context)
        The slices below and above; the same one where a channel lies on a slice.
    weight : ndarray of float32, shape (..., context)
        Weight of `high`; that of `low` is the rest to 1.
    """
    offsets = (np.arange(context) - context // 2) * context_mm / spacing
    # rounded, so that 3 slices of 0.8 mm are 2.4 mm and not one more slice to read
    place = np.round(np.asarray(number)[..., None] + offsets, 6).clip(0, total - 1)
    low, high = np.floor(place), np.ceil(place)
    return low.astype(np.int64), high.astype(np.int64), (place - low).astype(np.float32)


def fill(
    out: Sequence[np.ndarray],
    read: Callable[[np.ndarray], np.ndarray],
    numbers: Sequence[int] | np.ndarray,
    total: int,
    spacing: float,
    context: int,
    context_mm: float,
) -> None:
    """Write slices of one case with their context, interpolated in float32.

    Parameters
    ----------
    out : sequence of ndarray of float32, each of shape (rows, columns, context)
        Where each slice goes.
    read : callable
        Gives the slices of ascending numbers, shape (n, rows, columns); called
        once, with each slice that is needed once.
    numbers, total, spacing, context, context_mm
        As in `neighbours`, one number for each of `out`.
    """
    low, high, weight = neighbours(numbers, total, spacing, context, context_mm)
    needed = np.unique(np.concatenate([low, high]))
    stack = read(needed)
    low, high = np.searchsorted(needed, low), np.searchsorted(needed, high)
    for one, below, above, share in zip(out, low, high, weight, strict=True):
        for channel in range(context):
            first = stack[below[channel]]
            if share[channel]:
                first = first.astype(np.float32)
                first += (stack[above[channel]] - first) * share[channel]
            one[..., channel] = first
