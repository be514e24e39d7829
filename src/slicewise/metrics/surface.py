"""Distances between the surfaces of two masks, in millimetres.

The surface of a mask is made of elements: one at each point where eight voxels
meet that are neither all inside nor all outside. An element lies at that
point, and counts with the area that marching cubes (Lorensen & Cline, SIGGRAPH
1987) puts there, so that neither coarse slices nor slanted walls count more
than they are. These are the elements, areas and distances by which the surface
Dice was defined (Nikolov et al., J Med Internet Res 2021), to the digit.

Slanted walls are two elements thick, of which the nearer ones decide. So a
distance between them comes out too short, by up to about half a voxel.

What lies beyond the edge of the image is outside: an organ that the scan cuts
off has a surface there. A volume of a single slice knows nothing beyond it:
there the surface is that of the outline, and both sides of the slice are none.

Definitions for empty masks: where the ground truth is empty nothing has a
value (NaN), whatever was predicted; where only the prediction is, the surface
Dice is 0 and distances have no value, as there is no surface to measure from.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.measure import marching_cubes, mesh_surface_area

from slicewise.boxes import bounding_box

CORNERS = tuple(np.ndindex(2, 2, 2))
"""The eight voxels about a point, in the order of the bits of its code."""

SPARSE = 0.05
"""Elements in a voxel up to which a tree finds the nearest sooner than a distance transform does.

Surfaces are that sparse, and a tree is up to four times as fast. Noise is not, and a tree takes
minutes.
"""

SLACK = 1e-5
"""How far, relatively, a distance may exceed the tolerance: headers round spacings to float32."""


def surface_distances(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: tuple[float, float, float],
    tolerance_mm: float,
) -> dict[str, float]:
    """Compare the surfaces of two boolean masks of the same shape.

    Parameters
    ----------
    truth, prediction : ndarray of bool, shape (i, j, k)
        Ground truth and prediction.
    spacing : tuple of float
        Distance of neighbouring voxels along each axis, in mm.
    tolerance_mm : float
        Up to which distance the surface Dice takes surfaces as the same.

    Returns
    -------
    dict
        hd95_mm: the greater of the two directed 95th percentiles of the
        distance from a surface to the nearest point of the other (Huttenlocher
        et al., IEEE TPAMI 1993; Maier-Hein et al., Nature Methods 2024).
        assd_mm: the mean of all distances of both directions (Heimann et al.,
        IEEE TMI 2009). nsd: the share of both surfaces that lies within the
        tolerance of the other (Nikolov et al., 2021). Each element counts with
        its area. All three are symmetric.
    """
    there = bool(truth.any()), bool(prediction.any())
    if not all(there):
        nothing = float("nan")
        return {"hd95_mm": nothing, "assd_mm": nothing, "nsd": 0.0 if there[0] else nothing}
    box = bounding_box(truth | prediction)
    assert box is not None
    codes = [_codes(_framed(mask[box], truth.shape)) for mask in (truth, prediction)]
    # all eight outside, or all inside: no surface
    borders = [(code != 0) & (code != 255) for code in codes]
    table = _areas(spacing)
    areas = [table[code[border]] for code, border in zip(codes, borders, strict=True)]
    distances = [
        _distances(borders[0], borders[1], spacing),
        _distances(borders[1], borders[0], spacing),
    ]
    every = np.concatenate(distances)
    weights = np.concatenate(areas)
    near = every <= tolerance_mm * (1 + SLACK)
    return {
        "hd95_mm": max(
            _percentile(distances[0], areas[0], 95), _percentile(distances[1], areas[1], 95)
        ),
        "assd_mm": float(np.average(every, weights=weights)),
        "nsd": float(np.average(near, weights=weights)),
    }


def _framed(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Lay what is outside around a mask, but for the sides of a single slice, which goes on there.

    Parameters
    ----------
    mask : ndarray of bool
        A box of the volume.
    shape : tuple of int
        Of the whole volume.
    """
    one_voxel = max(shape) == 1
    for axis, size in enumerate(shape):
        margin = [(int(other == axis),) * 2 for other in range(mask.ndim)]
        goes_on = size == 1 and not one_voxel
        mask = np.pad(mask, margin, mode="edge" if goes_on else "constant")
    return mask


def _codes(mask: np.ndarray) -> np.ndarray:
    """Return which of the eight voxels about each point are inside, a bit each.

    Returns
    -------
    ndarray of uint8
        One shorter along each axis than the mask.
    """
    codes = np.zeros([n - 1 for n in mask.shape], np.uint8)
    for bit, corner in enumerate(CORNERS):
        part = tuple(slice(c, n - 1 + c) for c, n in zip(corner, mask.shape, strict=True))
        codes |= mask[part].view(np.uint8) << np.uint8(bit)
    return codes


@lru_cache(maxsize=8)
def _areas(spacing: tuple[float, float, float]) -> np.ndarray:
    """Return the area of the surface element of each code, in mm², shape (256,).

    A mask and what it leaves have the same surface: what to do where it is
    ambiguous is read off the one of them that has fewer corners.
    """
    areas = np.zeros(256)
    for code in range(1, 255):
        cube = np.array([code >> bit & 1 for bit in range(8)], np.float32).reshape(2, 2, 2)
        if cube.sum() > 4:
            cube = 1 - cube
        points, triangles, _, _ = marching_cubes(cube, 0.5, method="lorensen")
        # points have 32 bits, which a spacing of 1 would leave to the sum of areas
        areas[code] = mesh_surface_area(points.astype(np.float64) * np.array(spacing), triangles)
    return areas


def _distances(
    source: np.ndarray, target: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """Return the distance of each element of a surface to the nearest of another, in mm."""
    if np.count_nonzero(source) + np.count_nonzero(target) <= SPARSE * source.size:
        tree = KDTree(np.argwhere(target) * spacing, 32, compact_nodes=False, balanced_tree=False)
        return tree.query(np.argwhere(source) * spacing)[0]
    # Only where the nearest lies: the distances of all voxels would take twice the time.
    nearest = ndimage.distance_transform_edt(
        ~target, sampling=spacing, return_distances=False, return_indices=True
    )
    squares = np.zeros(np.count_nonzero(source))
    places = np.ogrid[tuple(map(slice, source.shape))]
    for apart, here, step in zip(nearest, places, spacing, strict=True):
        apart -= here
        squares += (apart[source] * step) ** 2
    return np.sqrt(squares)


def _percentile(distances: np.ndarray, areas: np.ndarray, percent: float) -> float:
    """Return the least distance within which so much of the area lies."""
    order = np.argsort(distances)
    share = np.cumsum(areas[order])
    # a hair less, so that the order of the sum decides nothing
    wanted = share[-1] * percent / 100 * (1 - 1e-9)
    return float(distances[order[np.searchsorted(share, wanted)]])
