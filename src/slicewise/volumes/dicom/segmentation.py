"""DICOM segmentations (SEG): their segments, and their frames on a grid of voxels.

See part 3 of the standard, sections A.51 and C.8.20. A frame holds one segment
in one plane; of a label map, all segments of the plane. Writers leave out frames
without any voxel, so what has no frame is empty, unless the file says that it
has all planes (DimensionOrganizationType 3D), evenly spaced.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import iter_pixels

from slicewise.errors import SlicewiseError
from slicewise.files import most_unpacked
from slicewise.volumes.dicom import multiframe
from slicewise.volumes.dicom.headers import Slice, value_of, whole
from slicewise.volumes.dicom.imaged import References, items_of, texts_of
from slicewise.volumes.dicom.painting import Drawn
from slicewise.volumes.dicom.parse import HEADER, PIXELS, damaged, parse
from slicewise.volumes.dicom.slices import slice_of
from slicewise.volumes.dicom.source import SourceFiles, opened
from slicewise.volumes.dicom.stack import axes_of, position_of, position_tolerance, same_direction
from slicewise.volumes.geometry import LPS_TO_RAS
from slicewise.volumes.placing import Turn, VoxelGrid, placed_part, turn_of
from slicewise.volumes.segments import Segment

logger = logging.getLogger(__name__)

WHAT = "DICOM segmentation (SEG)"
SEG_HEADER = [
    *HEADER,
    "FrameOfReferenceUID",
    "SegmentationType",
    "SegmentSequence",
    "MaximumFractionalValue",
    "ReferencedSeriesSequence",
    "DimensionOrganizationType",
    "InConcatenationTotalNumber",
]
BINARY = "BINARY"
FRACTIONAL = "FRACTIONAL"
LABELMAP = "LABELMAP"
TOLERANCE = 0.1
"""How far a frame may lie from a slice of the image, in voxels: headers round positions, and
slices of a series need not be quite even."""
NAME = 64
"""The longest name of a segment that is taken, as the standard has it."""


@dataclass(frozen=True)
class Frame:
    """A frame: where it lies, and the number of its segment; None of a label map."""

    plane: Slice
    segment: int | None


@dataclass(frozen=True)
class Segmentation:
    """A file of segments.

    Attributes
    ----------
    files : SourceFiles
        That it is the only one of.
    shown : str
        How messages name it.
    kind : {"BINARY", "FRACTIONAL", "LABELMAP"}
    segments : tuple of Segment
        As its header tells of them.
    frames : tuple of Frame
    told : References
        On which image it was drawn.
    most : int
        MaximumFractionalValue.
    complete : bool
        Whether it says that its planes are evenly spaced, so that none is missing.
    """

    files: SourceFiles
    shown: str
    kind: str
    segments: tuple[Segment, ...]
    frames: tuple[Frame, ...]
    told: References
    most: int = 1
    complete: bool = False

    what = WHAT

    @cached_property
    def there(self) -> tuple[Segment, ...]:
        """Those segments that have frames; of a label map, all."""
        numbers = {frame.segment for frame in self.frames}
        return tuple(one for one in self.segments if None in numbers or one.value in numbers)

    def grid_on(self, image: VoxelGrid) -> VoxelGrid:
        """Return the image's grid where all frames lie on it, else that of the frames.

        Raises
        ------
        SlicewiseError
            When they make no grid.
        """
        turns = (self._turn(frame.plane, image) for frame in self.frames)
        return image if all(turn is not None for turn in turns) else self.own_grid(image)

    def own_grid(self, image: VoxelGrid) -> VoxelGrid:
        """Return the grid of the frames, from the first to the last, whatever the image's.

        Raises
        ------
        SlicewiseError
            When they lie on none.
        """
        planes = [frame.plane for frame in self.frames]
        first = planes[0]
        for other in planes:
            same = (other.rows, other.columns) == (first.rows, first.columns)
            same = same and np.allclose(other.spacing, first.spacing, rtol=1e-3, atol=0)
            if not same or not same_direction(other.orientation, first.orientation):
                raise SlicewiseError(
                    f"{self.shown}: its frames differ in size, pixel spacing or direction, so they "
                    "make no volume; convert it to NIfTI on the grid of its image"
                )
        axes = axes_of(self.files, planes)
        positions = np.stack([position_of(plane) for plane in planes])
        along = positions @ axes[:, 2]
        step = _step(np.unique(np.round(along, 4)), first.thickness or 1.0)
        lowest = positions[int(np.argmin(along))]
        places = (positions - lowest) @ axes / [first.spacing[1], first.spacing[0], step]
        off = np.abs(places - np.rint(places) * [0, 0, 1]).max(axis=0)
        if off[:2].max() > TOLERANCE or off[2] * step > max(position_tolerance(step), 0.1 * step):
            raise SlicewiseError(
                f"{self.shown}: its frames lie on no even grid of voxels (up to "
                f"{off.max():.2f} voxels beside it), and not on the slices of its image; take the "
                "mask that was drawn on this image, or convert it to NIfTI"
            )
        affine = np.eye(4)
        affine[:3, :3] = axes * [first.spacing[1], first.spacing[0], step]
        affine[:3, 3] = lowest
        shape = (first.columns, first.rows, int(np.rint(places[:, 2]).max()) + 1)
        return VoxelGrid(shape, LPS_TO_RAS @ affine, self.shown)

    def drawn_on(self, grid: VoxelGrid) -> Iterator[Drawn]:
        """Yield what each frame has of each segment, on a grid that they lie on (`grid_on`)."""
        by_number = {one.value: one for one in self.segments}
        for frame, stored in zip(self.frames, self._stored(), strict=True):
            numbers = [frame.segment]
            if frame.segment is None:
                numbers = [int(value) for value in np.unique(stored) if value]
            turn = self._turn(frame.plane, grid)
            assert turn is not None
            for number in numbers:
                segment = by_number.get(number or 0)
                if segment is None:
                    raise SlicewiseError(
                        f"{self.shown}: a frame has voxels of segment {number}, which its header "
                        "does not describe (SegmentSequence); export it again"
                    )
                inside = self._inside(stored, number if frame.segment is None else None)
                where, part = placed_part(inside.T[..., None], turn, grid.shape)
                lost = int(np.count_nonzero(inside)) - int(np.count_nonzero(part))
                yield Drawn(segment, where, part, lost)

    def check_complete(self, wanted: Sequence[Segment], grid: VoxelGrid) -> None:
        """Refuse a segment without some of its planes, or say how many were left out.

        Parameters
        ----------
        wanted : sequence of Segment
            Those that are labels.
        grid : VoxelGrid
            That its frames lie on (`grid_on`).

        Raises
        ------
        SlicewiseError
            When the file says that its planes are evenly spaced, and they are not.
        """
        if self.complete:
            self._check_even()
        places: dict[int | None, set[int]] = defaultdict(set)
        for frame in self.frames:
            turn = self._turn(frame.plane, grid)
            assert turn is not None
            place = turn.starts[turn.axes.index(2)]
            if place in places[frame.segment]:
                raise SlicewiseError(
                    f"{self.shown}: it has two frames of one segment in one plane; export it again"
                )
            places[frame.segment].add(place)
        for segment in wanted:
            own = places[None if None in places else segment.value]
            missing = max(own, default=0) - min(own, default=0) + 1 - len(own) if own else 0
            if missing:
                logger.warning(
                    "%s: %d planes within its segment %s have no frame: they are empty, as "
                    "segmentations leave out frames without any voxel",
                    self.shown,
                    missing,
                    segment.name,
                )

    def _check_even(self) -> None:
        """Refuse a file that says it has all planes of a volume, where some are missing."""
        planes = [frame.plane for frame in self.frames]
        normal = axes_of(self.files, planes)[:, 2]
        along = np.unique(np.round([position_of(plane) @ normal for plane in planes], 2))
        gaps = np.diff(along)
        if not len(gaps):
            return
        missing = int((np.rint(gaps / np.median(gaps)) - 1).clip(0).sum())
        if missing:
            raise SlicewiseError(
                f"{self.shown}: the frames of {missing} of its planes are missing, although it "
                "says that these are evenly spaced (DimensionOrganizationType is 3D); export it "
                "again"
            )

    def _turn(self, plane: Slice, grid: VoxelGrid) -> Turn | None:
        """Tell where a plane lies on a grid; None where it does not."""
        row, column = plane.spacing
        axes = axes_of(self.files, [plane])
        affine = np.eye(4)
        affine[:3, :3] = axes * [column, row, 1.0]
        affine[:3, 3] = position_of(plane)
        relation = np.linalg.inv(grid.affine) @ LPS_TO_RAS @ affine
        shape = (plane.columns, plane.rows, 1)
        turn = turn_of(relation, shape, TOLERANCE)
        if turn is None:
            return None
        across = turn.axes.index(2)
        return turn if 0 <= turn.starts[across] < grid.shape[across] else None

    def _inside(self, stored: np.ndarray, number: int | None) -> np.ndarray:
        """Return where a segment is: of fractions, where it has half a voxel or more."""
        if number is not None:
            return stored == number
        if self.kind == FRACTIONAL:
            return stored.astype(np.int32) * 2 >= self.most
        return stored != 0

    def _stored(self) -> Iterator[np.ndarray]:
        """Yield the values of each frame, shape (rows, columns), one at a time."""
        (name,) = self.files.names
        try:
            with self.files.open(name) as stream, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                header = parse(stream, PIXELS, stop_before_pixels=False)
                _check_length(header)
                yield from _pixels(header)
        except Exception as error:  # decoders raise anything; their texts may quote the header
            raise SlicewiseError(damaged(self.files, name, error)) from None


def read_seg(path: Path, layer: int = 0) -> Segmentation:
    """Read what a DICOM segmentation says of its segments and frames; no pixels.

    Parameters
    ----------
    path : Path
    layer : int
        Of its segments, which tells those of several files apart.

    Raises
    ------
    SlicewiseError
        When it is damaged, in parts, of an unknown kind, or does not say where
        its frames lie.
    """
    with opened([path]) as files:
        (name,) = files.names
        try:
            with files.open(name) as stream:
                header = parse(stream, SEG_HEADER, stop_before_pixels=True)
        except Exception as error:  # parsers raise anything; their texts may quote the header
            raise SlicewiseError(damaged(files, name, error)) from None
        shown = files.file(name) if files.short(name) != path.name else str(path)
        kind = str(value_of(header, "SegmentationType") or "").upper()
        if kind not in (BINARY, FRACTIONAL, LABELMAP):
            raise SlicewiseError(
                f"{shown}: it does not say of which kind of segmentation it is (SegmentationType "
                "is neither BINARY, FRACTIONAL nor LABELMAP); export it again"
            )
        parts = whole(header, "InConcatenationTotalNumber", 1)
        if parts > 1:
            raise SlicewiseError(
                f"{shown}: it is one of {parts} parts of a segmentation (a concatenation), whose "
                "other frames are missing here; export it as one file"
            )
        segments = _segments(header, shown, layer)
        frames = tuple(_frames(header, kind, shown, name))
        most = whole(header, "MaximumFractionalValue", 255)
        if kind == FRACTIONAL:
            logger.warning(
                "%s: it holds fractions; a voxel belongs to a segment where this has half of it or "
                "more (%g of %d)",
                shown,
                most / 2,
                most,
            )
        organised = str(value_of(header, "DimensionOrganizationType") or "")
        return Segmentation(
            files,
            shown,
            kind,
            segments,
            frames,
            _told(header),
            most,
            complete=organised.strip().upper() == "3D",
        )


def _segments(header: pydicom.Dataset, shown: str, layer: int) -> tuple[Segment, ...]:
    segments = []
    for item in items_of(header, "SegmentSequence"):
        number = whole(item, "SegmentNumber", -1)
        name = str(value_of(item, "SegmentLabel") or "").strip()[:NAME]
        if number:  # 0 is the background of a label map
            segments.append(Segment(name or f"segment {number}", number, layer))
    numbers = [one.value for one in segments]
    if not segments or min(numbers) < 1 or len(set(numbers)) < len(numbers):
        raise SlicewiseError(
            f"{shown}: it does not say which segments it has (SegmentSequence), each by a number "
            "of its own; export it again"
        )
    return tuple(segments)


def _frames(header: pydicom.Dataset, kind: str, shown: str, name: str) -> Iterator[Frame]:
    shared = next(iter(items_of(header, multiframe.SHARED)), pydicom.Dataset())
    groups = [*items_of(header, multiframe.PER_FRAME)]
    flat = multiframe.frames_of(header, shown)
    for number, (frame, own) in enumerate(zip(flat, groups, strict=True)):
        here = f"{shown}, frame {number + 1},"
        plane = replace(slice_of(here, name, frame), frame=number)
        if plane.position is None or plane.orientation is None:
            raise SlicewiseError(
                f"{here} does not say where it lies (ImagePositionPatient, "
                "ImageOrientationPatient); export it again or convert it to NIfTI"
            )
        if kind == LABELMAP:
            yield Frame(plane, None)
            continue
        told = [
            whole(item, "ReferencedSegmentNumber", 0)
            for group in (own, shared)
            for item in items_of(group, "SegmentIdentificationSequence")
        ]
        if not told:
            raise SlicewiseError(
                f"{here} does not say of which segment it is (SegmentIdentificationSequence); "
                "export it again"
            )
        yield Frame(plane, told[0])


def _told(header: pydicom.Dataset) -> References:
    derived = [
        source
        for keyword in (multiframe.PER_FRAME, multiframe.SHARED)
        for source in items_of(header, keyword, "DerivationImageSequence", "SourceImageSequence")
    ]
    return References(
        series=texts_of(items_of(header, "ReferencedSeriesSequence"), "SeriesInstanceUID"),
        instances=texts_of(derived, "ReferencedSOPInstanceUID"),
        frame_of_reference=str(value_of(header, "FrameOfReferenceUID") or "").strip(),
    )


def _step(along: np.ndarray, stated: float) -> float:
    """Return the distance of planes: the stated one where that makes an even grid, else the least.

    Parameters
    ----------
    along : ndarray
        Places along the normal in mm, sorted, each once.
    stated : float
        SpacingBetweenSlices, or else SliceThickness.
    """
    gaps = np.diff(along)
    if not len(gaps):
        return stated
    times = gaps / stated
    if np.abs(times - np.rint(times)).max() <= TOLERANCE and times.min() > 0.5:
        # positions average their rounding out over the whole length
        return float((along[-1] - along[0]) / np.rint(times).sum())
    return float(gaps.min())


def _pixels(header: pydicom.Dataset) -> Iterator[np.ndarray]:
    """Yield the values of each frame, shape (rows, columns)."""
    packed = header.file_meta.TransferSyntaxUID.is_encapsulated
    if packed or int(header.BitsAllocated) != 1:
        yield from iter_pixels(header, raw=True)
        return
    # pydicom 3.0 loses pixels of single frames that fill no whole number of bytes
    shape = (int(header.Rows), int(header.Columns))
    size = math.prod(shape)
    stored = np.frombuffer(header.PixelData, np.uint8)
    for frame in range(whole(header, "NumberOfFrames", 1)):
        first = frame * size
        part = stored[first // 8 : math.ceil((first + size) / 8)]
        bits = np.unpackbits(part, bitorder="little")
        yield bits[first % 8 : first % 8 + size].reshape(shape)


def _check_length(header: pydicom.Dataset) -> None:
    """Refuse other numbers of pixels than the header says, before any is unpacked.

    Raises
    ------
    ValueError
        When there are.
    """
    pixels = int(header.Rows) * int(header.Columns) * whole(header, "NumberOfFrames", 1)
    promised = math.ceil(pixels * int(header.BitsAllocated) / 8)
    there = len(header.PixelData)
    if header.file_meta.TransferSyntaxUID.is_encapsulated:
        if promised > most_unpacked(there):
            raise ValueError("more pixels than are packed")
    elif not promised <= there <= promised + 1:
        raise ValueError("another number of pixels")
