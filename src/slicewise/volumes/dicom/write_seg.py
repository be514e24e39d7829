"""Writing a mask as a DICOM segmentation (SEG) of the series that it lies on."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import generate_uid

from slicewise import __version__
from slicewise.errors import SlicewiseError
from slicewise.files import atomic
from slicewise.volumes.dicom.headers import whole
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
REFERRED = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
"""What a segmentation calls its slices by."""
NUMBER = 1000
"""Added to the number of the series, so that the segmentation is listed behind it."""


def write_seg(
    path: Path, sources: Sequence[Path], mask: np.ndarray, labels: Mapping[str, int]
) -> None:
    """Write a mask as a binary segmentation, a segment a label, that refers to slices.

    It belongs to the patient and study of its series and carries what these
    say of the patient, as it must: nothing else that is written of a scan does.

    Parameters
    ----------
    path : Path
        The file, written in one step.
    sources : sequence of Path
        The files of the series.
    mask : ndarray, shape (columns, rows, slices)
        On the grid of `read_series`.
    labels : mapping of str to int
        The value in the mask of each label; they become segments 1, 2, ….

    Raises
    ------
    SlicewiseError
        When a header is damaged or lacks what a segmentation refers to, or the
        frames of the series lie in several files.
    """
    with opened(sources) as files:
        grid = image_grid(files)
        shape = (grid.slices[0].columns, grid.slices[0].rows, len(grid.slices))
        if mask.shape != shape:
            raise ValueError(f"a mask of {times(mask.shape)} does not lie on {times(shape)}")
        headers = _headers(files, grid)
        numbers = np.zeros(int(mask.max(initial=0)) + 1, np.uint8)
        for number, value in enumerate(labels.values(), start=1):
            numbers[value : value + 1] = number
        frames = numbers[mask].transpose(2, 1, 0)[_order(grid)]
        try:
            with warnings.catch_warnings(), atomic(path) as temporary:
                warnings.simplefilter("ignore")  # they quote headers
                _segmentation(headers, np.ascontiguousarray(frames), list(labels)).save_as(
                    temporary
                )
        except (AttributeError, KeyError, TypeError, ValueError):  # with texts that quote headers
            raise _refused(files, "its headers do not fit together") from None


def _headers(files: SourceFiles, grid: Grid) -> list[pydicom.Dataset]:
    """Read the whole header of each slice, in the order of their positions."""
    names = list(dict.fromkeys(one.name for one in grid.slices))
    if len(names) not in (1, len(grid.slices)):
        raise SlicewiseError(
            f"{files.shown}: its frames lie in {len(names)} files of several, to which no DICOM "
            "SEG can refer; take the mask in NIfTI"
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
                raise _refused(files, f"its slices lack {keyword}")
        for keyword in NEEDED:
            header.setdefault(keyword, "")
        if not header.get("SpecificCharacterSet"):
            header.pop("SpecificCharacterSet", None)  # an empty one stands for none
        own = header.get("FrameOfReferenceUID")
        header.FrameOfReferenceUID = own or _uid(header, "frame of reference")
        headers.append(header)
    if len(names) < len(grid.slices) and frames != len(grid.slices):
        raise SlicewiseError(
            f"{files.shown}: it has frames beside those of the volume, to which no DICOM SEG can "
            "refer; take the mask in NIfTI"
        )
    return headers


def _refused(files: SourceFiles, why: str) -> SlicewiseError:
    return SlicewiseError(
        f"{files.shown}: no DICOM SEG can refer to this series ({why}); take the mask in NIfTI, or "
        "export the series again"
    )


def _order(grid: Grid) -> list[int]:
    """Return the place in the stack of each frame as the file has them."""
    order = np.argsort([one.frame for one in grid.slices], kind="stable")
    return [int(place) for place in order]


def _segmentation(headers: list[pydicom.Dataset], frames: np.ndarray, labels: list[str]) -> Any:
    """Make the segmentation of frames (n, rows, columns) that hold the numbers of segments."""
    # only now, as it loads slowly
    import highdicom
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        "slicewise", codes.DCM.ArtificialIntelligence, __version__
    )
    described = [
        SegmentDescription(
            segment_number=number,
            segment_label=label[:64],
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=_code(label, codes),
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
        )
        for number, label in enumerate(labels, start=1)
    ]
    content = hashlib.sha256(frames.tobytes()).hexdigest()
    return Segmentation(
        source_images=headers,
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=_uid(headers[0], f"series {content}"),
        series_number=whole(headers[0], "SeriesNumber", 0) + NUMBER,
        sop_instance_uid=_uid(headers[0], f"instance {content}"),
        instance_number=1,
        manufacturer="slicewise",
        manufacturer_model_name="slicewise",
        software_versions=__version__,
        device_serial_number="-",
        series_description="slicewise segmentation",
    )


def _code(label: str, codes: Any) -> Any:
    """Return the code of SNOMED CT that a label is the name of, or that of any structure."""
    name = "".join(word.capitalize() for word in re.split(r"[^A-Za-z]+", label))
    try:
        return getattr(codes.SCT, name)
    except AttributeError:
        return codes.SCT.AnatomicalStructure


def _uid(header: pydicom.Dataset, what: str) -> str:
    """Return a UID that is the same for the same series and content."""
    return str(generate_uid(entropy_srcs=[str(header.get("SeriesInstanceUID", "")), what]))
