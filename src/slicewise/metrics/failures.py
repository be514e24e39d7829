"""What a segmentation got wrong in whole pieces: islands, missed parts, bulges, gaps.

Voxels belong together when they touch by a face, an edge or a corner.

- A false island is a component of the prediction that shares no voxel with the
  ground truth; a missed part is a component of the ground truth that shares
  none with the prediction.
- A bulge is a false region on a component that is right elsewhere, and a gap a
  missed region of a component that was found elsewhere, both as far as they
  are thick: what is left of them after a morphological opening (Serra, Image
  Analysis and Mathematical Morphology, 1982) by a box of 10 mm a side, to the voxel.
  So the thin rims by which any two outlines differ are neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from slicewise.boxes import bounding_box

TOUCHING = np.ones((3, 3, 3), bool)  # 26 neighbours
THICK_MM = 10.0
"""The side of the box that has to fit into a bulge or a gap."""


def failures(
    truth: np.ndarray,
    prediction: np.ndarray,
    voxel_ml: float,
    spacing: tuple[float, float, float],
) -> dict[str, float]:
    """Find what is wrong in whole pieces between two boolean masks of the same shape.

    Parameters
    ----------
    truth, prediction : ndarray of bool, shape (i, j, k)
        Ground truth and prediction.
    voxel_ml : float
        Volume of a voxel in millilitres.
    spacing : tuple of float
        Distance of neighbouring voxels along each axis, in mm.

    Returns
    -------
    dict
        false_islands and missed_parts, how many there are; false_islands_ml
        and missed_parts_ml, of all together; largest_false_ml and
        largest_missed_ml, of the largest island and part; largest_false_mm,
        from the largest island (of equal ones, the nearest) to the truth,
        between centres of voxels (NaN without an island or without truth);
        largest_bulge_ml and largest_gap_ml. Volumes are 0 where there is none.
    """
    if truth.flags.f_contiguous:  # scipy is several times slower on these
        truth = truth.T
        prediction = prediction.T
        spacing = spacing[::-1]
    box = _box(truth | prediction)
    true, guess = (np.ascontiguousarray(mask[box]) for mask in (truth, prediction))
    islands = _Untouched.of(guess, true)
    missed = _Untouched.of(true, guess)
    return {
        "false_islands": len(islands.sizes),
        "false_islands_ml": sum(islands.sizes) * voxel_ml,
        "largest_false_ml": max(islands.sizes, default=0) * voxel_ml,
        "largest_false_mm": _apart_mm(islands.largest, true, spacing),
        "missed_parts": len(missed.sizes),
        "missed_parts_ml": sum(missed.sizes) * voxel_ml,
        "largest_missed_ml": max(missed.sizes, default=0) * voxel_ml,
        "largest_bulge_ml": _thickest(guess & ~true & ~islands.mask, spacing) * voxel_ml,
        "largest_gap_ml": _thickest(true & ~guess & ~missed.mask, spacing) * voxel_ml,
    }


@dataclass(frozen=True)
class _Untouched:
    """The components of a mask that share no voxel with another one."""

    mask: np.ndarray
    largest: np.ndarray
    """The largest of these; all of them where several are."""
    sizes: list[int]
    """In voxels."""

    @classmethod
    def of(cls, mask: np.ndarray, other: np.ndarray) -> _Untouched:
        """Find them."""
        alone = np.zeros_like(mask)
        largest = np.zeros_like(mask)
        box = _box(mask)
        parts, _ = ndimage.label(mask[box], TOUCHING)
        sizes = np.bincount(parts[mask[box]], minlength=1)
        sizes[parts[(mask & other)[box]]] = 0
        if sizes.any():
            alone[box] = (sizes > 0)[parts]
            largest[box] = (sizes == sizes.max())[parts]
        return cls(alone, largest, sizes[sizes > 0].tolist())


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the bounding box of a mask; of an empty one, nothing."""
    return bounding_box(mask) or (slice(0),) * mask.ndim


def _apart_mm(mask: np.ndarray, other: np.ndarray, spacing: tuple[float, float, float]) -> float:
    """Return the least distance between voxels of two masks, in mm; NaN if one is empty."""
    if not mask.any() or not other.any():
        return float("nan")
    # the nearest voxels are some that have a neighbour outside
    places = [np.argwhere(each & ~_eroded(np.pad(each, 1), (3, 3, 3))) for each in (mask, other)]
    tree = KDTree(places[1] * spacing)
    return float(tree.query(places[0] * spacing)[0].min())


def _thickest(mask: np.ndarray, spacing: tuple[float, float, float]) -> int:
    """Count the voxels of the largest component that is left by an opening with a box."""
    sides = tuple(max(1, round(THICK_MM / step)) for step in spacing)
    core = _eroded(mask, sides)
    if not core.any():
        return 0
    opened = ~_eroded(~np.pad(core, [(side - 1, side - 1) for side in sides]), sides)
    parts, _ = ndimage.label(opened, TOUCHING)
    return int(np.bincount(parts[opened]).max())


def _eroded(mask: np.ndarray, sides: tuple[int, ...]) -> np.ndarray:
    """Return where a box fits into a mask, by its first corner; shorter by the box less one.

    Lengths are doubled, which is many times as fast as scipy's erosion.
    """
    for axis, side in enumerate(sides):
        mask = np.moveaxis(mask, axis, 0)
        length = 1
        while length < side:
            step = min(length, side - length)
            mask = mask[:-step] & mask[step:]
            length += step
        mask = np.moveaxis(mask, 0, axis)
    return mask
