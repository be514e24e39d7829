"""DICOM structure sets (RTSTRUCT): regions of interest as contours, on the slices of their image.

See part 3 of the standard, sections A.19 and C.8.8.6.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.contours import box_of, cross, inside
from slicewise.volumes.dicom.headers import value_of, whole
from slicewise.volumes.dicom.imaged import References, items_of, texts_of
from slicewise.volumes.dicom.painting import Drawn
from slicewise.volumes.dicom.parse import damaged, parse
from slicewise.volumes.dicom.source import opened
from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.segments import Segment
from slicewise.wording import plural

logger = logging.getLogger(__name__)

WHAT = "DICOM structure set (RTSTRUCT)"
TAGS = [
    "SOPClassUID",
    "FrameOfReferenceUID",
    "StructureSetROISequence",
    "ROIContourSequence",
    "ReferencedFrameOfReferenceSequence",
]
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
TOLERANCE = 0.1
"""How far a contour may lie from a slice of the image, in slices: headers round positions."""
NAME = 64
FARTHEST = 4
FAR = 512
"""Contours reach so many times the size of their image beyond it at most, or so many voxels."""


@dataclass(frozen=True)
class Contour:
    """A contour.

    Attributes
    ----------
    points : ndarray, shape (n, 3)
        Its corners in RAS+ mm.
    closed : bool
        Whether it has an inside.
    """

    points: np.ndarray
    closed: bool


@dataclass(frozen=True)
class Plane:
    """Polygons of a region in a slice, in voxels along the other two axes."""

    index: int
    polygons: list[np.ndarray]


@dataclass(frozen=True)
class StructureSet:
    """A file of regions of interest.

    Attributes
    ----------
    shown : str
        How messages name it.
    segments : tuple of Segment
        Its regions, by name and number.
    contours : mapping of int to sequence of Contour
        By the number of their region.
    told : References
        On which image it was drawn.
    """

    shown: str
    segments: tuple[Segment, ...]
    contours: Mapping[int, Sequence[Contour]]
    told: References

    what = WHAT

    @property
    def there(self) -> tuple[Segment, ...]:
        """Those regions that have contours."""
        return tuple(one for one in self.segments if self.contours.get(one.value))

    def grid_on(self, image: VoxelGrid) -> VoxelGrid:
        """Return the image's grid: contours have none of their own."""
        return image

    def own_grid(self, image: VoxelGrid) -> VoxelGrid:
        """Return the image's grid, continued as far as contours lie beyond it."""
        low = np.zeros(3)
        high = np.asarray(image.shape) - 1.0
        for contours in self.contours.values():
            for contour in contours:
                points = _voxels(contour.points, image)
                low = np.minimum(low, np.floor(points.min(axis=0)))
                high = np.maximum(high, np.ceil(points.max(axis=0)))
        low = np.maximum(low, _reach(image.shape)[0])
        size = np.minimum(high, _reach(image.shape)[1]) - low + 1
        shift = np.eye(4)
        shift[:3, 3] = low
        return VoxelGrid(tuple(int(n) for n in size), image.affine @ shift, self.shown)

    def check_complete(self, wanted: Sequence[Segment], grid: VoxelGrid) -> None:
        """Refuse contours that lie on no slice, and say what else was left out or may surprise.

        Parameters
        ----------
        wanted : sequence of Segment
            Those that are labels.
        grid : VoxelGrid
            Of the image.

        Raises
        ------
        SlicewiseError
            When a contour of a label lies between slices, across them, or far off.
        """
        across = self._across(grid)
        for segment in wanted:
            contours = self.contours[segment.value]
            open_ones = sum(not contour.closed for contour in contours)
            if open_ones:
                logger.warning(
                    "%s: %s of its ROI %s have no inside (points and open lines) and were left out",
                    self.shown,
                    plural(open_ones, "contour"),
                    segment.name,
                )
            self._refuse_far(segment, grid)
            self._refuse_between(segment, grid, across)
            self._say_planes(segment, self._planes(segment, grid, across))

    def drawn_on(self, grid: VoxelGrid) -> Iterator[Drawn]:
        """Yield what each region has in each slice of a grid."""
        across = self._across(grid)
        sides = [axis for axis in range(3) if axis != across]
        size = [grid.shape[axis] for axis in sides]
        for segment in self.there:
            for plane in self._planes(segment, grid, across):
                start, drawn = _filled(plane.polygons, size)
                low = np.clip(start, 0, size)
                high = np.clip(start + drawn.shape, low, size)
                part = drawn[tuple(slice(*ends) for ends in np.transpose([low, high] - start))]
                index = plane.index
                if not 0 <= index < grid.shape[across]:
                    part = part[:0]
                    high = np.array([low[0], high[1]])
                    index = 0
                where = [slice(int(a), int(b)) for a, b in zip(low, high, strict=True)]
                where.insert(across, slice(index, index + 1))
                outside = int(np.count_nonzero(drawn)) - int(np.count_nonzero(part))
                yield Drawn(segment, tuple(where), np.expand_dims(part, across), outside)

    def _across(self, grid: VoxelGrid) -> int:
        """Return the axis of the grid that contours lie across, which is that of its slices."""
        extents = [
            np.ptp(_voxels(contour.points, grid), axis=0)
            for contours in self.contours.values()
            for contour in contours
            if contour.closed
        ]
        return int(np.argmin(np.median(extents, axis=0))) if extents else 2

    def _planes(self, segment: Segment, grid: VoxelGrid, across: int) -> list[Plane]:
        """Return the contours of a region that lie on slices, each of them once."""
        sides = [axis for axis in range(3) if axis != across]
        planes: dict[int, list[np.ndarray]] = defaultdict(list)
        for contour in self.contours[segment.value]:
            points = _voxels(contour.points, grid)
            index = round(float(np.median(points[:, across])))
            on_it = np.abs(points[:, across] - index).max() <= TOLERANCE
            if not contour.closed or not on_it:
                continue
            polygon = points[:, sides]
            if not any(np.array_equal(polygon, other) for other in planes[index]):
                planes[index].append(polygon)
        return [Plane(index, planes[index]) for index in sorted(planes)]

    def _refuse_far(self, segment: Segment, grid: VoxelGrid) -> None:
        low, high = _reach(grid.shape)
        for contour in self.contours[segment.value]:
            points = _voxels(contour.points, grid)
            if (points < low).any() or (points > high).any():
                raise SlicewiseError(
                    f"{self.shown}: contours of its ROI {segment.name} lie far outside of its "
                    f"image {grid.shown}; take the structure set that was drawn on this image"
                )

    def _refuse_between(self, segment: Segment, grid: VoxelGrid, across: int) -> None:
        off = []
        for contour in self.contours[segment.value]:
            if contour.closed:
                depth = _voxels(contour.points, grid)[:, across]
                if np.ptp(depth) > 2 * TOLERANCE:
                    raise SlicewiseError(
                        f"{self.shown}: a contour of its ROI {segment.name} does not lie in one "
                        f"slice of its image {grid.shown}, but across {np.ptp(depth):.1f}; take "
                        "the structure set that was drawn on this series"
                    )
                off.append(np.abs(depth - np.rint(np.median(depth))).max())
        between = [one for one in off if one > TOLERANCE]
        if between:
            step = float(np.linalg.norm(grid.affine[:3, across]))
            raise SlicewiseError(
                f"{self.shown}: {len(between)} of the {len(off)} contours of its ROI "
                f"{segment.name} lie between the slices of its image {grid.shown}, up to "
                f"{max(between) * step:.2f} mm from the nearest; take the structure set that was "
                "drawn on this series, or export it again without interpolation"
            )

    def _say_planes(self, segment: Segment, planes: Sequence[Plane]) -> None:
        indices = [plane.index for plane in planes]
        missing = indices[-1] - indices[0] + 1 - len(indices) if indices else 0
        if missing:
            logger.warning(
                "%s: %s within its ROI %s have no contour: they are empty, nothing is interpolated",
                self.shown,
                plural(missing, "slice"),
                segment.name,
            )
        crossing = [
            plane
            for plane in planes
            if any(
                cross(one, other)
                for number, one in enumerate(plane.polygons)
                for other in plane.polygons[:number]
            )
        ]
        if crossing:
            logger.warning(
                "%s: contours of its ROI %s cross each other in %s: what lies in two of them is "
                "outside of it",
                self.shown,
                segment.name,
                plural(len(crossing), "slice"),
            )


def read_structure_set(path: Path, layer: int = 0) -> StructureSet:
    """Read a DICOM structure set.

    Parameters
    ----------
    path : Path
    layer : int
        Of its regions, which tells those of several files apart.

    Raises
    ------
    SlicewiseError
        When it is damaged, or has no regions.
    """
    with opened([path]) as files:
        (name,) = files.names
        shown = files.file(name) if files.short(name) != path.name else str(path)
        try:
            with files.open(name) as stream:
                header = parse(stream, TAGS, stop_before_pixels=True)
            contours = _contours(header)
        except Exception as error:  # parsers raise anything; their texts may quote the header
            raise SlicewiseError(damaged(files, name, error)) from None
    regions = []
    for item in items_of(header, "StructureSetROISequence"):
        number = whole(item, "ROINumber", -1)
        region = str(value_of(item, "ROIName") or "").strip()[:NAME]
        regions.append(Segment(region or f"ROI {number}", number, layer))
    numbers = Counter(one.value for one in regions)
    if not regions or min(numbers) < 0 or max(numbers.values()) > 1:
        raise SlicewiseError(
            f"{shown}: it does not say which regions it has (StructureSetROISequence), each by a "
            "number of its own; export it again"
        )
    unknown = sorted(contours.keys() - numbers.keys())
    if unknown:
        raise SlicewiseError(
            f"{shown}: it has contours of ROI number {unknown[0]}, which it does not describe "
            "(StructureSetROISequence); export it again"
        )
    return StructureSet(shown, tuple(regions), contours, _told(header))


def _contours(header: pydicom.Dataset) -> dict[int, list[Contour]]:
    """Return all contours by the number of their region.

    Raises
    ------
    ValueError
        When one holds other than numbers, three to a point.
    """
    contours: dict[int, list[Contour]] = defaultdict(list)
    for region in items_of(header, "ROIContourSequence"):
        number = whole(region, "ReferencedROINumber", -1)
        for item in items_of(region, "ContourSequence"):
            # as it was parsed: pydicom takes long to turn numbers into texts of its own
            given = item.get_item("ContourData")
            value = b"" if given is None or given.value is None else given.value
            texts = value.decode("ascii").split("\\") if isinstance(value, bytes) else value
            points = np.array([float(text) for text in texts if str(text).strip()])
            if not len(points):
                continue
            points = points.reshape(-1, 3) * [-1, -1, 1]
            if not np.isfinite(points).all():
                raise ValueError("a place that is none")
            kind = str(value_of(item, "ContourGeometricType") or "").strip().upper()
            contours[number].append(Contour(points, kind in CLOSED and len(points) > 2))
    return dict(contours)


def _told(header: pydicom.Dataset) -> References:
    series = [
        *items_of(
            header,
            "ReferencedFrameOfReferenceSequence",
            "RTReferencedStudySequence",
            "RTReferencedSeriesSequence",
        )
    ]
    drawn_on = items_of(header, "ROIContourSequence", "ContourSequence", "ContourImageSequence")
    frames = texts_of(items_of(header, "ReferencedFrameOfReferenceSequence"), "FrameOfReferenceUID")
    frames |= texts_of(items_of(header, "StructureSetROISequence"), "ReferencedFrameOfReferenceUID")
    return References(
        series=texts_of(series, "SeriesInstanceUID"),
        instances=texts_of(drawn_on, "ReferencedSOPInstanceUID"),
        frame_of_reference=next(iter(frames)) if len(frames) == 1 else "",
    )


def _voxels(points: np.ndarray, grid: VoxelGrid) -> np.ndarray:
    """Return points in voxels of a grid, a centre at whole numbers."""
    to_voxels = np.linalg.inv(grid.affine)
    return points @ to_voxels[:3, :3].T + to_voxels[:3, 3]


def _reach(shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last voxel that contours of an image may reach."""
    size = np.asarray(shape, np.float64)
    beyond = np.maximum(FARTHEST * size, FAR)
    return -beyond, size + beyond


def _filled(polygons: Sequence[np.ndarray], size: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels lie inside polygons by the even-odd rule, and where these pixels begin.

    What lies far off an image is cut off; of labels that was refused.
    """
    boxes = [box_of(polygon) for polygon in polygons]
    least, most = (end.astype(np.int64) for end in _reach(size))
    start = np.clip(np.min([start for start, _ in boxes], axis=0), least, most)
    end = np.clip(np.max([start + extent for start, extent in boxes], axis=0), start, most)
    drawn = np.zeros(end - start, bool)
    for polygon in polygons:
        drawn ^= inside(polygon, start, end - start)
    return start, drawn
