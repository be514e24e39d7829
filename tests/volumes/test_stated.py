"""Headers of NRRD and MetaImage that lie are refused before a library believes them."""

import numpy as np
import pytest

from slicewise.volumes.read import read_volume
from tests.volumes.written import PACKED, PACKED_META, RAW, VOXELS, ZLIB, meta, nrrd


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.nrrd", nrrd()),
        ("a.nrrd", nrrd(PACKED, "gzip")),
        ("a.nrrd", nrrd(" ".join(map(str, VOXELS.ravel())).encode(), "ascii")),
        ("a.nrrd", nrrd(type="signed short int")),
        ("a.nrrd", nrrd(content="x" * 500)),
        ("a.nrrd", nrrd(b"more" + RAW, byte_skip="4")),
        ("a.nrrd", nrrd(b"more" + RAW, byte_skip="-1")),
        ("a.mha", meta()),
        ("a.mha", meta(ZLIB, **PACKED_META, CompressedDataSize=len(ZLIB))),
        ("a.mha", meta(Comment="x" * 100, ElementNumberOfChannels="1")),
    ],
)
def test_what_is_true_is_read(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    array = read_volume(tmp_path / name).array
    np.testing.assert_array_equal(array, VOXELS.transpose(2, 1, 0))
