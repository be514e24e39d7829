"""The pixels of slices: stored values, decoded and turned into intensities."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import ExplicitVRLittleEndian

from slicewise.errors import SlicewiseError
from slicewise.files import most_unpacked
from slicewise.volumes import itk, padding
from slicewise.volumes.dicom import multiframe
from slicewise.volumes.dicom.headers import Slice, whole
from slicewise.volumes.dicom.parse import PIXELS, damaged, parse
from slicewise.volumes.dicom.source import SourceFiles
from slicewise.volumes.dicom.stack import Grid

logger = logging.getLogger(__name__)

LARGEST_SLOPE = 1e9
"""Of a rescale slope or intercept; those of CT are about 1 and -1024."""


def intensities(files: SourceFiles, grid: Grid, fill: bool) -> np.ndarray:
    """Read the voxels of all slices of a stack.

    Parameters
    ----------
    files : SourceFiles
    grid : Grid
        With the slope and intercept of each slice.
    fill : bool
        Whether padding is taken for what it is, with a line.

    Returns
    -------
    ndarray, shape (columns, rows, slices)
        int16 where the values fit, else int32; float32 where a slope or
        intercept is no whole number.

    Raises
    ------
    SlicewiseError
        When the pixels of a file cannot be decoded, or are not as many as its header says.
    """
    first = grid.slices[0]
    shape = (len(grid.slices), first.rows, first.columns)
    exact = all(s.slope.is_integer() and s.intercept.is_integer() for s in grid.slices)
    stack = np.empty(shape, np.int16 if exact else np.float32)
    fill = fill and any(s.padding for s in grid.slices)
    air = 0
    unknown = np.zeros(shape if fill and first.modality != "CT" else (0, 0, 0), bool)
    for index, stored in stored_frames(files, grid.slices):
        one = grid.slices[index]
        values = _rescaled(stored, one, exact)
        if fill and one.modality == "CT":
            air += padding.fill_air(stored, values, one)
        elif unknown.size:
            unknown[index] = padding.is_padding(stored, one)
        if stack.dtype == np.int16 and not _fits(values, np.int16):
            stack = stack.astype(np.int32)
        if exact and not _fits(values, np.int32):
            raise SlicewiseError(damaged(files, one.name))
        stack[index] = values
    if air:
        logger.warning(
            "%s: %d of %d voxels are padding by their header (PixelPaddingValue) and were taken as "
            "air (%d HU)",
            files.shown,
            air,
            stack.size,
            padding.AIR,
        )
    if unknown.size:
        stack = padding.fill_lowest(stack, unknown, files.shown)
    return stack.transpose(2, 1, 0)


def check_rescale(files: SourceFiles, slices: Sequence[Slice]) -> None:
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


def stored_frames(files: SourceFiles, slices: Sequence[Slice]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of each slice and its stored values; a file is read once.

    Yields
    ------
    int
        Place in `slices`.
    ndarray, shape (rows, columns)

    Raises
    ------
    SlicewiseError
        As `intensities`.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(slices):
        places[one.name].append(index)
    for name, indices in places.items():
        stored = _stored(files, name)
        for index in indices:
            one = slices[index]
            if one.frame >= len(stored) or stored.shape[1:] != (one.rows, one.columns):
                raise SlicewiseError(damaged(files, name))
            yield index, stored[one.frame]


def _fits(values: np.ndarray, dtype: type[np.signedinteger]) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= values.min() and values.max() <= limits.max)


def _stored(files: SourceFiles, name: str) -> np.ndarray:
    """Read the stored values of a file, shape (frames, rows, columns)."""
    try:
        with files.open(name) as stream:
            # A seek within a zip member decompresses it again, so it is read at once.
            header = parse(io.BytesIO(stream.read()), PIXELS, stop_before_pixels=False)
    except Exception as error:  # parsers raise anything; their texts may quote the header
        raise SlicewiseError(damaged(files, name, error)) from None
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
