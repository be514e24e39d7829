"""NRRD and MetaImage have the place in space that NIfTI has."""

import numpy as np
import pytest
import SimpleITK as sitk

from slicewise.volumes.read import read_volume
from tests.volumes.written import voxels


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
