"""NRRD headers that lie are refused before a library believes them."""

import gzip

import pytest

from slicewise.volumes.read import read_volume
from tests.volumes.written import PACKED, nrrd


@pytest.mark.parametrize(
    "content",
    [
        *(nrrd(sizes=sizes) for sizes in ("7 6", "7 6 0", "7 6 -5", "7 6 5 1", "9" * 5000)),
        *(nrrd(sizes=sizes) for sizes in ("7 6 4", "7 6 6", "30000 30000 30000", "7 6 x", "")),
        *(nrrd(dimension=n) for n in ("0", "-3", "17", "3.0", "9" * 30, "")),
        *(nrrd(type=kind) for kind in ("block", "", "shorts", "int")),
        *(nrrd(encoding=word) for word in ("bzip2", "", "raw raw", "zip")),
        nrrd(space_directions="(" + "1" * 5000 + ",0,0) (0,1,0) (0,0,2)"),
        nrrd(space_directions="(" + "1" * 500 + ",0,0) (0,1,0) (0,0,2)"),
        nrrd(space_directions="(1,0,0) (0,1,0)"),
        nrrd(space_directions="(1,0,0) (0,1) (0,0,1)"),
        nrrd(space_directions="(nan,0,0) (0,1,0) (0,0,1)"),
        nrrd(space_origin="(1e999,0,0)"),
        nrrd(note="x" * 100_000),
        nrrd(PACKED[:60] + b"\0\0\0" + PACKED[63:], "gzip"),
        nrrd(PACKED[:-9], "gzip"),
        nrrd(PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "gzip"),
        nrrd(gzip.compress(bytes(10**7)), "gzip"),
        nrrd(PACKED, "gzip", sizes="2000 2000 400"),
        nrrd(byte_skip="1" * 5000),
        nrrd() .replace(b"type: short", b"type: short\ntype: int"),
        nrrd().decode("latin-1").encode("utf-16"),
        b"", b"NRRD0004", b"NRRD0004\n",
    ],
)  # fmt: skip
def test_lies_of_nrrd_are_refused(tmp_path, refused, content):
    (tmp_path / "a.nrrd").write_bytes(content)
    assert str(tmp_path / "a.nrrd") in refused(read_volume, tmp_path / "a.nrrd")
