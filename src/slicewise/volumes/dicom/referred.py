"""The slices of a series as others refer to them: segmentations and structure sets."""

from __future__ import annotations

import warnings

import pydicom
from pydicom.uid import generate_uid

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.headers import whole
from slicewise.volumes.dicom.parse import damaged
from slicewise.volumes.dicom.source import SourceFiles
from slicewise.volumes.dicom.stack import Grid

NEEDED = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"),
)
"""What each DICOM file has, though it may be empty."""
REFERRED = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
"""What an object that refers to them calls its slices by."""


def referred_headers(files: SourceFiles, grid: Grid, kind: str) -> list[pydicom.Dataset]:
    """Read the whole header of each file, in the order of their positions.

    Parameters
    ----------
    files : SourceFiles
    grid : Grid
        The slices in them.
    kind : str
        Of the object that is to refer to them, for messages: ``SEG``, ``RTSTRUCT``.

    Raises
    ------
    SlicewiseError
        When a header is damaged or lacks what is referred to, or the frames of the series lie in
        several files.
    """
    names = list(dict.fromkeys(one.name for one in grid.slices))
    if len(names) not in (1, len(grid.slices)):
        raise SlicewiseError(
            f"{files.shown}: its frames lie in {len(names)} files of several, to which no DICOM "
            f"{kind} can refer; take the mask in NIfTI"
        )
    headers = []
    for name in names:
        try:
            with files.open(name) as stream, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                header = pydicom.dcmread(stream, force=True, stop_before_pixels=True)
                frames = whole(header, "NumberOfFrames", 1)
        except Exception as error:  # parsers raise anything; their texts may quote the header
            raise SlicewiseError(damaged(files, name, error)) from None
        for keyword in REFERRED:
            if not header.get(keyword):
                raise unreferable(files, f"its slices lack {keyword}", kind)
        for keyword in NEEDED:
            header.setdefault(keyword, "")
        if not header.get("SpecificCharacterSet"):
            header.pop("SpecificCharacterSet", None)  # an empty one stands for none
        own = header.get("FrameOfReferenceUID")
        header.FrameOfReferenceUID = own or uid_of(header, "frame of reference")
        headers.append(header)
    if len(names) < len(grid.slices) and frames != len(grid.slices):
        raise SlicewiseError(
            f"{files.shown}: it has frames beside those of the volume, to which no DICOM "
            f"{kind} can refer; take the mask in NIfTI"
        )
    return headers


def unreferable(files: SourceFiles, why: str, kind: str) -> SlicewiseError:
    """Return the error of a series that no object can refer to."""
    return SlicewiseError(
        f"{files.shown}: no DICOM {kind} can refer to this series ({why}); take the mask in "
        "NIfTI, or export the series again"
    )


def uid_of(header: pydicom.Dataset, what: str) -> str:
    """Return a UID that is the same for the same series and content."""
    return str(generate_uid(entropy_srcs=[str(header.get("SeriesInstanceUID", "")), what]))
