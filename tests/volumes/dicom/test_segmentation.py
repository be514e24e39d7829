"""DICOM segmentations, written by highdicom and dcmqi, and read as these read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.imaged import Imaged
from slicewise.volumes.dicom.segmentation import read_seg
from slicewise.volumes.placing import VoxelGrid, on_image
from slicewise.volumes.read import read_mask, read_volume
from slicewise.volumes.volume import Volume
from tests.volumes.dicom.drawn import by_highdicom, write_seg
from tests.volumes.dicom.written import OBLIQUE, SAGITTAL, UPRIGHT

SHAPE = (12, 16, 5)


def imaged(folder: Path) -> Imaged:
    image = read_volume(folder)
    grid = VoxelGrid.of(image, "its image")
    return Imaged(grid, tuple(sorted(folder.iterdir())))


def read(path: Path, folder: Path, labels: dict | None = None, **options) -> Volume:
    return read_mask([path], labels, imaged(folder), **options)


def block(*where: tuple[int, int]) -> np.ndarray:
    array = np.zeros(SHAPE, bool)
    array[tuple(slice(*ends) for ends in where)] = True
    return array


LIVER = block((2, 9), (3, 12), (1, 4))
TUMOUR = block((5, 11), (4, 8), (2, 5))
SPLEEN = block((9, 12), (12, 16), (1, 3))


def without(keyword: str):
    def edit(header: pydicom.Dataset) -> None:
        delattr(header, keyword)

    return edit


@pytest.mark.slow
def test_the_real_one_agrees_with_its_nrrd(real_data):
    place = real_data / "odd" / "ct_seg_dicom"
    mask = read(place / "liver.dcm", place / "ct-3slice", {"liver": "Liver"})
    image = imaged(place / "ct-3slice").grid
    drawn = read_volume(place / "liver_seg.nrrd")
    placed, _ = on_image(drawn.array.astype(np.uint8), VoxelGrid.of(drawn, "nrrd"), image)
    np.testing.assert_array_equal(mask.array, placed)
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert mask.array.sum() == 107098


@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE, SAGITTAL])
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("omit", [True, False])
def test_every_kind_lies_on_its_image(tmp_path, write_series, orientation, kind, omit):
    write_series(tmp_path / "ct", orientation=orientation)
    masks = {"Liver": LIVER & ~SPLEEN, "Spleen": SPLEEN}
    given = {name: m.astype(float) if kind == "FRACTIONAL" else m for name, m in masks.items()}
    path = write_seg(tmp_path / "seg.dcm", tmp_path / "ct", given, kind, omit_empty_frames=omit)
    mask = read(path, tmp_path / "ct", {"spleen": 2, "liver": 1})
    np.testing.assert_array_equal(mask.array, np.where(SPLEEN, 2, LIVER.astype(int)))
    np.testing.assert_allclose(mask.affine, read_volume(tmp_path / "ct").affine)
    by_name = read(path, tmp_path / "ct", {"s": "spleen", "l": "LIVER"})
    np.testing.assert_array_equal(by_name.array, np.where(SPLEEN, 1, 2 * LIVER.astype(int)))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    arrays.arrays(bool, st.tuples(st.integers(3, 9), st.integers(3, 9), st.integers(2, 4))),
    st.sampled_from(["BINARY", "FRACTIONAL"]),
)
def test_bits_that_fill_no_byte_are_those_of_highdicom(tmp_path_factory, write_series, drawn, kind):
    folder = tmp_path_factory.mktemp("seg")
    rng = np.random.default_rng(3)
    stored = rng.integers(0, 99, drawn.shape).astype(np.int16)
    write_series(folder / "ct", drawn.shape[2], stored=stored)
    drawn[1, 1, 1] = True
    masks = {"a": drawn, "b": ~drawn}
    given = {name: m.astype(float) if kind == "FRACTIONAL" else m for name, m in masks.items()}
    path = write_seg(folder / "seg.dcm", folder / "ct", given, kind)
    mask = read(path, folder / "ct", {"a": 1, "b": 2}).array
    theirs = by_highdicom(path, folder / "ct")
    for number in (1, 2):
        np.testing.assert_array_equal(mask == number, theirs[..., number - 1] == 1)


def test_fractions_count_from_half_on_and_a_line_says_so(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    fractions = np.zeros(SHAPE)
    fractions[1:4, 2, 2] = [0.4, 0.6, 1]
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": fractions}, "FRACTIONAL")
    mask = read(path, tmp_path / "ct", {"liver": 1})
    assert np.argwhere(mask.array).tolist() == [[2, 2, 2], [3, 2, 2]]
    assert "s.dcm: it holds fractions; a voxel belongs to a segment where" in caplog.text


def test_frames_lie_where_they_say_whatever_their_order(tmp_path, write_series):
    write_series(tmp_path / "ct")

    def shuffle(header):
        order = [2, 0, 1]
        frames = np.unpackbits(
            np.frombuffer(header.PixelData, np.uint8), bitorder="little", count=3 * 12 * 16
        ).reshape(3, -1)
        header.PixelData = np.packbits(frames[order], bitorder="little").tobytes()
        groups = header.PerFrameFunctionalGroupsSequence
        header.PerFrameFunctionalGroupsSequence = [groups[k] for k in order]

    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER}, edit=shuffle)
    np.testing.assert_array_equal(read(path, tmp_path / "ct", {"liver": 1}).array, LIVER)


def test_planes_without_frame_are_empty_and_a_line_says_how_many(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    split = block((2, 5), (3, 6), (0, 1)) | block((2, 5), (3, 6), (4, 5))
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": split})
    np.testing.assert_array_equal(read(path, tmp_path / "ct", {"liver": 1}).array, split)
    assert "3 planes within its segment Liver have no frame" in caplog.text


def test_a_file_that_says_its_planes_are_even_must_have_them(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")

    def claim(header):
        header.DimensionOrganizationType = "3D"

    split = block((2, 5), (3, 6), (0, 3)) | block((2, 5), (3, 6), (4, 5))
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": split}, edit=claim)
    message = refused(read, path, tmp_path / "ct", {"liver": 1})
    assert "the frames of 1 of its planes are missing" in message


def drop_a_group(header):
    header.PerFrameFunctionalGroupsSequence = header.PerFrameFunctionalGroupsSequence[:-1]


def cut_pixels(header):
    header.PixelData = header.PixelData[:-24]


def in_parts(header):
    header.InConcatenationTotalNumber = 2


def same_plane(header):
    first, second, *_ = header.PerFrameFunctionalGroupsSequence
    second.PlanePositionSequence = first.PlanePositionSequence


def other_number(header):
    group = header.SharedFunctionalGroupsSequence[0]
    group.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 7


def no_place(header):
    for group in header.PerFrameFunctionalGroupsSequence:
        del group.PlanePositionSequence


FAULTS = {
    "groups": (drop_a_group, "says it has 3 frames (NumberOfFrames), but where 2 lie"),
    "pixels": (cut_pixels, "is cut short or damaged"),
    "parts": (in_parts, "one of 2 parts of a segmentation (a concatenation)"),
    "plane": (same_plane, "two frames of one segment in one plane"),
    "number": (other_number, "voxels of segment 7, which its header does not describe"),
    "place": (no_place, "does not say where it lies"),
    "kind": (without("SegmentationType"), "of which kind of segmentation it is"),
    "segments": (without("SegmentSequence"), "which segments it has"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_file_lacks_is_said(tmp_path, write_series, refused, fault):
    write_series(tmp_path / "ct")
    edit, said = FAULTS[fault]
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER}, edit=edit)
    assert said in refused(read, path, tmp_path / "ct", {"liver": 1})


def test_a_grid_of_its_own_is_left_to_what_meets_masks_and_images(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")

    def shift(header):
        for group in header.PerFrameFunctionalGroupsSequence:
            position = group.PlanePositionSequence[0].ImagePositionPatient
            position[0] = float(position[0]) + 0.35

    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER}, edit=shift)
    mask = read(path, tmp_path / "ct", {"liver": 1})
    np.testing.assert_array_equal(mask.array, LIVER[..., 1:4])
    image = imaged(tmp_path / "ct").grid
    expected = image.affine[:3, 3] + image.affine[:3, 2] + [-0.35, 0, 0]
    np.testing.assert_allclose(mask.affine[:3, 3], expected, atol=1e-4)
    said = refused(on_image, mask.array, VoxelGrid.of(mask, "s.dcm"), image, "exact")
    assert "not on the grid of its image" in said


def test_planes_beyond_the_image_are_not_lost(tmp_path, write_series, refused):
    write_series(tmp_path / "all")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "all", {"Liver": LIVER})
    (tmp_path / "few").mkdir()
    headers = {p: pydicom.dcmread(p) for p in (tmp_path / "all").iterdir()}
    for place, header in headers.items():
        if header.ImagePositionPatient[2] < -23:
            place.rename(tmp_path / "few" / place.name)
    mask = read(path, tmp_path / "few", {"liver": 1})
    image = imaged(tmp_path / "few").grid
    assert image.shape[2] == 3
    said = refused(on_image, mask.array, VoxelGrid.of(mask, "s.dcm"), image, "exact")
    assert "63 of its voxels with a label lie outside of its image" in said


def test_an_image_in_nifti_takes_a_segmentation_by_position(tmp_path, write_series, caplog):
    write_series(tmp_path / "ct")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER})
    volume = read_volume(tmp_path / "ct").canonical()
    image = Imaged(VoxelGrid.of(volume, "ct.nii.gz"), (tmp_path / "ct.nii.gz",))
    mask = read_mask([path], {"liver": 1}, image)
    np.testing.assert_array_equal(mask.array, LIVER[::-1, ::-1])
    assert "its image is no DICOM, so which series it was drawn on is not checked" in caplog.text


def test_nothing_is_read_but_what_is_needed(tmp_path, write_series):
    write_series(tmp_path / "ct")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER})
    seg = read_seg(path)
    assert [(one.name, one.value) for one in seg.segments] == [("Liver", 1)]
    assert "lanted" not in repr(seg)


def test_an_image_is_not_read_from_a_segmentation(tmp_path, write_series):
    write_series(tmp_path / "ct")
    path = write_seg(tmp_path / "s.dcm", tmp_path / "ct", {"Liver": LIVER})
    with pytest.raises(SlicewiseError, match="is a mask and no image; name it as the mask"):
        read_volume(path)
