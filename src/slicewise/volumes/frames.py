"""One frame of a 4-D file: a point in time of a heart, say. No other frame is held in memory."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import mask_values
from slicewise.volumes.formats import is_nifti
from slicewise.volumes.nifti import (
    DAMAGED,
    affine_of,
    is_placed,
    lost_in,
    nifti_kind,
    refuse_far,
)
from slicewise.volumes.opening import (
    Stream,
    in_a_sentence,
    must_exist,
    open_stream,
    read_to_the_end,
    refuse_many,
)
from slicewise.volumes.read import read_mask
from slicewise.volumes.scaling import scaled, three_dimensional
from slicewise.volumes.volume import Volume, times

logger = logging.getLogger(__name__)

PART = 1 << 20
"""Bytes of other frames that are unpacked at once."""


def frames_of(path: Path) -> int | None:
    """Return how many frames a file has, by its header; None where it is no 4-D NIfTI file."""
    if not is_nifti(path):
        return None
    try:
        with open_stream(path) as stream:
            start = stream.read(nib.Nifti2Header.sizeof_hdr)
            kind = nifti_kind(start).header_class
            shape = _four(kind(start[: kind.sizeof_hdr], check=False).get_data_shape())
    except (*DAMAGED, ImageFileError):
        return None  # whoever reads the voxels says what is wrong
    return shape[3] if len(shape) == 4 else None


@in_a_sentence
def read_frame(path: Path, frame: int) -> Volume:
    """Read one frame of a 4-D NIfTI file.

    Parameters
    ----------
    path : pathlib.Path
        ``.nii`` or ``.nii.gz``, of shape (i, j, k, t).
    frame : int
        From 0.

    Returns
    -------
    Volume
        Array of shape (i, j, k), scaled as `read_nifti` scales it, with the file's affine.

    Raises
    ------
    SlicewiseError
        When the file is missing, damaged, no NIfTI, not 4-D, or has no such frame.
    """
    path = Path(path)
    must_exist(path)
    if not is_nifti(path):
        raise SlicewiseError(
            f"{path}: frames are taken out of NIfTI files (.nii, .nii.gz) only; convert it, or "
            "give a file a frame"
        )
    try:
        image, raw = _read(path, frame)
    except ImageFileError as error:
        raise SlicewiseError(
            f"{path}: this is no NIfTI image whatever its name says; convert it to NIfTI again"
        ) from error
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise SlicewiseError(
            f"{path}: the file is cut short or damaged; copy or download it again"
        ) from error
    array = scaled(three_dimensional(raw, path), image.dataobj.slope, image.dataobj.inter)
    affine = affine_of(image.header, array.shape, path)
    return Volume(array, affine, lost_in(image.header, affine), is_placed(image.header))


def read_mask_of_frame(
    paths: Sequence[Path], labels: Mapping[str, Any], frame: int, image: Path
) -> Volume:
    """Read the mask of one frame of a 4-D image.

    Parameters
    ----------
    paths : sequence of Path
        The mask: 3-D, of this frame, or 4-D, with as many frames as the image.
    labels : mapping
        ``dataset.labels``.
    frame : int
        From 0.
    image : Path
        The 4-D image.

    Returns
    -------
    Volume
        The label values, uint8 or uint16. Where a mask has several frames and
        nothing is drawn on this one, a line says so.

    Raises
    ------
    SlicewiseError
        When the mask cannot be read, or has another number of frames than the image.
    """
    path = paths[0]
    frames = frames_of(path)
    if frames is None:
        return read_mask(paths, labels)
    of_image = frames_of(image)
    if frames != of_image:
        raise SlicewiseError(
            f"{path}: this mask has {frames} frames, but its image {image.name} has {of_image}; "
            "give the mask of this image, or one that is 3-D"
        )
    volume = read_frame(path, frame)
    if not volume.array.any():
        logger.warning("%s: nothing is drawn on frame %d of this mask", path, frame)
    return replace(volume, array=mask_values(volume.array, str(path)))


def _read(path: Path, frame: int) -> tuple[Any, np.ndarray]:
    """Return the image of a file, and the stored voxels of one of its frames."""
    with open_stream(path) as stream:
        image = _begun(path, stream)
        shape = _four(image.shape)
        if len(shape) != 4:
            raise SlicewiseError(
                f"{path}: it has {len(shape)} dimensions ({times(shape)}), so no frame {frame}; "
                "leave out its frame, or give the 4-D file"
            )
        if not 0 <= frame < shape[3]:
            raise SlicewiseError(
                f"{path}: it has no frame {frame}, but the frames 0 to {shape[3] - 1} (counted "
                "from 0); correct the frame"
            )
        dtype = image.get_data_dtype()
        if dtype.kind not in "iuf":
            raise SlicewiseError(
                f"{path}: its voxels are colours or complex numbers; give an image with one real "
                "number a voxel"
            )
        size = math.prod(shape[:3]) * dtype.itemsize
        stream.seek(int(image.dataobj.offset))
        _skip(stream, frame * size)
        stored = stream.read(size)
        if len(stored) < size:
            raise EOFError
        # the rest too, as a file that is cut short behind this frame is no sound one
        _skip(stream, (shape[3] - 1 - frame) * size)
        read_to_the_end(stream)
    raw = np.frombuffer(bytearray(stored), dtype).reshape(shape[:3], order="F")
    return image, raw


def _begun(path: Path, stream: Stream) -> Any:
    """Return the image of a file whose voxels were not read."""
    start = stream.read(nib.Nifti2Header.sizeof_hdr)
    kind = nifti_kind(start)
    refuse_far(start, kind, stream)
    stream.seek(0)
    image = kind.from_stream(stream)
    refuse_many(image, path, stream)
    return image


@in_a_sentence
def labelled_frames(path: Path) -> list[int]:
    """Return the frames of a 4-D mask that hold anything but 0, one at a time in memory.

    Parameters
    ----------
    path : Path
        NIfTI, as of `read_frame`.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    labelled = []
    try:
        with open_stream(path) as stream:
            image = _begun(path, stream)
            shape = _four(image.shape)
            dtype = image.get_data_dtype()
            stream.seek(int(image.dataobj.offset))
            for frame in range(shape[3]):
                stored = stream.read(math.prod(shape[:3]) * dtype.itemsize)
                if np.frombuffer(stored, dtype).any():
                    labelled.append(frame)
    except (*DAMAGED, ImageFileError, IndexError) as error:
        raise SlicewiseError(
            f"{path}: its frames cannot be read; copy the file again, or give 3-D files"
        ) from error
    return labelled


def _four(shape: Any) -> tuple[int, ...]:
    """Return a shape without axes of length one behind the fourth."""
    kept = tuple(int(n) for n in shape)
    while len(kept) > 4 and kept[-1] == 1:
        kept = kept[:-1]
    return kept


def _skip(stream: Stream, count: int) -> None:
    """Read on by some bytes, without keeping them."""
    while count:
        part = stream.read(min(count, PART))
        if not part:
            raise EOFError
        count -= len(part)
