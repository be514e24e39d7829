"""NIfTI is read to the voxel and the millimetre, or refused in a sentence."""

import contextlib
import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slicewise.errors import SlicewiseError
from slicewise.volumes.frames import read_frame
from slicewise.volumes.header import read_header
from slicewise.volumes.nifti import has_lost_geometry, read_nifti, read_note
from slicewise.volumes.read import read_volume
from slicewise.volumes.write import write_nifti
from tests.volumes.written import AFFINE, VOXELS, save, voxels


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


def test_nifti2(tmp_path):
    array = voxels()
    save(tmp_path / "a.nii.gz", array, kind=nib.Nifti2Image)
    volume, header = read_nifti(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.array, array)
    write_nifti(tmp_path / "b.nii.gz", volume, header)
    assert isinstance(nib.load(tmp_path / "b.nii.gz"), nib.Nifti2Image)
    np.testing.assert_array_equal(read_nifti(tmp_path / "b.nii.gz")[0].array, array)


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


@pytest.mark.slow
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


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_an_extension_of_nifti_without_an_end_is_never_read(tmp_path, kind):
    content = kind(VOXELS, np.eye(4)).to_bytes()
    top = kind.header_class.sizeof_hdr
    # an extension of 2 GB follows, by its own word
    told = b"\1\0\0\0" + (2**31 - 16).to_bytes(4, "little") + (6).to_bytes(4, "little")
    (tmp_path / "a.nii").write_bytes(content[:top] + told + content[top + 12 :])
    assert has_lost_geometry(tmp_path / "a.nii")  # as the header has no place in it
    assert read_note(tmp_path / "a.nii") is None


@pytest.mark.parametrize("frame", [None, 1])
@pytest.mark.parametrize(("size", "refused"), [(2.0, False), (2.01, False), (4.0, True)])
def test_two_sizes_of_voxels_in_a_header_are_refused(tmp_path, size, refused, frame):
    """SimpleITK goes by the qform then, and nibabel by the sform."""
    array = np.zeros((3, 4, 5) if frame is None else (3, 4, 5, 2), np.int16)
    image = nib.Nifti1Image(array, np.diag([2, 2, 3, 1.0]))
    image.set_qform(np.diag([size, 2, 3, 1.0]), 1)
    image.set_sform(np.diag([2, 2, 3, 1.0]), 1)
    path = tmp_path / "a.nii.gz"
    image.to_filename(path)
    readers = [read_header, read_nifti if frame is None else lambda path: read_frame(path, frame)]
    for read in readers:
        if refused:
            with pytest.raises(SlicewiseError, match="2 × 2 × 3 by its sform and 4 × 2 × 3"):
                read(path)
        else:
            read(path)


@pytest.mark.parametrize(("codes", "placed"), [((0, 0), False), ((1, 0), True), ((0, 2), True)])
def test_a_header_says_where_voxels_lie_or_their_size_alone(tmp_path, codes, placed):
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.diag([2, 2, 3, 1.0]))
    image.header.set_zooms((2, 2, 3))
    image.set_sform(image.affine, codes[0])
    image.set_qform(image.affine, codes[1])
    path = tmp_path / "a.nii.gz"
    image.to_filename(path)
    volume, _ = read_nifti(path)
    assert (volume.placed, volume.canonical().placed, volume.lost) == (placed, placed, False)
    assert volume.spacing == (2, 2, 3)
    header = read_header(path)
    assert (header.placed, header.lost) == (placed, False)
