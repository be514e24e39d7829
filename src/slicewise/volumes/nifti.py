"""Reading NIfTI, in one file or in two."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.freesurfer.mghformat import MGHError
from nibabel.spatialimages import HeaderDataError

from slicewise.errors import SlicewiseError
from slicewise.volumes import companions
from slicewise.volumes.geometry import in_millimetres, is_lost
from slicewise.volumes.opening import (
    HEADER_ROOM,
    Stream,
    in_a_sentence,
    must_exist,
    open_stream,
    read_to_the_end,
    refuse_many,
)
from slicewise.volumes.scaling import scaled, three_dimensional
from slicewise.volumes.volume import Volume

NOTE = "slicewise"
"""The key of what is noted in headers."""

SAME_SIZE = 0.01
"""Sizes of voxels that differ by no more, relatively, are one that was rounded."""
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    ArithmeticError,
    np.linalg.LinAlgError,
    HeaderDataError,
    MGHError,
    zlib.error,
)
"""What nibabel raises of headers and voxels that make no sense."""


@in_a_sentence
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
        is singular, or its voxels have a size that no scanner makes, or two sizes.
    """
    path = Path(path)
    image, array = read_nibabel(path, nifti_kind, "NIfTI")
    affine = affine_of(image.header, array.shape, path)
    volume = Volume(array, affine, lost_in(image.header, affine), is_placed(image.header))
    return volume, image.header.copy()


def read_nibabel(path: Path, kind: Callable[[bytes], Any], called: str) -> tuple[Any, np.ndarray]:
    """Read an image with nibabel.

    Parameters
    ----------
    path : pathlib.Path
    kind : callable
        From the first bytes of the header to a class of nibabel; raises
        `ImageFileError` where it is of another format.
    called : str
        The name of the format, for messages.

    Returns
    -------
    image
        Of that class.
    ndarray, shape (i, j, k)
        Its voxels, scaled (see `scaled`).

    Raises
    ------
    SlicewiseError
        When the file is missing, damaged, of another format, in colour or not 3-D.
    """
    image, raw = _read_stored(path, kind, called)
    return image, scaled(three_dimensional(raw, path), image.dataobj.slope, image.dataobj.inter)


def _read_stored(path: Path, kind: Callable[[bytes], Any], called: str) -> tuple[Any, np.ndarray]:
    """Read an image and its voxels as stored, of any number of dimensions."""
    must_exist(path)
    try:
        image, raw = _load_pair(path) if companions.is_pair(path) else _load(path, kind)
    except ImageFileError as error:
        raise SlicewiseError(
            f"{path}: this is no {called} image whatever its name says; convert it to NIfTI again"
        ) from error
    except DAMAGED as error:
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
    return image, raw


@in_a_sentence
def read_channels_of(path: Path) -> tuple[Volume, nib.Nifti1Header]:
    """Read a 4-D NIfTI file whose fourth axis is that of channels.

    Returns
    -------
    volume : Volume
        Array of shape (i, j, k, channels), else as `read_nifti` has it.
    header : nibabel.Nifti1Header
        The file's own header.

    Raises
    ------
    SlicewiseError
        As `read_nifti`; a 3-D file is no fault here.
    """
    path = Path(path)
    image, raw = _read_stored(path, nifti_kind, "NIfTI")
    if raw.ndim == 5 and raw.shape[3] == 1:
        raw = raw[:, :, :, 0]
    if raw.ndim != 4:
        raw = three_dimensional(raw, path)[..., None]
    scale = (image.dataobj.slope, image.dataobj.inter)
    parts = [
        scaled(three_dimensional(raw[..., channel], path), *scale)
        for channel in range(raw.shape[3])
    ]
    array = np.stack(parts, axis=-1)
    affine = affine_of(image.header, array.shape[:3], path)
    volume = Volume(array, affine, lost_in(image.header, affine), is_placed(image.header))
    return volume, image.header.copy()


def affine_of(header: Any, shape: Sequence[int], path: Path) -> np.ndarray:
    """Return the affine of a NIfTI header in mm.

    Raises
    ------
    SlicewiseError
        When no volume has it (see `in_millimetres`), or sform and qform give voxels different
        sizes: some programs go by one and some by the other, and nothing tells which is true.
    """
    if header["sform_code"] and header["qform_code"]:
        sform = nib.affines.voxel_sizes(header.get_sform())
        qform = np.asarray(header.get_zooms()[:3], dtype=np.float64)
        if qform.all() and not np.allclose(sform, qform, rtol=SAME_SIZE):
            one, other = (" × ".join(f"{mm:.4g}" for mm in sizes) for sizes in (sform, qform))
            raise SlicewiseError(
                f"{path}: its voxels measure {one} by its sform and {other} by its qform (pixdim), "
                "and programs differ in which they go by; write the true size into both, convert "
                "the original again, or exclude the case"
            )
    return in_millimetres(header.get_best_affine(), unit_of(header), shape, path)


def has_lost_geometry(path: Path) -> bool:
    """Tell, from the header alone, whether a NIfTI file says nothing of its voxels' size and place.

    What is no NIfTI file has not lost anything; reading it says what is wrong.
    """
    try:
        with open_stream(path) as stream:
            start = stream.read(nib.Nifti2Header.sizeof_hdr)
            kind = nifti_kind(start).header_class
            # without its extensions, whose sizes may be anything
            header = kind(start[: kind.sizeof_hdr], check=False)
            affine = affine_of(header, (), path)
            return lost_in(header, affine)
    except (*DAMAGED, ImageFileError, SlicewiseError):
        return False


def read_note(path: Path) -> dict[str, Any] | None:
    """Return what `write_nifti` noted in the header of a file; None where it noted nothing."""
    must_exist(path)
    try:
        with open_stream(path) as stream:
            start = stream.read(nib.Nifti2Header.sizeof_hdr)
            kind = nifti_kind(start)
            refuse_far(start, kind, stream)
            stream.seek(0)
            extensions = kind.from_stream(stream).header.extensions
    except (*DAMAGED, ImageFileError):
        return None  # whoever reads the voxels says what is wrong
    for extension in extensions:
        with suppress(ValueError):
            content = json.loads(extension.get_content())
            if isinstance(content, dict) and isinstance(content.get(NOTE), dict):
                return dict(content[NOTE])
    return None


def _load(path: Path, kind: Callable[[bytes], Any]) -> tuple[Any, np.ndarray]:
    """Return an image and its voxels as stored; its kind is told by the start of the header."""
    with open_stream(path) as stream:
        start = stream.read(nib.Nifti2Header.sizeof_hdr)
        own_kind = kind(start)
        refuse_far(start, own_kind, stream)
        stream.seek(0)
        image = own_kind.from_stream(stream)
        refuse_many(image, path, stream)
        raw = image.dataobj.get_unscaled()
        if isinstance(raw, np.memmap):
            # nibabel maps a plain file, which may be replaced while the volume is in use.
            raw = np.array(raw)
        read_to_the_end(stream)
    return image, raw


def refuse_far(start: bytes, kind: Any, stream: Stream) -> None:
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


def refuse_analyze(start: bytes, path: Path) -> None:
    """Refuse the header of a pair that is no NIfTI where it is one of Analyze 7.5."""
    if nib.AnalyzeHeader.may_contain_header(start):
        raise SlicewiseError(
            f"{path}: an Analyze 7.5 image, which does not say where left and right are; "
            "convert it to NIfTI with the program that wrote it"
        )


def _load_pair(path: Path) -> tuple[Any, np.ndarray]:
    """Return a NIfTI image in two files and its voxels as stored."""
    header, image = companions.check_pair(path)
    with open_stream(header) as top, open_stream(image) as stream:
        start = top.read(nib.Nifti2Header.sizeof_hdr)
        top = io.BytesIO(start + top.read(HEADER_ROOM))  # no more of it is a header
        kinds = (nib.Nifti1Pair, nib.Nifti2Pair)
        kind = next((k for k in kinds if k.header_class.may_contain_header(start)), None)
        if kind is None:
            refuse_analyze(start, path)
            raise ImageFileError
        refuse_far(top.read(), kind, io.BytesIO())
        top.seek(0)
        holders = {"header": nib.FileHolder(fileobj=top), "image": nib.FileHolder(fileobj=stream)}
        pair = kind.from_file_map(holders)
        refuse_many(pair, image, stream)
        raw = np.array(pair.dataobj.get_unscaled())
        read_to_the_end(stream)
    return pair, raw


def nifti_kind(start: bytes) -> Any:
    """Tell NIfTI-1 from NIfTI-2 by the first bytes of the header."""
    for kind in (nib.Nifti1Image, nib.Nifti2Image):
        if kind.header_class.may_contain_header(start):
            return kind
    if not start:
        raise EOFError
    raise ImageFileError


def unit_of(header: Any) -> str:
    """Return the unit of length of a NIfTI header; codes without a meaning are no unit."""
    try:
        return str(header.get_xyzt_units()[0])
    except KeyError:
        return "unknown"


def lost_in(header: Any, affine: np.ndarray) -> bool:
    """Tell whether a NIfTI header says nothing of the size and place of its voxels."""
    unsized = not is_placed(header) and bool(np.all(header["pixdim"][1:4] == 1))
    return is_lost(affine) or unsized


def is_placed(header: Any) -> bool:
    """Tell whether a NIfTI header says where voxels lie, by its sform or its qform.

    Of one that does not, each program makes up another place and direction.
    """
    return bool(header["sform_code"] or header["qform_code"])
