"""Padding: voxels where nothing was measured, as outside the round field of view of a scanner.

They hold a value of their own that no body has: -2000 and -3024 in CT, or 63536,
which is -2000 read without its sign. Taken for intensities they are no air, and
those above all others would even be denser than any bone.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pydicom
from scipy import ndimage

from slicewise.volumes.dicom.headers import Slice, numbers, whole
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

AIR = -1024
"""Hounsfield units that padding of a CT becomes: what slices are padded with, too."""
LEAST = -1100
"""HU; what scanners make of air reaches down to it, noise included."""
LIKE_AIR = -900
"""HU; padding from `LEAST` to here is air already, and is left as it is."""
MOST = 32767
"""No Hounsfield unit is larger, since scanners store them in 16 bits."""
SHARE = 1e-3
"""So many of the voxels share a value that is padding without a header that says so."""
ALONE = 50
"""HU; no values beside padding are closer than that, but for a tenth as many."""
FAR = 0.1
"""Of the range of all others; padding that is farther off than that becomes their lowest value."""


def padding_of(header: pydicom.Dataset) -> tuple[int, int] | None:
    """Return the first and last stored value of padding that a header names, or None.

    ``PixelPaddingValue`` and ``PixelPaddingRangeLimit`` are signed where the
    pixels are; many files have it the other way round, so only the bits count.
    """
    named = [numbers(header, f"PixelPadding{kind}", 1) for kind in ("Value", "RangeLimit")]
    if named[0] is None:
        return None
    values = 1 << min(max(whole(header, "BitsAllocated", 16), 1), 32)
    lowest = -values // 2 if whole(header, "PixelRepresentation", 0) else 0
    ends = [(int(end[0]) - lowest) % values + lowest for end in named if end is not None]
    return min(ends), max(ends)


def fill_air(stored: np.ndarray, values: np.ndarray, one: Slice) -> int:
    """Make the padding of a slice of CT air, in place.

    Values that a body may have, such as 0 HU, are padding only where they are
    connected with the edge of the slice. Where lossy compression has changed
    values, all that are nearer to those of the padding than to air are padding.

    Parameters
    ----------
    stored : ndarray, shape (rows, columns)
        As in the file.
    values : ndarray, shape (rows, columns)
        In Hounsfield units; is changed.
    one : Slice
        With its padding.

    Returns
    -------
    int
        Number of pixels that became air.
    """
    if one.padding is None:
        return 0
    low, high = sorted(end * one.slope + one.intercept for end in one.padding)
    inside = is_padding(stored, one)
    if one.lossy and high < LEAST:
        inside |= values < (high + LEAST) / 2
    if low >= LEAST and high <= LIKE_AIR:
        return 0
    if high > LIKE_AIR and low <= MOST:
        inside = _at_the_edge(inside)
    values[inside] = AIR
    return int(np.count_nonzero(inside))


def is_padding(stored: np.ndarray, one: Slice) -> np.ndarray:
    """Return where a slice holds the padding that its header names, as booleans."""
    if one.padding is None:
        return np.zeros(stored.shape, bool)
    return (stored >= one.padding[0]) & (stored <= one.padding[1])


def _at_the_edge(inside: np.ndarray) -> np.ndarray:
    parts, _ = ndimage.label(inside)
    edge = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    return np.isin(parts, edge[edge > 0])


def fill_lowest(array: np.ndarray, inside: np.ndarray, path: str) -> np.ndarray:
    """Give padding of an image that is no CT the lowest value of all others, with a line.

    That is done where it lies far off them only: 0 around MR is no fault.

    Parameters
    ----------
    array : ndarray
        Intensities; may be changed.
    inside : ndarray of bool
        Where padding is.
    path : str
        How the line names the image.

    Returns
    -------
    ndarray
        In 16 bits again where padding was all that needed more.
    """
    others = array[~inside]
    if not (inside.any() and others.size):
        return array
    low = float(others.min())
    high = float(others.max())
    room = FAR * (high - low)
    padding = array[inside]
    off = (padding < low - room) | (padding > high + room)
    if not off.any():
        return array
    padding[off] = others.min()
    array[inside] = padding
    logger.warning(
        "%s: %d of %d voxels are padding by their header and were given the lowest value of all "
        "others (%g)",
        path,
        np.count_nonzero(off),
        array.size,
        low,
    )
    return narrowed(array)


def as_air(volume: Volume, path: str | None = None) -> Volume:
    """Make padding of a CT air, though no header says that it is padding.

    That is a value below -1100 or above 32767 HU which voxels at the edges of
    the volume have, and at least a thousandth of all; noise and metal do not
    have one value. So what is wrong in another way stays as it is: an
    intercept that was applied twice moves all voxels.

    Parameters
    ----------
    volume : Volume
        In Hounsfield units; of several channels, along a fourth axis, each has padding of its own.
    path : str, optional
        How a line names the image that says how many voxels these were; none without.

    Returns
    -------
    Volume
        Itself where nothing is padding.
    """
    if volume.array.ndim == 4:
        channels = [*np.moveaxis(volume.array, -1, 0)]
        filled = [as_air(replace(volume, array=channel), path).array for channel in channels]
        if all(new is channel for new, channel in zip(filled, channels, strict=True)):
            return volume
        return replace(volume, array=np.stack(filled, axis=-1))
    counts = _strange(volume.array)
    if not counts:
        return volume
    array = volume.array
    # before 16 bits, which the air needs
    if array.dtype.kind == "u" or array.dtype.itemsize == 1:
        array = array.astype(np.int32 if array.dtype.itemsize < 4 else np.int64)
    else:
        array = array.copy()
    for value in counts:
        array[array == value] = AIR
    if path is not None:
        named = " and ".join(f"{value:g}" for value in counts)
        logger.warning(
            "%s: %d of %d voxels have the value %s, which is padding around what was scanned; they "
            "are taken as air (%d HU)",
            path,
            sum(counts.values()),
            array.size,
            named,
            AIR,
        )
    return replace(volume, array=narrowed(array))


def _strange(array: np.ndarray) -> dict[float, int]:
    """Return the values at the edges that are padding, with how many voxels have each."""
    if not array.size or array.dtype.kind not in "iuf" or array.ndim != 3:
        return {}
    low = array.min()
    high = array.max()
    if not (np.isfinite(low) and np.isfinite(high)) or (low >= LEAST and high <= MOST):
        return {}
    # metal reaches the first and the last slice, but no edge of the box
    faces = [np.take(array, end, axis) for axis in range(3) for end in (0, -1)]
    lines = [np.take(face, end, axis) for face in faces for axis in (0, 1) for end in (0, -1)]
    border = np.unique(np.concatenate(lines))
    candidates = border[(border < LEAST) | (border > MOST)]
    counts: dict[float, int] = {}
    # far fewer than can be padding need no count of the whole volume
    for value in candidates[:64]:
        alike = int(np.count_nonzero(array == value))
        # in double precision: 16 bits would wrap around
        near = (float(value) - ALONE, float(value) + ALONE)
        if alike < SHARE * array.size:
            continue
        beside = int(np.count_nonzero((array > near[0]) & (array < near[1]))) - alike
        if beside <= FAR * alike:
            counts[float(value)] = alike
    return counts if sum(counts.values()) < array.size else {}


def narrowed(array: np.ndarray) -> np.ndarray:
    """Return integers in 16 bits where they fit."""
    if array.dtype.kind != "i" or array.dtype.itemsize <= 2:
        return array
    limits = np.iinfo(np.int16)
    fits = limits.min <= array.min() and array.max() <= limits.max
    return array.astype(np.int16) if fits else array
