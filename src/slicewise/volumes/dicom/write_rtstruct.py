"""Writing a mask as a DICOM structure set (RTSTRUCT) of the series that it lies on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
from contourpy import contour_generator
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from slicewise import __version__
from slicewise.files import atomic
from slicewise.volumes.dicom.headers import whole
from slicewise.volumes.dicom.referred import NEEDED, referred, uid_of
from slicewise.volumes.dicom.stack import Grid

KIND = "RTSTRUCT"
NUMBER = 2000
"""Added to the number of the series, so that the structures are listed behind it."""
COLOURS = (
    *((255, 200, 0), (0, 170, 255), (255, 80, 80), (90, 200, 90), (200, 120, 255)),
    *((255, 140, 0), (0, 200, 180), (240, 100, 180), (160, 160, 60), (120, 140, 255)),
)


def write_rtstruct(
    path: Path, sources: Sequence[Path], mask: np.ndarray, labels: Mapping[str, int]
) -> None:
    """Write a mask as closed contours in the planes of the slices, a structure a label.

    Contours run half-way between the centres of voxels that are in and those that are not. A hole
    is a contour within another one (the even-odd rule), so all centres are on their side of the
    contours. Structures belong to the patient and study of the series, and say what it says of
    the patient, as they must.

    Parameters
    ----------
    path : Path
        The file, written in one step.
    sources : sequence of Path
        The files of the series.
    mask, labels
        As `slicewise.volumes.dicom.write_seg.write_seg` takes them.

    Raises
    ------
    SlicewiseError
        See `slicewise.volumes.dicom.referred.referred`.
    """
    series = referred(sources, mask, KIND)
    grid = series.grid
    images = [_image(series.headers, grid, k) for k in range(len(grid.slices))]
    made = _structure_set(series.headers[0], images, series.digest(mask, labels))
    for number, (label, value) in enumerate(labels.items(), start=1):
        contours = [
            _contour(points, images[k])
            for k in range(len(images))
            for points in _placed(mask[..., k] == value, grid, k)
        ]
        _add(made, number, label, contours)
    with atomic(path) as temporary:
        made.save_as(temporary, enforce_file_format=True)


def outlines(inside: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the closed contours of a slice, each of shape (points, 2), in columns and rows.

    Parameters
    ----------
    inside : ndarray of bool, shape (columns, rows)
    """
    if not inside.any():
        return
    padded = np.pad(inside, 1).astype(np.float32)
    for line in contour_generator(z=padded).lines(0.5):
        closed = np.asarray(line)[:-1, ::-1] - 1  # the last point is the first one again
        yield closed[_corners(closed)]


def _corners(points: np.ndarray) -> np.ndarray:
    """Return which points of a closed line are no mere points of a straight edge."""
    before = points - np.roll(points, 1, axis=0)
    after = np.roll(points, -1, axis=0) - points
    return np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9


def _placed(inside: np.ndarray, grid: Grid, number: int) -> Iterator[np.ndarray]:
    """Yield contours of a slice in mm of the patient (LPS), shape (points, 3)."""
    for points in outlines(inside):
        steps = np.column_stack([points, np.full(len(points), number)]) * grid.spacing
        yield grid.origin + steps @ grid.axes.T


def _image(headers: Sequence[pydicom.Dataset], grid: Grid, number: int) -> pydicom.Dataset:
    """Return the reference to a slice; of a file of several frames to its frame."""
    header = headers[min(number, len(headers) - 1)]
    image = pydicom.Dataset()
    image.ReferencedSOPClassUID = header.SOPClassUID
    image.ReferencedSOPInstanceUID = header.SOPInstanceUID
    if len(headers) < len(grid.slices):
        image.ReferencedFrameNumber = grid.slices[number].frame + 1
    return image


def _contour(points: np.ndarray, image: pydicom.Dataset) -> pydicom.Dataset:
    contour = pydicom.Dataset()
    contour.ContourImageSequence = [image]
    contour.ContourGeometricType = "CLOSED_PLANAR"
    contour.NumberOfContourPoints = len(points)
    contour.ContourData = [f"{value:.10g}" for value in np.ravel(points)]
    return contour


def _add(
    made: pydicom.Dataset, number: int, label: str, contours: Sequence[pydicom.Dataset]
) -> None:
    """Add a structure; one that was not found has no contours, and is there all the same."""
    region = pydicom.Dataset()
    region.ROINumber = number
    region.ReferencedFrameOfReferenceUID = made.FrameOfReferenceUID
    region.ROIName = label[:64]
    region.ROIGenerationAlgorithm = "AUTOMATIC"
    made.StructureSetROISequence.append(region)
    drawn = pydicom.Dataset()
    drawn.ROIDisplayColor = list(COLOURS[(number - 1) % len(COLOURS)])
    if contours:
        drawn.ContourSequence = list(contours)
    drawn.ReferencedROINumber = number
    made.ROIContourSequence.append(drawn)
    observed = pydicom.Dataset()
    observed.ObservationNumber = number
    observed.ReferencedROINumber = number
    observed.RTROIInterpretedType = "ORGAN"
    observed.ROIInterpreter = ""
    made.RTROIObservationsSequence.append(observed)


def _structure_set(
    header: pydicom.Dataset, images: Sequence[pydicom.Dataset], content: str
) -> pydicom.Dataset:
    """Return a structure set without structures."""
    made = pydicom.Dataset()
    for keyword in (*NEEDED, "StudyInstanceUID", "FrameOfReferenceUID", "SpecificCharacterSet"):
        if keyword in header:
            made[keyword] = header[keyword]
    made.SOPClassUID = RTStructureSetStorage
    made.SOPInstanceUID = uid_of(header, f"structures {content}")
    made.SeriesInstanceUID = uid_of(header, f"series of structures {content}")
    made.Modality = "RTSTRUCT"
    made.SeriesNumber = whole(header, "SeriesNumber", 0) + NUMBER
    made.SeriesDescription = "slicewise structures"
    made.InstanceNumber = 1
    made.Manufacturer = "slicewise"
    made.SoftwareVersions = __version__
    made.OperatorsName = ""
    made.PositionReferenceIndicator = ""
    made.StructureSetLabel = "slicewise"
    made.StructureSetDate = ""
    made.StructureSetTime = ""
    made.ApprovalStatus = "UNAPPROVED"
    made.ReferencedFrameOfReferenceSequence = [_frame_of_reference(header, images)]
    made.StructureSetROISequence = []
    made.ROIContourSequence = []
    made.RTROIObservationsSequence = []
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def _frame_of_reference(
    header: pydicom.Dataset, images: Sequence[pydicom.Dataset]
) -> pydicom.Dataset:
    series = pydicom.Dataset()
    series.SeriesInstanceUID = header.SeriesInstanceUID
    series.ContourImageSequence = list(images)
    study = pydicom.Dataset()
    study.ReferencedSOPClassUID = (
        "1.2.840.10008.3.1.2.3.1"  # detached study, as the standard has it
    )
    study.ReferencedSOPInstanceUID = header.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame = pydicom.Dataset()
    frame.FrameOfReferenceUID = header.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame
