"""DICOM: an image series, and the organ masks that IRCAD ships as DICOM.

Only the elements named in `_HEADER` and `_PIXELS` are ever parsed, so that no
name, date or description of a patient is in memory when a message is written;
of functional groups, messages show numbers only.
A file of many frames (`multiframe`) becomes as many slices as it has frames.
"""

from __future__ import annotations

import difflib
import errno
import io
import logging
import os
import re
import stat
import tempfile
import warnings
import zipfile
import zlib
from collections import defaultdict
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
from slicewise.files import most_unpacked
from slicewise.volumes import itk, padding
from slicewise.volumes.dicom import multiframe, scouts
from slicewise.volumes.dicom.headers import Slice, is_filled, numbers, value_of, whole
from slicewise.volumes.dicom.stack import Grid, position_of, same_direction, stacked
from slicewise.volumes.formats import is_litter
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

LARGEST_ZIP = 20 * 1000**3
"""Bytes that a zip may declare to hold: more is no CT but a mistake or an attack."""
LARGEST_SLOPE = 1e9
"""Of a rescale slope or intercept; those of CT are about 1 and -1024."""
DEFLATED = b"1.2.840.10008.1.2.1.99"

_HEADER = [
    "SOPClassUID",
    "ImageType",
    "Modality",
    "SeriesInstanceUID",
    "SeriesNumber",
    "BitsAllocated",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "LossyImageCompression",
    multiframe.SHARED,
    multiframe.PER_FRAME,
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
        return f"{self.shown}: {self.short(name)}"

    def short(self, name: str) -> str:
        """Name one file as `file` does, without its folder."""
        short = PurePosixPath(name).name
        number = f"file {self.names.index(name) + 1} of {len(self.names)} in order of names"
        return number if UID.search(short) else short


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM, or a folder or zip that may hold such.

    By its name, or, as scanners give files none that says so, by its start.
    """
    if path.is_dir() or path.suffix.lower() in {".zip", *_DICOM_SUFFIXES}:
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_series(
    source: Path | Sequence[Path],
    member_prefix: str | None = None,
    *,
    rescaled: bool = True,
    fill: bool = True,
) -> Volume:
    """Read one DICOM series as a volume in Hounsfield units.

    Localizers, reports and screenshots that lie beside it are left aside with a line.

    Parameters
    ----------
    source : pathlib.Path or sequence of pathlib.Path
        A folder (searched to any depth), a zip, or the files themselves.
    member_prefix : str, optional
        Read only the files whose path below the folder or in the zip starts so.
    rescaled : bool
        Whether to apply the rescale slope and intercept; else the values are those stored.
    fill : bool
        Whether padding becomes air in CT, and the lowest other value where it
        lies far off in other images, with a line. Not of masks, and not of
        values as stored.

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
        grid = _image_grid(files)
        if rescaled:
            _check_rescale(files, grid.slices)
        else:
            plain = (replace(s, slope=1.0, intercept=0.0) for s in grid.slices)
            grid = replace(grid, slices=tuple(plain))
        filled = fill and rescaled
        volume = Volume(_intensities(files, grid, filled), grid.affine)
        if filled and grid.slices[0].modality == "CT":
            return padding.as_air(volume, files.shown)
        return volume


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
        grid = _image_grid(image_files)
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
                for place, inside in _foreground(organ, places):
                    target = stack[place]
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
        if member.file_size > most_unpacked(member.compress_size):
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


def _headers(files: _Files, *, beside: bool = False) -> list[Slice]:
    """Read what is needed of every header; files that are no DICOM are left aside, with a line.

    So are localizers and reports, where they may lie `beside` the slices.
    """
    headers = [(name, _header(files, name)) for name in files.names]
    images = [(name, header) for name, header in headers if header is not None]
    if not images:
        raise SlicewiseError(
            f"{files.shown}: it holds no DICOM image; check the path, or convert the image to NIfTI"
        )
    if len(images) < len(headers):
        logger.warning(
            "%s: %d of %d files are no DICOM and were left aside",
            files.shown,
            len(headers) - len(images),
            len(headers),
        )
    if not beside:
        return [one for name, header in images for one in _slices(files, name, header)]
    images, aside = scouts.without_others(images)
    small = scouts.small_series(images)
    slices: list[Slice] = []
    for name, header in images:
        try:
            slices += _slices(files, name, header)
        except SlicewiseError:
            if name not in small or _is_segmentation(header):
                raise
            aside.append((name, "image that is no slice"))
    _say_aside(files, aside)
    return slices


def _modality(header: pydicom.Dataset) -> str:
    """Return the modality if it is one, and no other text, because messages show it."""
    found = str(value_of(header, "Modality") or "").strip()
    return found if re.fullmatch(r"[A-Z]{2,9}", found) else ""


def _say_aside(files: _Files, aside: Sequence[tuple[str, str]]) -> None:
    if aside:
        logger.warning(
            "%s: %d of its files are no slices of the series and were left aside: %s",
            *(files.shown, len(aside), scouts.listed(aside, files.short)),
        )


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
        most = most_unpacked(len(packed))
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


def _slices(files: _Files, name: str, header: pydicom.Dataset) -> list[Slice]:
    """Take the slice of a file, or all frames of an enhanced one."""
    shown = files.file(name)
    _check_kind(shown, header)
    if not multiframe.is_multi_frame(header):
        return [_slice(shown, name, header)]
    frames = multiframe.frames_of(header, shown)
    volumes = multiframe.volume_of(header)
    return [
        replace(_slice(f"{shown}, frame {number + 1},", name, frame), frame=number, volume=volume)
        for number, (frame, volume) in enumerate(zip(frames, volumes, strict=True))
    ]


def _is_segmentation(header: pydicom.Dataset) -> bool:
    return value_of(header, "SOPClassUID") == _SEGMENTATION or value_of(header, "Modality") == "SEG"


def _check_kind(shown: str, header: pydicom.Dataset) -> None:
    """Refuse what is no grey image."""
    if _is_segmentation(header):
        raise SlicewiseError(
            f"{shown} is a DICOM segmentation (SEG), which is not read; convert it to NIfTI "
            "(for example with segimage2itkimage of dcmqi)"
        )
    if not value_of(header, "Rows") or not value_of(header, "Columns"):
        raise SlicewiseError(
            f"{shown} is DICOM but has no pixel data (a report, contours or a plan); "
            "keep only the image series in the folder"
        )
    colour = str(value_of(header, "PhotometricInterpretation") or "MONOCHROME2")
    if whole(header, "SamplesPerPixel", 1) != 1 or not colour.startswith("MONOCHROME"):
        raise SlicewiseError(
            f"{shown} is a colour image; name the grey original series instead of a screenshot"
        )
    if value_of(header, "ModalityLUTSequence"):
        raise SlicewiseError(
            f"{shown} stores its intensities behind a lookup table, which is not applied; "
            "convert the series to NIfTI (for example with dcm2niix)"
        )


def _slice(shown: str, name: str, header: pydicom.Dataset) -> Slice:
    """Take the geometry of a slice or frame, and what turns its values into intensities."""
    spacing = numbers(header, "PixelSpacing", 2)
    if spacing is None or spacing.min() <= 0:
        raise SlicewiseError(
            f"{shown} does not say how large its pixels are (PixelSpacing); "
            "export the original series again or convert it to NIfTI with the right spacing"
        )
    slope = numbers(header, "RescaleSlope", 1)
    intercept = numbers(header, "RescaleIntercept", 1)
    for keyword, number in (("RescaleSlope", slope), ("RescaleIntercept", intercept)):
        if number is None and is_filled(header, keyword):
            raise SlicewiseError(
                f"{shown} has a {keyword} that is no number; export the original series again or "
                "exclude the case"
            )
    thickness = numbers(header, "SpacingBetweenSlices", 1)
    if thickness is None or thickness[0] <= 0:
        thickness = numbers(header, "SliceThickness", 1)
    return Slice(
        name=name,
        series=str(value_of(header, "SeriesInstanceUID") or ""),
        rows=int(header.Rows),
        columns=int(header.Columns),
        spacing=(float(spacing[0]), float(spacing[1])),
        orientation=numbers(header, "ImageOrientationPatient", 6),
        position=numbers(header, "ImagePositionPatient", 3),
        thickness=None if thickness is None or thickness[0] <= 0 else float(thickness[0]),
        slope=1.0 if slope is None else float(slope[0]),
        intercept=0.0 if intercept is None else float(intercept[0]),
        number="" if numbers(header, "SeriesNumber", 1) is None else str(header.SeriesNumber),
        modality=_modality(header),
        padding=padding.padding_of(header),
        lossy=str(value_of(header, "LossyImageCompression")) == "01",
    )


# --- the series ---------------------------------------------------------------------------


def _image_grid(files: _Files) -> Grid:
    """Find the one series of an image, whatever localizers lie beside it."""
    slices, other = scouts.keep_one_series(_headers(files, beside=True))
    kept, turned = scouts.without_turned(slices)
    try:
        grid = stacked(kept, files)
    except SlicewiseError:
        if not turned:
            raise
        # what lies otherwise is missed in the stack, so it is no localizer
        return stacked(slices, files)
    aside = [*other, *turned]
    _say_aside(files, [(name, "localizer") for name in dict.fromkeys(s.name for s in aside)])
    return grid


# --- pixels --------------------------------------------------------------------------------


def _intensities(files: _Files, grid: Grid, fill: bool) -> np.ndarray:
    """Read the voxels of all slices, shape (columns, rows, slices).

    Padding is taken for what it is where `fill` says so, with a line.
    """
    first = grid.slices[0]
    shape = (len(grid.slices), first.rows, first.columns)
    exact = all(s.slope.is_integer() and s.intercept.is_integer() for s in grid.slices)
    stack = np.empty(shape, np.int16 if exact else np.float32)
    fill = fill and any(s.padding for s in grid.slices)
    air = 0
    unknown = np.zeros(shape if fill and first.modality != "CT" else (0, 0, 0), bool)
    for index, stored in _frames(files, grid.slices):
        one = grid.slices[index]
        values = _rescaled(stored, one, exact)
        if fill and one.modality == "CT":
            air += padding.fill_air(stored, values, one)
        elif unknown.size:
            unknown[index] = padding.is_padding(stored, one)
        if stack.dtype == np.int16 and not _fits(values, np.int16):
            stack = stack.astype(np.int32)
        if exact and not _fits(values, np.int32):
            raise SlicewiseError(_damaged(files, one.name))
        stack[index] = values
    if air:
        logger.warning(
            "%s: %d of %d voxels are padding by their header (PixelPaddingValue) and were taken as "
            "air (%d HU)",
            *(files.shown, air, stack.size, padding.AIR),
        )
    if unknown.size:
        stack = padding.fill_lowest(stack, unknown, files.shown)
    return stack.transpose(2, 1, 0)


def _check_rescale(files: _Files, slices: Sequence[Slice]) -> None:
    """Refuse a slope or intercept that no scanner writes."""
    for one in slices:
        if not 0 < abs(one.slope) <= LARGEST_SLOPE or abs(one.intercept) > LARGEST_SLOPE:
            raise SlicewiseError(
                f"{files.file(one.name)} has a RescaleSlope of {one.slope:g} and a "
                f"RescaleIntercept of {one.intercept:g}, which make no sense; export the original "
                "series again or exclude the case"
            )


def _rescaled(stored: np.ndarray, one: Slice, exact: bool) -> np.ndarray:
    """Apply the slope and intercept of a slice, in whole numbers where `exact`."""
    if exact:
        return stored.astype(np.int64) * int(one.slope) + int(one.intercept)
    return stored * one.slope + one.intercept


def _frames(files: _Files, slices: Sequence[Slice]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each slice's place and stored values, shape (rows, columns); a file is read once."""
    places: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(slices):
        places[one.name].append(index)
    for name, indices in places.items():
        stored = _stored(files, name)
        for index in indices:
            one = slices[index]
            if one.frame >= len(stored) or stored.shape[1:] != (one.rows, one.columns):
                raise SlicewiseError(_damaged(files, name))
            yield index, stored[one.frame]


def _fits(values: np.ndarray, dtype: type[np.signedinteger]) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= values.min() and values.max() <= limits.max)


def _stored(files: _Files, name: str) -> np.ndarray:
    """Read the stored values of a file, shape (frames, rows, columns)."""
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
            multiframe.check_length(header, files.file(name))
            if header.file_meta.TransferSyntaxUID.is_encapsulated:
                return _decompressed(header)
            return header.pixel_array.reshape(-1, header.Rows, header.Columns)
    except SlicewiseError:
        raise
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
    frames = whole(header, "NumberOfFrames", 1)
    promised = 2 * int(header.Rows) * int(header.Columns) * frames
    if promised > most_unpacked(len(header.PixelData)):
        raise ValueError("more pixels than are packed")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slice.dcm"
        header.save_as(path)
        try:
            return sitk.GetArrayFromImage(itk.read_image(path, "GDCMImageIO", promised))
        except SlicewiseError as error:  # names a file that nobody knows
            raise ValueError("its decoder crashed") from error


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


def _pair(files: _Files, masks: Sequence[Slice], grid: Grid) -> list[tuple[Slice, int]]:
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


def _by_position(masks: Sequence[Slice], grid: Grid) -> list[tuple[Slice, int]] | None:
    """Pair mask slices by position; None when one lies off the image's grid."""
    first = grid.slices[0]
    if not all(same_direction(m.orientation, first.orientation) for m in masks):
        return None
    if not all(np.allclose(m.spacing, first.spacing, rtol=1e-3, atol=0) for m in masks):
        return None
    steps = np.stack([position_of(m) - grid.origin for m in masks]) @ grid.axes / grid.spacing
    indices = np.rint(steps[:, 2]).astype(int)
    steps[:, 2] -= indices
    on_grid = np.abs(steps).max() <= 0.1
    complete = np.array_equal(np.sort(indices), np.arange(len(masks)))
    if not (on_grid and complete):
        return None
    return [(m, int(index)) for m, index in zip(masks, indices, strict=True)]


def _by_number(masks: Sequence[Slice], grid: Grid) -> list[tuple[Slice, int]] | None:
    """Pair mask slices by the last number of their names; None when the sets differ."""
    places = {_number(s.name): index for index, s in enumerate(grid.slices)}
    found = [_number(m.name) for m in masks]
    if None in places or len(places) != len(masks) or set(found) != set(places):
        return None
    return [(m, places[number]) for m, number in zip(masks, found, strict=True)]


def _number(name: str) -> int | None:
    found = re.search(r"(\d+)\D*$", PurePosixPath(name).name)
    return int(found[1]) if found else None


def _foreground(
    files: _Files, places: Sequence[tuple[Slice, int]]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the place of each mask slice, and booleans of shape (rows, columns)."""
    seen: set[int] = set()
    for index, stored in _frames(files, [mask for mask, _ in places]):
        inside = stored != 0
        seen.update(np.unique(stored[inside]).tolist())
        if len(seen) > 1:
            raise SlicewiseError(
                f"{files.shown}: it is no mask, because it holds several values besides 0 "
                f"({min(seen)} to {max(seen)}); name a folder of masks in dataset.labels"
            )
        yield places[index][1], inside
