"""The size of a volume by its header alone agrees with the libraries that read it."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.config import Dataset
from slicewise.dataset.case import Case
from slicewise.dataset.shapes import SLICE, UNKNOWN, Size, size_of

MSD = Dataset(name="x", layout="msd", root="x", labels={"liver": 1})
SHAPE = (7, 11, 5)


def sized(image, mask=None) -> Size:
    files = image if isinstance(image, tuple) else (image,)
    return size_of(Case("a", "a", files, (mask or files[0],), None), MSD)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("swapped", [False, True])
def test_nifti(tmp_path, dtype, kind, name, swapped):
    image = kind(np.zeros(SHAPE, dtype), np.eye(4))
    if swapped:
        image = kind(np.zeros(SHAPE, dtype), np.eye(4), image.header.as_byteswapped(">"))
    nib.save(image, tmp_path / name)
    size = np.dtype(dtype).itemsize
    assert sized(tmp_path / name) == Size(385, 77, size, size, name.endswith("gz"))


def test_gzip_counts_whatever_the_name_says(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.int16), np.eye(4)), tmp_path / "a.nii")
    (tmp_path / "b.nii").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()))
    assert sized(tmp_path / "b.nii").voxels == 385


@pytest.mark.parametrize("shape", [(7, 11), (7, 11, 5, 1), (7, 11, 1)])
def test_other_numbers_of_dimensions(tmp_path, shape):
    nib.save(nib.Nifti1Image(np.zeros(shape, np.int16), np.eye(4)), tmp_path / "a.nii.gz")
    assert sized(tmp_path / "a.nii.gz").voxels == np.prod(shape)


@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_nrrd_and_metaimage(tmp_path, name, dtype):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros(SHAPE[::-1], dtype)), str(tmp_path / name))
    size = np.dtype(dtype).itemsize
    assert sized(tmp_path / name) == Size(385, 77, size, size, False)


def test_image_and_mask_may_be_of_two_types(tmp_path):
    for name, dtype in (("i.nii.gz", np.float32), ("m.nii.gz", np.uint8)):
        nib.save(nib.Nifti1Image(np.zeros(SHAPE, dtype), np.eye(4)), tmp_path / name)
    assert sized(tmp_path / "i.nii.gz", tmp_path / "m.nii.gz") == Size(385, 77, 4, 1)


def test_a_series_is_guessed_by_its_bytes(tmp_path):
    plain, packed = [], []
    for k in range(3):
        plain.append(tmp_path / f"{k}.dcm")
        plain[-1].write_bytes(bytes(2 * SLICE + 800))
        packed.append(tmp_path / f"{k}.jpg.dcm")
        packed[-1].write_bytes(bytes(SLICE))
    mask = plain[0]
    for files in (plain, packed):
        found = size_of(Case("a", "a", tuple(files), (mask,), None), MSD).voxels
        assert 3 * SLICE <= found <= 4 * SLICE


def test_one_file_of_many_compressed_frames(tmp_path):
    element = b"\x28\x00\x08\x00IS\x04\x0040  "
    path = tmp_path / "ct.dcm"
    path.write_bytes(bytes(132) + element + bytes(20 * SLICE))
    found = size_of(Case("a", "a", (path,), (path,), None), MSD).voxels
    assert 39 * SLICE <= found <= 41 * SLICE
    path.write_bytes(bytes(132) + element.replace(b"40", b"99") + bytes(100))
    assert size_of(Case("a", "a", (path,), (path,), None), MSD).voxels <= SLICE


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b", b"\x1f\x8bbroken", b"no header", bytes(4000), struct.pack("<i", 348)],
)
def test_what_cannot_be_read_is_a_long_ct(tmp_path, content):
    (tmp_path / "a.nii.gz").write_bytes(content)
    assert sized(tmp_path / "a.nii.gz") == UNKNOWN
    assert sized(tmp_path / "gone.nii.gz") == UNKNOWN


def test_a_header_that_lies_asks_for_no_giant(tmp_path):
    for dims in ((32767, 32767, 32767), (-7, 11, 5), (7, 0, 5)):
        image = nib.Nifti1Image(np.zeros(SHAPE, np.int16), np.eye(4))
        nib.save(image, tmp_path / "a.nii")
        data = bytearray((tmp_path / "a.nii").read_bytes())
        struct.pack_into("<3h", data, 42, *dims)
        (tmp_path / "a.nii").write_bytes(data)
        assert sized(tmp_path / "a.nii") == UNKNOWN


def test_a_phantom_is_what_its_settings_say():
    dataset = Dataset(
        name="x",
        layout="phantom",
        labels={"liver": 1},
        phantom={"size": 64, "slices": [5, 9]},
    )
    assert size_of(Case("a", "a", (), (), None), dataset) == Size(64 * 64 * 9, 64 * 64)


def test_the_libraries_that_read_images_are_not_loaded():
    import subprocess
    import sys

    check = (
        "import sys, slicewise.dataset.shapes, slicewise.needs; "
        "print({'nibabel', 'SimpleITK', 'pydicom', 'numpy', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
