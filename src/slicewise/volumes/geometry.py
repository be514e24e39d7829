"""Where voxels lie: units of headers, sizes that no scanner makes, and geometry that was lost."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From the axes of DICOM and ITK (left, posterior, superior) to those of NIfTI."""

SMALLEST_MM = 0.01
"""Micro-CT of living animals has voxels of 0.01 to 0.1 mm. What is smaller is nearly always a size
in metres that is taken for millimetres (0.0008 for 0.8); finer microscopy has to be rescaled."""
LARGEST_MM = 100.0
"""Localizers and thick MR slabs have 10 to 50 mm; a whole-body slice of more is no picture."""
LARGEST_FIELD_MM = 5000.0
"""The longest scanners cover two metres."""
SLANT = 1.0
"""Degrees off the right angle between two axes; rounding and registration make much less."""
ROUNDING = 1 + 1e-6
"""Headers hold single precision: 0.01 comes back a little smaller."""

_MILLIMETRES = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
    **dict.fromkeys(("dm", "decimeter", "decimetre"), 100.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers"), 1e-3),
    **dict.fromkeys(("micrometre", "micrometres"), 1e-3),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-6),
    **dict.fromkeys(("in", "inch", "inches"), 25.4),
}
_SILENT = ("", "unknown", "???", "none")


def millimetres(unit: str) -> float:
    """Return the millimetres of a unit of length as headers write it.

    Parameters
    ----------
    unit : str
        ``mm``, ``meter``, ``um``, …. Without a unit sizes are millimetres, as
        everybody takes them.

    Raises
    ------
    KeyError
        When this is no known unit of length.
    """
    name = unit.strip().lower()
    return 1.0 if name in _SILENT else _MILLIMETRES[name]


def in_millimetres(affine: np.ndarray, unit: str, shape: Sequence[int], path: object) -> np.ndarray:
    """Turn the affine of a header into millimetres, and check it.

    Parameters
    ----------
    affine : ndarray, shape (4, 4)
        From voxel indices to the header's unit.
    unit : str
        See `millimetres`. What is no millimetre is said in a line.
    shape, path
        As in `check_geometry`.

    Returns
    -------
    ndarray of float64, shape (4, 4)

    Raises
    ------
    SlicewiseError
        When the unit is unknown, or as of `check_geometry`.
    """
    try:
        factor = millimetres(unit)
    except KeyError:
        raise SlicewiseError(
            f"{path}: its header measures voxels in {unit!r}, which is no known unit of length; "
            "write it again in millimetres"
        ) from None
    affine = np.asarray(affine, dtype=np.float64)
    if factor != 1:
        affine = np.diag([factor, factor, factor, 1.0]) @ affine
    check_geometry(affine, shape, path, unit)
    if factor != 1:
        sizes = " × ".join(f"{v:.4g}" for v in np.linalg.norm(affine[:3, :3], axis=0))
        logger.warning("%s: its header is in %s; its voxels measure %s mm", path, unit, sizes)
    return affine


def check_geometry(
    affine: np.ndarray, shape: Sequence[int], path: object, unit: str = "mm"
) -> None:
    """Check that voxels have a place in space and a size that some scanner makes.

    Parameters
    ----------
    affine : ndarray, shape (4, 4)
        From voxel indices to mm.
    shape : sequence of int
        Voxels along each axis.
    path : path-like
        How messages name the file.
    unit : str
        The unit that the header gives, for the message.

    Raises
    ------
    SlicewiseError
        When the affine is singular or not finite, its axes are not perpendicular, a voxel
        measures less than `SMALLEST_MM` or more than `LARGEST_MM` along an axis, or the
        volume more than `LARGEST_FIELD_MM`.
    """
    affine = np.asarray(affine, dtype=np.float64)
    columns = affine[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    # The determinant of unit columns does not depend on the size of the voxels.
    usable = bool(np.isfinite(affine).all()) and lengths.min() > 0
    if not usable or abs(np.linalg.det(columns / lengths)) < 1e-3:
        raise SlicewiseError(
            f"{path}: its affine is singular, so its voxels have no place in space; "
            "repair the header (sform and qform) or convert the original again"
        )
    _refuse_slanted(columns / lengths, path)
    known = "" if unit.lower() in ("mm", *_SILENT) else f" (its header is in {unit})"
    sizes = " × ".join(f"{length:.4g}" for length in lengths)
    remedy = "correct the spacing or the unit in the header, or convert the original again"
    if lengths.min() * ROUNDING < SMALLEST_MM or lengths.max() > LARGEST_MM * ROUNDING:
        raise SlicewiseError(
            f"{path}: its voxels measure {sizes} mm{known}, and what scanners make lies from "
            f"{SMALLEST_MM:g} to {LARGEST_MM:g} mm; {remedy}"
        )
    field = max((length * n for length, n in zip(lengths, shape, strict=False)), default=0.0)
    if field > LARGEST_FIELD_MM:
        raise SlicewiseError(
            f"{path}: it is {field / 1000:.4g} m long (voxels of {sizes} mm{known}), and no scan "
            f"is longer than {LARGEST_FIELD_MM / 1000:g} m; {remedy}"
        )


def _refuse_slanted(directions: np.ndarray, path: object) -> None:
    """Refuse axes that are not perpendicular, as distances are measured along them."""
    shared = np.abs(directions.T @ directions - np.eye(3)).max()
    slant = math.degrees(math.asin(min(shared, 1.0)))
    if slant > SLANT:
        raise SlicewiseError(
            f"{path}: its axes are off the right angle by {slant:.1f} degrees (as of a gantry that "
            "was tilted), so its voxels make no upright volume; convert the original with tilt "
            "correction (dcm2niix does it), resample it to perpendicular axes, or exclude the case"
        )


def is_lost(affine: np.ndarray) -> bool:
    """Tell whether an affine is what software writes that knows nothing of the voxels.

    That is the identity, up to the direction and order of its axes: each voxel
    1 mm, and the first one at the origin.
    """
    sizes = np.abs(affine[:3, :3])
    whole = np.isin(sizes, (0, 1)).all() and (sizes.sum(axis=0) == 1).all()
    return bool(whole) and not affine[:3, 3].any()


def with_spacing(volume: Volume, spacing: Sequence[float] | None) -> Volume:
    """Give a volume that has lost its geometry the size of its voxels.

    Parameters
    ----------
    volume : Volume
        One that has not lost it is returned as it is.
    spacing : three floats, or None
        Voxel size along each axis of the array, in mm (``dataset.spacing``).
    """
    if spacing is None or not volume.lost:
        return volume
    affine = volume.affine.copy()
    affine[:3, :3] *= np.asarray(spacing) / np.asarray(volume.spacing)
    return replace(volume, affine=affine)


def without_place(volume: Volume) -> np.ndarray:
    """Return the affine to write of a volume, so that `is_lost` tells of one that has lost it.

    Some formats place such a volume elsewhere (FreeSurfer around the origin).
    """
    affine = volume.affine.copy()
    if volume.lost:
        affine[:3, 3] = 0
    return affine
