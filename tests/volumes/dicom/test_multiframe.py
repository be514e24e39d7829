"""Enhanced multi-frame files are read as other programs read them, or refused in one sentence."""

import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from slicewise.volumes.dicom.organs import read_organ_masks
from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.read import read_mask, read_sources, read_volume
from tests.scans import OBLIQUE, PLANTED, UID, UPRIGHT, dcm2niix

CT = "1.2.840.10008.5.1.4.1.1.2.1"
LEGACY_CT = "1.2.840.10008.5.1.4.1.1.2.2"
MR = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_MR = "1.2.840.10008.5.1.4.1.1.4.4"
PET = "1.2.840.10008.5.1.4.1.1.130"
MODALITIES = {CT: "CT", LEGACY_CT: "CT", MR: "MR", LEGACY_MR: "MR", PET: "PT"}


def one(**elements) -> list[Dataset]:
    """Make a sequence of one item."""
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return [item]


def write(
    path: Path,
    stored: np.ndarray,
    kind: str = CT,
    orientation=UPRIGHT,
    order=None,
    frame=lambda item, k: None,
    edit=lambda header: None,
) -> None:
    """Write an enhanced file whose frames come in any order; `frame` changes the groups of one."""
    count = stored.shape[2]
    header = Dataset()
    for keyword, value in PLANTED.items():
        setattr(header, keyword, value)
    header.SOPClassUID, header.SOPInstanceUID = kind, f"{UID}.7.1"
    header.SeriesInstanceUID, header.Modality = f"{UID}.7", MODALITIES[kind]
    header.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    header.Rows, header.Columns = stored.shape[1], stored.shape[0]
    header.NumberOfFrames = count
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, int(stored.dtype.kind == "i")
    shared, transformed = Dataset(), one(RescaleSlope=1, RescaleIntercept=-1024)
    shared.PlaneOrientationSequence = one(ImageOrientationPatient=list(orientation))
    # the thickness is not the distance of the slices
    shared.PixelMeasuresSequence = one(PixelSpacing=[0.8, 0.7], SliceThickness=4)
    transformed[0].RescaleType = "HU"
    shared.PixelValueTransformationSequence = transformed
    header.SharedFunctionalGroupsSequence = [shared]
    normal = np.cross(orientation[:3], orientation[3:])
    order = list(range(count)) if order is None else order
    frames = []
    for number, k in enumerate(order):
        item = Dataset()
        place = [round(float(v), 6) for v in np.array([-10.5, 20.25, -30]) + k * 2.5 * normal]
        item.PlanePositionSequence = one(ImagePositionPatient=place)
        item.FrameContentSequence = one(StackID="1", InStackPositionNumber=k + 1)
        item.FrameContentSequence[0].DimensionIndexValues = [1, k + 1]
        item.FrameContentSequence[0].FrameAcquisitionNumber = number + 1
        frame(item, k)
        frames.append(item)
    header.PerFrameFunctionalGroupsSequence = frames
    header.PixelData = np.ascontiguousarray(stored[..., order].T).tobytes()
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = kind
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    edit(header)
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)


@pytest.fixture
def stored() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 3000, (12, 16, 5)).astype(np.int16)


# --- agreement with other programs -------------------------------------------------------------


@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE])
@pytest.mark.parametrize("order", [None, [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]])
def test_frames_lie_where_a_series_of_the_same_slices_does(
    tmp_path, write_series, stored, orientation, order
):
    write_series(tmp_path / "single", stored=stored, orientation=orientation)
    write(tmp_path / "multi" / "ct", stored, orientation=orientation, order=order)
    single, multi = read_series(tmp_path / "single"), read_series(tmp_path / "multi")
    np.testing.assert_array_equal(multi.array, stored.astype(int) - 1024)
    np.testing.assert_array_equal(multi.array, single.array)
    np.testing.assert_allclose(multi.affine, single.affine, atol=1e-9)


@pytest.mark.parametrize("kind", [CT, MR, LEGACY_CT, LEGACY_MR, PET])
def test_simpleitk_agrees(tmp_path, stored, kind):
    write(tmp_path / "one.dcm", stored, kind, OBLIQUE)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(tmp_path / "one.dcm"))
    other = reader.Execute()
    volume = read_volume(tmp_path / "one.dcm")
    np.testing.assert_array_equal(volume.array, stored.astype(int) - 1024)
    theirs = sitk.GetArrayFromImage(other).transpose(2, 1, 0)
    np.testing.assert_array_equal(theirs, volume.array)
    for index in [(0, 0, 0), (11, 15, 4), (3, 7, 2)]:
        lps = np.array(other.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose((volume.affine @ [*index, 1])[:3], lps * [-1, -1, 1], atol=2e-3)


@pytest.mark.parametrize("kind", [CT, MR])
@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE])
def test_dcm2niix_agrees(tmp_path, stored, kind, orientation):
    program = dcm2niix()
    if program is None:
        pytest.skip("dcm2niix is not installed (pip install dcm2niix)")
    write(tmp_path / "in" / "one.dcm", stored, kind, orientation)
    command = [program, "-b", "n", "-z", "n", "-f", "out", "-o", tmp_path, tmp_path / "in"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = read_nifti(tmp_path / "out.nii")[0].canonical()
    ours = read_series(tmp_path / "in").canonical()
    np.testing.assert_array_equal(ours.array, theirs.array)
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-3)


# --- what a file may be like -------------------------------------------------------------------


def test_each_frame_has_its_own_rescale(tmp_path, stored):
    def frame(item, k):
        transformed = one(RescaleSlope=1 + k, RescaleIntercept=-10 * k)
        item.PixelValueTransformationSequence = transformed

    write(tmp_path / "ct", stored, PET, order=[3, 1, 0, 2, 4], frame=frame)
    expected = stored.astype(int) * (1 + np.arange(5)) - 10 * np.arange(5)
    np.testing.assert_array_equal(read_series(tmp_path).array, expected)


def test_everything_may_be_said_of_each_frame(tmp_path, stored):
    def frame(item, k):
        item.PlaneOrientationSequence = one(ImageOrientationPatient=list(OBLIQUE))
        item.PixelMeasuresSequence = one(PixelSpacing=[0.8, 0.7], SliceThickness=4)
        item.PixelValueTransformationSequence = one(RescaleSlope=1, RescaleIntercept=-1024)

    def edit(header):
        del header.SharedFunctionalGroupsSequence

    write(tmp_path / "shared", stored, orientation=OBLIQUE)
    write(tmp_path / "own" / "ct", stored, orientation=OBLIQUE, frame=frame, edit=edit)
    ours, theirs = read_series(tmp_path / "own"), read_series([tmp_path / "shared"])
    np.testing.assert_array_equal(ours.array, theirs.array)
    np.testing.assert_array_equal(ours.affine, theirs.affine)


def test_unsigned_pixels_without_rescale(tmp_path):
    stored = np.random.default_rng(1).integers(0, 65536, (12, 16, 3)).astype(np.uint16)

    def edit(header):
        del header.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence

    write(tmp_path / "mr", stored, MR, edit=edit)
    np.testing.assert_array_equal(read_series(tmp_path).array, stored)


def test_one_frame_takes_its_thickness(tmp_path, stored):
    write(tmp_path / "ct", stored[..., :1])
    volume = read_series(tmp_path)
    assert volume.array.shape == (12, 16, 1)
    assert volume.spacing[2] == pytest.approx(4)


def test_frames_spread_over_files_and_a_zip(tmp_path, stored):
    for name, chosen in (("a", [0, 2]), ("b", [4, 1, 3])):

        def keep(header, chosen=chosen):
            everything = header.PerFrameFunctionalGroupsSequence
            header.PerFrameFunctionalGroupsSequence = [everything[k] for k in chosen]
            header.NumberOfFrames = len(chosen)
            header.PixelData = np.ascontiguousarray(stored[..., chosen].T).tobytes()

        write(tmp_path / "in" / name, stored, edit=keep)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for path in (tmp_path / "in").iterdir():
            archive.write(path, path.name)
    for source in (tmp_path / "in", tmp_path / "in.zip"):
        np.testing.assert_array_equal(read_series(source).array, stored.astype(int) - 1024)


def test_run_length_encoded_frames(tmp_path, stored):
    write(tmp_path / "ct", stored, edit=lambda header: header.compress(RLELossless))
    np.testing.assert_array_equal(read_series(tmp_path).array, stored.astype(int) - 1024)


@pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG"])
def test_jpeg_compressed_frames(tmp_path, stored, compressor):
    def edit(header):
        items = []
        for k in range(5):
            plain = sitk.GetImageFromArray(stored[..., k].T[None])
            path = str(tmp_path / "packed.dcm")
            sitk.WriteImage(plain, path, useCompression=True, compressor=compressor)
            packed = pydicom.dcmread(path)
            items += list(pydicom.encaps.generate_frames(packed.PixelData, number_of_frames=1))
        header.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
        header.PixelData = pydicom.encaps.encapsulate(items)
        header["PixelData"].VR = "OB"
        header["PixelData"].is_undefined_length = True
        (tmp_path / "packed.dcm").unlink()

    write(tmp_path / "in" / "ct", stored, edit=edit)
    np.testing.assert_array_equal(read_series(tmp_path / "in").array, stored.astype(int) - 1024)


def test_a_case_of_one_file_whose_name_does_not_say_what_it_is(tmp_path, stored):
    write(tmp_path / "IM_0001", stored)
    assert_same = np.testing.assert_array_equal
    assert_same(read_sources([tmp_path / "IM_0001"]).array, stored.astype(int) - 1024)
    assert_same(read_volume(tmp_path / "IM_0001").array, stored.astype(int) - 1024)
    assert_same(read_mask([tmp_path / "IM_0001"]).array, stored)


def test_organ_masks_in_one_file_each(tmp_path, stored):
    inside = np.zeros_like(stored)
    inside[2:5, 3:9, 1:4] = 1
    write(tmp_path / "image" / "ct", stored)
    write(tmp_path / "masks" / "liver" / "mask", inside, order=[3, 0, 4, 1, 2])
    mask, overlap = read_organ_masks(tmp_path / "masks", {"liver": "liver"}, tmp_path / "image")
    np.testing.assert_array_equal(mask.array, inside)
    assert overlap == 0


def test_stacks_and_times_that_make_one_volume(tmp_path, stored):
    def frame(item, k):
        item.FrameContentSequence[0].StackID = str(k // 3)
        item.FrameContentSequence[0].TemporalPositionIndex = k + 1

    write(tmp_path / "ct", stored, frame=frame)
    np.testing.assert_array_equal(read_series(tmp_path).array, stored.astype(int) - 1024)


# --- refusals ----------------------------------------------------------------------------------


def twice(item, k):
    place = item.PlanePositionSequence[0].ImagePositionPatient
    item.PlanePositionSequence[0].ImagePositionPatient = [*place[:2], -30 + 2.5 * (k % 3)]


def times(item, k):
    twice(item, k)
    item.FrameContentSequence[0].TemporalPositionIndex = 1 + k // 3


def echoes(item, k):
    twice(item, k)
    item.MREchoSequence = one(EffectiveEchoTime=10.0 + 20 * (k // 3))


def stacks(item, k):
    item.FrameContentSequence[0].StackID = str(k // 3)
    if k > 2:
        item.PlaneOrientationSequence = one(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])


def turned(item, k):
    if k == 2:
        item.PlaneOrientationSequence = one(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])


def uneven(item, k):
    if k == 2:
        place = item.PlanePositionSequence[0].ImagePositionPatient
        item.PlanePositionSequence[0].ImagePositionPatient = [*place[:2], place[2] + 0.4]


def nowhere(item, k):
    if k == 2:
        del item.PlanePositionSequence


def other_spacing(item, k):
    if k == 2:
        item.PixelMeasuresSequence = one(PixelSpacing=[0.9, 0.9])


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (twice, "several volumes (5 frames at 3 places)"),
        (times, "2 points in time"),
        (echoes, "2 echo times"),
        (stacks, "2 stacks"),
        (turned, "another orientation"),
        (uneven, "unevenly spaced"),
        (nowhere, "frame 3, does not say where it lies"),
        (other_spacing, "frame 3, has another pixel spacing"),
    ],
)
def test_frames_that_make_no_volume(tmp_path, stored, refused, frame, fault):
    write(tmp_path / "in" / "scan", stored, MR, frame=frame)
    message = refused(read_series, tmp_path / "in")
    assert message.startswith(str(tmp_path / "in"))
    assert fault in message


def missing(header):
    groups = header.PerFrameFunctionalGroupsSequence
    del groups[2]
    header.NumberOfFrames = 4
    header.PixelData = header.PixelData[: 4 * 12 * 16 * 2]


def too_many(header):
    header.NumberOfFrames = 7


def too_few(header):
    header.NumberOfFrames = 4


def hidden(header):
    header.NumberOfFrames = 4
    del header.PerFrameFunctionalGroupsSequence[4]


def fewer_rows(header):
    header.Rows = 15


def steep(header):
    groups = header.SharedFunctionalGroupsSequence[0]
    groups.PixelValueTransformationSequence[0].RescaleSlope = "1e30"


def two_slopes(header):
    groups = header.SharedFunctionalGroupsSequence[0]
    groups.PixelValueTransformationSequence[0].RescaleSlope = ["1", "2"]


def cut(header):
    header.PixelData = header.PixelData[:-200]


def no_groups(header):
    del header.PerFrameFunctionalGroupsSequence


def no_shared(header):
    del header.SharedFunctionalGroupsSequence


def empty_groups(header):
    header.PerFrameFunctionalGroupsSequence = [Dataset() for _ in range(5)]


def hidden_and_compressed(header):
    header.compress(RLELossless)
    hidden(header)


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (hidden_and_compressed, "holds the pixels of 5"),
        (missing, "1 of its slices are missing"),
        (too_many, "says it has 7 frames (NumberOfFrames), but where 5 lie"),
        (too_few, "says it has 4 frames (NumberOfFrames), but where 5 lie"),
        (hidden, "of 12 × 16 pixels, but holds the pixels of 5"),
        (fewer_rows, "of 12 × 15 pixels, but holds the pixels of 5.333"),
        (steep, "a RescaleSlope of 1e+30"),
        (two_slopes, "frame 1, has a RescaleSlope that is no number"),
        (cut, "cannot be decoded"),
        (no_groups, "multi-frame DICOM file that does not say where its 5 frames lie"),
        (no_shared, "PixelSpacing"),
        (empty_groups, "does not say where it lies"),
    ],
)
def test_files_that_lie_or_lack(tmp_path, stored, refused, edit, fault):
    write(tmp_path / "scan.dcm", stored, edit=edit)
    message = refused(read_volume, tmp_path / "scan.dcm")
    assert "scan.dcm" in message or message.startswith(str(tmp_path))
    assert fault in message
