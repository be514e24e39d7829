"""Masks as DICOM RTSTRUCT: read by others, every voxel is where it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.draw import polygon2mask

from slicewise.volumes.dicom.contours import inside
from slicewise.volumes.dicom.imaged import Imaged
from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.dicom.write_rtstruct import outlines, write_rtstruct
from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.read import read_mask
from tests.volumes.dicom.archived import of_patient
from tests.volumes.dicom.drawn import by_plastimatch
from tests.volumes.dicom.test_write_seg import LABELS, ORIENTATIONS, painted


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans()))
def test_each_centre_is_on_its_side_of_the_contours(mask):
    ours = np.zeros(mask.shape, bool)
    theirs = np.zeros(mask.shape, bool)
    for points in outlines(mask):
        assert len(points) >= 4
        ours ^= inside(points, (0, 0), mask.shape)
        theirs ^= polygon2mask(mask.shape, points)
    np.testing.assert_array_equal(ours, mask)
    np.testing.assert_array_equal(theirs, mask)


def test_points_of_straight_edges_are_left_out():
    mask = np.zeros((40, 40), bool)
    mask[5:30, 10:35] = True
    (points,) = outlines(mask)
    assert len(points) == 8  # a square whose corners are cut


def structured(tmp_path: Path, write_series, orientation, mask: np.ndarray) -> tuple[Path, Path]:
    folder = tmp_path / "ct"
    write_series(folder, 5, orientation, edit=of_patient("PLANTED-1"))
    path = tmp_path / "rs.dcm"
    write_rtstruct(path, sorted(folder.iterdir()), mask, LABELS)
    return folder, path


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_voxel_comes_back(tmp_path, write_series, orientation) -> None:
    mask = painted()
    folder, path = structured(tmp_path, write_series, orientation, mask)
    paths = sorted(folder.iterdir())
    image = read_series(paths)
    imaged = Imaged(VoxelGrid.of(image, "ct"), tuple(paths))
    ours = read_mask([path], {"liver": "liver", "t": "tumour of liver"}, imaged)
    np.testing.assert_allclose(ours.affine, image.affine, atol=1e-4)
    np.testing.assert_array_equal(ours.array, np.array([0] * 7 + [1] + [0] * 292 + [2])[mask])


def test_voxels_are_those_of_plastimatch(tmp_path, write_series) -> None:
    if shutil.which("plastimatch") is None:
        pytest.skip("plastimatch is not installed")
    mask = np.zeros((12, 16, 5), np.uint16)
    mask[2:10, 3:14, 1:4] = 7
    mask[5:7, 6:9, 2] = 0  # a hole
    mask[6:9, 10:13, 2] = 300
    folder, path = structured(tmp_path, write_series, ORIENTATIONS[0], mask)
    read = by_plastimatch(path, folder, tmp_path / "read")
    assert len(read) == 2
    by_size = sorted(read.values(), key=np.count_nonzero)
    for theirs, value in zip(by_size, (300, 7), strict=True):
        np.testing.assert_array_equal(theirs > 0, mask == value)


def test_it_belongs_to_patient_and_series(tmp_path, write_series) -> None:
    folder, path = structured(tmp_path, write_series, ORIENTATIONS[0], painted())
    made = pydicom.dcmread(path)
    source = pydicom.dcmread(sorted(folder.iterdir())[0])
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID"):
        assert made[keyword].value == source[keyword].value
    (frame,) = made.ReferencedFrameOfReferenceSequence
    assert frame.FrameOfReferenceUID == source.FrameOfReferenceUID
    (series,) = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    assert len(series.ContourImageSequence) == 5
    own = {pydicom.dcmread(each).SOPInstanceUID for each in folder.iterdir()}
    for drawn in made.ROIContourSequence:
        for contour in drawn.ContourSequence:
            assert contour.ContourImageSequence[0].ReferencedSOPInstanceUID in own
            assert len(contour.ContourData) == 3 * contour.NumberOfContourPoints
    again = tmp_path / "again.dcm"
    write_rtstruct(again, sorted(folder.iterdir()), painted(), LABELS)
    assert again.read_bytes() == path.read_bytes()
    write_rtstruct(again, sorted(folder.iterdir()), painted(2), LABELS)
    assert pydicom.dcmread(again).SOPInstanceUID != made.SOPInstanceUID


def test_a_label_that_was_not_found_is_there_without_contours(tmp_path, write_series) -> None:
    mask = painted()
    mask[mask == 300] = 0
    _, path = structured(tmp_path, write_series, ORIENTATIONS[0], mask)
    made = pydicom.dcmread(path)
    assert [each.ROIName for each in made.StructureSetROISequence] == list(LABELS)
    assert "ContourSequence" not in made.ROIContourSequence[1]
