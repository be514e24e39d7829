"""The slices of a DICOM series in the order of their position, as an even, upright stack."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom import multiframe, scouts
from slicewise.volumes.dicom.headers import Slice
from slicewise.volumes.geometry import LPS_TO_RAS


class Names(Protocol):
    """How messages name a source of slices, and a file of it."""

    @property
    def shown(self) -> str:
        """Name the source."""

    def file(self, name: str) -> str:
        """Name a file, with the source."""

    def short(self, name: str) -> str:
        """Name a file alone."""


@dataclass(frozen=True)
class Grid:
    """A stack of slices in the order of their position.

    `origin` is the centre of the first voxel; `axes` has the directions of
    growing column, row and slice as its columns (LPS); `spacing` is in mm.
    """

    slices: tuple[Slice, ...]
    origin: np.ndarray
    axes: np.ndarray
    spacing: tuple[float, float, float]

    @property
    def affine(self) -> np.ndarray:
        """Return the affine from (column, row, slice) to RAS+ mm, shape (4, 4)."""
        affine = np.eye(4)
        affine[:3, :3] = self.axes * np.asarray(self.spacing)
        affine[:3, 3] = self.origin
        return LPS_TO_RAS @ affine


def position_tolerance(spacing: float) -> float:
    """How far a slice may lie from its place on the even grid, in mm.

    One per cent of the spacing, but at least 0.06 mm because many headers
    round positions to a tenth of a millimetre, and never over a tenth of the spacing.
    """
    return min(max(0.01 * spacing, 0.06), 0.1 * spacing)


def stacked(slices: Sequence[Slice], files: Names) -> Grid:
    """Order slices along their normal and check that they make an even, upright stack.

    Raises
    ------
    SlicewiseError
        When they are of several series or volumes, or make no such stack.
    """
    _one_series(files, slices)
    axes = axes_of(files, slices)
    row, column = slices[0].spacing
    along = np.array([position_of(s) @ axes[:, 2] for s in slices])
    order = np.argsort(along, kind="stable")
    ordered = tuple(slices[index] for index in order)
    step = _even_step(files, along[order], ordered)
    positions = np.stack([position_of(s) for s in ordered])
    sideways = (positions - positions[0]) @ axes[:, :2]
    drift = float(np.linalg.norm(sideways, axis=1).max())
    if drift > max(0.05, 0.1 * min(row, column)):
        tilt = math.degrees(math.atan2(drift, abs(float(along[order][-1] - along[order][0]))))
        raise SlicewiseError(
            f"{files.shown}: the slices are shifted sideways by up to {drift:.2f} mm (a gantry "
            f"tilted by about {tilt:.1f} degrees), so they make no upright volume; convert the "
            "series to NIfTI with tilt correction (dcm2niix does it) or exclude the case"
        )
    _no_gap(files, along[order], step)
    return Grid(ordered, positions[0], axes, (column, row, step))


def _one_series(files: Names, slices: Sequence[Slice]) -> None:
    """Refuse slices of several series, sizes, spacings or orientations."""
    series = sorted(Counter(s.series for s in slices).values(), reverse=True)
    if len(series) > 1:
        counts = ", ".join(str(count) for count in series[:8]) + (", …" if series[8:] else "")
        raise SlicewiseError(
            f"{files.shown}: it holds {len(series)} DICOM series (of {counts} slices): "
            f"{scouts.series_listed(slices, files.short)}; keep one series in the folder or name "
            "the files of one"
        )
    multiframe.check_one_volume(slices, files.shown)
    first = slices[0]
    for other in slices:
        for what, same in (
            ("size", (other.rows, other.columns) == (first.rows, first.columns)),
            ("pixel spacing", np.allclose(other.spacing, first.spacing, rtol=1e-3, atol=0)),
            ("orientation", same_direction(other.orientation, first.orientation)),
        ):
            if not same:
                raise SlicewiseError(
                    f"{_called(files, other)} has another {what} than the slices before it; "
                    "keep only slices of one volume in the folder (move scouts elsewhere)"
                )


def _called(files: Names, one: Slice) -> str:
    """Name a slice, or a frame of a file."""
    return f"{files.file(one.name)}{f', frame {one.frame + 1},' if one.volume else ''}"


def same_direction(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    """Tell whether two orientations are the same, or both missing."""
    if one is None or two is None:
        return one is two
    return bool(np.allclose(one, two, rtol=0, atol=1e-3))


def axes_of(files: Names, slices: Sequence[Slice]) -> np.ndarray:
    """Return the directions of column, row and slice index in LPS, shape (3, 3)."""
    orientation = slices[0].orientation
    missing = [s for s in slices if s.position is None]
    if orientation is None or missing:
        raise SlicewiseError(
            f"{_called(files, missing[0] if missing else slices[0])} does not say where it lies "
            "(ImagePositionPatient, ImageOrientationPatient); export the original series again or "
            "convert it to NIfTI"
        )
    along_row = orientation[:3]
    along_column = orientation[3:]
    lengths = np.linalg.norm(along_row), np.linalg.norm(along_column)
    if not np.allclose(lengths, 1, atol=1e-2) or abs(along_row @ along_column) > 1e-2:
        raise SlicewiseError(
            f"{files.shown}: its orientation (ImageOrientationPatient) is no pair of perpendicular "
            "directions; export the original series again or convert it to NIfTI"
        )
    # Headers round directions; the normal makes the first two exactly perpendicular again.
    along_row = along_row / lengths[0]
    normal = np.cross(along_row, along_column)
    normal = normal / np.linalg.norm(normal)
    return np.column_stack([along_row, np.cross(normal, along_row), normal])


def position_of(one: Slice) -> np.ndarray:
    """Position of a slice that `axes_of` has found to have one."""
    assert one.position is not None
    return one.position


def _even_step(files: Names, along: np.ndarray, ordered: Sequence[Slice]) -> float:
    """Return the distance of neighbouring slices in mm; refuse two at one place."""
    if len(along) == 1:
        if ordered[0].thickness is None:
            raise SlicewiseError(
                f"{files.shown}: its only slice does not say how thick it is (SliceThickness); "
                "add the other slices or convert it to NIfTI with the right spacing"
            )
        return ordered[0].thickness
    gaps = np.diff(along)
    typical = float(np.median(gaps))
    doubled = gaps <= max(0.01 * typical, 1e-3)
    if doubled.any():
        raise SlicewiseError(
            f"{files.shown}: {int(doubled.sum()) + 1} slices or more share a position (the first "
            f"at {along[:-1][doubled][0]:.2f} mm along the stack); keep one slice a position, "
            "of one phase or reconstruction"
        )
    even = np.abs(gaps - typical) <= 2 * position_tolerance(typical)
    # A line through all positions averages their rounding out, which the median does not.
    return float(np.polyfit(np.arange(len(along)), along, 1)[0]) if even.all() else typical


def _no_gap(files: Names, along: np.ndarray, step: float) -> None:
    """Refuse a stack that is not evenly spaced."""
    if len(along) == 1:
        return
    gaps = np.diff(along)
    tolerance = position_tolerance(step)
    if np.ptp(along - step * np.arange(len(along))) / 2 <= tolerance:
        return
    times = np.rint(gaps / step)
    wide = times >= 2
    if wide.any() and np.abs(gaps - times * step).max() <= 2 * tolerance:
        at = int(np.argmax(wide))
        raise SlicewiseError(
            f"{files.shown}: {int((times - 1).sum())} of its slices are missing, the first "
            f"between {along[at]:.2f} and {along[at + 1]:.2f} mm along the stack; add the missing "
            "files or exclude the case"
        )
    raise SlicewiseError(
        f"{files.shown}: its slices are unevenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm "
        "apart); convert the series to NIfTI with a resampled even spacing or exclude the case"
    )
