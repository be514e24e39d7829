"""NIfTI is written to the voxel and the millimetre, and always the same."""

import itertools

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slicewise.errors import SlicewiseError
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.volume import Volume, from_canonical
from slicewise.volumes.write import write_nifti
from tests.volumes.written import AFFINE, voxels


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
