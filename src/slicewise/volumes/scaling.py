"""Stored voxels as intensities: three dimensions, and the smallest type that holds the values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.volumes.volume import times


def three_dimensional(raw: np.ndarray, path: Path) -> np.ndarray:
    """Drop axes of length one behind the third, or give a single slice its third.

    Raises
    ------
    SlicewiseError
        When there are more dimensions, or no voxels.
    """
    shape = raw.shape
    if raw.ndim == 2:
        shape = (*shape, 1)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        way_out = ""
        if len(shape) == 4:
            way_out = (
                ", or say which frame is meant: by a column frame in a table (layout: table), or "
                "by {frame} in dataset.pairs.mask; of channels, name them in dataset.channels"
            )
        raise SlicewiseError(
            f"{path}: it has {len(shape)} dimensions ({times(shape)}) instead of "
            f"3; give one 3-D volume a file{way_out}"
        )
    if 0 in shape:
        raise SlicewiseError(f"{path}: it has no voxels; make the file again or exclude the case")
    return raw.reshape(shape, order="F")


FINE = 0.2
"""Steps below which values that are all a half of one from whole numbers stand for these."""


def scaled(raw: np.ndarray, slope: float, inter: float) -> np.ndarray:
    """Apply ``raw * slope + inter`` in the smallest type that holds the result.

    Parameters
    ----------
    raw : ndarray, shape (i, j, k)
        Stored values, of any real type; may be changed.
    slope, inter : float
        As in a NIfTI header.

    Returns
    -------
    ndarray, shape (i, j, k)
        Of 16 bits where integers fit (8 stay 8 where nothing changes), else
        of 32; float32 where slope, intercept or voxels are no integers. Whole numbers that
        were stored in fine steps, as nibabel stores a label map of floats under an integer
        header, are whole again.

    Examples
    --------
    >>> scaled(np.array([[[0, 2000]]], dtype=np.uint16), 1, -1024)
    array([[[-1024,   976]]], dtype=int16)
    >>> scaled(np.array([[[0, 3]]], dtype=np.int8), 0.5, 0)
    array([[[0. , 1.5]]], dtype=float32)
    >>> scaled(np.array([[[0, 128, 255]]], dtype=np.uint8), 2 / 255, 0)
    array([[[0., 1., 2.]]], dtype=float32)
    """
    if raw.dtype.kind == "f" or not (float(slope).is_integer() and float(inter).is_integer()):
        if slope == 1 and inter == 0:
            return raw.astype(np.float32, copy=False)
        scaled = np.empty(raw.shape, np.float32, order="F")
        whole = raw.dtype.kind != "f" and abs(slope) < FINE
        for k in range(raw.shape[2]):
            # One slice at a time: in double precision, without a double-precision copy.
            values = raw[..., k].astype(np.float64) * slope + inter
            # half a step is what the file rounds by; of an image many values lie between
            whole = whole and bool((np.abs(values - np.rint(values)) < 0.51 * abs(slope)).all())
            scaled[..., k] = values
        return np.rint(scaled, out=scaled) if whole else scaled
    ends = [int(end) * int(slope) + int(inter) for end in (raw.min(), raw.max())]
    target = _integer_type(raw.dtype, min(ends), max(ends), changed=(slope, inter) != (1, 0))
    if target is None:
        return (raw.astype(np.float64) * slope + inter).astype(np.float32)
    # Integer arithmetic wraps around, and the result fits: what overflows between comes back.
    # In place: a second copy of a whole body is as large as all else that is done to it.
    scaled = raw.astype(target, copy=not raw.flags.writeable)
    if slope != 1:
        scaled *= np.int64(slope).astype(target)
    if inter != 0:
        scaled += np.int64(inter).astype(target)
    return scaled


def _integer_type(dtype: np.dtype, low: int, high: int, changed: bool) -> Any:
    """Return the type for integers from `low` to `high`, or None when 32 bits are too few."""
    if dtype.itemsize <= 2 and not changed:
        return dtype.newbyteorder("=")
    for target in (np.int16, np.int32):
        if np.iinfo(target).min <= low and high <= np.iinfo(target).max:
            return target
    return None
