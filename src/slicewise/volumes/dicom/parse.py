"""Parsing a DICOM file, of which only the elements named in `HEADER` and `PIXELS` are ever read.

So no name, date or description of a patient is in memory when a message is
written; of functional groups, messages show numbers only.
"""

from __future__ import annotations

import warnings
import zlib
from pathlib import PurePosixPath
from typing import BinaryIO

import pydicom
from pydicom import filereader

from slicewise.errors import SlicewiseError
from slicewise.files import most_unpacked
from slicewise.volumes.dicom import multiframe
from slicewise.volumes.dicom.source import SourceFiles
from slicewise.volumes.formats import DICOM_SUFFIXES

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""The transfer syntax of files that are packed as a whole."""

HEADER = [
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
PIXELS = [
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


def header_of(files: SourceFiles, name: str) -> pydicom.Dataset | None:
    """Read one header, or return None for a file that is no DICOM.

    Raises
    ------
    SlicewiseError
        When the file is damaged, or cannot be opened.
    """
    try:
        with files.open(name) as stream:
            start = stream.read(132)
            # Files older than the standard's preamble start with a group number.
            is_dicom = start[128:] == b"DICM" or start[:2] in (b"\x08\x00", b"\x02\x00")
            if is_dicom:
                stream.seek(0)
                return parse(stream, HEADER, stop_before_pixels=True)
    except Exception as error:  # parsers raise anything; their texts may quote the header
        raise SlicewiseError(damaged(files, name, error)) from None
    # An empty or overwritten slice at either end of a series leaves no gap to notice.
    if not start or PurePosixPath(name).suffix.lower() in DICOM_SUFFIXES:
        raise SlicewiseError(damaged(files, name))
    return None


def parse(stream: BinaryIO, tags: list[str], *, stop_before_pixels: bool) -> pydicom.Dataset:
    """Parse some elements of a DICOM file.

    Raises
    ------
    Exception
        Of any type, and with a text that may quote the file, when it is damaged.
    """
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
        unpacked = 0
        while packed and unpacked <= most:
            unpacked += len(unpacker.decompress(packed, 1 << 20))
            packed = unpacker.unconsumed_tail
        if unpacked > most:
            raise ValueError("more than a slice")
    stream.seek(0)


def damaged(files: SourceFiles, name: str, error: Exception | None = None) -> str:
    """Say what is to be done with a file that cannot be opened or parsed."""
    if isinstance(error, OSError) and error.errno:
        return f"{files.file(name)} cannot be opened ({error.strerror}); check its permissions"
    return (
        f"{files.file(name)} is cut short or damaged; copy it again from the scanner or archive, "
        "or remove it from the folder if it is no part of the series"
    )
