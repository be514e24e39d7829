"""What lies around a slice: 2.5-D context, or the block that it is in.

The same for training and for prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from slicewise.config import Context


def empty(number: int, size: Sequence[int], depth: int, context: Context) -> np.ndarray:
    """Return room for slices with all that is seen of them.

    Parameters
    ----------
    number : int
        How many slices.
    size : sequence of int
        Their rows and columns.
    depth : int
        Channels of an image, each with its context.
    context : Context
        Whether there is room for what tells their plane, behind these; see `tell`.

    Returns
    -------
    ndarray of float32, shape (number, rows, columns, depth + context.told)
        With no values yet.
    """
    return np.empty((number, *size, depth + context.told), np.float32)


def tell(out: np.ndarray, across: int) -> None:
    """Write which plane a slice lies in: 1 for the axis across it, and 0 for both others.

    Parameters
    ----------
    out : ndarray, shape (…, rows, columns, channels)
        A slice, or several of one plane, whose last three channels are written.
    across : int
        Of the canonical (RAS+) axes that which is cut: 0 in sagittal, 1 in coronal, 2 in axial
        slices, and in oblique ones which are nearest to these.
    """
    out[..., -3:] = np.eye(3)[across]


@dataclass(frozen=True)
class Stack:
    """The slices of one case, which lie above each other.

    Attributes
    ----------
    read : callable
        Gives the slices of ascending numbers, shape (n, rows, columns), or
        (n, channels, rows, columns) of images of several channels.
    number : int
        How many there are.
    spacing : float
        Distance of neighbouring slices, mm.
    padding : float
        What is before the first and behind the last slice of a block that reaches beyond them.
    """

    read: Callable[[np.ndarray], np.ndarray]
    number: int
    spacing: float
    padding: float = 0.0


def neighbours(
    number: int | Sequence[int] | np.ndarray,
    total: int,
    spacing: float,
    context: Context,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find between which slices of its case each channel of a slice lies.

    Channel `c` lies ``(c - context.slices // 2) * context.mm`` millimetres from
    the slice, or at the first or last slice where the case ends before.

    Parameters
    ----------
    number : int or array_like of int, shape (...)
        The slices in the middle, counted from 0.
    total : int
        Slices of the case.
    spacing : float
        Distance of neighbouring slices, mm.
    context : Context
        How many channels, and how far apart.

    Returns
    -------
    low, high : ndarray of int, shape (..., channels)
        The slices below and above; the same one where a channel lies on a slice.
    weight : ndarray of float32, shape (..., channels)
        Weight of `high`; that of `low` is the rest to 1.

    Examples
    --------
    Slices of 2 mm, and neighbours 3 mm away: halfway between two slices, or
    the first slice where there is none below.

    >>> low, high, weight = neighbours(1, 9, 2.0, Context(slices=3, mm=3.0))
    >>> low.tolist(), high.tolist(), weight.tolist()
    ([0, 1, 2], [0, 1, 3], [0.0, 0.0, 0.5])
    """
    offsets = (np.arange(context.slices) - context.slices // 2) * context.mm / spacing
    # rounded, so that 3 slices of 0.8 mm are 2.4 mm and not one more slice to read
    place = np.round(np.asarray(number)[..., None] + offsets, 6).clip(0, total - 1)
    low = np.floor(place)
    high = np.ceil(place)
    return low.astype(np.int64), high.astype(np.int64), (place - low).astype(np.float32)


def block_start(number: int | Sequence[int] | np.ndarray, total: int, slices: int) -> np.ndarray:
    """Return the first slice of the block that a slice is in the middle of, as far as that goes.

    Parameters
    ----------
    number : int or array_like of int, shape (...)
        The slices, counted from 0.
    total, slices : int
        Slices of the case, and of the block.

    Returns
    -------
    ndarray of int, shape (...)
        Blocks lie within the case; one that is larger has the case in its middle, and begins
        before it.

    Examples
    --------
    >>> block_start([0, 5, 9], 10, 4).tolist(), block_start(3, 10, 16).tolist()
    ([0, 3, 6], -3)
    """
    if total <= slices:
        return np.full_like(np.asarray(number), -((slices - total) // 2))
    return (np.asarray(number) - slices // 2).clip(0, total - slices)


def fill_blocks(
    out: Sequence[np.ndarray], stack: Stack, numbers: Sequence[int] | np.ndarray, slices: int
) -> None:
    """Write the block that each of some slices of one case is in.

    Parameters
    ----------
    out : sequence of ndarray, each of shape (rows, columns, channels × slices)
        Where each block goes: first that of the image's first channel, then
        that of each other one.
    stack : Stack
        The case; read once, each slice that is needed once.
    numbers : sequence of int
        The slice of each of `out`, see `block_start`.
    slices : int
        Of a block.
    """
    wanted = block_start(numbers, stack.number, slices)[:, None] + np.arange(slices)
    inside = (wanted >= 0) & (wanted < stack.number)
    needed = np.unique(wanted[inside])
    read = stack.read(needed)
    of_channels = read.swapaxes(0, 1) if read.ndim == 4 else read[None]
    for position, layer in enumerate(of_channels):
        channels = slice(position * slices, (position + 1) * slices)
        for one, own, there in zip(out, wanted, inside, strict=True):
            target = one[..., channels]
            target[..., ~there] = stack.padding
            target[..., there] = np.moveaxis(layer[np.searchsorted(needed, own[there])], 0, -1)


def fill(
    out: Sequence[np.ndarray],
    stack: Stack,
    numbers: Sequence[int] | np.ndarray,
    context: Context,
) -> None:
    """Write slices of one case with their context, interpolated in float32, or their blocks.

    Parameters
    ----------
    out : sequence of ndarray of float32, each of shape (rows, columns, channels)
        Where each slice goes: first the context of the image's first channel,
        then that of each other one.
    stack : Stack
        The case; read once, each slice that is needed once.
    numbers : sequence of int
        The slice in the middle of each of `out`.
    context : Context
        How many channels, and how far apart.
    """
    if context.block:
        fill_blocks(out, stack, numbers, context.slices)
        return
    low, high, weight = neighbours(numbers, stack.number, stack.spacing, context)
    needed = np.unique(np.concatenate([low, high]))
    slices = stack.read(needed)
    low = np.searchsorted(needed, low)
    high = np.searchsorted(needed, high)
    of_channels = slices.swapaxes(0, 1) if slices.ndim == 4 else slices[None]
    for position, layer in enumerate(of_channels):
        start = position * context.slices
        for one, below, above, share in zip(out, low, high, weight, strict=True):
            for channel in range(context.slices):
                first = layer[below[channel]]
                if share[channel]:
                    first = first.astype(np.float32)
                    first += (layer[above[channel]] - first) * share[channel]
                one[..., start + channel] = first
