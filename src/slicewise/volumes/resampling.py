"""Resampling of labels onto another grid, without a label between two others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from slicewise.boxes import bounding_box

TIE = 1e-3
"""Shares that differ by less are equal, or the last bit of an affine would decide."""
SLAB = 8
"""Layers that are resampled at a time, because shares are of 32 bits."""


def resampled(labels: np.ndarray, to_mask: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Resample label numbers label by label.

    The share of each label, and of the background, is interpolated linearly at
    each voxel of the image, and the largest share wins; of equal ones the
    background, then the lower number. On tilted grids that keeps surfaces
    smooth where the nearest neighbour makes stairs. Beyond the mask is background.

    Parameters
    ----------
    labels : ndarray of uint8, shape (i, j, k)
    to_mask : ndarray, shape (4, 4)
        From voxel indices of the image to those of the mask.
    shape : three ints
        Of the image.

    Returns
    -------
    ndarray of uint8, of this shape
    """
    placed = np.zeros(shape, np.uint8)
    box = bounding_box(labels > 0)
    if box is None:
        return placed
    ends = np.array([(part.start - 1, part.stop) for part in box])
    corners = corners_of(ends) @ np.linalg.inv(to_mask).T
    low = np.clip(np.floor(corners[:, :3].min(axis=0)), 0, shape).astype(int)
    high = np.clip(np.ceil(corners[:, :3].max(axis=0)) + 1, 0, shape).astype(int)
    for start in range(low[0], high[0], SLAB):
        begin = np.array([start, *low[1:]])
        end = np.array([min(start + SLAB, high[0]), *high[1:]])
        if (end > begin).all():
            target = tuple(slice(*each) for each in zip(begin, end, strict=True))
            placed[target] = _likeliest(labels, to_mask, begin, end)
    return placed


def _likeliest(
    labels: np.ndarray, to_mask: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Return the label with the largest share at each voxel of a box of the image."""
    seen = (corners_of(np.stack([begin, end - 1], axis=1)) @ to_mask.T)[:, :3]
    low = np.clip(np.floor(seen.min(axis=0)).astype(int) - 1, 0, labels.shape)
    high = np.clip(np.ceil(seen.max(axis=0)).astype(int) + 2, 0, labels.shape)
    chosen = np.zeros(end - begin, np.uint8)
    part = labels[tuple(slice(*each) for each in zip(low, high, strict=True))]
    if not part.size:
        return chosen
    offset = to_mask[:3, :3] @ begin + to_mask[:3, 3] - low

    def share(number: int) -> np.ndarray:
        return ndimage.affine_transform(
            (part == number).astype(np.float32),
            to_mask[:3, :3],
            offset,
            output_shape=chosen.shape,
            order=1,
            mode="grid-constant",
            cval=float(number == 0),
        )

    best = share(0)
    for number in np.unique(part[part > 0]):
        own = share(int(number))
        won = own > best + TIE
        chosen[won] = number
        best[won] = own[won]
    return chosen


def corners_of(ends: np.ndarray) -> np.ndarray:
    """Return the corners of a box, as homogeneous rows; `ends` has shape (3, 2)."""
    return np.array([(*corner, 1) for corner in itertools.product(*ends)], dtype=np.float64)
