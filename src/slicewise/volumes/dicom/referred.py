"""The slices of a series as others refer to them: segmentations and structure sets."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.uid import generate_uid
from pydicom.valuerep import DA, TM

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.headers import value_of, whole
from slicewise.volumes.dicom.parse import damaged
from slicewise.volumes.dicom.series import image_grid
from slicewise.volumes.dicom.source import SourceFiles, opened
from slicewise.volumes.dicom.stack import Grid
from slicewise.volumes.volume import times

NEEDED = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"),
)
"""What each DICOM file has, though it may be empty."""
READ_BY: Mapping[str, Callable[[str], object]] = {
    "PatientSex": ("", "F", "M", "O").index,
    **{"PatientBirthDate": DA, "StudyDate": DA, "StudyTime": TM},
}
"""What raises ValueError at a value of these that the standard does not know (PS3.3 C.7.1.1)."""
REFERRED = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
"""What an object that refers to them calls its slices by."""


@dataclass(frozen=True)
class Referred:
    """A series that is referred to.

    Attributes
    ----------
    shown : str
        How messages name it.
    grid : Grid
    headers : list of Dataset
        The whole header of each file, in the order of their positions.
    """

    shown: str
    grid: Grid
    headers: list[pydicom.Dataset]

    def digest(self, mask: np.ndarray, labels: Mapping[str, int]) -> str:
        """Return a digest of what an object says of its slices, as their mask and its labels."""
        content = hashlib.sha256(np.ascontiguousarray(mask).tobytes())
        told = (mask.shape, str(mask.dtype), list(labels.items()))
        content.update(repr((told, [header.SOPInstanceUID for header in self.headers])).encode())
        return content.hexdigest()


def referred(sources: Sequence[Path], mask: np.ndarray, kind: str) -> Referred:
    """Read what an object refers to that is made of a mask on a series.

    Parameters
    ----------
    sources : sequence of Path
        The files of the series.
    mask : ndarray, shape (columns, rows, slices)
        On the grid of `read_series`.
    kind : str
        Of the object, for messages: ``SEG``, ``RTSTRUCT``.

    Raises
    ------
    SlicewiseError
        When a header is damaged or lacks what is referred to, or the frames of the series lie in
        several files.
    """
    with opened(sources) as files:
        grid = image_grid(files)
        shape = (grid.slices[0].columns, grid.slices[0].rows, len(grid.slices))
        if mask.shape != shape:
            raise ValueError(f"a mask of {times(mask.shape)} does not lie on {times(shape)}")
        return Referred(files.shown, grid, _headers(files, grid, kind))


def _headers(files: SourceFiles, grid: Grid, kind: str) -> list[pydicom.Dataset]:
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
                raise unreferable(files.shown, f"its slices lack {keyword}", kind)
        for keyword in NEEDED:
            header.setdefault(keyword, "")
        _empty_unknown(header)
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


def _empty_unknown(header: pydicom.Dataset) -> None:
    """Leave values empty that the standard does not know, as no SEG can be made with them."""
    for keyword, read in READ_BY.items():
        try:
            read(str(value_of(header, keyword) or "").strip())
        except ValueError:
            header[keyword] = pydicom.DataElement(keyword, dictionary_VR(keyword), "")


def unreferable(shown: str, why: str, kind: str) -> SlicewiseError:
    """Return the error of a series that no object can refer to."""
    return SlicewiseError(
        f"{shown}: no DICOM {kind} can refer to this series ({why}); take the mask in "
        "NIfTI, or export the series again"
    )


def uid_of(header: pydicom.Dataset, what: str) -> str:
    """Return a UID that is the same for the same series and content."""
    return str(generate_uid(entropy_srcs=[str(header.get("SeriesInstanceUID", "")), what]))
