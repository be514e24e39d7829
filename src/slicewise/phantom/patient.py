"""Synthetic abdominal CT of patients that do not exist, with exact organ masks.

Every organ is a signed distance (mm, negative inside) in the frame of one
standard patient: x to the right, y to the front, z to the head, the origin in
the middle of the upper abdomen. A patient differs from the standard by the
drawn sizes and places of the organs and by a smooth map (scale, rotation,
ripple) from the scanner's world into that frame. Organs are painted one over
the other, in the order of a table, slice by slice.
"""

from __future__ import annotations

import numpy as np
from nibabel import affines, orientations

from slicewise.phantom.anatomy import draw_anatomy
from slicewise.phantom.scanner import body_box, draw_grid, draw_pose, scan
from slicewise.volumes.volume import Volume

ORIENTATIONS = ("RAS", "LPS", "LAS")


def phantom(
    index: int, *, seed: int, size: int = 96, slices: tuple[int, int] = (24, 36)
) -> tuple[Volume, Volume]:
    """Return the CT and the organ mask of one synthetic patient.

    The anatomy depends on `seed` and `index` only: the same patient at another
    `size` is the same body on another grid, with other noise.

    Parameters
    ----------
    index : int
        Number of the patient, from 0.
    seed : int
        Seed of the collection, not negative.
    size : int
        Rows and columns of a slice.
    slices : tuple of int
        Least and greatest number of slices; the slice thickness follows, so
        that the slices always reach from the lung bases to below the liver.

    Returns
    -------
    image : Volume
        Hounsfield units as int16, oriented RAS, LPS or LAS.
    mask : Volume
        Values of `LABELS` as uint8 on the same grid.
    """
    rng = np.random.default_rng([seed, index])
    shapes = draw_anatomy(rng)
    pose = draw_pose(rng)
    low, high = body_box(pose, shapes)
    grid = draw_grid(rng, low, high, size, slices)
    codes = ORIENTATIONS[int(rng.integers(len(ORIENTATIONS)))]
    isocentre = rng.uniform((-15, -190, -900), (15, -130, -300))
    image, mask = scan(rng, pose, shapes, grid, float(low[1]))

    first = (float(grid.x[0, 0]), float(grid.y[0, 0]), float(grid.z[0]))
    affine = affines.from_matvec(np.diag(grid.spacing), isocentre + first)
    turn = orientations.ornt_transform(
        orientations.axcodes2ornt("RAS"), orientations.axcodes2ornt(codes)
    )
    affine = affine @ orientations.inv_ornt_aff(turn, image.shape)
    hu, labels = (
        Volume(np.ascontiguousarray(orientations.apply_orientation(array, turn)), affine)
        for array in (image, mask)
    )
    return hu, labels
