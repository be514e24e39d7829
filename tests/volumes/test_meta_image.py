"""MetaImage headers that lie are refused before a library believes them."""

import zlib

import pytest

from slicewise.volumes.read import read_volume
from tests.volumes.written import PACKED_META, ZLIB, meta


@pytest.mark.parametrize(
    "content",
    [
        *(meta(DimSize=size) for size in ("0 6 5", "-1 6 5", "7 6", "7 6 5 2", "7 6 6", "7 6 4")),
        *(meta(DimSize=size) for size in ("30000 30000 30000", "9" * 5000 + " 1 1", "")),
        *(meta(ElementSpacing=one) for one in ("0 1 1", "-1 1 1", "1 1", "nan 1 1", "1e999 1 1")),
        *(meta(NDims=n) for n in ("0", "-1", "2", "99", "x")),
        *(meta(ElementType=kind) for kind in ("", "MET_NONE", "MET_OTHER", "MET_INT")),
        meta(ElementNumberOfChannels="0"),
        meta(ElementNumberOfChannels="-1"),
        meta(TransformMatrix="1 0 0 0 1 0"),
        meta(TransformMatrix="1 0 0 0 1 0 0 0 " + "1" * 5000),
        meta(BinaryData="perhaps"),
        meta(ZLIB[:-4] + b"\0\0\0\0", **PACKED_META),
        meta(ZLIB[:-5], **PACKED_META),
        meta(ZLIB, **PACKED_META, CompressedDataSize="10"),
        meta(ZLIB, **PACKED_META, DimSize="2000 2000 400"),
        meta(zlib.compress(bytes(10**7)), **PACKED_META),
        meta(HeaderSize="9" * 5000),
        meta().replace(b"NDims", b"ndims"),
        meta().replace(b"ElementType", b"DimSize = 1 1 1\nElementType"),
        meta().decode("latin-1").encode("utf-16"),
        b"",
    ],
)
def test_lies_of_metaimage_are_refused(tmp_path, refused, content):
    (tmp_path / "a.mha").write_bytes(content)
    assert str(tmp_path / "a.mha") in refused(read_volume, tmp_path / "a.mha")
