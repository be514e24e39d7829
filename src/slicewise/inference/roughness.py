"""How rough a mask is: the share of it that smoothing turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slicewise.boxes import bounding_box

REACH = 2
"""Voxels that are looked at to each side, of the finest axis; fewer of a coarse one."""
BLOCK = 32
"""Slices at a time, as a volume of a few hundred is not doubled for this."""


def roughness(own: np.ndarray, spacing: Sequence[float], *, contiguous: bool) -> float:
    """Return how many voxels change if each takes what most around it have, by those of the mask.

    Parameters
    ----------
    own : ndarray of bool, shape (x, y, z)
        Where a label is.
    spacing : sequence of float
        Millimetres of a voxel along each axis.
    contiguous : bool
        Whether slices along the third axis are neighbours; else each is looked at alone.

    Returns
    -------
    float
        0 of a mask that is nowhere.
    """
    box = bounding_box(own)
    if box is None:
        return 0.0
    reach = [round(REACH * min(spacing) / mm) for mm in spacing]
    if not contiguous:
        reach[2] = 0
    sides = zip(box, reach, own.shape, strict=True)
    part = own[tuple(slice(max(0, s.start - r), min(n, s.stop + r)) for s, r, n in sides)]
    deep = reach[2]
    changed = 0
    for start in range(0, part.shape[2], BLOCK):
        before = min(start, deep)
        block = part[..., start - before : start + BLOCK + deep]
        here = slice(before, before + min(BLOCK, part.shape[2] - start))
        changed += int(np.count_nonzero((_most(block, reach) != block)[..., here]))
    return float(changed / np.count_nonzero(part))


def _most(block: np.ndarray, reach: Sequence[int]) -> np.ndarray:
    """Return what most voxels have in the window around each; edges go on as they end."""
    sums = block.astype(np.uint8)  # at most 125
    for axis, far in enumerate(reach):
        sums = _summed(sums, axis, far)
    window = int(np.prod([2 * far + 1 for far in reach]))
    return sums > window // 2


def _summed(values: np.ndarray, axis: int, far: int) -> np.ndarray:
    """Add up neighbours along an axis, up to so far away."""
    if not far:
        return values
    wide = np.pad(values, [(far, far) if k == axis else (0, 0) for k in range(values.ndim)], "edge")
    wide = np.moveaxis(wide, axis, 0)
    size = values.shape[axis]
    total = wide[:size].copy()
    for by in range(1, 2 * far + 1):
        total += wide[by : by + size]
    return np.moveaxis(total, 0, axis)
