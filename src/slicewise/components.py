"""What hangs together in a mask: its components, and how large they are."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

BLOCK = 1 << 25
"""Voxels that are counted at a time."""
TOUCHING = np.ones((3, 3, 3), bool)
"""Voxels hang together by faces, edges and corners: 26 neighbours."""


def components(mask: np.ndarray, structure: np.ndarray = TOUCHING) -> tuple[np.ndarray, int]:
    """Number the components of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        The mask within its box.
    structure : ndarray of bool, shape (3, 3, 3)
        Which neighbours hang together; the same in both directions of an axis.

    Returns
    -------
    parts : ndarray of int, shape (x, y, z)
        The number of the component of each voxel, from 1; 0 outside.
    number : int
        How many there are.
    """
    # scipy is several times slower on arrays whose first axis varies fastest
    if abs(mask.strides[0]) < abs(mask.strides[-1]):
        parts, number = ndimage.label(mask.T, structure.T)
        return parts.T, number
    return ndimage.label(mask, structure)


def sizes_of(parts: np.ndarray, number: int) -> np.ndarray:
    """Count the voxels of each part, 0 and so many others: shape (number + 1,).

    In blocks, as each would be made 64 bits large.
    """
    flat = parts.ravel("K")
    sizes = np.zeros(number + 1, np.int64)
    for start in range(0, flat.size, BLOCK):
        sizes += np.bincount(flat[start : start + BLOCK], minlength=number + 1)
    return sizes.astype(np.int32)


def component_sizes(mask: np.ndarray, structure: np.ndarray = TOUCHING) -> list[int]:
    """Return the voxels of each component of a mask, the largest first.

    Parameters
    ----------
    mask, structure
        As `components` takes them.

    Examples
    --------
    >>> component_sizes(np.array([[[True, False, True, True]]]))
    [2, 1]
    """
    sizes: list[int] = sizes_of(*components(mask, structure))[1:].tolist()
    return sorted(sizes, reverse=True)
