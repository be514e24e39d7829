"""DICOM: an image series, and the organ masks that IRCAD ships as DICOM.

Only the elements named in `_HEADER` and `_PIXELS` are ever parsed, so that no
name, date or description of a patient is in memory when a message is written.
"""

from __future__ import annotations

import difflib
import errno
import io
import logging
import math
import os
import re
import stat
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom import filereader
from pydicom.uid import ExplicitVRLittleEndian

from slicewise.errors import SlicewiseError
from slicewise.volumes import itk
from slicewise.volumes.formats import is_litter
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
LARGEST_ZIP = 20 * 1000**3
"""Bytes that a zip may declare to hold: more is no CT but a mistake or an attack."""

FREE = 1 << 26
"""Bytes that a file may unpack to, however small it is packed."""
PACKED_RATIO = 100
"""How many times larger than packed it may be beyond that."""
LARGEST_SLOPE = 1e9
LARGEST_INTERCEPT = 1e12
DEFLATED = b"1.2.840.10008.1.2.1.99"

_HEADER = [
    "SOPClassUID",
    "Modality",
    "SeriesInstanceUID",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SliceThickness",
    "SpacingBetweenSlices",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
]
_PIXELS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
]
_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
UID = re.compile(r"\d+(\.\d+){4,}")


@dataclass(frozen=True)
class _Files:
    """Files of a folder or members of a zip, read the same way."""

    shown: str
    names: tuple[str, ...]
    open: Callable[[str], BinaryIO]

    def only(self, names: Sequence[str], within: str) -> _Files:
        """Return the same source reduced to some of its files."""
        return _Files(f"{self.shown}, {within}", tuple(names), self.open)

    def file(self, name: str) -> str:
        """Name one file to the user.

        Scanners like to name files after their UID, which must not be shown:
        the number among the files in order of their names stands in for it.
        """
        short = PurePosixPath(name).name
        number = f"file {self.names.index(name) + 1} of {len(self.names)} in order of names"
        return f"{self.shown}: {number if UID.search(short) else short}"


@dataclass(frozen=True)
class _Slice:
    """What is needed of one slice's header; lengths in mm, directions in LPS."""

    name: str
    series: str
    rows: int
    columns: int
    spacing: tuple[float, float]
    orientation: np.ndarray | None
    position: np.ndarray | None
    thickness: float | None
    slope: float
    intercept: float


@dataclass(frozen=True)
class _Grid:
    """A stack of slices in the order of their position.

    `origin` is the centre of the first voxel; `axes` has the directions of
    growing column, row and slice as its columns (LPS); `spacing` is in mm.
    """

    slices: tuple[_Slice, ...]
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


def is_dicom(path: Path) -> bool:
    """Tell by its name whether a file is DICOM, or a folder or zip that may hold such."""
    return path.is_dir() or path.name.lower().endswith((".zip", ".dcm", ".dicom", ".ima"))


def read_series(
    source: Path | Sequence[Path], member_prefix: str | None = None, *, rescaled: bool = True
) -> Volume:
    """Read one DICOM series as a volume in Hounsfield units.

    Parameters
    ----------
    source : pathlib.Path or sequence of pathlib.Path
        A folder (searched to any depth), a zip, or the files themselves.
    member_prefix : str, optional
        Read only the files whose path below the folder or in the zip starts so.
    rescaled : bool
        Whether to apply the rescale slope and intercept; else the values are those stored.

    Returns
    -------
    Volume
        Array of shape (columns, rows, slices), the rescale slope and intercept
        applied: int16 where the values fit, else int32; float32 where the
        slope or intercept is no integer. Slices are in the order of their
        position along the normal, never of their names.

    Raises
    ------
    SlicewiseError
        When the files are no single, evenly spaced, untilted series.
    """
    with _opened(source, member_prefix) as files:
        grid = _grid(files, _headers(files))
        return Volume(_intensities(files, grid, rescaled), grid.affine)


def read_organ_masks(
    source: Path,
    organs: Mapping[str, str | Sequence[str]],
    series: Path | Sequence[Path],
) -> tuple[Volume, int]:
    """Read organ masks stored as DICOM, one folder an organ (3D-IRCADb-01).

    Parameters
    ----------
    source : pathlib.Path
        ``MASKS_DICOM`` or ``MASKS_DICOM.zip``.
    organs : mapping from label name to folder name
        The first gets label 1, the next 2, and so on. Several folders for one
        label are united.
    series : pathlib.Path or sequence of pathlib.Path
        The image series that the masks belong to; only its headers are read.

    Returns
    -------
    mask : Volume
        uint8, on the same grid as ``read_series(series)``.
    overlap : int
        Number of voxels that more than one label claims; the later label has them.

    Raises
    ------
    SlicewiseError
        When an organ has no folder or its slices do not match the image's.
    """
    with _opened(series) as image_files:
        grid = _grid(image_files, _headers(image_files))
    first = grid.slices[0]
    stack = np.zeros((len(grid.slices), first.rows, first.columns), np.uint8)
    overlap = 0
    with _opened(source) as files:
        folders = _folders(files)
        for value, (label, wanted) in enumerate(organs.items(), start=1):
            for folder in [wanted] if isinstance(wanted, str) else wanted:
                if folder not in folders:
                    raise SlicewiseError(_no_folder(files, label, folder, folders))
                organ = files.only(folders[folder], f"folder {folder}")
                places = _pair(organ, _headers(organ), grid)
                for name, inside in _foreground(organ, places):
                    target = stack[places[name]]
                    overlap += int(np.count_nonzero(inside & (target != 0) & (target != value)))
                    target[inside] = value
    return Volume(stack.transpose(2, 1, 0), grid.affine), overlap


# --- files ---------------------------------------------------------------------------------


@contextmanager
def _opened(source: Path | Sequence[Path], member_prefix: str | None = None) -> Iterator[_Files]:
    """Open a folder, a zip or a list of files; members of a zip stay in memory."""
    if not isinstance(source, (str, os.PathLike)):
        paths = [Path(path) for path in source]
        if len(paths) != 1:
            yield _listed(paths, member_prefix)
            return
        source = paths[0]
    source = Path(source)
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.is_file())
        yield _below(source, paths, member_prefix)
    elif not source.exists():
        raise SlicewiseError(
            f"{source}: there is no such file, folder or zip; check the path and dataset.root"
        )
    elif source.suffix.lower() != ".zip":
        yield _listed([source], member_prefix)
    else:
        with _archive(source) as archive:
            names = [m.filename for m in _safe_members(source, archive) if not m.is_dir()]
            yield _Files(
                str(source),
                _wanted(names, member_prefix),
                lambda name: archive.open(name),  # type: ignore[return-value, arg-type]
            )


def _listed(paths: list[Path], member_prefix: str | None) -> _Files:
    """Give explicit files, shown to the user by the folder they share."""
    if not paths:
        raise SlicewiseError("DICOM series: the list of its files is empty; name at least one file")
    for path in paths:
        if not path.is_file():
            raise SlicewiseError(f"{path}: there is no such file; check the path and dataset.root")
    return _below(Path(os.path.commonpath([path.parent for path in paths])), paths, member_prefix)


def _below(root: Path, paths: Sequence[Path], member_prefix: str | None) -> _Files:
    names = sorted(path.relative_to(root).as_posix() for path in paths)
    return _Files(str(root), _wanted(names, member_prefix), lambda name: (root / name).open("rb"))


def _wanted(names: Sequence[str], prefix: str | None) -> tuple[str, ...]:
    """Leave out what file managers, archivers and DICOM media add to a series."""
    return tuple(
        sorted(
            name
            for name in names
            if (prefix is None or name.startswith(prefix))
            and not any(part.startswith(".") for part in PurePosixPath(name).parts)
            and not is_litter(PurePosixPath(name))
            and PurePosixPath(name).name.upper() != "DICOMDIR"
        )
    )


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (*(zipfile.BadZipFile, OSError, EOFError), *(ValueError, NotImplementedError)) as error:
        if isinstance(error, NotImplementedError):
            raise SlicewiseError(
                f"{path}: the zip is of a kind that Python does not know; unpack it and name the "
                "folder instead"
            ) from error
        if isinstance(error, OSError) and error.errno == errno.EACCES:
            raise SlicewiseError(
                f"{path}: the zip cannot be opened ({error.strerror}); check its permissions"
            ) from error
        raise SlicewiseError(
            f"{path}: the zip is cut short or damaged; copy or download it again"
        ) from error
    with archive:
        yield archive


def _safe_members(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Refuse a zip that no honest archiver makes.

    Nothing is ever extracted, but such a zip is not what the user believes it to be.
    """
    members = archive.infolist()
    for member in members:
        name = member.filename.replace("\\", "/")
        escapes = name.startswith("/") or ".." in name.split("/") or re.match("[A-Za-z]:", name)
        if escapes or stat.S_ISLNK(member.external_attr >> 16):
            raise SlicewiseError(
                f"{path}: the zip has a member that points outside its own folder; "
                "do not trust it, get it again from its source or zip the folder anew"
            )
        if member.flag_bits & 1:
            raise SlicewiseError(
                f"{path}: the zip is protected by a password; unpack it and name the folder instead"
            )
        if member.file_size > max(FREE, PACKED_RATIO * member.compress_size):
            raise SlicewiseError(
                f"{path}: the zip has a member that would unpack to {member.file_size} bytes, "
                "which no slice has; do not trust it, get it again from its source"
            )
    if sum(member.file_size for member in members) > LARGEST_ZIP:
        raise SlicewiseError(
            f"{path}: the zip would unpack to more than {LARGEST_ZIP // 1000**3} GB; "
            "unpack what is needed of it and name the folder instead"
        )
    return members


# --- headers -------------------------------------------------------------------------------


def _headers(files: _Files) -> list[_Slice]:
    """Read what is needed of every header; files that are no DICOM are left aside, with a line."""
    headers = [(name, _header(files, name)) for name in files.names]
    slices = [_slice(files, name, header) for name, header in headers if header is not None]
    if not slices:
        raise SlicewiseError(
            f"{files.shown}: it holds no DICOM image; check the path, or convert the image to NIfTI"
        )
    if len(slices) < len(headers):
        logger.warning(
            "%s: %d of %d files are no DICOM and were left aside",
            files.shown,
            len(headers) - len(slices),
            len(headers),
        )
    return slices


def _header(files: _Files, name: str) -> pydicom.Dataset | None:
    """Read one header, or return None for a file that is no DICOM."""
    try:
        with files.open(name) as stream:
            start = stream.read(132)
            # Files older than the standard's preamble start with a group number.
            is_dicom = start[128:] == b"DICM" or start[:2] in (b"\x08\x00", b"\x02\x00")
            if is_dicom:
                stream.seek(0)
                return _parse(stream, _HEADER, stop_before_pixels=True)
    except Exception as error:  # parsers raise anything; their texts may quote the header
        raise SlicewiseError(_damaged(files, name, error)) from None
    # An empty or overwritten slice at either end of a series leaves no gap to notice.
    if not start or PurePosixPath(name).suffix.lower() in _DICOM_SUFFIXES:
        raise SlicewiseError(_damaged(files, name))
    return None


def _parse(stream: BinaryIO, tags: list[str], stop_before_pixels: bool) -> pydicom.Dataset:
    _refuse_bomb(stream)
    with warnings.catch_warnings():
        # pydicom's warnings quote the values that it finds odd.
        warnings.simplefilter("ignore")
        return pydicom.dcmread(
            stream, force=True, specific_tags=list(tags), stop_before_pixels=stop_before_pixels
        )


def _refuse_bomb(stream: BinaryIO) -> None:
    """Refuse a deflated file that unpacks to more than slices have, as pydicom unpacks it whole.

    Raises
    ------
    ValueError
        When it does.
    """
    begun = stream.read(1 << 16)
    stream.seek(0)
    if DEFLATED not in begun:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filereader.read_preamble(stream, force=True)
        meta = filereader._read_file_meta_info(stream)  # as dcmread does before it unpacks
    if str(meta.get("TransferSyntaxUID", "")).encode() == DEFLATED:
        packed = stream.read()
        most = max(FREE, PACKED_RATIO * len(packed))
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        found = 0
        while packed and found <= most:
            found += len(unpacker.decompress(packed, 1 << 20))
            packed = unpacker.unconsumed_tail
        if found > most:
            raise ValueError("more than a slice")
    stream.seek(0)


def _damaged(files: _Files, name: str, error: Exception | None = None) -> str:
    if isinstance(error, OSError) and error.errno:
        return f"{files.file(name)} cannot be opened ({error.strerror}); check its permissions"
    return (
        f"{files.file(name)} is cut short or damaged; copy it again from the scanner or archive, "
        "or remove it from the folder if it is no part of the series"
    )


def _slice(files: _Files, name: str, header: pydicom.Dataset) -> _Slice:
    """Check that a header is a plain grey slice and take its geometry."""
    shown = files.file(name)
    if _value(header, "SOPClassUID") == _SEGMENTATION or _value(header, "Modality") == "SEG":
        raise SlicewiseError(
            f"{shown} is a DICOM segmentation (SEG), which is not read; convert it to NIfTI "
            "(for example with segimage2itkimage of dcmqi)"
        )
    if not _value(header, "Rows") or not _value(header, "Columns"):
        raise SlicewiseError(
            f"{shown} is DICOM but has no pixel data (a report, contours or a plan); "
            "keep only the image series in the folder"
        )
    if _whole(header, "NumberOfFrames", 1) != 1:
        raise SlicewiseError(
            f"{shown} is a multi-frame DICOM file, which is not read; convert the series to NIfTI "
            "(for example with dcm2niix)"
        )
    colour = str(_value(header, "PhotometricInterpretation") or "MONOCHROME2")
    if _whole(header, "SamplesPerPixel", 1) != 1 or not colour.startswith("MONOCHROME"):
        raise SlicewiseError(
            f"{shown} is a colour image; name the grey original series instead of a screenshot"
        )
    if _value(header, "ModalityLUTSequence"):
        raise SlicewiseError(
            f"{shown} stores its intensities behind a lookup table, which is not applied; "
            "convert the series to NIfTI (for example with dcm2niix)"
        )
    spacing = _numbers(header, "PixelSpacing", 2)
    if spacing is None or spacing.min() <= 0:
        raise SlicewiseError(
            f"{shown} does not say how large its pixels are (PixelSpacing); "
            "export the original series again or convert it to NIfTI with the right spacing"
        )
    slope = _rescale(header, "RescaleSlope", 1.0, LARGEST_SLOPE, shown)
    intercept = _rescale(header, "RescaleIntercept", 0.0, LARGEST_INTERCEPT, shown)
    thickness = _numbers(header, "SpacingBetweenSlices", 1)
    if thickness is None or thickness[0] <= 0:
        thickness = _numbers(header, "SliceThickness", 1)
    return _Slice(
        name=name,
        series=str(_value(header, "SeriesInstanceUID") or ""),
        rows=int(header.Rows),
        columns=int(header.Columns),
        spacing=(float(spacing[0]), float(spacing[1])),
        orientation=_numbers(header, "ImageOrientationPatient", 6),
        position=_numbers(header, "ImagePositionPatient", 3),
        thickness=None if thickness is None or thickness[0] <= 0 else float(thickness[0]),
        slope=slope,
        intercept=intercept,
    )


def _value(header: pydicom.Dataset, keyword: str) -> Any:
    try:
        return header.get(keyword)
    except Exception:  # pydicom converts values lazily and raises many types
        return None


def _rescale(
    header: pydicom.Dataset, keyword: str, default: float, most: float, shown: str
) -> float:
    """Return the rescale slope or intercept; what is there but no number is refused."""
    given = header.get_item(keyword) if keyword in header else None
    if given is None or given.value in (None, "", b""):
        return default
    value = _numbers(header, keyword, 1)
    if value is None or abs(value[0]) > most or (value[0] == 0 and default != 0):
        raise SlicewiseError(
            f"{shown} has a {keyword} that makes no intensities; export the original series again, "
            "or exclude the case"
        )
    return float(value[0])


def _whole(header: pydicom.Dataset, keyword: str, default: int) -> int:
    value = _numbers(header, keyword, 1)
    return default if value is None else int(value[0])


def _numbers(header: pydicom.Dataset, keyword: str, count: int) -> np.ndarray | None:
    """Return an element of `count` finite numbers, or None when it is anything else."""
    try:
        values = np.atleast_1d(np.asarray(_value(header, keyword), dtype=np.float64))
    except (TypeError, ValueError):
        return None
    return values if values.shape == (count,) and np.isfinite(values).all() else None


# --- geometry ------------------------------------------------------------------------------


def position_tolerance(spacing: float) -> float:
    """How far a slice may lie from its place on the even grid, in mm.

    One per cent of the spacing, but at least 0.06 mm because many headers
    round positions to a tenth of a millimetre, and never over a tenth of the spacing.
    """
    return min(max(0.01 * spacing, 0.06), 0.1 * spacing)


def _grid(files: _Files, slices: Sequence[_Slice]) -> _Grid:
    """Order slices along their normal and check that they make an even, upright stack."""
    _one_series(files, slices)
    axes = _axes(files, slices)
    row, column = slices[0].spacing
    along = np.array([_position(s) @ axes[:, 2] for s in slices])
    order = np.argsort(along, kind="stable")
    ordered = tuple(slices[index] for index in order)
    step = _even_step(files, along[order], ordered)
    positions = np.stack([_position(s) for s in ordered])
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
    return _Grid(ordered, positions[0], axes, (column, row, step))


def _one_series(files: _Files, slices: Sequence[_Slice]) -> None:
    """Refuse slices of several series, sizes, spacings or orientations."""
    series = sorted(Counter(s.series for s in slices).values(), reverse=True)
    if len(series) > 1:
        counts = ", ".join(str(count) for count in series[:8]) + (", …" if series[8:] else "")
        raise SlicewiseError(
            f"{files.shown}: it holds {len(series)} DICOM series (of {counts} slices); "
            "keep one series in the folder or name the files of one"
        )
    first = slices[0]
    for other in slices:
        for what, same in (
            ("size", (other.rows, other.columns) == (first.rows, first.columns)),
            ("pixel spacing", np.allclose(other.spacing, first.spacing, rtol=1e-3, atol=0)),
            ("orientation", _same(other.orientation, first.orientation)),
        ):
            if not same:
                raise SlicewiseError(
                    f"{files.file(other.name)} has another {what} than the slices before it; "
                    "keep only slices of one volume in the folder (move scouts elsewhere)"
                )


def _same(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    if one is None or two is None:
        return one is two
    return bool(np.allclose(one, two, rtol=0, atol=1e-3))


def _axes(files: _Files, slices: Sequence[_Slice]) -> np.ndarray:
    """Return the directions of column, row and slice index in LPS, shape (3, 3)."""
    orientation = slices[0].orientation
    missing = [s.name for s in slices if s.position is None]
    if orientation is None or missing:
        raise SlicewiseError(
            f"{files.file(missing[0] if missing else slices[0].name)} does not say where it lies "
            "(ImagePositionPatient, ImageOrientationPatient); export the original series again or "
            "convert it to NIfTI"
        )
    along_row, along_column = orientation[:3], orientation[3:]
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


def _position(one: _Slice) -> np.ndarray:
    """Position of a slice that `_axes` has found to have one."""
    assert one.position is not None
    return one.position


def _even_step(files: _Files, along: np.ndarray, ordered: Sequence[_Slice]) -> float:
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


def _no_gap(files: _Files, along: np.ndarray, step: float) -> None:
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


# --- pixels --------------------------------------------------------------------------------


def _intensities(files: _Files, grid: _Grid, rescaled: bool = True) -> np.ndarray:
    """Read the voxels of all slices, rescaled or not, shape (columns, rows, slices)."""
    if not rescaled:
        plain = tuple(replace(one, slope=1.0, intercept=0.0) for one in grid.slices)
        grid = replace(grid, slices=plain)
    first = grid.slices[0]
    shape = (len(grid.slices), first.rows, first.columns)
    whole = all(s.slope.is_integer() and s.intercept.is_integer() for s in grid.slices)
    stack = np.empty(shape, np.int16 if whole else np.float32)
    for index, one in enumerate(grid.slices):
        stored = _stored(files, one.name)
        if stored.shape != shape[1:]:
            raise SlicewiseError(_damaged(files, one.name))
        if not whole:
            stack[index] = stored * one.slope + one.intercept
            continue
        values = stored.astype(np.int64) * int(one.slope) + int(one.intercept)
        if stack.dtype == np.int16 and not _fits(values, np.int16):
            stack = stack.astype(np.int32)
        if not _fits(values, np.int32):
            raise SlicewiseError(_damaged(files, one.name))
        stack[index] = values
    return stack.transpose(2, 1, 0)


def _fits(values: np.ndarray, dtype: type[np.signedinteger]) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= values.min() and values.max() <= limits.max)


def _stored(files: _Files, name: str) -> np.ndarray:
    """Read the stored values of one slice, shape (rows, columns)."""
    try:
        with files.open(name) as stream:
            # A seek within a zip member decompresses it again, so it is read at once.
            header = _parse(io.BytesIO(stream.read()), _PIXELS, stop_before_pixels=False)
    except Exception as error:  # parsers raise anything; their texts may quote the header
        raise SlicewiseError(_damaged(files, name, error)) from None
    if "PixelData" not in header:
        raise SlicewiseError(
            f"{files.file(name)} has no pixel data; export the series again with its images"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Files older than the preamble have no transfer syntax: it was always plain.
            header.file_meta.setdefault("TransferSyntaxUID", ExplicitVRLittleEndian)
            if header.file_meta.TransferSyntaxUID.is_encapsulated:
                return _decompressed(header)
            return header.pixel_array
    except Exception:  # decoders raise anything; their texts may quote the header
        raise SlicewiseError(
            f"{files.file(name)} has pixel data that cannot be decoded; copy it again, or convert "
            "the series to NIfTI (for example with dcm2niix)"
        ) from None


def _decompressed(header: pydicom.Dataset) -> np.ndarray:
    """Decode JPEG and its like with GDCM, which pydicom has no decoder of its own for.

    `header` holds no rescale slope and intercept, so GDCM gives the stored values.
    """
    # 16 bits a pixel; GDCM is written in C++ and may crash on what is damaged
    promised = 2 * int(header.Rows) * int(header.Columns)
    if promised > max(FREE, PACKED_RATIO * len(header.PixelData)):
        raise ValueError("more pixels than are packed")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slice.dcm"
        header.save_as(path)
        return sitk.GetArrayFromImage(itk.read_image(path, "GDCMImageIO", promised))[0]


# --- organ masks ---------------------------------------------------------------------------


def _folders(files: _Files) -> dict[str, list[str]]:
    """Group files by the name of the folder that they lie in."""
    folders: dict[str, list[str]] = defaultdict(list)
    for name in files.names:
        folders[PurePosixPath(name).parent.name].append(name)
    folders.pop("", None)
    return dict(folders)


def _no_folder(files: _Files, label: str, folder: str, folders: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(folder, folders, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    there = ", ".join(sorted(folders)) or "no folder at all"
    return (
        f"{files.shown}: it has no folder {folder} for the label {label}{hint}; there is {there}, "
        "so correct dataset.labels or exclude the case"
    )


def _pair(files: _Files, masks: Sequence[_Slice], grid: _Grid) -> dict[str, int]:
    """Say which slice of the image each mask slice belongs to.

    By position where the masks have distinct ones, else by the number at the
    end of the file names, which then has to be the same set as the image's.
    """
    first = grid.slices[0]
    if len(masks) != len(grid.slices):
        raise SlicewiseError(
            f"{files.shown}: it has {len(masks)} slices, but the image has {len(grid.slices)}; "
            "complete it or exclude the case"
        )
    if any((m.rows, m.columns) != (first.rows, first.columns) for m in masks):
        raise SlicewiseError(
            f"{files.shown}: its slices have another size than the image's ({first.columns} by "
            f"{first.rows}); take the masks made for this image or exclude the case"
        )
    known = [m.position for m in masks if m.position is not None]
    distinct = len({tuple(p.round(3)) for p in known}) == len(masks)
    places = _by_position(masks, grid) if distinct else _by_number(masks, grid)
    if places is None:
        how = "positions" if distinct else "numbers in the file names (they have no own positions)"
        raise SlicewiseError(
            f"{files.shown}: the {how} of its slices do not match the image's; take the masks made "
            "for this image or exclude the case"
        )
    if not distinct and len(masks) > 1:
        logger.warning(
            "%s: the slices have no own positions and were paired with the image's by the "
            "numbers in the file names",
            files.shown,
        )
    return places


def _by_position(masks: Sequence[_Slice], grid: _Grid) -> dict[str, int] | None:
    """Pair mask slices by position; None when one lies off the image's grid."""
    first = grid.slices[0]
    if not all(_same(m.orientation, first.orientation) for m in masks):
        return None
    if not all(np.allclose(m.spacing, first.spacing, rtol=1e-3, atol=0) for m in masks):
        return None
    steps = np.stack([_position(m) - grid.origin for m in masks]) @ grid.axes / grid.spacing
    indices = np.rint(steps[:, 2]).astype(int)
    steps[:, 2] -= indices
    on_grid = np.abs(steps).max() <= 0.1
    complete = np.array_equal(np.sort(indices), np.arange(len(masks)))
    if not (on_grid and complete):
        return None
    return {m.name: int(index) for m, index in zip(masks, indices, strict=True)}


def _by_number(masks: Sequence[_Slice], grid: _Grid) -> dict[str, int] | None:
    """Pair mask slices by the last number of their names; None when the sets differ."""
    places = {_number(s.name): index for index, s in enumerate(grid.slices)}
    numbers = [_number(m.name) for m in masks]
    if None in places or len(places) != len(masks) or set(numbers) != set(places):
        return None
    return {m.name: places[number] for m, number in zip(masks, numbers, strict=True)}


def _number(name: str) -> int | None:
    found = re.search(r"(\d+)\D*$", PurePosixPath(name).name)
    return int(found[1]) if found else None


def _foreground(files: _Files, names: Mapping[str, int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each mask slice as booleans of shape (rows, columns)."""
    seen: set[int] = set()
    for name in names:
        stored = _stored(files, name)
        inside = stored != 0
        seen.update(np.unique(stored[inside]).tolist())
        if len(seen) > 1:
            raise SlicewiseError(
                f"{files.shown}: it is no mask, because it holds several values besides 0 "
                f"({min(seen)} to {max(seen)}); name a folder of masks in dataset.labels"
            )
        yield name, inside
