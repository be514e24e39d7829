"""A DICOM series is read as other programs read it, or refused in one sentence."""

import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.nifti import read_nifti
from tests.scans import dcm2niix
from tests.volumes.dicom.written import (
    OBLIQUE,
    SAGITTAL,
    UPRIGHT,
    by_simpleitk,
    drop_pixels,
    resize_one,
    respace_one,
    turn_one,
    world,
)


def assert_like_simpleitk(volume, folder: Path) -> None:
    other = by_simpleitk(folder)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(other).transpose(2, 1, 0))
    for index in [(0, 0, 0), (11, 0, 0), (0, 15, 0), (3, 7, 4), (11, 15, 4)]:
        lps = other.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(
            world(volume.affine, index), np.array(lps) * [-1, -1, 1], atol=2e-3
        )


# --- agreement with other programs -------------------------------------------------------------


@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE, SAGITTAL])
def test_series_agrees_with_the_stored_values_and_simpleitk(tmp_path, write_series, orientation):
    stored = write_series(tmp_path / "ct", orientation=orientation)
    volume = read_series(tmp_path / "ct")
    assert volume.array.dtype == np.int16
    np.testing.assert_array_equal(volume.array, stored - 1024)
    np.testing.assert_allclose(volume.spacing, (0.7, 0.8, 2.5), atol=1e-5)
    assert_like_simpleitk(volume, tmp_path / "ct")


@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE, SAGITTAL])
def test_series_agrees_with_dcm2niix(tmp_path, write_series, orientation):
    program = dcm2niix()
    if program is None:
        pytest.skip("dcm2niix is not installed (pip install dcm2niix)")
    write_series(tmp_path / "ct", orientation=orientation)
    command = [program, "-b", "n", "-z", "n", "-f", "out", "-o", tmp_path, tmp_path / "ct"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = read_nifti(tmp_path / "out.nii")[0].canonical()
    ours = read_series(tmp_path / "ct").canonical()
    np.testing.assert_array_equal(ours.array, theirs.array)
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-3)


# --- refusals ----------------------------------------------------------------------------------


def test_two_series_are_counted_and_not_named(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_series(tmp_path / "ct", count=2, series="1.9.8.7.6.5.4", name=lambda k: f"other{k}")
    message = refused(read_series, tmp_path / "ct")
    assert str(tmp_path / "ct") in message
    assert "2 DICOM series (of 5, 2 slices)" in message
    assert "1.9.8" not in message


def shear(header, k):
    x, y, z = header.ImagePositionPatient
    header.ImagePositionPatient = [x, y + 0.5 * k, z]


def uneven(header, k):
    x, y, z = header.ImagePositionPatient
    header.ImagePositionPatient = [x, y, z + (0.4 if k == 2 else 0)]


def cut_pixels(header, k):
    if k == 1:
        header.PixelData = header.PixelData[:100]


def report(header, k):
    if k == 1:
        del header.Rows, header.Columns, header.PixelData


def frames(header, k):
    header.NumberOfFrames = 3


def colour(header, k):
    header.SamplesPerPixel = 3
    header.PhotometricInterpretation = "RGB"


def palette(header, k):
    header.PhotometricInterpretation = "PALETTE COLOR"


def segmentation(header, k):
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"


def no_spacing(header, k):
    del header.PixelSpacing


def no_position(header, k):
    if k == 2:
        del header.ImagePositionPatient


def no_orientation(header, k):
    del header.ImageOrientationPatient


def steep(header, k):
    header.RescaleSlope = "1e30"


def flat(header, k):
    header.RescaleSlope = "0"


def two_slopes(header, k):
    header.RescaleSlope = ["1", "2"]


def no_number(header, k):
    header.add(pydicom.DataElement(0x00281052, "LO", "Grete"))


def skewed_orientation(header, k):
    header.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]


def lookup(header, k):
    header.ModalityLUTSequence = [pydicom.Dataset()]


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (shear, "shifted sideways"),
        (uneven, "unevenly spaced"),
        (turn_one, "another orientation"),
        (resize_one, "another size"),
        (respace_one, "another pixel spacing"),
        (drop_pixels, "no pixel data"),
        (cut_pixels, "cannot be decoded"),
        (report, "has no pixel data (a report"),
        (frames, "multi-frame"),
        (colour, "colour image"),
        (palette, "colour image"),
        (segmentation, "DICOM segmentation"),
        (no_spacing, "PixelSpacing"),
        (no_position, "ImagePositionPatient"),
        (no_orientation, "ImageOrientationPatient"),
        (skewed_orientation, "perpendicular"),
        (lookup, "lookup table"),
        (steep, "RescaleSlope of 1e+30"),
        (two_slopes, "RescaleSlope that is no number"),
        (no_number, "RescaleIntercept that is no number"),
        (flat, "RescaleSlope of 0"),
    ],
)
def test_series_that_is_no_plain_volume(tmp_path, write_series, refused, edit, fault):
    write_series(tmp_path / "ct", edit=edit)
    message = refused(read_series, tmp_path / "ct")
    assert message.startswith(str(tmp_path / "ct"))
    assert fault in message


# --- real data ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_ircad_agrees_with_simpleitk(tmp_path, real_data):
    case = real_data / "ircad" / "3Dircadb1.1"
    volume = read_series(case / "PATIENT_DICOM.zip")
    assert volume.array.shape == (512, 512, 129)
    np.testing.assert_allclose(volume.spacing, (0.57, 0.57, 1.6), atol=1e-6)
    with zipfile.ZipFile(case / "PATIENT_DICOM.zip") as archive:
        archive.extractall(tmp_path)
    other = by_simpleitk(tmp_path / "PATIENT_DICOM")
    np.testing.assert_array_equal(volume.array, sitk.GetArrayViewFromImage(other).T)
    lps = other.TransformIndexToPhysicalPoint((100, 200, 77))
    np.testing.assert_allclose(world(volume.affine, (100, 200, 77)), np.array(lps) * [-1, -1, 1])


@pytest.mark.slow
def test_three_slices_of_dcmqi_agree_with_simpleitk_but_for_the_padding(real_data, caplog):
    folder = real_data / "odd" / "ct_seg_dicom" / "ct-3slice"
    volume, other = read_series(folder), by_simpleitk(folder)
    theirs = sitk.GetArrayFromImage(other).transpose(2, 1, 0)
    # -2000 stored, by GE, outside the round field of view
    assert f"{np.count_nonzero(theirs == -3024)} of {theirs.size} voxels are padding" in caplog.text
    np.testing.assert_array_equal(volume.array, np.where(theirs == -3024, -1024, theirs))
    np.testing.assert_allclose(
        world(volume.affine, (0, 0, 0)), np.array(other.GetOrigin()) * [-1, -1, 1]
    )


@pytest.mark.slow
def test_tilted_gantry_and_segmentation_of_real_scanners(real_data, refused):
    message = refused(read_series, real_data / "odd" / "tilted_ct" / "GE")
    assert "tilted by about 18.5 degrees" in message
    message = refused(read_series, real_data / "odd" / "ct_seg_dicom")
    assert "DICOM segmentation" in message
