"""Nothing unpacks to more than a header or a file may hold, and faults are sentences."""

import gzip
import os

import nibabel as nib
import numpy as np
import pytest

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


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mgz", ".hdr", ".dcm"])
def test_what_is_no_file_is_refused(tmp_path, refused, suffix):
    folder, pipe, zero = (tmp_path / f"{name}{suffix}" for name in ("folder", "pipe", "zero"))
    folder.mkdir()
    os.mkfifo(pipe)
    zero.symlink_to("/dev/zero")
    for path in (folder, pipe, zero):
        assert str(path) in refused(read_volume, path)
    refused(read_volume, tmp_path / f"{'x' * 5000}{suffix}")
