"""What headers say is what the whole volume says."""

import nibabel as nib
import numpy as np
import pytest

from slicewise.errors import SlicewiseError
from slicewise.volumes.header import read_header
from slicewise.volumes.read import read_volume

AFFINE = np.array([[0, -1.5, 0, 30], [2, 0, 0, -4], [0, 0, 3, 7], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.img", "a.mgz", "a.nrrd", "a.mha"])
def test_a_header_is_that_of_the_volume(tmp_path, name):
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    path = tmp_path / name
    if name.endswith((".nrrd", ".mha")):
        import SimpleITK as sitk

        image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
        image.SetSpacing((2, 1.5, 3))
        sitk.WriteImage(image, str(path))
    else:
        kind = {"a.img": nib.Nifti1Pair, "a.mgz": nib.MGHImage}.get(name, nib.Nifti1Image)
        kind(array, AFFINE).to_filename(path)
    header = read_header(path)
    volume = read_volume(path)
    assert header.shape == volume.array.shape
    np.testing.assert_allclose(header.affine, volume.affine, atol=1e-5)
    assert header.spacing == pytest.approx(volume.spacing, abs=1e-5)
    assert header.lost == volume.lost


def test_frames_and_lost_geometry_are_seen(tmp_path):
    nib.Nifti1Image(np.zeros((3, 4, 5, 6), np.int16), None).to_filename(tmp_path / "f.nii.gz")
    header = read_header(tmp_path / "f.nii.gz")
    assert header.shape == (3, 4, 5, 6)
    assert header.lost
    nib.Nifti1Image(np.zeros((3, 4), np.int16), AFFINE).to_filename(tmp_path / "s.nii")
    assert read_header(tmp_path / "s.nii").shape == (3, 4, 1)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz"])
def test_what_is_no_header_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"no image at all")
    with pytest.raises(SlicewiseError, match="damaged"):
        read_header(tmp_path / name)
    with pytest.raises(SlicewiseError, match="no such file"):
        read_header(tmp_path / f"x{name}")
