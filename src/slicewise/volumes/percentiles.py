"""Percentiles of large volumes, without sorting or copying them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from slicewise.volumes.volume import slabs

HALF = 1 << 16
SIGN = 1 << 31


def percentiles(array: np.ndarray, wanted: Sequence[float]) -> list[float]:
    """Return percentiles, each a value that occurs.

    Values are counted slab by slab: those of up to 16 bits once, others by the
    upper and then by the lower half of their bits. Memory stays that of a slab.

    Parameters
    ----------
    array : ndarray of up to 32 bits, shape (i, j, k)
        Finite numbers; float of more bits counts as single precision.
    wanted : sequence of float
        From 0 to 100.

    Returns
    -------
    list of float
        As ``numpy.percentile(array, wanted, method="nearest")``.
    """
    ranks = [int(np.around((array.size - 1) * (share / 100))) for share in wanted]
    if array.dtype.kind in "biu" and array.dtype.itemsize <= 2:
        lowest = int(np.iinfo(array.dtype).min) if array.dtype.kind == "i" else 0
        below = np.cumsum(_counted(part.astype(np.int32) - lowest for part in slabs(array)))
        return [float(np.searchsorted(below, rank, side="right") + lowest) for rank in ranks]
    below = np.cumsum(_counted(_keys(part) >> 16 for part in slabs(array)))
    uppers = [int(np.searchsorted(below, rank, side="right")) for rank in ranks]
    inner = {upper: np.zeros(HALF, np.int64) for upper in uppers}
    for keys in map(_keys, slabs(array)):
        for upper, counts in inner.items():
            counts += np.bincount(keys[keys >> 16 == upper] & (HALF - 1), minlength=HALF)
    values = []
    for rank, upper in zip(ranks, uppers, strict=True):
        before = int(below[upper - 1]) if upper else 0
        lower = int(np.searchsorted(np.cumsum(inner[upper]), rank - before, side="right"))
        values.append(_value(upper << 16 | lower, array.dtype.kind))
    return values


def _counted(parts: Iterator[np.ndarray]) -> np.ndarray:
    """Count values below 2^16."""
    counts = np.zeros(HALF, np.int64)
    for part in parts:
        counts += np.bincount(part.ravel("K"), minlength=HALF)
    return counts


def _keys(part: np.ndarray) -> np.ndarray:
    """Return numbers from 0 to 2^32 in the order of the values."""
    if part.dtype.kind != "f":
        return part.astype(np.int64) + SIGN
    # adding 0 makes -0 a 0
    bits = (part.astype(np.float32) + np.float32(0)).view(np.uint32).astype(np.int64)
    return np.where(bits >= SIGN, 2 * SIGN - 1 - bits, bits + SIGN)


def _value(key: int, kind: str) -> float:
    """Return the value of a key."""
    if kind != "f":
        return float(key - SIGN)
    bits = key - SIGN if key >= SIGN else 2 * SIGN - 1 - key
    return float(np.array(bits, np.uint32).view(np.float32))
