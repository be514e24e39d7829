"""Stored values become intensities, however they are packed."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import RLELossless

from slicewise.volumes.dicom.series import read_series


def test_fractional_slope_gives_float32(tmp_path, write_series):
    def edit(header, k):
        header.RescaleSlope, header.RescaleIntercept = "0.5", "-7.25"

    stored = write_series(tmp_path / "ct", edit=edit)
    volume = read_series(tmp_path / "ct")
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, stored * 0.5 - 7.25)


def test_slope_may_change_from_slice_to_slice(tmp_path, write_series):
    def edit(header, k):
        header.RescaleSlope = 1 + k % 2

    stored = write_series(tmp_path / "ct", edit=edit)
    slopes = 1 + np.arange(5) % 2
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored * slopes - 1024)


def test_values_beyond_16_bits_are_kept(tmp_path, write_series):
    stored = np.full((12, 16, 5), 40, np.uint16)
    stored[3, 4, 2] = 65535
    write_series(tmp_path / "ct", stored=stored)
    volume = read_series(tmp_path / "ct")
    assert volume.array.dtype == np.int32
    np.testing.assert_array_equal(volume.array, stored.astype(int) - 1024)


def test_missing_rescale_means_none(tmp_path, write_series):
    def edit(header, k):
        del header.RescaleSlope, header.RescaleIntercept

    stored = write_series(tmp_path / "ct", edit=edit)
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored)


def test_run_length_encoded_pixels(tmp_path, write_series):
    def edit(header, k):
        header.compress(RLELossless, generate_instance_uid=False)

    stored = write_series(tmp_path / "ct", edit=edit)
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)


@pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG"])
def test_jpeg_compressed_pixels(tmp_path, write_series, compressor):
    def edit(header, k):
        plain = sitk.GetImageFromArray(stored[..., k].T[None])
        plain.SetMetaData("0008|0060", "CT")
        path = str(tmp_path / "packed.dcm")
        sitk.WriteImage(plain, path, useCompression=True, compressor=compressor)
        packed = pydicom.dcmread(path)
        assert packed.file_meta.TransferSyntaxUID.is_compressed
        header.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
        header.PixelData = packed.PixelData
        header["PixelData"].VR = "OB"
        header["PixelData"].is_undefined_length = True

    stored = np.random.default_rng(1).integers(0, 3000, (12, 16, 5)).astype(np.int16)
    write_series(tmp_path / "ct", stored=stored, edit=edit)
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        *(("RescaleSlope", value) for value in ("1e30", "0", "-1e30", "nan", "inf", "x", "1\\2")),
        *(("RescaleIntercept", value) for value in ("1e30", "nan", "x")),
    ],
)
def test_rescale_values_that_make_no_intensities_are_refused(
    tmp_path, write_series, refused, keyword, value
):
    write_series(tmp_path / "ct", count=2)
    for path in (tmp_path / "ct").iterdir():
        content = pydicom.dcmread(path)
        content.remove_private_tags()
        raw = value.encode() + b" " * (len(value) % 2)
        content[keyword] = pydicom.dataelem.RawDataElement(
            content[keyword].tag, "DS", len(raw), raw, 0, False, True, True
        )
        content.save_as(path)
    assert keyword in refused(read_series, tmp_path / "ct")
