"""Padding is told from intensities, by a header or by what it is like, and said in a line."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.config import Content
from slicewise.dataset.describe import CaseFiles, fingerprint, make_record
from slicewise.volumes.channels import read_channel_images, split
from slicewise.volumes.checks import check_image
from slicewise.volumes.dicom.series import read_series
from slicewise.volumes.nifti import read_channels_of
from slicewise.volumes.padding import AIR, as_air
from slicewise.volumes.read import as_meant, read_image, read_mask
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti

CONTENT = Content(
    intensity="hu", contiguous=False, labels={"organ": [1]}, other_labels="refuse", offset=0
)


def scan(padding: float | None = None, shape=(24, 24, 6)) -> np.ndarray:
    """Make a body of 0 to 200 HU in noisy air, with padding outside a circle."""
    rng = np.random.default_rng(3)
    far = np.hypot(*np.meshgrid(*(np.linspace(-1, 1, n) for n in shape[:2]), indexing="ij"))
    array = np.where(far[..., None] < 0.7, rng.integers(0, 200, shape), -1000)
    array = (array + rng.integers(-24, 24, shape)).astype(np.int32)
    if padding is not None:
        array[far > 1] = padding
    return array


def outside(shape=(24, 24)) -> np.ndarray:
    far = np.hypot(*np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    return far > 1


def volume(array: np.ndarray) -> Volume:
    return Volume(array, np.diag([2.0, 2.0, 3.0, 1.0]))


# --- without a header that names it ------------------------------------------------------------


@pytest.mark.parametrize("value", [-2000, -3024, -3023, -32768, 63536, 62512, 65535, 40000])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_a_value_that_no_body_has_around_it_becomes_air(caplog, value, dtype):
    array = scan(value).astype(dtype)
    filled = as_air(volume(array), "p1").array
    assert f"p1: {6 * outside().sum()} of {array.size} voxels have the value {value:g}" in (
        caplog.text
    )
    np.testing.assert_array_equal(filled, np.where(outside()[..., None], AIR, array))
    assert filled.dtype == (np.int16 if dtype == np.int32 else np.float32)
    check_image(volume(filled), "p1", "hu")


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_each_channel_has_padding_of_its_own(tmp_path, dtype):
    parts = [scan(value).astype(dtype) for value in (-2000, None, 63536)]
    image = volume(np.stack(parts, axis=-1))
    filled = as_air(image).array
    for channel, part in enumerate(parts):
        np.testing.assert_array_equal(filled[..., channel], as_air(volume(part)).array)
    assert (filled[..., 0][outside()] == AIR).all() and filled.max() < 1000
    plain = volume(np.stack([parts[1], parts[1]], axis=-1))
    assert as_air(plain) is plain
    # a scan is known again by what ingest noted of its first channel
    content = CONTENT.model_copy(update={"channels": ["early", "late", "none"]})
    path = tmp_path / "p1.nii"
    write_nifti(path, image)
    meant = as_meant(read_channels_of(path)[0], content)
    for one, read in zip(split(meant, "abc", ""), read_channel_images(path, content), strict=True):
        assert fingerprint(one) == fingerprint(read)


def test_what_was_read_is_not_changed():
    array = scan(-2000).astype(np.int16)
    before = array.copy()
    as_air(volume(array))
    np.testing.assert_array_equal(array, before)


def test_unsigned_voxels_make_room_for_air():
    stored = (scan() + 1024).astype(np.uint16)
    stored[outside()] = 63536
    filled = as_air(volume(stored)).array
    assert filled.dtype == np.int16
    assert set(np.unique(filled[outside()])) == {AIR}


def test_two_paddings_in_one_scan():
    array = scan(-3024)
    array[:3] = -2000
    filled = as_air(volume(array)).array
    assert filled.min() >= AIR


def streaks(array: np.ndarray) -> np.ndarray:
    """Let metal in the body, and air, reach where padding may be."""
    array[10:13, 10:13] = np.random.default_rng(1).integers(-2100, -1100, (3, 3, 6))
    return array


@pytest.mark.parametrize(
    "array",
    [
        scan(),
        # the intercept twice, the slope twice: noisy air has no one value
        scan() - 1024,
        np.where(scan() < -900, scan() * 2, scan()),
        streaks(scan()),
        # metal that saturates, in all slices
        np.where(np.hypot(*np.indices((24, 24, 6))[:2] - 12) < 3, 64511, scan()),
        scan(-1100),
        np.full((8, 8, 8), -2000),
    ],
)
def test_what_is_no_padding_stays(caplog, array):
    given = volume(array)
    assert as_air(given, "p1") is given
    assert not caplog.text


def test_streaks_beside_padding_stay():
    array = streaks(scan(-3024))
    filled = as_air(volume(array)).array
    np.testing.assert_array_equal(filled[10:13, 10:13], array[10:13, 10:13])
    assert (filled[outside()] == AIR).all()


@pytest.mark.parametrize("add", [-1024, 1024])
def test_padding_hides_no_wrong_intercept(refused, add):
    array = np.where(outside()[..., None], -2000, scan() + add)
    message = refused(check_image, as_air(volume(array)), "p1", "hu")
    assert "dataset.offset: -1024" in message or "soft tissue" in message


def test_padding_hides_no_offset_of_a_thin_patient(refused):
    # so little of it is body that not a quarter of the voxels are dense
    array = scan() + 1024
    array[:, :, 1:] = np.random.default_rng(0).integers(0, 40, (24, 24, 5))
    array = np.where(outside()[..., None], -2000, array)
    assert "dataset.offset: -1024" in refused(check_image, volume(array), "p1", "hu")
    assert "dataset.offset: -1024" in refused(check_image, as_air(volume(array)), "p1", "hu")


def test_a_head_that_was_cut_out_of_its_air_passes():
    array = np.random.default_rng(0).integers(0, 80, (24, 24, 6))
    array[:, 3] = np.random.default_rng(0).integers(700, 1800, (24, 6))
    array[outside()] = -2000
    check_image(as_air(volume(array)), "p1", "hu")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize(("value", "dtype"), [(-3024, np.int16), (63536, np.int32)])
def test_every_format(tmp_path, caplog, suffix, value, dtype):
    array = scan(value).astype(dtype)
    path = tmp_path / f"ct{suffix}"
    if suffix == ".nii.gz":
        write_nifti(path, volume(array))
    else:
        sitk.WriteImage(sitk.GetImageFromArray(array.T), str(path))
    image = read_image(path, CONTENT, "p1")
    assert (image.array[outside()] == AIR).all()
    assert "p1: " in caplog.text
    arbitrary = CONTENT.model_copy(update={"intensity": "arbitrary"})
    np.testing.assert_array_equal(read_image(path, arbitrary).array, array)


def test_an_offset_counts_before(tmp_path):
    array = scan() + 1024
    array[outside()] = -2000
    write_nifti(tmp_path / "ct.nii.gz", volume(array.astype(np.int16)))
    content = CONTENT.model_copy(update={"offset": -1024})
    image = read_image(tmp_path / "ct.nii.gz", content)
    np.testing.assert_array_equal(image.array, np.where(outside()[..., None], AIR, scan()))


def test_the_case_record_says_it_once_and_counts_it_as_air(tmp_path, caplog):
    array = scan(-3024)
    write_nifti(tmp_path / "ct.nii.gz", volume(array.astype(np.int16)))
    mask = np.zeros(array.shape, np.uint8)
    mask[10:14, 10:14, 2:4] = 1
    write_nifti(tmp_path / "mask.nii.gz", volume(mask))
    sources = {"image": [tmp_path / "ct.nii.gz"], "mask": [tmp_path / "mask.nii.gz"]}
    files = CaseFiles("p1", "p1", tmp_path / "ct.nii.gz", tmp_path / "mask.nii.gz", sources)
    case_record = make_record(files, files.described(), CONTENT, "all of it")
    assert case_record.intensity["min"] == AIR
    assert caplog.text.count("which is padding") == 1


# --- a header names it -------------------------------------------------------------------------


def dicom(write_series, folder, padding, stored, *, modality="CT", rescale=(1, -1024), **options):
    """Write a series whose pixels outside a circle have the value of its padding."""

    def edit(header, k):
        header.Modality = modality
        header.RescaleSlope, header.RescaleIntercept = rescale
        for keyword, (vr, value) in padding.items():
            header.add_new(keyword, vr, value)

    write_series(folder, stored=stored, count=stored.shape[2], edit=edit, **options)
    return read_series(folder).array


VALUE, LIMIT = "PixelPaddingValue", "PixelPaddingRangeLimit"


@pytest.mark.parametrize(
    ("vr", "value", "dtype", "pixel"),
    [
        ("SS", -2000, np.int16, -2000),
        ("US", 63536, np.uint16, 63536),
        # the sign of the header is not that of the pixels
        ("SS", -2000, np.uint16, 63536),
        ("US", 63536, np.int16, -2000),
        ("SS", -32768, np.int16, -32768),
    ],
)
def test_the_padding_of_a_ct_is_air(tmp_path, write_series, caplog, vr, value, dtype, pixel):
    stored = (scan() + 1024).astype(dtype)
    stored[outside()] = pixel
    array = dicom(write_series, tmp_path / "ct", {VALUE: (vr, value)}, stored)
    np.testing.assert_array_equal(array, np.where(outside()[..., None], AIR, scan()))
    assert array.dtype == np.int16
    number = f"{6 * outside().sum()} of {stored.size} voxels are padding by their header"
    assert f"{tmp_path / 'ct'}: {number}" in caplog.text


@pytest.mark.parametrize(("pixel", "dtype"), [(-2000, np.int16), (63536, np.uint16)])
def test_padding_that_no_header_names(tmp_path, write_series, caplog, pixel, dtype):
    stored = (scan() + 1024).astype(dtype)
    stored[outside()] = pixel
    array = dicom(write_series, tmp_path / "ct", {}, stored)
    np.testing.assert_array_equal(array, np.where(outside()[..., None], AIR, scan()))
    assert "padding around what was scanned" in caplog.text


def test_lossy_compression_makes_padding_inexact(tmp_path, write_series):
    stored = (scan() + 1024).astype(np.int16)
    stored[outside()] = -2000 + np.random.default_rng(0).integers(-90, 90, (outside().sum(), 6))

    def edit(header, k):
        header.add_new(VALUE, "SS", -2000)
        header.LossyImageCompression = "01"

    write_series(tmp_path / "ct", stored=stored, count=6, edit=edit)
    array = read_series(tmp_path / "ct").array
    np.testing.assert_array_equal(array, np.where(outside()[..., None], AIR, scan()))


def test_a_range_of_padding(tmp_path, write_series):
    stored = (scan() + 1024).astype(np.int16)
    stored[outside()] = -2000
    stored[0, 0] = -1990
    padding = {VALUE: ("SS", -2000), LIMIT: ("SS", -1500)}
    array = dicom(write_series, tmp_path / "ct", padding, stored)
    assert (array[outside()] == AIR).all()


def test_padding_that_is_air_already_stays_without_a_line(tmp_path, write_series, caplog):
    stored = (scan() + 1024).clip(0).astype(np.uint16)
    stored[outside()] = 0
    array = dicom(write_series, tmp_path / "ct", {VALUE: ("US", 0)}, stored)
    np.testing.assert_array_equal(array, stored.astype(int) - 1024)
    assert not caplog.text


def test_padding_with_the_value_of_tissue_is_padding_at_the_edge_only(tmp_path, write_series):
    stored = scan().astype(np.int16)
    stored[outside()] = 0
    stored[11:13, 11:13] = 0
    array = dicom(write_series, tmp_path / "ct", {VALUE: ("SS", 0)}, stored, rescale=(1, 0))
    assert (array[outside()] == AIR).all()
    assert (array[11:13, 11:13] == 0).all()


def test_fractional_rescale(tmp_path, write_series):
    stored = (scan() + 1024).astype(np.int16)
    stored[outside()] = -2000
    padding = {VALUE: ("SS", -2000)}
    array = dicom(write_series, tmp_path / "ct", padding, stored, rescale=(0.5, -512.25))
    assert (array[outside()] == AIR).all()
    expected = stored[~outside()] * 0.5 - 512.25
    np.testing.assert_allclose(array[~outside()], expected)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [(63536, np.uint16, 7), (-2000, np.int16, 7), (0, np.int16, 0), (5, np.int16, 5)],
)
def test_other_images_get_their_lowest_value(
    tmp_path, write_series, caplog, value, dtype, expected
):
    stored = np.random.default_rng(2).integers(8, 300, (24, 24, 6)).astype(dtype)
    stored[12, 12, 2] = 7
    stored[outside()] = value
    vr = "SS" if dtype == np.int16 else "US"
    array = dicom(
        write_series, tmp_path / "mr", {VALUE: (vr, value)}, stored, modality="MR", rescale=(1, 0)
    )
    assert (array[outside()] == expected).all()
    np.testing.assert_array_equal(array[~outside()], stored[~outside()])
    assert ("lowest value of all others (7)" in caplog.text) == (expected == 7)


def test_masks_have_no_padding(tmp_path, write_series, caplog):
    stored = np.zeros((12, 16, 5), np.uint16)
    stored[3:6, 3:6, 1:3] = 1

    def edit(header, k):
        header.RescaleIntercept = 0
        header.add_new(VALUE, "US", 0)

    write_series(tmp_path / "mask", stored=stored, edit=edit)
    mask = read_mask(sorted((tmp_path / "mask").iterdir()))
    np.testing.assert_array_equal(mask.array, stored)
    assert not caplog.text


def test_converted_padding_agrees_with_the_series(tmp_path, write_series):
    stored = (scan() + 1024).astype(np.int16)
    stored[outside()] = -2000
    series = dicom(write_series, tmp_path / "ct", {VALUE: ("SS", -2000)}, stored)
    # what converters make of it
    nib.save(nib.Nifti1Image((stored - 1024).astype(np.int16), np.eye(4)), tmp_path / "ct.nii")
    np.testing.assert_array_equal(read_image(tmp_path / "ct.nii", CONTENT).array, series)
