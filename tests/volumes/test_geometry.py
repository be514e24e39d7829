"""Units, sizes that no scanner makes, and geometry that was lost, in every format."""

import logging
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.config import Content
from slicewise.errors import SlicewiseError
from slicewise.volumes.geometry import check_geometry, is_lost, with_spacing
from slicewise.volumes.header import read_header
from slicewise.volumes.nifti import has_lost_geometry, read_nifti
from slicewise.volumes.read import read_image, read_volume
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti

TURN = np.array([[-1, 0, 0], [0, -0.8, 0.6], [0, 0.6, 0.8]])
MM = np.eye(4)
MM[:3, :3] = TURN * (0.8, 0.7, 2.5)
MM[:3, 3] = (100, 70, -300)
PER_MM = {"mm": 1.0, "unknown": 1.0, "meter": 1e-3, "micron": 1e3}
CT = {"intensity": "hu", "contiguous": True, "labels": {"l": [1]}, "other_labels": "refuse"}


def voxels() -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 300, (5, 6, 7)).astype(np.int16)


def in_unit(path: Path, unit: str, affine: np.ndarray = MM, form: str = "both") -> Path:
    """Write NIfTI whose sform, qform or both are in a unit."""
    scaled = np.diag([PER_MM[unit]] * 3 + [1]) @ affine
    image = nib.Nifti1Image(voxels(), scaled)
    image.header.set_xyzt_units(unit)
    image.set_sform(scaled, code=0 if form == "qform" else 1)
    image.set_qform(scaled, code=0 if form == "sform" else 1)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("form", ["sform", "qform", "both"])
@pytest.mark.parametrize("unit", PER_MM)
def test_a_nifti_is_in_millimetres_whatever_its_unit(tmp_path, unit, form, caplog):
    affine = MM
    path = in_unit(tmp_path / "i.nii.gz", unit, affine, form)
    volume, _ = read_nifti(path)
    np.testing.assert_allclose(volume.affine, affine, rtol=1e-5, atol=1e-5)
    said = [record.getMessage() for record in caplog.records]
    if PER_MM[unit] == 1:
        assert said == []
    else:
        assert len(said) == 1
        assert str(path) in said[0] and f"is in {unit}" in said[0] and "0.8 ×" in said[0]
    # an independent reader that heeds units
    other = sitk.ReadImage(str(path))
    np.testing.assert_allclose(other.GetSpacing(), volume.spacing, rtol=1e-5)


@pytest.mark.parametrize("form", ["sform", "qform", "both"])
@pytest.mark.parametrize("unit", PER_MM)
def test_a_mask_lies_on_its_image_for_readers_with_and_without_units(tmp_path, unit, form):
    path = in_unit(tmp_path / "i.nii.gz", unit, MM, form)
    volume, header = read_nifti(path)
    write_nifti(tmp_path / "m.nii.gz", Volume((volume.array > 0) * 1, volume.affine), header, "u1")
    image, mask = nib.load(path), nib.load(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(mask.affine, image.affine)
    for field in ("xyzt_units", "pixdim", "sform_code", "qform_code", "srow_x", "qoffset_x"):
        np.testing.assert_array_equal(mask.header[field], image.header[field])
    one, two = (sitk.ReadImage(str(tmp_path / name)) for name in ("i.nii.gz", "m.nii.gz"))
    for get in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(one, get)() == getattr(two, get)()
    np.testing.assert_allclose(read_nifti(tmp_path / "m.nii.gz")[0].affine, volume.affine)


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        ('space units: "mm" "mm" "mm"', 1),
        ('space units: "m" "m" "m"', 1000),
        ('space units: "um" "um" "um"', 1e-3),
        ('space units: "µm" "µm" "µm"', 1e-3),
        ('space units: "cm" "cm" "cm"', 10),
        ('space units: "" "" ""', 1),
    ],
)
@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr"])
def test_a_nrrd_is_in_millimetres_whatever_its_unit(tmp_path, units, factor, suffix):
    image = sitk.GetImageFromArray(voxels())
    image.SetSpacing((0.8 / factor, 0.7 / factor, 2.5 / factor))
    image.SetOrigin((-12 / factor, 34 / factor, 56 / factor))
    path = tmp_path / f"i{suffix}"
    sitk.WriteImage(image, str(path))
    head, _, rest = path.read_bytes().partition(b"encoding:")
    path.write_bytes(head + units.encode() + b"\nencoding:" + rest)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.spacing, (0.8, 0.7, 2.5))
    np.testing.assert_allclose(volume.affine[:3, 3], (12, -34, 56))


def test_a_nrrd_of_plain_spacings_has_units_of_its_axes(tmp_path):
    path = tmp_path / "i.nrrd"
    text = "NRRD0004\ntype: short\ndimension: 3\nsizes: 5 6 7\nspacings: 800 700 2500\n"
    text += 'units: "um" "um" "um"\nendian: little\nencoding: raw\n\n'
    path.write_bytes(text.encode() + voxels().tobytes())
    np.testing.assert_allclose(read_volume(path).spacing, (0.8, 0.7, 2.5))


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("um", 1e-3), ("cm", 10)])
def test_a_metaimage_is_in_millimetres_whatever_its_unit(tmp_path, unit, factor):
    image = sitk.GetImageFromArray(voxels())
    image.SetSpacing((0.8 / factor, 0.7 / factor, 2.5 / factor))
    path = tmp_path / "i.mha"
    sitk.WriteImage(image, str(path))
    path.write_bytes(
        path.read_bytes().replace(b"ElementSp", b"DistanceUnits = %s\nElementSp" % unit.encode())
    )
    np.testing.assert_allclose(read_volume(path).spacing, (0.8, 0.7, 2.5))


@pytest.mark.parametrize("units", ['"m" "mm" "mm"', '"furlong" "furlong" "furlong"'])
def test_units_that_are_none_are_refused(tmp_path, units, refused):
    path = tmp_path / "i.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(voxels()), str(path))
    head, _, rest = path.read_bytes().partition(b"encoding:")
    path.write_bytes(head + b"space units: " + units.encode() + b"\nencoding:" + rest)
    assert "millimetres" in refused(read_volume, path)


@pytest.mark.parametrize(
    ("sizes", "fault"),
    [
        ((1e-30, 1e-30, 1e-30), "1e-30 × 1e-30 × 1e-30 mm"),
        ((65536.0, 65536.0, 65536.0), "from 0.01 to 100 mm"),
        ((0.0008, 0.0008, 0.0025), "from 0.01 to 100 mm"),
        ((0.8, 0.8, 101.0), "0.8 × 0.8 × 101 mm"),
        ((0.8, 0.009, 2.5), "0.009"),
        ((1.0, 1.0, np.nan), "singular"),
        ((1.0, 0.0, 1.0), "singular"),
        ((np.inf, 1.0, 1.0), "singular"),
    ],
)
def test_sizes_that_no_scanner_makes(sizes, fault, refused):
    assert fault in refused(check_geometry, np.diag([*sizes, 1.0]), (9, 9, 9), "scan")


def test_sizes_at_the_limits_pass(refused):
    check_geometry(np.diag([0.01, 0.01, 0.01, 1]), (2000, 2000, 2000), "mouse")
    check_geometry(np.diag([20, 20, 100, 1]), (64, 64, 5), "localizer")
    check_geometry(np.diag([1, 1, 1, 1]), (512, 512, 2100), "whole body")
    long = refused(check_geometry, np.diag([50, 50, 50, 1]), (512, 512, 10), "scan")
    assert "25.6 m long" in long


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("size", [1e-5, 400.0])
def test_every_format_refuses_them(tmp_path, suffix, size, refused):
    image = sitk.GetImageFromArray(voxels())
    image.SetSpacing((1.0, 1.0, size))
    path = tmp_path / f"i{suffix}"
    sitk.WriteImage(image, str(path))
    assert "what scanners make" in refused(read_volume, path)


def test_a_dicom_series_refuses_them(tmp_path, write_series, refused):
    def shrink(header, k):
        header.PixelSpacing = [0.0007, 0.0008]

    write_series(tmp_path / "ct", edit=shrink)
    assert "what scanners make" in refused(read_volume, tmp_path / "ct")


def test_a_wrong_unit_is_named_where_it_makes_the_size_absurd(tmp_path, refused):
    image = nib.Nifti1Image(voxels(), np.diag([0.8, 0.8, 2.5, 1]))
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "i.nii")
    assert "800 × 800 × 2500 mm (its header is in meter)" in refused(
        read_volume, tmp_path / "i.nii"
    )


# --- lost geometry -----------------------------------------------------------------------------


def lost_files(folder: Path) -> list[Path]:
    """Write what software writes that knows nothing of the voxels."""
    nib.save(nib.Nifti1Image(voxels(), np.eye(4)), folder / "eye.nii.gz")
    silent = nib.Nifti1Image(voxels(), None)
    nib.save(silent, folder / "silent.nii")
    plain = sitk.GetImageFromArray(voxels())
    for name in ("itk.nii.gz", "itk.nrrd", "itk.mha"):
        sitk.WriteImage(plain, str(folder / name))
    return sorted(folder.iterdir())


def test_lost_geometry_is_known(tmp_path):
    for path in lost_files(tmp_path):
        assert read_volume(path).lost, path
        assert read_volume(path).canonical().lost, path
        assert has_lost_geometry(path) == (".nii" in path.name)


@pytest.mark.parametrize(
    "affine",
    [
        np.diag([1, 1, 1.5, 1]),
        np.diag([0.8, 0.8, 5, 1]),
        np.array([[1, 0, 0, -90], [0, 1, 0, -126], [0, 0, 1, -72], [0, 0, 0, 1.0]]),
        np.array([[0.8, 0.6, 0, 0], [-0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    ],
)
def test_what_has_a_place_or_a_size_is_not_lost(tmp_path, affine):
    path = tmp_path / "i.nii"
    nib.save(nib.Nifti1Image(voxels(), affine), path)
    assert not read_volume(path).lost
    assert not has_lost_geometry(path)


@pytest.mark.parametrize("known", [False, True])
def test_an_image_of_freesurfer_without_its_flag_has_lost_it(tmp_path, known):
    path = tmp_path / "a.mgh"
    nib.save(nib.MGHImage(voxels(), MM), path)
    held = bytearray(path.read_bytes())
    assert held[28:30] == b"\x00\x01"
    held[28:30] = (b"\x00\x00", b"\x00\x01")[known]
    path.write_bytes(held)
    volume = read_volume(path)
    assert volume.lost is not known
    assert volume.spacing == pytest.approx((0.8, 0.7, 2.5) if known else (1, 1, 1))


def test_conversion_makes_up_no_geometry(tmp_path):
    """What was lost in the source is lost in the NIfTI file that is made of it."""
    paths = [tmp_path / f"a{suffix}" for suffix in (".mgh", ".nrrd", ".mha", ".hdr")]
    nib.save(nib.MGHImage(voxels(), MM), paths[0])
    held = bytearray(paths[0].read_bytes())
    held[28:30] = b"\x00\x00"
    paths[0].write_bytes(held)
    for path in paths[1:3]:
        sitk.WriteImage(sitk.GetImageFromArray(voxels()), str(path))
    pair = nib.Nifti1Pair(voxels(), None)
    pair.header["pixdim"][1:4] = 1
    nib.save(pair, paths[3])
    for path in paths:
        volume = read_volume(path)
        assert volume.lost, path
        write_nifti(tmp_path / "made.nii.gz", volume)
        made = read_volume(tmp_path / "made.nii.gz")
        assert made.lost, path
        assert made.orientation == volume.orientation
        np.testing.assert_array_equal(made.array, volume.array)
        assert has_lost_geometry(tmp_path / "made.nii.gz")


@pytest.mark.parametrize("size", [0.01, 100.0])
def test_sizes_at_the_limits_pass_in_a_file(tmp_path, size):
    # a header holds 0.01 in single precision, which is a little less
    write_nifti(tmp_path / "a.nii.gz", Volume(voxels(), np.diag([size, 1, 1, 1])))
    assert read_volume(tmp_path / "a.nii.gz").spacing[0] == pytest.approx(size)


def test_no_file_has_lost_anything_that_is_none(tmp_path):
    (tmp_path / "text.nii").write_text("no image" * 100)
    assert not has_lost_geometry(tmp_path / "text.nii")
    assert not has_lost_geometry(tmp_path / "missing.nii")


def test_lost_axes_may_have_any_order_and_direction():
    for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2)):
        affine = np.eye(4)
        affine[:3, :3] = np.eye(3)[list(order)] * (-1, 1, -1)
        assert is_lost(affine)
        again = with_spacing(Volume(voxels(), affine, lost=True), [0.8, 0.7, 5.0])
        np.testing.assert_allclose(again.spacing, (0.8, 0.7, 5.0))
        np.testing.assert_array_equal(np.sign(again.affine), np.sign(affine))


def test_the_setting_is_for_lost_geometry_only(tmp_path):
    content = Content(**CT, spacing=[0.8, 0.7, 5.0], offset=-24)
    for path in lost_files(tmp_path):
        image = read_image(path, content)
        np.testing.assert_allclose(image.spacing, (0.8, 0.7, 5.0))
        assert image.voxel_ml == pytest.approx(0.0028)
        np.testing.assert_array_equal(image.array, read_volume(path).array - 24)
    kept = read_image(in_unit(tmp_path / "known.nii", "mm"), content)
    np.testing.assert_allclose(kept.affine, MM, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32])
def test_an_offset_never_wraps(dtype):
    ends = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.iinfo(np.int16)
    low, high = max(ends.min, -(2**30)), min(ends.max, 2**30)
    array = np.array([low, 0, high]).astype(dtype).reshape(3, 1, 1)
    for offset in (-1024, 32767, -32768):
        moved = Volume(array, np.eye(4)).plus(offset).array
        np.testing.assert_array_equal(moved.astype(float), array.astype(float) + offset)
        if array.dtype.kind in "iu" and moved.min() >= -32768 and moved.max() <= 32767:
            assert moved.dtype == np.int16
    assert Volume(array, np.eye(4)).plus(0).array is array


@pytest.mark.slow
def test_real_scans_keep_their_geometry(real_data, caplog):
    caplog.set_level(logging.WARNING)
    lost = 0
    for path in sorted(real_data.glob("msd_hippocampus/imagesTr/*.nii.gz")):
        lost += read_volume(path).lost
    assert lost == 9
    assert not read_volume(real_data / "ircad" / "3Dircadb1.17" / "PATIENT_DICOM.zip").lost
    assert not read_volume(real_data / "odd" / "totalsegmentator_torso" / "ct.nii.gz").lost
    assert caplog.records == []
    with pytest.raises(SlicewiseError):
        check_geometry(np.eye(4) * 200, (3, 3, 3), "scan")


def slanted(degrees: float) -> np.ndarray:
    """Return an oblique affine whose slices are shifted sideways, as by a tilted gantry."""
    affine = MM.copy()
    affine[:3, 2] += np.tan(np.radians(degrees)) * 2.5 * affine[:3, 1] / 0.7
    return affine


@pytest.mark.parametrize("degrees", [-25, -2, 2, 10, 25])
def test_axes_that_are_not_perpendicular_are_refused(tmp_path, degrees):
    """Distances are measured along them, so that those of surfaces would be none."""
    path = in_unit(tmp_path / "i.nii.gz", "mm", slanted(degrees), "sform")
    with pytest.raises(SlicewiseError, match=f"off the right angle by {abs(degrees)}.0 degrees"):
        read_nifti(path)
    with pytest.raises(SlicewiseError, match="dcm2niix"):
        read_header(path)


@pytest.mark.parametrize("degrees", [0, 0.1, -0.5])
def test_axes_that_rounding_or_registration_turned_a_little_are_taken(tmp_path, degrees):
    path = in_unit(tmp_path / "i.nii.gz", "mm", slanted(degrees), "sform")
    assert read_nifti(path)[0].array.shape == (5, 6, 7)
