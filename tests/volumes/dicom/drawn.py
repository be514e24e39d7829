"""Masks that DICOM has of its own, as other programs write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

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
