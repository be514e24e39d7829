"""Reading volumes of every supported format, and writing NIfTI."""

from __future__ import annotations

import functools
import gzip
import io
import json
import logging
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.filebasedimages import ImageFileError
from nibabel.freesurfer.mghformat import MGHError
from nibabel.spatialimages import HeaderDataError

from slicewise import files
from slicewise.config import Content
from slicewise.errors import SlicewiseError, explained
from slicewise.volumes import companions, itk, padding
from slicewise.volumes.checks import mask_values
from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.dicom.source import is_dicom
from slicewise.volumes.dicom.stack import LPS_TO_RAS
from slicewise.volumes.formats import is_nifti
from slicewise.volumes.geometry import (
    check_geometry,
    in_millimetres,
    is_lost,
    millimetres,
    with_spacing,
    without_place,
)
from slicewise.volumes.segments import has_segments, label_map, segments_of
from slicewise.volumes.stated import check_stated
from slicewise.volumes.volume import Volume

ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
NOTE = "slicewise"  # the key of what is noted in headers
FREESURFER_SUFFIXES = (".mgz", ".mgh")
GZIP_LEVEL = 1
"""Noise of a CT compresses hardly better at higher levels, which take up to four times as long."""

NRRD_HEADER = 1 << 16
"""Where a NRRD header is looked for; it ends with the first empty line."""
MGH_FLAG = slice(28, 30)
"""Bytes of FreeSurfer's header that are 0 where it says nothing of the voxels' size and place."""


_DAMAGED = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, ArithmeticError, np.linalg.LinAlgError),
    *(HeaderDataError, MGHError),
)
"""What nibabel raises of headers and voxels that make no sense."""

GZIP_RATIO = 1100
"""Gzip shrinks at most about 1030 times: a header that declares more would only fill memory."""

HEADER_ROOM = 1 << 24
"""Bytes between a header and its voxels, or behind them, that a file may have."""

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")


def _never_more_than_a_sentence(read: Callable[P, T]) -> Callable[P, T]:
    """Make what the system says of a file a sentence that names it."""

    @functools.wraps(read)
    def wrapped(*given: P.args, **named: P.kwargs) -> T:
        source = given[0] if given else next(iter(named.values()))
        shown = source[0] if isinstance(source, Sequence) and source else source
        try:
            return read(*given, **named)
        except OSError as error:
            why = explained(error, shown) or f"{shown}: it cannot be read ({error.strerror})"
            raise SlicewiseError(f"{why}; check its name, its permissions and the disk") from error
        except MemoryError as error:
            raise SlicewiseError(
                f"{shown}: its voxels do not fit into the memory of this machine; read it on a "
                "larger one, or exclude the case"
            ) from error

    return wrapped


@_never_more_than_a_sentence
def read_volume(path: Path) -> Volume:
    """Read a volume of any supported format.

    Parameters
    ----------
    path : pathlib.Path
        NIfTI (``.nii``, ``.nii.gz``, or a pair ``.hdr`` and ``.img``), NRRD or
        MetaImage (``.nrrd``, ``.nhdr``, ``.mha``, ``.mhd``), FreeSurfer's
        (``.mgz``, ``.mgh``), or a folder,
        ``.zip`` or single slice of DICOM.

    Returns
    -------
    Volume
        Array of shape (i, j, k) as stored, with its affine to RAS+ mm.

    Raises
    ------
    SlicewiseError
        When the file is missing, damaged, or no volume, or its voxels have a
        size that no scanner makes (see `check_geometry`).
    """
    path = Path(path)
    name = path.name.lower()
    if is_nifti(path) or companions.is_pair(path):
        return read_nifti(path)[0]
    if name.endswith(ITK_SUFFIXES):
        return _read_itk(path)
    if name.endswith(FREESURFER_SUFFIXES):
        return _read_freesurfer(path)
    if is_dicom(path):
        return _series(path, path)
    _must_exist(path)
    raise SlicewiseError(
        f"{path}: this is no format that can be read; give NIfTI (.nii, .nii.gz), NRRD (.nrrd), "
        "MetaImage (.mha, .mhd), FreeSurfer's .mgz, or a folder or zip of DICOM"
    )


@_never_more_than_a_sentence
def read_sources(paths: Sequence[Path], *, fill: bool = True) -> Volume:
    """Read a volume from its source files: a file and those that belong to it, or a series.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The files.
    fill : bool
        Whether padding of DICOM becomes air; not that of masks.

    Raises
    ------
    SlicewiseError
        As `read_volume`; also when the file names others than these as its data.
    """
    if companions.is_header(paths[0]):
        _must_exist(paths[0])
        companions.check_whole(paths)
        return read_volume(paths[0])
    if len(paths) == 1 and not is_dicom(paths[0]):
        return read_volume(paths[0])
    source, place = (paths[0], paths[0]) if len(paths) == 1 else (paths, paths[0].parent)
    return _series(source, place, fill)


def read_image(path: Path, content: Content, shown: str | None = None) -> Volume:
    """Read an image as a data set means it.

    Parameters
    ----------
    path : pathlib.Path
        NIfTI file of an image.
    content : Content
        ``dataset.offset`` is added to all voxels, ``dataset.spacing`` is the
        size of voxels whose file says nothing of it. Padding becomes air where
        ``dataset.intensity`` is ``hu``.
    shown : str, optional
        How a line names the image that says how much was padding; none without.

    Returns
    -------
    Volume
    """
    volume = with_spacing(read_volume(path), content.spacing).plus(content.offset)
    return padding.as_air(volume, shown) if content.intensity == "hu" else volume


def read_mask(paths: Sequence[Path], labels: Mapping[str, Any] | None = None) -> Volume:
    """Read a mask from its source files, of whatever type its values are.

    A DICOM mask is often written into a copy of its CT's header. Where the
    rescale intercept turns its values into none of a mask, the stored ones
    are taken, with a line that says so.

    Parameters
    ----------
    paths : sequence of Path
        The source files.
    labels : mapping, optional
        ``dataset.labels``, which the segments of a segmentation of 3D Slicer
        are compared with; see `label_map`. No other file has names.

    Returns
    -------
    Volume
        The label values, uint8 or uint16.

    Raises
    ------
    SlicewiseError
        When the files cannot be read, or a value is no whole number from 0 to 65535.
    """
    shown = str(paths[0] if len(paths) == 1 else paths[0].parent)
    if labels is not None and has_segments(paths[0]):
        return _read_segmentation(paths, labels)
    if any(isinstance(value, str) for value in (labels or {}).values()):
        raise SlicewiseError(
            f"{shown}: dataset.labels gives names of segments, and this file names none (3D Slicer "
            "writes them into .seg.nrrd); give mask values in dataset.labels"
        )
    volume = read_sources(paths, fill=False)
    try:
        return replace(volume, array=mask_values(volume.array, shown))
    except SlicewiseError:
        if len(paths) == 1 and not is_dicom(paths[0]):
            raise
        stored = read_series(paths[0] if len(paths) == 1 else paths, rescaled=False)
        try:
            values = mask_values(stored.array, shown)
        except SlicewiseError:
            values = None
        if values is None:
            raise
    logger.warning(
        f"{shown}: this mask carries the rescale slope and intercept of an image; its values are "
        "taken as they are stored"
    )
    return replace(stored, array=values)


@_never_more_than_a_sentence
def read_nifti(path: Path) -> tuple[Volume, nib.Nifti1Header]:
    """Read a NIfTI file, its intensity scale applied.

    Parameters
    ----------
    path : pathlib.Path
        ``.nii`` or ``.nii.gz``, or either half of a pair (``.hdr`` and ``.img``,
        each also with ``.gz``), of any orientation.

    Returns
    -------
    volume : Volume
        Array of shape (i, j, k). Integers stay integers (of 16 bits where the
        values fit) as long as slope and intercept are; else float32. A single
        slice becomes (i, j, 1). The affine is in mm whatever the header's unit
        is, which a line says where it is another one.
    header : nibabel.Nifti1Header
        The file's own header, to write a result on the same grid.

    Raises
    ------
    SlicewiseError
        When the file is missing, damaged, no NIfTI, in colour, 4-D, its affine
        is singular, or its voxels have a size that no scanner makes.
    """
    path = Path(path)
    image, array = _read_nibabel(path, _kind, "NIfTI")
    affine = in_millimetres(image.affine, _unit(image.header), array.shape, path)
    return Volume(array, affine, _lost(image.header, affine)), image.header.copy()


def _read_freesurfer(path: Path) -> Volume:
    """Read an image of FreeSurfer, whose lengths are in millimetres."""
    image, array = _read_nibabel(path, _freesurfer, "FreeSurfer")
    # nibabel puts FreeSurfer's own default where the file has none, and says so nowhere
    with _stream(path) as stream:
        known = any(stream.read(MGH_FLAG.stop)[MGH_FLAG])
    affine = in_millimetres(image.affine, "mm", array.shape, path)
    return Volume(array, affine, not known or is_lost(affine))


def _read_nibabel(path: Path, kind: Callable[[bytes], Any], called: str) -> tuple[Any, np.ndarray]:
    """Return an image of nibabel and its voxels, scaled, in three dimensions."""
    _must_exist(path)
    try:
        image, raw = _load_pair(path) if companions.is_pair(path) else _load(path, kind)
    except ImageFileError as error:
        raise SlicewiseError(
            f"{path}: this is no {called} image whatever its name says; convert it to NIfTI again"
        ) from error
    except (*_DAMAGED, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:
            raise SlicewiseError(
                f"{path}: the file cannot be opened ({error.strerror}); check its permissions and "
                "the disk"
            ) from error
        raise SlicewiseError(
            f"{path}: the file is cut short or damaged; copy or download it again"
        ) from error
    if raw.dtype.kind not in "iuf":
        raise SlicewiseError(
            f"{path}: its voxels are colours or complex numbers; give an image with one real "
            "number a voxel"
        )
    array = _scaled(_three_dimensional(raw, path), image.dataobj.slope, image.dataobj.inter)
    return image, array


def has_lost_geometry(path: Path) -> bool:
    """Tell, from the header alone, whether a NIfTI file says nothing of its voxels' size and place.

    What is no NIfTI file has not lost anything; reading it says what is wrong.
    """
    try:
        with _stream(path) as stream:
            start = stream.read(nib.Nifti2Header.sizeof_hdr)
            kind = _kind(start).header_class
            # without its extensions, whose sizes may be anything
            header = kind(start[: kind.sizeof_hdr], check=False)
            return _lost(header, in_millimetres(header.get_best_affine(), _unit(header), (), path))
    except (*_DAMAGED, zlib.error, ImageFileError, SlicewiseError):
        return False


def write_nifti(
    path: Path,
    volume: Volume,
    header: nib.Nifti1Header | None = None,
    dtype: np.typing.DTypeLike | None = None,
    note: Mapping[str, Any] | None = None,
) -> None:
    """Write a volume as NIfTI, in one step and always the same bytes.

    Parameters
    ----------
    path : pathlib.Path
        ``.nii`` or ``.nii.gz``.
    volume : Volume
        Array of shape (i, j, k) and affine. One that has lost its geometry has
        lost it in the file, too, where no header is given.
    header : nibabel.Nifti1Header, optional
        Header of the image that the volume belongs to; its units and the codes
        of its sform and qform are kept (the affine is written in its unit, so
        that a program that heeds no unit still sees the mask on its image).
        Its intensity scale, display range,
        intent, free text and extensions are not: they are the source's, and
        free text may name the patient.
    dtype : numpy dtype, optional
        Voxel type in the file; by default the array's. Integers must fit.
    note : mapping, optional
        What the volume was made from, as JSON in a comment of the header; see `read_note`.

    Raises
    ------
    SlicewiseError
        When `dtype` is uint8, as that of masks, and a value is no label.
    ValueError
        When the array is not 3-D, or another `dtype` would change a value.
    """
    path = Path(path)
    array = _cast(volume.array, np.dtype(volume.array.dtype if dtype is None else dtype), path)
    image = _image(array, without_place(volume) if header is None else volume.affine, header)
    if note is not None:
        text = json.dumps({NOTE: note}).encode()
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", text))
    with files.atomic(path) as temporary, temporary.open("wb") as stream:
        if path.name.lower().endswith(".gz"):
            # Without a time and a name in its header, equal volumes give equal bytes.
            with gzip.GzipFile("", "wb", GZIP_LEVEL, stream, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(stream)


def read_note(path: Path) -> dict[str, Any] | None:
    """Return what `write_nifti` noted in the header of a file; None where it noted nothing."""
    _must_exist(path)
    try:
        with _stream(path) as stream:
            start = stream.read(nib.Nifti2Header.sizeof_hdr)
            kind = _kind(start)
            _refuse_far(start, kind, stream)
            stream.seek(0)
            extensions = kind.from_stream(stream).header.extensions
    except (*_DAMAGED, zlib.error, ImageFileError):
        return None  # whoever reads the voxels says what is wrong
    for extension in extensions:
        with suppress(ValueError):
            found = json.loads(extension.get_content())
            if isinstance(found, dict) and isinstance(found.get(NOTE), dict):
                return dict(found[NOTE])
    return None


# --- NIfTI ---------------------------------------------------------------------------------


def _must_exist(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise SlicewiseError(
            f"{path}: this is no file (but a folder, a device or a pipe); check the path and "
            "dataset.root"
        )
    if not path.is_file():
        raise SlicewiseError(f"{path}: there is no such file; check the path and dataset.root")


@contextmanager
def _stream(path: Path) -> Iterator[gzip.GzipFile | BinaryIO]:
    """Open a file, unpacked when it is gzip whatever its name says."""
    with path.open("rb") as plain:
        if plain.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=plain) as unpacked:
                yield unpacked
        else:
            yield plain


def _load(path: Path, kind: Callable[[bytes], Any]) -> tuple[Any, np.ndarray]:
    """Return an image and its voxels as stored; its kind is told by the start of the header."""
    with _stream(path) as stream:
        start = stream.read(nib.Nifti2Header.sizeof_hdr)
        found = kind(start)
        _refuse_far(start, found, stream)
        stream.seek(0)
        image = found.from_stream(stream)
        _refuse_many(image, path, stream)
        raw = image.dataobj.get_unscaled()
        if isinstance(raw, np.memmap):
            # nibabel maps a plain file, which may be replaced while the volume is in use.
            raw = np.array(raw)
        _read_to_the_end(stream)
    return image, raw


def _refuse_far(start: bytes, kind: Any, stream: gzip.GzipFile | BinaryIO) -> None:
    """Refuse a NIfTI header whose voxels begin far behind it, or extensions that have no end.

    All between would be read, in one piece of whatever size is stated.
    """
    if not issubclass(kind, nib.Nifti1Pair):
        return
    top = kind.header_class
    if len(start) < top.sizeof_hdr:
        raise EOFError
    begin = float(top(start[: top.sizeof_hdr], check=False)["vox_offset"])
    if not 0 <= begin <= HEADER_ROOM:
        raise EOFError
    more = stream.read(max(0, (int(begin) or HEADER_ROOM) - len(start)))
    top.from_fileobj(io.BytesIO(start + more), check=False)


def _refuse_many(image: Any, path: Path, stream: gzip.GzipFile | BinaryIO) -> None:
    """Refuse a header that promises more voxels than its file can hold."""
    declared = math.prod(map(int, image.shape)) * image.get_data_dtype().itemsize
    packed = isinstance(stream, gzip.GzipFile)
    if declared > (GZIP_RATIO if packed else 1) * path.stat().st_size:
        raise EOFError


def _read_to_the_end(stream: gzip.GzipFile | BinaryIO) -> None:
    """Read to the end, which makes gzip compare its checksum; but not for ever."""
    more = 0
    while isinstance(stream, gzip.GzipFile) and (part := stream.read(1 << 20)):
        more += len(part)
        if more > HEADER_ROOM:
            raise EOFError


def _load_pair(path: Path) -> tuple[Any, np.ndarray]:
    """Return a NIfTI image in two files and its voxels as stored."""
    header, image = companions.check_pair(path)
    with _stream(header) as top, _stream(image) as stream:
        start = top.read(nib.Nifti2Header.sizeof_hdr)
        top = io.BytesIO(start + top.read(HEADER_ROOM))  # no more of it is a header
        kinds = (nib.Nifti1Pair, nib.Nifti2Pair)
        kind = next((k for k in kinds if k.header_class.may_contain_header(start)), None)
        if kind is None and nib.AnalyzeHeader.may_contain_header(start):
            raise SlicewiseError(
                f"{path}: an Analyze 7.5 image, which does not say where left and right are; "
                "convert it to NIfTI with the program that wrote it"
            )
        if kind is None:
            raise ImageFileError
        _refuse_far(top.read(), kind, io.BytesIO())
        top.seek(0)
        holders = {"header": nib.FileHolder(fileobj=top), "image": nib.FileHolder(fileobj=stream)}
        found = kind.from_file_map(holders)
        _refuse_many(found, image, stream)
        raw = np.array(found.dataobj.get_unscaled())
        _read_to_the_end(stream)
    return found, raw


def _kind(start: bytes) -> Any:
    """Tell NIfTI-1 from NIfTI-2 by the first bytes of the header."""
    for kind in (nib.Nifti1Image, nib.Nifti2Image):
        if kind.header_class.may_contain_header(start):
            return kind
    if not start:
        raise EOFError
    raise ImageFileError


def _freesurfer(start: bytes) -> Any:
    """Tell an image of FreeSurfer by its version, the first four bytes."""
    if not start:
        raise EOFError
    if start[:4] != b"\x00\x00\x00\x01":
        raise ImageFileError
    return nib.MGHImage


def _three_dimensional(raw: np.ndarray, path: Path) -> np.ndarray:
    """Drop axes of length one behind the third, or give a single slice its third."""
    shape = raw.shape
    if raw.ndim == 2:
        shape = (*shape, 1)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise SlicewiseError(
            f"{path}: it has {len(shape)} dimensions ({' × '.join(map(str, shape))}) instead of "
            "3; give one 3-D volume a file"
        )
    if 0 in shape:
        raise SlicewiseError(f"{path}: it has no voxels; make the file again or exclude the case")
    return raw.reshape(shape, order="F")


def _scaled(raw: np.ndarray, slope: float, inter: float) -> np.ndarray:
    """Apply ``raw * slope + inter`` in the smallest type that holds the result."""
    if raw.dtype.kind == "f" or not (float(slope).is_integer() and float(inter).is_integer()):
        if slope == 1 and inter == 0:
            return raw.astype(np.float32, copy=False)
        scaled = np.empty(raw.shape, np.float32, order="F")
        for k in range(raw.shape[2]):
            # One slice at a time: in double precision, without a double-precision copy.
            scaled[..., k] = raw[..., k].astype(np.float64) * slope + inter
        return scaled
    ends = [int(end) * int(slope) + int(inter) for end in (raw.min(), raw.max())]
    target = _integer_type(raw.dtype, min(ends), max(ends), changed=(slope, inter) != (1, 0))
    if target is None:
        return (raw.astype(np.float64) * slope + inter).astype(np.float32)
    # Integer arithmetic wraps around, and the result fits: what overflows between comes back.
    # In place: a second copy of a whole body is as large as all else that is done to it.
    scaled = raw.astype(target, copy=not raw.flags.writeable)
    if slope != 1:
        scaled *= np.int64(slope).astype(target)
    if inter != 0:
        scaled += np.int64(inter).astype(target)
    return scaled


def _integer_type(dtype: np.dtype, low: int, high: int, changed: bool) -> Any:
    """Return the type for integers from `low` to `high`, or None when 32 bits are too few."""
    if dtype.itemsize <= 2 and not changed:
        return dtype.newbyteorder("=")
    for target in (np.int16, np.int32):
        if np.iinfo(target).min <= low and high <= np.iinfo(target).max:
            return target
    return None


def _unit(header: Any) -> str:
    """Return the unit of length of a NIfTI header; codes without a meaning are no unit."""
    try:
        return str(header.get_xyzt_units()[0])
    except KeyError:
        return "unknown"


def _lost(header: Any, affine: np.ndarray) -> bool:
    """Tell whether a NIfTI header says nothing of the size and place of its voxels."""
    silent = not header["sform_code"] and not header["qform_code"]
    return is_lost(affine) or (silent and bool(np.all(header["pixdim"][1:4] == 1)))


def _cast(array: np.ndarray, dtype: np.dtype, path: Path) -> np.ndarray:
    """Convert an array to write, refusing what would change its values."""
    if array.ndim != 3:
        raise ValueError(f"a volume to write has 3 dimensions, not {array.ndim}")
    if dtype == np.uint8 and array.dtype.kind != "b":
        values = mask_values(array, str(path))
        if values.dtype != dtype:
            raise SlicewiseError(
                f"{path}: a mask of 8 bits holds label values up to 255, but this has "
                f"{values.max()}; check that it is the mask and not the image"
            )
        return values
    if dtype.kind in "iu" and array.dtype.kind != "b":
        limits = np.iinfo(dtype)
        if array.dtype.kind not in "iu" or array.min() < limits.min or array.max() > limits.max:
            raise ValueError(f"values of type {array.dtype} do not fit {dtype}")
    return array.astype(np.uint8 if dtype.kind == "b" else dtype, copy=False)


def _image(array: np.ndarray, affine: np.ndarray, header: nib.Nifti1Header | None) -> Any:
    """Make a NIfTI image that keeps the geometry of `header`, and nothing of its text."""
    if header is None:
        image = nib.Nifti1Image(array, affine)
        image.set_sform(affine, code=1)
        image.set_qform(affine, code=1, strip_shears=True)
        image.header.set_xyzt_units("mm")
        return image
    factor = 1 / millimetres(_unit(header))
    affine = np.diag([factor, factor, factor, 1.0]) @ affine
    header = header.as_byteswapped("<")
    header.extensions.clear()
    for text in ("data_type", "db_name", "descrip", "aux_file", "intent_name"):
        if text in header:
            header[text] = b""
    for number in ("cal_min", "cal_max", "intent_code", "intent_p1", "intent_p2", "intent_p3"):
        header[number] = 0
    header.set_data_dtype(array.dtype)
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    return kind(array, affine, header)


# --- other formats -------------------------------------------------------------------------


def _read_segmentation(paths: Sequence[Path], labels: Mapping[str, Any]) -> Volume:
    """Read a segmentation of 3D Slicer, of one layer or several."""
    path = paths[0]
    companions.check_whole(paths)
    image = _itk_image(path)
    if image.GetDimension() != 3:
        raise SlicewiseError(
            f"{path}: it has {image.GetDimension()} dimensions instead of 3 and layers; save it "
            "again with 3D Slicer"
        )
    layers = image.GetNumberOfComponentsPerPixel()
    array = sitk.GetArrayViewFromImage(image)
    array = array.reshape(*array.shape[:3], layers).transpose(2, 1, 0, 3)
    fields = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    segments = segments_of(fields, layers, str(path))
    mask = label_map([array[..., layer] for layer in range(layers)], segments, labels, path)
    affine = _itk_affine(image, path)
    return Volume(mask, affine, is_lost(affine))


def _itk_image(path: Path) -> sitk.Image:
    """Return a NRRD or MetaImage file as SimpleITK has it."""
    _must_exist(path)
    promised = check_stated(path, companions.check_data(path))
    # named, because it knows suffixes in lower case only
    reader = "NrrdImageIO" if path.suffix.lower() in companions.NRRD else "MetaImageIO"
    try:
        image = itk.read_image(path, reader, promised)
    except RuntimeError as error:
        raise SlicewiseError(
            f"{path}: the file cannot be read (damaged, or its data file is missing); "
            "copy it again or convert it to NIfTI"
        ) from error
    return image


def _read_itk(path: Path) -> Volume:
    """Read NRRD or MetaImage."""
    image = _itk_image(path)
    while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
        image = image[(slice(None),) * (image.GetDimension() - 1) + (0,)]
    size = " × ".join(map(str, image.GetSize()))
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise SlicewiseError(
            f"{path}: it has several numbers a voxel; give an image with one real number a voxel"
        )
    if image.GetDimension() != 3:
        raise SlicewiseError(
            f"{path}: it has {image.GetDimension()} dimensions ({size}) instead of 3; "
            "give one 3-D volume a file"
        )
    affine = _itk_affine(image, path)
    array = _scaled(sitk.GetArrayFromImage(image).transpose(2, 1, 0), 1, 0)
    return Volume(array, affine, is_lost(affine))


def _itk_affine(image: sitk.Image, path: Path) -> np.ndarray:
    """Return the affine of an image of three dimensions, to RAS+ mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    unit = _itk_unit(image, path)
    return in_millimetres(LPS_TO_RAS @ affine, unit, image.GetSize(), path)


def _itk_unit(image: sitk.Image, path: Path) -> str:
    """Return the unit of length of a NRRD or MetaImage header, which ITK does not heed.

    NRRD has a unit for each axis (``space units``, or ``units``); they must agree.
    """
    if image.HasMetaDataKey("ITK_VoxelUnits"):
        return str(image.GetMetaData("ITK_VoxelUnits"))
    if not path.name.lower().endswith((".nrrd", ".nhdr")):
        return ""
    with path.open("rb") as stream:
        header = stream.read(NRRD_HEADER).split(b"\n\n")[0].split(b"\r\n\r\n")[0]
    text = header.decode("utf-8", errors="replace")
    found = re.search(r"^(?:space )?units:(.*)$", text, re.M)
    units = dict.fromkeys(re.findall(r'"([^"]*)"|(\S+)', found[1])) if found else {}
    named = [quoted or plain for quoted, plain in units if quoted or plain]
    if len(named) > 1:
        raise SlicewiseError(
            f"{path}: its header measures its axes in several units ({', '.join(named)}); write it "
            "again in millimetres"
        )
    return named[0] if named else ""


def _series(source: Path | Sequence[Path], place: Path, fill: bool = True) -> Volume:
    """Read a DICOM series, whose lengths are in millimetres."""
    volume = read_series(source, fill=fill)
    check_geometry(volume.affine, volume.array.shape, place)
    return volume
