"""Voxels are as many as a header promises, packed or not."""

import gzip
import zlib

import pytest

from slicewise.volumes.fields import LieError
from slicewise.volumes.payload import CHUNK, Payload, compare

RAW = bytes(range(200))


def payload(tmp_path, *parts, **how) -> Payload:
    files = []
    for number, part in enumerate(parts):
        files.append(tmp_path / f"{number}.raw")
        files[-1].write_bytes(part)
    return Payload(files, how.pop("begin", 0), how.pop("encoding", "raw"), **how)


def test_raw_voxels_are_counted_over_all_files(tmp_path):
    both = payload(tmp_path, RAW, RAW)
    assert both.stored() == 400
    compare(both, [400])
    for promised in (399, 401):
        with pytest.raises(LieError, match=str(promised)):
            compare(both, [promised])


def test_what_is_before_the_voxels_is_skipped(tmp_path):
    compare(payload(tmp_path, b"head" + RAW, begin=4), [200])
    compare(payload(tmp_path, b"head\nline\nmore" + RAW, begin=5, lines=1, skip=4), [200])
    with pytest.raises(LieError):
        compare(payload(tmp_path, b"head\nline\nmore" + RAW, begin=5, lines=2, skip=4), [200])


def test_voxels_at_the_end_of_a_file_may_follow_anything(tmp_path):
    compare(payload(tmp_path, b"anything" + RAW, skip=-1), [200])
    with pytest.raises(LieError):
        compare(payload(tmp_path, RAW[1:], skip=-1), [200])


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zlib", zlib.compress), ("zlib", gzip.compress)],
)
def test_packed_voxels_are_unpacked_to_count_them(tmp_path, encoding, pack):
    there = payload(tmp_path, pack(RAW), encoding=encoding)
    assert there.unpacked(1000) == 200
    compare(there, [200])
    compare(there, [100, 200])
    with pytest.raises(LieError, match="there are 200"):
        compare(there, [201])
    with pytest.raises(LieError, match="there are more"):
        compare(there, [199])


def test_no_more_is_unpacked_than_was_promised(tmp_path):
    there = payload(tmp_path, gzip.compress(bytes(9 * CHUNK)), encoding="gzip")
    assert there.unpacked(CHUNK) == 2 * CHUNK


def test_what_cannot_unpack_to_so_much_is_not_unpacked(tmp_path):
    there = payload(tmp_path, b"no gzip at all", encoding="gzip")
    with pytest.raises(LieError, match="cannot unpack to so many"):
        compare(there, [1 << 20])


def test_only_the_bytes_that_are_packed_are_read(tmp_path):
    packed = zlib.compress(RAW)
    compare(payload(tmp_path, packed + b"tail", encoding="zlib", most=len(packed)), [200])
    with pytest.raises(EOFError):
        compare(payload(tmp_path, packed, encoding="zlib", most=10), [200])


def test_text_takes_a_digit_and_a_blank_at_least(tmp_path):
    compare(payload(tmp_path, b"1 2 3", encoding="text"), [5])
    compare(payload(tmp_path, b"0a0b0c", encoding="hex"), [3])
    for encoding, promised in (("text", 6), ("hex", 4)):
        with pytest.raises(LieError, match="at least"):
            compare(payload(tmp_path, b"1 2 3", encoding=encoding), [promised])
