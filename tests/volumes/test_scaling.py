"""Stored values become intensities in three dimensions, in the smallest type."""

import tracemalloc

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.read import read_volume
from slicewise.volumes.scaling import scaled
from slicewise.volumes.write import write_nifti
from tests.volumes.written import save, voxels


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


@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (3, 4, 5, 1, 3), (7,)])
def test_other_dimensions(tmp_path, refused, shape):
    save(tmp_path / "a.nii.gz", voxels(shape=shape))
    message = refused(read_volume, tmp_path / "a.nii.gz")
    assert f"{len(shape)} dimensions" in message


@pytest.mark.slow
def test_real_four_dimensional_file(real_data, refused):
    message = refused(read_volume, real_data / "odd" / "four_dimensional.nii.gz")
    assert "4 dimensions (52 × 68 × 20 × 10)" in message


def test_an_intercept_is_added_in_place():
    raw = np.full((64, 64, 50), 1000, np.int16, order="F")
    tracemalloc.start()
    changed = scaled(raw, 1.0, -1024.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert changed.dtype == np.int16
    assert (changed == -24).all()
    assert peak < raw.nbytes / 10


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16"])
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("labels", [[1], [1, 2], [1, 2, 4], [6], [1, 2, 3, 4, 5, 6, 7], [20, 3]])
def test_a_label_map_of_floats_under_an_integer_header_is_whole(tmp_path, dtype, kind, labels):
    """nibabel stores it in steps, so that 1 comes back as 1.0000153, or as 1.0039."""
    drawn = np.zeros((10, 10, 10), kind)
    for place, label in enumerate(labels):
        drawn[place + 1, :, 2:5] = label
    header = nib.Nifti1Header()
    header.set_data_dtype(dtype)
    nib.Nifti1Image(drawn, np.diag([2, 2, 3, 1]), header).to_filename(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(read_nifti(tmp_path / "m.nii.gz")[0].array, drawn)


@pytest.mark.parametrize("slope", [0.001, 0.01, 0.15])
def test_an_image_in_fine_steps_stays_as_it_is(slope):
    raw = np.random.default_rng(0).integers(0, 255, (9, 9, 9)).astype(np.uint8)
    np.testing.assert_allclose(scaled(raw, slope, 0), raw * slope, rtol=1e-6)


def test_shares_in_steps_are_no_labels():
    raw = np.array([[[0, 128, 255]]], np.uint8)
    np.testing.assert_allclose(scaled(raw, 1 / 255, 0), raw / 255, rtol=1e-6)
