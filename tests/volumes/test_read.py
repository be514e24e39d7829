"""NIfTI and its neighbours are read to the voxel and the millimetre, and written for good."""

import contextlib
import gzip
import itertools

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import label_indices
from slicewise.volumes.formats import is_nifti
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.read import read_mask, read_volume
from slicewise.volumes.volume import Volume, from_canonical
from slicewise.volumes.write import write_nifti

AFFINE = np.array([[-0.7, 0, 0, 12], [0, 0.8, 0, -34], [0, 0, 2.5, 56], [0, 0, 0, 1.0]])


def voxels(dtype="int16", shape=(4, 5, 6)) -> np.ndarray:
    high = 100 if np.dtype(dtype).itemsize == 1 else 3000
    return np.random.default_rng(2).integers(0, high, shape).astype(dtype)


def save(path, array, slope=None, inter=None, affine=AFFINE, kind=nib.Nifti1Image):
    image = kind(array, affine, dtype=array.dtype)
    if slope is not None:
        # nibabel computes a scale of its own when it writes an image: set it in the bytes.
        content = bytearray(image.to_bytes())
        content[112:120] = np.array([slope, inter], "<f4").tobytes()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    else:
        nib.save(image, path)
    return path


def test_names():
    assert is_nifti("a/b.nii") and is_nifti("b.NII.GZ")
    assert not is_nifti("b.gz") and not is_nifti("nii") and not is_nifti("b.nrrd")


# --- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("uint8", "uint8"),
        ("int8", "int8"),
        ("int16", "int16"),
        ("uint16", "uint16"),
        ("int32", "int16"),
        ("int64", "int16"),
        ("float32", "float32"),
        ("float64", "float32"),
        (">i2", "int16"),
        (">f4", "float32"),
    ],
)
def test_types(tmp_path, stored, read, suffix):
    array = voxels(stored)
    image = nib.Nifti1Image(array, AFFINE, dtype=array.dtype)
    path = tmp_path / f"a{suffix}"
    nib.save(image, path)
    volume, header = read_nifti(path)
    assert volume.array.dtype == np.dtype(read)
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-6)
    assert header.get_data_shape() == array.shape


def test_big_endian_file(tmp_path):
    array = voxels()
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    path = tmp_path / "a.nii.gz"
    nib.save(nib.Nifti1Image(array, AFFINE, header), path)
    assert gzip.decompress(path.read_bytes())[:4] == b"\x00\x00\x01\x5c"
    volume, header = read_nifti(path)
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype.isnative
    write_nifti(path, volume, header)
    assert gzip.decompress(path.read_bytes())[:4] == b"\x5c\x01\x00\x00"
    np.testing.assert_array_equal(read_nifti(path)[0].array, array)


@pytest.mark.parametrize(
    ("stored", "slope", "inter", "read"),
    [
        ("int16", 1, -1024, "int16"),
        ("uint16", 1, -1024, "int16"),
        ("uint8", 1, -1000, "int16"),
        ("uint8", 2, 7, "int16"),
        ("int16", 100, 0, "int32"),
        ("int16", 1, 40000, "int32"),
        ("int16", 0.5, -3.25, "float32"),
        ("float32", 2, -1, "float32"),
        ("int32", 10000000, 0, "float32"),
    ],
)
def test_intensity_scale(tmp_path, stored, slope, inter, read):
    array = voxels(stored)
    path = save(tmp_path / "a.nii.gz", array, slope, inter)
    volume = read_nifti(path)[0]
    assert volume.array.dtype == np.dtype(read)
    np.testing.assert_allclose(volume.array, array.astype(float) * slope + inter, rtol=1e-6)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).transpose(2, 1, 0)
    np.testing.assert_allclose(volume.array, theirs, rtol=1e-6)


def test_values_that_wrap_on_the_way_come_out_right(tmp_path):
    array = np.array([40000, 65535, 33792], np.uint16).reshape(3, 1, 1)
    path = save(tmp_path / "a.nii", array, 1, -40000)
    np.testing.assert_array_equal(read_nifti(path)[0].array.ravel(), [0, 25535, -6208])


def test_nifti2(tmp_path):
    array = voxels()
    save(tmp_path / "a.nii.gz", array, kind=nib.Nifti2Image)
    volume, header = read_nifti(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.array, array)
    write_nifti(tmp_path / "b.nii.gz", volume, header)
    assert isinstance(nib.load(tmp_path / "b.nii.gz"), nib.Nifti2Image)
    np.testing.assert_array_equal(read_nifti(tmp_path / "b.nii.gz")[0].array, array)


@pytest.mark.parametrize(
    ("shape", "read"),
    [((4, 5, 6, 1), (4, 5, 6)), ((4, 5, 6, 1, 1), (4, 5, 6)), ((4, 5), (4, 5, 1))],
)
def test_axes_of_length_one(tmp_path, shape, read):
    array = voxels(shape=shape)
    save(tmp_path / "a.nii.gz", array)
    volume, header = read_nifti(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.array, array.reshape(read))
    write_nifti(tmp_path / "b.nii.gz", volume, header)
    np.testing.assert_array_equal(read_nifti(tmp_path / "b.nii.gz")[0].array, volume.array)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_volume_outlives_its_file(tmp_path, name):
    volume = read_nifti(save(tmp_path / name, voxels()))[0]
    (tmp_path / name).write_bytes(b"")
    assert type(volume.array) is np.ndarray
    np.testing.assert_array_equal(volume.array, voxels())


def test_without_sform_and_qform_nibabel_decides(tmp_path):
    image = nib.Nifti1Image(voxels(), AFFINE)
    image.set_sform(None)
    image.set_qform(None)
    nib.save(image, tmp_path / "a.nii")
    volume, header = read_nifti(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.affine, nib.load(tmp_path / "a.nii").affine)
    write_nifti(tmp_path / "b.nii", volume, header)
    again, header = read_nifti(tmp_path / "b.nii")
    np.testing.assert_allclose(again.affine, volume.affine)
    assert header["sform_code"] == header["qform_code"] == 0


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
def test_other_formats_have_the_same_place_in_space(tmp_path, suffix):
    image = sitk.GetImageFromArray(voxels().transpose(2, 1, 0))
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-12, 34, 56))
    image.SetDirection((0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1))
    for name in (f"a{suffix}", "a.nii.gz"):
        sitk.WriteImage(image, str(tmp_path / name))
    volume, nifti = read_volume(tmp_path / f"a{suffix}"), read_volume(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.array, voxels())
    np.testing.assert_array_equal(volume.array, nifti.array)
    np.testing.assert_allclose(volume.affine, nifti.affine, atol=1e-5)


def test_folder_zip_and_slice_of_dicom_are_dispatched(tmp_path, write_series):
    stored = write_series(tmp_path / "ct")
    np.testing.assert_array_equal(read_volume(tmp_path / "ct").array, stored - 1024)
    write_series(tmp_path / "one", count=1, name=lambda k: "a.dcm")
    assert read_volume(tmp_path / "one" / "a.dcm").array.shape == (12, 16, 1)


# --- refusals ----------------------------------------------------------------------------------


def test_missing_file(tmp_path, refused):
    for name in ("a.nii.gz", "a.nrrd", "a.zip", "a.png"):
        message = refused(read_volume, tmp_path / name)
        assert message.startswith(f"{tmp_path / name}: there is no such")


def test_truncated_or_spoilt(tmp_path, refused):
    content = save(tmp_path / "a.nii.gz", voxels(shape=(20, 20, 20))).read_bytes()
    spoilt = bytearray(content)
    spoilt[-6] ^= 0xFF  # a wrong checksum behind intact voxels
    plain = save(tmp_path / "a.nii", voxels()).read_bytes()
    for name, damaged in [
        ("half.nii.gz", content[: len(content) // 2]),
        ("tail.nii.gz", content[:-4]),
        ("sum.nii.gz", bytes(spoilt)),
        ("head.nii.gz", content[:5]),
        ("empty.nii.gz", b""),
        ("empty.nii", b""),
        ("half.nii", plain[:-50]),
    ]:
        (tmp_path / name).write_bytes(damaged)
        message = refused(read_volume, tmp_path / name)
        assert message.startswith(f"{tmp_path / name}: ")
        assert "cut short or damaged" in message


def test_header_that_declares_more_than_any_file_holds(tmp_path, refused):
    content = bytearray(nib.Nifti1Image(voxels(), AFFINE).to_bytes())
    content[42:48] = np.array([30000] * 3, "<i2").tobytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    assert "cut short or damaged" in refused(read_volume, tmp_path / "a.nii.gz")


def test_volume_that_compresses_very_well(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", Volume(np.zeros((512, 512, 40), np.uint8), AFFINE))
    assert not read_nifti(tmp_path / "a.nii.gz")[0].array.any()


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    spoilt=st.dictionaries(st.integers(0, 351), st.integers(0, 255), min_size=1, max_size=4),
    suffix=st.sampled_from([".nii", ".nii.gz"]),
)
def test_spoilt_headers_never_raise_anything_else(tmp_path, spoilt, suffix):
    content = bytearray(nib.Nifti1Image(voxels(), AFFINE).to_bytes())
    for place, value in spoilt.items():
        content[place] = value
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    with contextlib.suppress(SlicewiseError):
        read_volume(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_not_an_image(tmp_path, refused, name):
    (tmp_path / name).write_bytes(b"<html>404 not found</html>" * 40)
    assert "no NIfTI image whatever its name says" in refused(read_volume, tmp_path / name)


def test_other_formats_refuse_too(tmp_path, refused):
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\ngarbage")
    assert "cannot be read" in refused(read_volume, tmp_path / "a.nrrd")
    (tmp_path / "a.png").write_bytes(b"x")
    assert "no format that can be read" in refused(read_volume, tmp_path / "a.png")
    sitk.WriteImage(sitk.Image([3, 4, 5], sitk.sitkVectorUInt8, 3), str(tmp_path / "v.nrrd"))
    assert "several numbers a voxel" in refused(read_volume, tmp_path / "v.nrrd")
    sitk.WriteImage(sitk.Image([3, 4], sitk.sitkUInt8), str(tmp_path / "flat.mha"))
    assert "2 dimensions (3 × 4) instead of 3" in refused(read_volume, tmp_path / "flat.mha")


@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (3, 4, 5, 1, 3), (7,)])
def test_other_dimensions(tmp_path, refused, shape):
    save(tmp_path / "a.nii.gz", voxels(shape=shape))
    message = refused(read_volume, tmp_path / "a.nii.gz")
    assert f"{len(shape)} dimensions" in message


@pytest.mark.parametrize("dtype", [[("R", "u1"), ("G", "u1"), ("B", "u1")], "complex64"])
def test_colour_and_complex(tmp_path, refused, dtype):
    save(tmp_path / "a.nii.gz", np.zeros((3, 4, 5), dtype))
    assert "colours or complex" in refused(read_volume, tmp_path / "a.nii.gz")


def test_singular_affine(tmp_path, refused):
    header = nib.Nifti1Header()
    flat = AFFINE.copy()
    flat[:, 2] = flat[:, 1]
    for number, affine in enumerate([flat, np.diag([1, 1, 0, 1.0]), np.full((4, 4), np.nan)]):
        header.set_sform(affine, code=1)
        nib.save(nib.Nifti1Image(voxels(), None, header), tmp_path / f"{number}.nii")
        assert "affine is singular" in refused(read_volume, tmp_path / f"{number}.nii")


def test_unreadable_file(tmp_path, refused, monkeypatch):
    path = save(tmp_path / "a.nii", voxels())

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", denied)
    assert "Permission denied" in refused(read_nifti, path)


# --- writing -----------------------------------------------------------------------------------


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    turn=st.sampled_from(
        list(
            itertools.product(
                itertools.permutations(range(3)), itertools.product([1, -1], repeat=3)
            )
        )
    ),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
    angle=st.floats(-0.4, 0.4),
)
def test_any_orientation_goes_round(tmp_path, turn, shape, spacing, angle):
    axes, signs = turn
    tilt = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = tilt @ (np.eye(3)[:, list(axes)] * signs) * spacing
    affine[:3, 3] = [10, -20, 30]
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    path = tmp_path / "a.nii.gz"
    write_nifti(path, Volume(array, affine))

    volume, header = read_nifti(path)
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-5)
    canonical = volume.canonical()
    assert canonical.orientation == "RAS"
    np.testing.assert_array_equal(from_canonical(canonical.array, volume.affine), array)
    last = np.array(shape) - 1
    other = sitk.ReadImage(str(path))
    for index in [(0, 0, 0), tuple(last.tolist()), (int(last[0]), 0, int(last[2]))]:
        lps = other.TransformIndexToPhysicalPoint(index)
        ours = (volume.affine @ [*index, 1])[:3]
        np.testing.assert_allclose(ours, np.array(lps) * [-1, -1, 1], atol=1e-3)
        assert other.GetPixel(index) == array[index]

    write_nifti(path, volume, header)
    np.testing.assert_array_equal(read_nifti(path)[0].affine, volume.affine)


def test_header_keeps_geometry_and_loses_scale_and_text(tmp_path):
    source = nib.Nifti1Image(voxels(), AFFINE)
    header = source.header
    header.set_sform(AFFINE, code=4)
    header.set_qform(AFFINE, code=2)
    header.set_xyzt_units("mm", "sec")
    for field in ("descrip", "db_name", "aux_file", "intent_name", "data_type"):
        header[field] = b"Grete"
    header["cal_min"], header["cal_max"] = -100, 200
    header["intent_code"] = 1001
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Grete Planted"))
    save_path = tmp_path / "source.nii"
    nib.save(source, save_path)
    volume, header = read_nifti(save_path)
    before = header.copy()

    mask = Volume((volume.array > 1500).astype(np.uint8), volume.affine)
    write_nifti(tmp_path / "mask.nii", mask, header)
    content = (tmp_path / "mask.nii").read_bytes()
    assert b"Grete" in save_path.read_bytes() and b"Grete" not in content
    written = nib.load(tmp_path / "mask.nii")
    for field in ("sform_code", "qform_code", "xyzt_units", "pixdim", "srow_x", "quatern_b"):
        np.testing.assert_array_equal(written.header[field], before[field])
    assert written.get_data_dtype() == np.uint8
    assert written.header["cal_max"] == written.header["intent_code"] == 0
    assert np.frombuffer(content[112:120], "<f4").tolist() == [1, 0]
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), mask.array)
    assert header == before, "the caller's header is left as it was"


def test_same_volume_gives_the_same_bytes(tmp_path, monkeypatch):
    volume = Volume(voxels(), AFFINE)
    write_nifti(tmp_path / "a.nii.gz", volume)
    monkeypatch.setattr("time.time", lambda: 1.0e9)
    write_nifti(tmp_path / "b.nii.gz", Volume(np.asfortranarray(volume.array), AFFINE))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_writing_never_changes_a_value(tmp_path):
    for array, dtype in [
        (np.full((2, 2, 2), 0.7), "uint8"),
        (np.full((2, 2, 2), 300), "uint8"),
        (np.full((2, 2, 2), -1), "uint8"),
        (np.zeros((2, 2)), "float32"),
    ]:
        with pytest.raises((ValueError, SlicewiseError)):
            write_nifti(tmp_path / "a.nii.gz", Volume(array, AFFINE), dtype=dtype)
    assert list(tmp_path.iterdir()) == []
    write_nifti(tmp_path / "a.nii", Volume(voxels() > 5, AFFINE))
    assert read_nifti(tmp_path / "a.nii")[0].array.dtype == np.uint8


# --- masks of any type -------------------------------------------------------------------------

GOOD = [("uint8", 5), ("int8", 5), ("int16", 200), ("uint16", 300), ("int32", 300), ("float64", 2)]
BAD = [
    ("int16", -1, "has -1; check that it is the mask"),
    ("float32", 0.5, "this has 0.5; give the label map itself"),
    ("float32", np.nan, "this has nan; give the label map itself"),
    ("float64", 1e9, "this has 1e.09; check"),
    ("int32", 70000, "this has 70000; check"),
]
FORMATS = [".nii.gz", ".nrrd", ".mha", ".mhd", ".mgz"]


def mask_file(path, dtype, value):
    array = np.zeros((4, 5, 6), dtype)
    array[1:3, 2, 3] = value
    if path.suffix == ".mgz":
        stored = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
        nib.save(nib.MGHImage(stored, AFFINE), path)
    elif path.name.endswith(".nii.gz"):
        nib.save(nib.Nifti1Image(array, AFFINE), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(array.transpose(2, 1, 0)), str(path))
    return array


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("dtype", "value"), GOOD)
def test_whole_numbers_are_a_mask_whatever_their_type(tmp_path, suffix, dtype, value):
    path = tmp_path / f"m{suffix}"
    array = mask_file(path, dtype, value)
    mask = read_mask([path])
    np.testing.assert_array_equal(mask.array, array)
    assert mask.array.dtype == (np.uint8 if value < 256 else np.uint16)
    write_nifti(tmp_path / "out.nii.gz", mask)
    np.testing.assert_array_equal(nib.load(tmp_path / "out.nii.gz").get_fdata(), array)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("dtype", "value", "said"), BAD)
def test_other_numbers_are_refused_in_the_same_sentence(tmp_path, suffix, dtype, value, said):
    path = tmp_path / f"m{suffix}"
    mask_file(path, dtype, value)
    for read in (
        lambda: read_mask([path]),
        lambda: label_indices(read_volume(path), str(path), {"a": 1}, "refuse"),
    ):
        with pytest.raises(SlicewiseError, match=said) as caught:
            read()
        assert str(caught.value).startswith(str(path))


def test_a_dicom_mask_with_the_intercept_of_its_ct_is_taken_as_stored(
    tmp_path, write_series, caplog
):
    stored = np.zeros((12, 16, 5), np.uint8)
    stored[3:6, 4:9, 2] = 2
    write_series(tmp_path / "seg", stored=stored)  # with an intercept of -1024
    paths = sorted((tmp_path / "seg").iterdir())
    for sources in ([tmp_path / "seg"], paths):
        caplog.clear()
        mask = read_mask(sources)
        np.testing.assert_array_equal(mask.array, stored)
        np.testing.assert_array_equal(mask.affine, read_volume(tmp_path / "seg").affine)
        (record,) = caplog.records
        assert f"{tmp_path / 'seg'}: this mask carries the rescale slope" in record.getMessage()

    def plain(header, k):
        header.RescaleIntercept = 0

    caplog.clear()
    write_series(tmp_path / "plain", stored=stored, edit=plain)
    np.testing.assert_array_equal(read_mask([tmp_path / "plain"]).array, stored)
    assert not caplog.records


def test_a_dicom_image_in_place_of_a_mask_is_refused(tmp_path, write_series, refused):
    stored = np.full((12, 16, 5), 70000, np.uint32)
    stored[0] = 3
    write_series(tmp_path / "ct", stored=stored)
    assert "check that it is the mask" in refused(read_mask, [tmp_path / "ct"])


# --- FreeSurfer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mgz", ".mgh"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_freesurfer_has_the_same_place_in_space(tmp_path, suffix, dtype):
    affine = np.array([[-0.8, 0, 0.6, 12], [0, 0, 1.1, -34], [0, -2.5, 0, 56], [0, 0, 0, 1.0]])
    affine[:3, :3] = np.linalg.qr(affine[:3, :3])[0] * (0.8, 1.1, 2.5)
    nib.save(nib.MGHImage(voxels(dtype), affine), tmp_path / f"a{suffix}")
    volume = read_volume(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(volume.array, voxels(dtype))
    np.testing.assert_allclose(volume.affine, affine, atol=1e-4)
    nib.save(nib.Nifti1Image(voxels(dtype), affine), tmp_path / "a.nii.gz")
    nifti = read_volume(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(volume.affine, nifti.affine, atol=1e-4)
    assert volume.array.dtype == nifti.array.dtype


def test_spoilt_freesurfer_files_are_refused_in_a_sentence(tmp_path, refused):
    nib.save(nib.MGHImage(voxels(), AFFINE), tmp_path / "good.mgh")
    good, random = (tmp_path / "good.mgh").read_bytes(), np.random.default_rng(8)
    outcomes = set()
    for number in range(150):
        spoilt = bytearray(good[: random.integers(0, len(good))] if number % 3 == 0 else good)
        for _ in range(number % 5):
            if spoilt:
                spoilt[random.integers(0, min(len(spoilt), 90))] = random.integers(0, 256)
        path = tmp_path / ("s.mgz" if number % 2 else "s.mgh")
        path.write_bytes(gzip.compress(bytes(spoilt)) if number % 2 else bytes(spoilt))
        try:
            read_volume(path)
            outcomes.add("read")
        except SlicewiseError as error:
            assert str(error).startswith(str(path))
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
    path.write_bytes(b"<html>404</html>" * 40)
    assert "no FreeSurfer image whatever its name says" in refused(read_volume, path)
    path.write_bytes(b"")
    assert "cut short or damaged" in refused(read_volume, path)


# --- real data ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern", ["msd_hippocampus/*/hippocampus_00*.nii.gz", "odd/totalsegmentator_torso/*.nii.gz"]
)
def test_real_nifti_agrees_with_simpleitk(real_data, pattern):
    paths = sorted(real_data.glob(pattern))
    assert paths
    for path in paths:
        volume, other = read_volume(path), sitk.ReadImage(str(path))
        np.testing.assert_array_equal(volume.array, sitk.GetArrayViewFromImage(other).T)
        lps = other.TransformIndexToPhysicalPoint((5, 6, 7))
        ours = (volume.affine @ [5, 6, 7, 1])[:3]
        np.testing.assert_allclose(ours, np.array(lps) * [-1, -1, 1], atol=1e-3)


def test_real_four_dimensional_file(real_data, refused):
    message = refused(read_volume, real_data / "odd" / "four_dimensional.nii.gz")
    assert "4 dimensions (52 × 68 × 20 × 10)" in message
