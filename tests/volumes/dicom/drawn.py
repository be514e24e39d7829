"""Masks that DICOM has of its own, as other programs write them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import SimpleITK as sitk
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

Edit = Callable[[pydicom.Dataset], None]


def headers_of(folder: Path) -> list[pydicom.Dataset]:
    """Return the slices of a series in the order of their position."""
    headers = [pydicom.dcmread(path) for path in folder.iterdir()]
    normal = np.cross(
        headers[0].ImageOrientationPatient[:3], headers[0].ImageOrientationPatient[3:]
    )
    for header in headers:
        header.setdefault("FrameOfReferenceUID", "1.2.826.0.1.3680043.8.498.777000777.9")
        for keyword in ("PatientSex", "StudyID", "StudyTime", "ReferringPhysicianName"):
            header.setdefault(keyword, "")
    return sorted(headers, key=lambda header: float(normal @ header.ImagePositionPatient))


def write_seg(
    path: Path,
    images: Path,
    masks: Mapping[str, np.ndarray],
    kind: str = "BINARY",
    *,
    edit: Edit = lambda header: None,
    **options,
) -> Path:
    """Write masks of shape (columns, rows, slices) as segments 1, 2, …, by highdicom.

    Of kind FRACTIONAL, masks hold fractions from 0 to 1; of LABELMAP, they share no voxel.
    """
    described = [
        SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type="MANUAL",
        )
        for number, name in enumerate(masks, start=1)
    ]
    stacked = np.stack([mask.transpose(2, 1, 0) for mask in masks.values()], axis=-1)
    seg = Segmentation(
        source_images=headers_of(images),
        pixel_array=stacked if kind == "FRACTIONAL" else stacked.astype(np.uint8),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
        **options,
    )
    edit(seg)
    path.parent.mkdir(parents=True, exist_ok=True)
    seg.save_as(path)
    return path


def by_highdicom(path: Path, like: Path) -> np.ndarray:
    """Read a SEG onto the planes of a series by highdicom, shape (columns, rows, slices, segments).

    Of fractions, those as they are.
    """
    seg = highdicom.seg.segread(path)
    uids = [header.SOPInstanceUID for header in headers_of(like)]
    read = seg.get_pixels_by_source_instance(
        uids, assert_missing_frames_are_empty=True, ignore_spatial_locations=True
    )
    return read.transpose(2, 1, 0, 3)


Regions = Mapping[str, Sequence[np.ndarray]]


def corners(folder: Path, polygons: Mapping[int, Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Put polygons, of columns and rows by the number of their slice, into the patient (LPS)."""
    headers = headers_of(folder)
    placed = []
    for number, several in polygons.items():
        header = headers[number]
        origin = np.array(header.ImagePositionPatient, float)
        along = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
        row, column = map(float, header.PixelSpacing)
        for polygon in several:
            steps = np.asarray(polygon, float) * [column, row]
            placed.append(origin + steps @ along)
    return placed


def write_rtstruct(
    path: Path,
    images: Path,
    regions: Regions,
    *,
    kind: str = "CLOSED_PLANAR",
    edit: Edit = lambda header: None,
) -> Path:
    """Write contours of regions 1, 2, …, each of shape (points, 3) in LPS mm, by pydicom."""
    first, *_ = headers = headers_of(images)
    header = pydicom.Dataset()
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDate"):
        setattr(header, keyword, first.get(keyword, ""))
    header.SOPClassUID = RTStructureSetStorage
    header.SOPInstanceUID = generate_uid()
    header.SeriesInstanceUID = generate_uid()
    header.Modality = "RTSTRUCT"
    header.StructureSetLabel = "Planted of Grete"
    series = pydicom.Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    series.ContourImageSequence = [_referring(one) for one in headers]
    study = pydicom.Dataset()
    study.RTReferencedSeriesSequence = [series]
    frame = pydicom.Dataset()
    frame.FrameOfReferenceUID = first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    header.ReferencedFrameOfReferenceSequence = [frame]
    header.StructureSetROISequence = []
    header.ROIContourSequence = []
    header.RTROIObservationsSequence = []
    for number, (name, contours) in enumerate(regions.items(), start=1):
        region = pydicom.Dataset()
        region.ROINumber = number
        region.ROIName = name
        region.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
        region.ROIGenerationAlgorithm = "MANUAL"
        header.StructureSetROISequence.append(region)
        drawn = pydicom.Dataset()
        drawn.ReferencedROINumber = number
        drawn.ROIDisplayColor = [255, 0, 0]
        drawn.ContourSequence = [_contour(points, kind) for points in contours]
        header.ROIContourSequence.append(drawn)
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    edit(header)
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)
    return path


def _referring(one: pydicom.Dataset) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID = one.SOPClassUID
    item.ReferencedSOPInstanceUID = one.SOPInstanceUID
    return item


def _contour(points: np.ndarray, kind: str) -> pydicom.Dataset:
    contour = pydicom.Dataset()
    contour.ContourGeometricType = kind
    contour.NumberOfContourPoints = len(points)
    contour.ContourData = [f"{value:.10g}" for value in np.ravel(points)]
    return contour


def by_plastimatch(path: Path, images: Path, folder: Path) -> dict[str, np.ndarray]:
    """Rasterise a structure set by plastimatch, onto the voxels of its images: (i, j, k) each."""
    command = ["plastimatch", "convert", "--input", str(path), "--referenced-ct", str(images)]
    command += ["--xor-contours"]
    command += ["--output-prefix", str(folder), "--prefix-format", "nrrd"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return {
        one.stem: sitk.GetArrayFromImage(sitk.ReadImage(str(one))).transpose(2, 1, 0)
        for one in folder.glob("*.nrrd")
    }
