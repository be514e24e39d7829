"""Nothing unpacks to more than a header or a file may hold, and faults are sentences."""

import gzip

import nibabel as nib
import numpy as np

from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.read import read_volume
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.volumes.written import AFFINE, voxels


def test_header_that_declares_more_than_any_file_holds(tmp_path, refused):
    content = bytearray(nib.Nifti1Image(voxels(), AFFINE).to_bytes())
    content[42:48] = np.array([30000] * 3, "<i2").tobytes()
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    assert "cut short or damaged" in refused(read_volume, tmp_path / "a.nii.gz")


def test_volume_that_compresses_very_well(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", Volume(np.zeros((512, 512, 40), np.uint8), AFFINE))
    assert not read_nifti(tmp_path / "a.nii.gz")[0].array.any()
