"""Regions of interest become voxels, as plastimatch makes them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from slicewise.volumes.dicom.annotations import annotation_kind
from slicewise.volumes.dicom.contours import inside
from slicewise.volumes.dicom.imaged import Imaged
from slicewise.volumes.dicom.structure_set import read_structure_set
from slicewise.volumes.placing import VoxelGrid, on_image
from slicewise.volumes.read import read_mask, read_volume
from tests.volumes.dicom.drawn import by_plastimatch, corners, write_rtstruct
from tests.volumes.dicom.test_segmentation import read
from tests.volumes.dicom.written import OBLIQUE, SAGITTAL, UPRIGHT

SIDES = (12, 16)
OUTER = np.array([(1.6, 1.7), (9.6, 2.2), (10.3, 12.6), (2.2, 13.3)])
HOLE = np.array([(4.2, 4.3), (7.7, 4.6), (7.4, 9.2), (4.4, 9.4)])
ISLAND = np.array([(5.3, 5.2), (6.6, 5.4), (6.4, 7.7), (5.2, 7.6)])
BESIDE = np.array([(0.2, 0.3), (1.4, 0.4), (1.2, 1.4)])


def filled(*polygons: np.ndarray) -> np.ndarray:
    drawn = np.zeros(SIDES, bool)
    for polygon in polygons:
        drawn ^= inside(polygon, (0, 0), SIDES)
    return drawn


def expected(planes: dict[int, list[np.ndarray]], slices: int = 5) -> np.ndarray:
    return np.stack([filled(*planes.get(k, [])) for k in range(slices)], axis=-1)


LIVER = {0: [OUTER], 1: [OUTER, HOLE], 2: [OUTER, HOLE, ISLAND], 3: [BESIDE, OUTER[::-1]]}
TUMOUR = {1: [ISLAND], 2: [ISLAND]}


@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE, SAGITTAL])
def test_contours_are_filled_with_holes_and_islands(tmp_path, write_series, orientation):
    write_series(tmp_path / "ct", orientation=orientation)
    regions = {"Liver": corners(tmp_path / "ct", LIVER), "GTV": corners(tmp_path / "ct", TUMOUR)}
    path = write_rtstruct(tmp_path / "rs", tmp_path / "ct", regions)
    assert annotation_kind(path) == "RTSTRUCT"
    mask = read(path, tmp_path / "ct", {"liver": "liver", "tumour": "GTV"})
    wanted = np.where(expected(TUMOUR), 2, expected(LIVER).astype(int))
    np.testing.assert_array_equal(mask.array, wanted)
    np.testing.assert_allclose(mask.affine, read_volume(tmp_path / "ct").affine)
    by_number = read(path, tmp_path / "ct", {"tumour": 2, "liver": 1}).array
    np.testing.assert_array_equal(
        by_number, expected(LIVER) + 2 * (expected(TUMOUR) & ~expected(LIVER))
    )


@pytest.mark.skipif(shutil.which("plastimatch") is None, reason="plastimatch is not installed")
def test_voxels_are_those_of_plastimatch(tmp_path, write_series):
    rng = np.random.default_rng(8)
    stored = rng.integers(0, 3000, (64, 48, 6)).astype(np.int16)

    def complete(header, k):
        header.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.777000777.9"
        header.SeriesNumber = 1
        header.StudyID = header.StudyTime = ""

    write_series(tmp_path / "ct", 6, stored=stored, edit=complete)
    angles = np.linspace(0, 2 * np.pi, 40)[:-1]

    def star(x: float, y: float, radius: float) -> np.ndarray:
        around = radius * rng.uniform(0.6, 1, len(angles))
        return np.stack([x + around * np.cos(angles), y + around * np.sin(angles)], axis=1)

    planes = {
        "Liver": {
            k: [star(34.3, 24.2, 17), star(34.3, 24.2, 8), star(9.1, 9.3, 6)] for k in range(6)
        },
        "GTV": {k: [star(34.3, 24.2, 5)] for k in (2, 3)},
    }
    regions = {name: corners(tmp_path / "ct", one) for name, one in planes.items()}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions)
    theirs = by_plastimatch(path, tmp_path / "ct", tmp_path / "theirs")
    assert theirs.keys() == planes.keys()
    for name, drawn in theirs.items():
        mine = read(path, tmp_path / "ct", {"label": name}).array == 1
        assert mine.sum() > 100
        np.testing.assert_array_equal(mine, drawn == 1)


def test_a_contour_lies_on_the_slice_where_headers_round(tmp_path, write_series):
    write_series(tmp_path / "ct")
    shifted = [points + np.array([0, 0, 0.2]) for points in corners(tmp_path / "ct", TUMOUR)]
    path = write_rtstruct(tmp_path / "rs", tmp_path / "ct", {"GTV": shifted})
    mask = read(path, tmp_path / "ct", {"tumour": 1})
    np.testing.assert_array_equal(mask.array, expected(TUMOUR))


def test_contours_between_slices_are_refused(tmp_path, write_series, refused, caplog):
    write_series(tmp_path / "ct")
    between = [points + np.array([0, 0, 0.9]) for points in corners(tmp_path / "ct", TUMOUR)]
    regions = {"GTV": between, "Liver": corners(tmp_path / "ct", LIVER)}
    path = write_rtstruct(tmp_path / "rs", tmp_path / "ct", regions)
    message = refused(read, path, tmp_path / "ct", {"tumour": 1})
    assert "2 of the 2 contours of its ROI GTV lie between the slices of its image" in message
    assert "up to 0.90 mm from the nearest" in message
    # of a region that is no label they do not matter
    mask = read(path, tmp_path / "ct", {"liver": "Liver"})
    np.testing.assert_array_equal(mask.array, expected(LIVER))


def test_contours_across_slices_are_refused(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    tilted = [
        points + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 5], [0, 0, 5]])
        for points in corners(tmp_path / "ct", TUMOUR)
    ]
    flat = corners(tmp_path / "ct", LIVER)
    path = write_rtstruct(tmp_path / "rs", tmp_path / "ct", {"GTV": tilted, "Liver": flat})
    message = refused(read, path, tmp_path / "ct", {"tumour": 1})
    assert "a contour of its ROI GTV does not lie in one slice of its image" in message


@pytest.mark.parametrize("where", ["beside", "above"])
def test_contours_outside_of_the_image_are_not_lost(tmp_path, write_series, refused, where):
    write_series(tmp_path / "ct")
    shift = [7 * 0.7, 0, 0] if where == "beside" else [0, 0, 3 * 2.5]
    moved = [points + shift for points in corners(tmp_path / "ct", {0: [OUTER], 4: [OUTER]})]
    path = write_rtstruct(tmp_path / "rs", tmp_path / "ct", {"Liver": moved})
    mask = read(path, tmp_path / "ct", {"liver": 1})
    assert mask.array.sum() == 2 * filled(OUTER).sum()
    image = read_volume(tmp_path / "ct")
    grids = VoxelGrid.of(mask, "rs"), VoxelGrid.of(image, "its image")
    message = refused(on_image, mask.array, *grids, "exact")
    assert "of its voxels with a label lie outside of its image" in message
    placed, stored = on_image(mask.array, *grids, "resample")
    assert stored.outside == mask.array.sum() - placed.sum()
    assert placed.any()


def test_a_structure_set_of_somewhere_else_is_refused(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    moved = [points + np.array([4000, 0, 0]) for points in corners(tmp_path / "ct", TUMOUR)]
    path = write_rtstruct(tmp_path / "rs", tmp_path / "ct", {"GTV": moved})
    message = refused(read, path, tmp_path / "ct", {"tumour": 1})
    assert "contours of its ROI GTV lie far outside of its image" in message


def test_the_structure_set_of_another_series_is_refused(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_series(tmp_path / "late", series="1.2.826.0.1.3680043.8.498.777000777.8")
    regions = {"GTV": corners(tmp_path / "late", TUMOUR)}
    path = write_rtstruct(tmp_path / "rs", tmp_path / "late", regions)
    message = refused(read, path, tmp_path / "ct", {"tumour": 1})
    assert "this DICOM structure set (RTSTRUCT) was drawn on another series" in message


def test_a_region_without_contours_is_said(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    regions = {"Liver": corners(tmp_path / "ct", LIVER), "Spleen": []}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions)
    mask = read(path, tmp_path / "ct", {"spleen": "Spleen", "liver": "Liver"})
    np.testing.assert_array_equal(mask.array, 2 * expected(LIVER))
    assert "rs.dcm: no voxel of its segment Spleen" in caplog.text
    read(path, tmp_path / "ct", {"spleen": 2, "liver": 1})
    assert caplog.text.count("no voxel of its segment Spleen") == 2


def test_points_and_slices_without_contour_are_said(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    regions = {"Liver": corners(tmp_path / "ct", {0: [OUTER], 3: [OUTER, np.array([(3.0, 3.0)])]})}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions)
    mask = read(path, tmp_path / "ct", {"liver": 1})
    np.testing.assert_array_equal(mask.array, expected({0: [OUTER], 3: [OUTER]}))
    assert "1 contour of its ROI Liver have no inside (points and open lines)" in caplog.text
    assert "2 slices within its ROI Liver have no contour" in caplog.text


def test_a_contour_that_is_there_twice_counts_once(tmp_path, write_series):
    write_series(tmp_path / "ct")
    regions = {"Liver": corners(tmp_path / "ct", {1: [OUTER, OUTER]})}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions)
    mask = read(path, tmp_path / "ct", {"liver": 1})
    np.testing.assert_array_equal(mask.array, expected({1: [OUTER]}))


def test_contours_that_cross_are_said(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    regions = {"Liver": corners(tmp_path / "ct", {1: [OUTER, OUTER + 1.5]})}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions)
    read(path, tmp_path / "ct", {"liver": 1})
    assert "contours of its ROI Liver cross each other in 1 slice" in caplog.text


def no_numbers(header):
    contour = header.ROIContourSequence[0].ContourSequence[0]
    contour.ContourData = contour.ContourData[:-1]


def no_regions(header):
    header.StructureSetROISequence = []


def twice(header):
    for region in header.StructureSetROISequence:
        region.ROINumber = 1


def other_region(header):
    header.ROIContourSequence[0].ReferencedROINumber = 9


FAULTS = {
    "numbers": (no_numbers, "is cut short or damaged"),
    "regions": (no_regions, "does not say which regions it has"),
    "twice": (twice, "each by a number of its own"),
    "other": (other_region, "has contours of ROI number 9, which it does not describe"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_file_lacks_is_said(tmp_path, write_series, refused, fault):
    write_series(tmp_path / "ct")
    edit, said = FAULTS[fault]
    regions = {"Liver": corners(tmp_path / "ct", LIVER), "GTV": corners(tmp_path / "ct", TUMOUR)}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions, edit=edit)
    assert said in refused(read, path, tmp_path / "ct", {"liver": 1})


def test_a_region_numbered_0_is_not_lost(tmp_path, write_series):
    write_series(tmp_path / "ct")

    def count_from_0(header):
        for number, region in enumerate(header.StructureSetROISequence):
            region.ROINumber = number
            header.ROIContourSequence[number].ReferencedROINumber = number

    regions = {"GTV": corners(tmp_path / "ct", TUMOUR), "Liver": corners(tmp_path / "ct", LIVER)}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions, edit=count_from_0)
    by_name = read(path, tmp_path / "ct", {"tumour": "GTV"}).array
    np.testing.assert_array_equal(by_name == 1, expected(TUMOUR))
    by_number = read(path, tmp_path / "ct", {"liver": 1}).array
    assert set(np.unique(by_number)) == {0, 1, 2}


def test_an_image_in_nifti_takes_contours_by_position(tmp_path, write_series):
    write_series(tmp_path / "ct")
    regions = {"Liver": corners(tmp_path / "ct", LIVER)}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions)
    volume = read_volume(tmp_path / "ct")
    turned = VoxelGrid((5, 12, 16), volume.affine[:, [2, 0, 1, 3]], "ct.nii.gz")
    mask = read_mask([path], {"liver": 1}, Imaged(turned, (Path("ct.nii.gz"),)))
    np.testing.assert_array_equal(mask.array, expected(LIVER).transpose(2, 0, 1))


def test_nothing_is_kept_but_what_is_needed(tmp_path, write_series):
    write_series(tmp_path / "ct")
    regions = {"Liver": corners(tmp_path / "ct", LIVER)}
    path = write_rtstruct(tmp_path / "rs.dcm", tmp_path / "ct", regions)
    assert "lanted" not in repr(read_structure_set(path))
