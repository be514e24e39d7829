"""A DICOM series is read as other programs read it, or refused in one sentence."""

import logging
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import RLELossless

from slicewise import files
from slicewise.volumes.dicom import series as dicom
from slicewise.volumes.dicom.series import read_organ_masks, read_series
from slicewise.volumes.dicom.stack import position_tolerance
from slicewise.volumes.read import read_nifti
from tests.scans import dcm2niix

UPRIGHT = (1, 0, 0, 0, 1, 0)
OBLIQUE = (0.8, 0.6, 0, -0.48, 0.64, 0.6)
SAGITTAL = (0, 1, 0, 0, 0, -1)


def zipped(folder: Path, path: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, top + file.relative_to(folder).as_posix())
    return path


def world(affine: np.ndarray, index: tuple[int, int, int]) -> np.ndarray:
    return (affine @ [*index, 1])[:3]


def by_simpleitk(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


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


def test_order_follows_position_and_neither_name_nor_number(tmp_path, write_series):
    write_series(tmp_path / "up")
    write_series(tmp_path / "shuffled", name=lambda k: f"{(3 * k) % 5}.dcm")
    one, two = read_series(tmp_path / "up"), read_series(tmp_path / "shuffled")
    np.testing.assert_array_equal(one.array, two.array)
    np.testing.assert_array_equal(one.affine, two.affine)


def test_folder_zip_and_list_of_files_are_the_same(tmp_path, write_series):
    write_series(tmp_path / "case" / "ct")
    archive = zipped(tmp_path / "case", tmp_path / "case.zip", "PATIENT_DICOM/")
    files = list((tmp_path / "case" / "ct").iterdir())
    expected = read_series(tmp_path / "case")
    for source in (archive, files):
        np.testing.assert_array_equal(read_series(source).array, expected.array)
        np.testing.assert_array_equal(read_series(source).affine, expected.affine)


def test_prefix_chooses_a_series_of_a_zip(tmp_path, write_series):
    wanted = write_series(tmp_path / "both" / "a")
    write_series(tmp_path / "both" / "b", count=3, series="1.2.3.4")
    archive = zipped(tmp_path / "both", tmp_path / "both.zip")
    np.testing.assert_array_equal(read_series(archive, "a/").array, wanted - 1024)


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


def test_old_file_without_preamble(tmp_path, write_series):
    stored = write_series(tmp_path / "ct")
    for path in (tmp_path / "ct").iterdir():
        header = pydicom.dcmread(path)
        del header.file_meta
        header.preamble = None
        header.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_series(tmp_path / "ct").array, stored - 1024)


def test_single_slice_takes_its_thickness(tmp_path, write_series):
    write_series(tmp_path / "ct", count=1)
    volume = read_series(tmp_path / "ct")
    assert volume.array.shape == (12, 16, 1)
    assert volume.spacing[2] == pytest.approx(3)


def test_other_files_in_the_folder_are_left_aside_with_a_line(tmp_path, write_series, caplog):
    stored = write_series(tmp_path / "ct")
    (tmp_path / "ct" / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "ct" / "README.txt").write_text("scanned on a Monday")
    (tmp_path / "ct" / ".DS_Store").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        volume = read_series(tmp_path / "ct")
    np.testing.assert_array_equal(volume.array, stored - 1024)
    assert "1 of 6 files are no DICOM" in caplog.text


def test_litter_of_file_managers_is_no_file_of_the_series(tmp_path, write_series, caplog):
    stored = write_series(tmp_path / "ct")
    one = next(path for path in sorted((tmp_path / "ct").iterdir()))
    litter = ("Thumbs.db", "desktop.ini", ".DS_Store", f"._{one.name}", f"@eaDir/{one.name}/x.jpg")
    for name in (*litter, f"__MACOSX/{one.name}"):
        path = tmp_path / "ct" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # the same slice again, where it were read
        path.write_bytes(one.read_bytes())
    (tmp_path / "ct" / "empty").mkdir()
    with caplog.at_level(logging.WARNING):
        for source in (tmp_path / "ct", zipped(tmp_path / "ct", tmp_path / "ct.zip")):
            np.testing.assert_array_equal(read_series(source).array, stored - 1024)
    assert not caplog.text


@pytest.mark.parametrize("step", [0.625, 1.0, 2.5])
def test_positions_rounded_to_a_tenth_of_a_millimetre_are_even(tmp_path, write_series, step):
    def edit(header, k):
        x, y, z = header.ImagePositionPatient
        header.ImagePositionPatient = [x, y, round(float(z), 1)]

    write_series(tmp_path / "ct", count=9, step=step, edit=edit)
    assert read_series(tmp_path / "ct").spacing[2] == pytest.approx(step, abs=0.02)


def test_tolerance():
    assert position_tolerance(1.0) == 0.06
    assert position_tolerance(10.0) == pytest.approx(0.1)
    assert position_tolerance(0.2) == pytest.approx(0.02)


# --- refusals ----------------------------------------------------------------------------------


def test_two_series_are_counted_and_not_named(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_series(tmp_path / "ct", count=2, series="1.9.8.7.6.5.4", name=lambda k: f"other{k}")
    message = refused(read_series, tmp_path / "ct")
    assert str(tmp_path / "ct") in message
    assert "2 DICOM series (of 5, 2 slices)" in message
    assert "1.9.8" not in message


@pytest.mark.parametrize("orientation", [UPRIGHT, OBLIQUE])
def test_missing_slice(tmp_path, write_series, refused, orientation):
    write_series(tmp_path / "ct", count=8, orientation=orientation, name=lambda k: f"{k}.dcm")
    (tmp_path / "ct" / "3.dcm").unlink()
    message = refused(read_series, tmp_path / "ct")
    assert "1 of its slices are missing" in message
    if orientation == UPRIGHT:
        assert "between -25.00 and -20.00 mm" in message


def test_duplicate_positions(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_series(tmp_path / "ct", name=lambda k: f"again{k}")
    assert "share a position" in refused(read_series, tmp_path / "ct")


def shear(header, k):
    x, y, z = header.ImagePositionPatient
    header.ImagePositionPatient = [x, y + 0.5 * k, z]


def uneven(header, k):
    x, y, z = header.ImagePositionPatient
    header.ImagePositionPatient = [x, y, z + (0.4 if k == 2 else 0)]


def turn_one(header, k):
    if k == 1:
        header.ImageOrientationPatient = list(SAGITTAL)


def resize_one(header, k):
    if k == 1:
        header.Rows, header.Columns = header.Columns, header.Rows


def respace_one(header, k):
    if k == 1:
        header.PixelSpacing = [0.9, 0.9]


def drop_pixels(header, k):
    if k == 1:
        del header.PixelData


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


def test_the_one_file_at_fault_is_named(tmp_path, write_series, refused):
    write_series(tmp_path / "ct", edit=drop_pixels, name=lambda k: f"slice{k}.dcm")
    assert "slice1.dcm" in refused(read_series, tmp_path / "ct")


def test_a_file_named_after_its_uid_is_counted_instead(tmp_path, write_series, refused):
    names = [f"1.2.826.0.1.3680043.8.498.777000777.{k}.dcm" for k in range(5)]
    write_series(tmp_path / "ct", edit=drop_pixels, name=lambda k: names[k])
    assert "file 2 of 5 in order of names" in refused(read_series, tmp_path / "ct")


def test_single_slice_without_thickness(tmp_path, write_series, refused):
    def edit(header, k):
        del header.SliceThickness

    write_series(tmp_path / "ct", count=1, edit=edit)
    assert "SliceThickness" in refused(read_series, tmp_path / "ct")


def test_damaged_slices_are_not_mistaken_for_other_files(tmp_path, write_series, refused):
    write_series(tmp_path / "ct", name=lambda k: f"{k}.dcm")
    last = tmp_path / "ct" / "4.dcm"
    for content in (b"", b"garbage" * 100, last.read_bytes()[:300]):
        last.write_bytes(content)
        assert "4.dcm" in refused(read_series, tmp_path / "ct")


def test_no_dicom_at_all(tmp_path, refused):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "no DICOM image" in refused(read_series, tmp_path)
    assert "no such file, folder or zip" in refused(read_series, tmp_path / "absent")
    assert "no such file" in refused(read_series, [tmp_path / "absent"])
    assert "list of its files is empty" in refused(read_series, [])


@pytest.mark.parametrize("member", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil"])
def test_zip_that_points_outside_its_folder(tmp_path, write_series, refused, member):
    write_series(tmp_path / "ct")
    archive = zipped(tmp_path / "ct", tmp_path / "ct.zip")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(member, b"x")
    before = sorted(tmp_path.rglob("*"))
    message = refused(read_series, archive)
    assert str(archive) in message
    assert "outside its own folder" in message
    assert sorted(tmp_path.rglob("*")) == before


def test_zip_with_a_symbolic_link(tmp_path, refused):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "outside its own folder" in refused(read_series, tmp_path / "a.zip")


def test_damaged_zip(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    content = zipped(tmp_path / "ct", tmp_path / "ct.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    assert "cut short or damaged" in refused(read_series, tmp_path / "cut.zip")
    spoilt = bytearray(content)
    spoilt[1100:1160] = b"\xff" * 60
    (tmp_path / "spoilt.zip").write_bytes(spoilt)
    assert "damaged" in refused(read_series, tmp_path / "spoilt.zip")


def test_zip_with_a_password(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    archive = zipped(tmp_path / "ct", tmp_path / "ct.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    assert "protected by a password" in refused(read_series, archive)


def test_files_that_may_not_be_opened(tmp_path, write_series, refused, monkeypatch):
    write_series(tmp_path / "ct", name=lambda k: f"{k}.dcm")
    archive = zipped(tmp_path / "ct", tmp_path / "ct.zip")

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(zipfile, "ZipFile", denied)
    assert "ct.zip: the zip cannot be opened" in refused(read_series, archive)
    monkeypatch.setattr(Path, "open", denied)
    assert "0.dcm cannot be opened" in refused(read_series, tmp_path / "ct")


def test_zip_that_would_unpack_to_too_much(tmp_path, write_series, refused, monkeypatch):
    write_series(tmp_path / "ct")
    monkeypatch.setattr(dicom, "LARGEST_ZIP", 2000)
    message = refused(read_series, zipped(tmp_path / "ct", tmp_path / "ct.zip"))
    assert "would unpack to more" in message


# --- organ masks -------------------------------------------------------------------------------


def boxes() -> dict[str, np.ndarray]:
    liver, tumour = np.zeros((2, 12, 16, 5), np.uint8)
    liver[2:9, 3:10, 1:4] = 255
    tumour[6:11, 5:7, 2:5] = 255
    return {"liver": liver, "tumour": tumour}


def write_masks(write_series, folder: Path, **options) -> dict[str, np.ndarray]:
    organs = boxes()

    def edit(header, k):
        header.RescaleIntercept = 0
        options.get("edit", lambda header, k: None)(header, k)

    for organ, mask in organs.items():
        write_series(folder / organ, stored=mask, **{**options, "edit": edit})
    return organs


def test_masks_are_numbered_in_order_and_the_later_wins(tmp_path, write_series):
    write_series(tmp_path / "ct")
    organs = write_masks(write_series, tmp_path / "masks", name=lambda k: f"m{(3 * k) % 5}")
    archive = zipped(tmp_path / "masks", tmp_path / "masks.zip", "MASKS_DICOM/")
    liver, tumour = organs["liver"] > 0, organs["tumour"] > 0
    for source in (tmp_path / "masks", archive):
        mask, overlap = read_organ_masks(source, {"l": "liver", "t": "tumour"}, tmp_path / "ct")
        np.testing.assert_array_equal(mask.array, np.where(tumour, 2, liver))
        assert mask.array.dtype == np.uint8
        np.testing.assert_array_equal(mask.affine, read_series(tmp_path / "ct").affine)
        assert overlap == np.count_nonzero(liver & tumour) > 0


def test_folders_of_one_label_are_united(tmp_path, write_series):
    write_series(tmp_path / "ct")
    organs = write_masks(write_series, tmp_path / "masks")
    both = {"organ": ["liver", "tumour"]}
    mask, overlap = read_organ_masks(tmp_path / "masks", both, tmp_path / "ct")
    np.testing.assert_array_equal(mask.array, (organs["liver"] | organs["tumour"]) > 0)
    assert overlap == 0


def test_masks_without_positions_are_paired_by_number_with_a_line(tmp_path, write_series, caplog):
    def edit(header, k):
        header.ImagePositionPatient = [0, 0, 0]

    write_series(tmp_path / "ct")
    organs = write_masks(write_series, tmp_path / "masks", edit=edit)
    mask, _ = read_organ_masks(tmp_path / "masks", {"l": "liver"}, tmp_path / "ct")
    np.testing.assert_array_equal(mask.array, organs["liver"] > 0)
    assert "paired with the image's by the numbers" in caplog.text


def test_masks_without_positions_need_the_same_numbers(tmp_path, write_series, refused):
    def edit(header, k):
        del header.ImagePositionPatient

    write_series(tmp_path / "ct")
    write_masks(write_series, tmp_path / "masks", edit=edit, name=lambda k: f"mask{k}")
    message = refused(read_organ_masks, tmp_path / "masks", {"l": "liver"}, tmp_path / "ct")
    assert "numbers in the file names" in message


def move(header, k):
    x, y, z = header.ImagePositionPatient
    header.ImagePositionPatient = [x, y, z + 1]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"edit": move}, "positions of its slices do not match"),
        ({"edit": respace_one}, "positions of its slices do not match"),
        ({"edit": turn_one}, "positions of its slices do not match"),
        ({"edit": resize_one}, "another size"),
        ({"count": 4}, "4 slices, but the image has 5"),
    ],
)
def test_masks_of_another_image(tmp_path, write_series, refused, options, fault):
    write_series(tmp_path / "ct")
    write_masks(write_series, tmp_path / "masks", **options)
    message = refused(read_organ_masks, tmp_path / "masks", {"l": "liver"}, tmp_path / "ct")
    assert message.startswith(f"{tmp_path / 'masks'}, folder liver: ")
    assert fault in message


def test_missing_organ_names_what_is_there(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_masks(write_series, tmp_path / "masks")
    message = refused(read_organ_masks, tmp_path / "masks", {"l": "Tumor"}, tmp_path / "ct")
    assert "did you mean tumour?" in message
    assert "liver, tumour" in message


def test_image_given_as_mask(tmp_path, write_series, refused):
    write_series(tmp_path / "ct")
    write_series(tmp_path / "masks" / "liver")
    message = refused(read_organ_masks, tmp_path / "masks", {"l": "liver"}, tmp_path / "ct")
    assert "it is no mask" in message


# --- real data ---------------------------------------------------------------------------------


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


@pytest.mark.parametrize("number", [1, 7, 17])
def test_ircad_masks_lie_on_their_organs(real_data, number):
    case = real_data / "ircad" / f"3Dircadb1.{number}"
    image = read_series(case / "PATIENT_DICOM.zip")
    organs = {"liver": "liver", "bone": "bone"}
    mask, _ = read_organ_masks(case / "MASKS_DICOM.zip", organs, case / "PATIENT_DICOM.zip")
    assert mask.array.shape == image.array.shape
    assert 60 < np.median(image.array[mask.array == 1]) < 180
    assert np.median(image.array[mask.array == 2]) > 200
    # The liver lies on the right of the body, above its middle.
    right, _, up = np.argwhere(mask.array == 1).mean(axis=0) / image.array.shape
    assert right < 0.5 < up


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


def test_tilted_gantry_and_segmentation_of_real_scanners(real_data, refused):
    message = refused(read_series, real_data / "odd" / "tilted_ct" / "GE")
    assert "tilted by about 18.5 degrees" in message
    message = refused(read_series, real_data / "odd" / "ct_seg_dicom")
    assert "DICOM segmentation" in message


def test_a_list_of_one_zip_is_the_zip(write_series, tmp_path):
    write_series(tmp_path / "series")
    with zipfile.ZipFile(tmp_path / "series.zip", "w") as archive:
        for path in sorted((tmp_path / "series").iterdir()):
            archive.write(path, path.name)
    one = read_series([tmp_path / "series.zip"])
    np.testing.assert_array_equal(one.array, read_series(tmp_path / "series").array)


# --- values and packing that lie -------------------------------------------------------------


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


def test_a_deflated_file_that_unpacks_to_far_more_than_a_slice_is_refused(
    tmp_path, write_series, refused, monkeypatch
):
    def deflated(header, k):
        header.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian

    stored = write_series(tmp_path / "fine", count=2, edit=deflated)
    np.testing.assert_array_equal(read_series(tmp_path / "fine").array, stored - 1024)
    empty = np.zeros((1200, 1000, 1), np.int16)
    write_series(tmp_path / "bomb", count=1, stored=empty, edit=deflated)
    monkeypatch.setattr(files, "FREE", 1 << 20)
    refused(read_series, tmp_path / "bomb")


def test_zips_that_python_does_not_know_or_that_hold_too_much_are_refused(
    tmp_path, write_series, refused, monkeypatch
):
    write_series(tmp_path / "ct", count=2)
    archive = zipped(tmp_path / "ct", tmp_path / "a.zip")
    content = archive.read_bytes()
    at = content.index(b"PK\x01\x02")
    archive.write_bytes(content[: at + 6] + b"\xff\x00" + content[at + 8 :])
    assert "does not know" in refused(read_series, archive)
    (tmp_path / "ct" / "zeros").write_bytes(bytes(1 << 21))
    archive = zipped(tmp_path / "ct", tmp_path / "b.zip")
    monkeypatch.setattr(files, "FREE", 1 << 20)
    assert "would unpack to" in refused(read_series, archive)
