"""FreeSurfer's images have the place in space that NIfTI has."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.volumes.read import read_volume
from tests.volumes.written import AFFINE, voxels


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
