"""Headers of NRRD and MetaImage that lie are refused before a library believes them."""

import gzip
import os
import zlib

import nibabel as nib
import numpy as np
import pytest

from slicewise.volumes.nifti import has_lost_geometry, read_note
from slicewise.volumes.read import read_volume

VOXELS = (np.arange(210, dtype="<i2") - 50).reshape(5, 6, 7)
RAW = VOXELS.tobytes()
PACKED = gzip.compress(RAW)
ZLIB = zlib.compress(RAW)


def nrrd(body=RAW, encoding="raw", **fields):
    fields = {
        "type": "short", "dimension": "3", "space": "left-posterior-superior", "sizes": "7 6 5",
        "space directions": "(1,0,0) (0,1,0) (0,0,2)", "kinds": "domain domain domain",
        "endian": "little", "encoding": encoding, "space origin": "(0,0,0)",
    } | {name.replace("_", " "): value for name, value in fields.items()}  # fmt: skip
    lines = [f"{name}: {value}" for name, value in fields.items()]
    return "\n".join(["NRRD0004", *lines, "", ""]).encode() + body


def meta(body=RAW, **fields):
    fields = {
        "ObjectType": "Image", "NDims": "3", "BinaryData": "True", "DimSize": "7 6 5",
        "ElementSpacing": "1 1 2", "ElementType": "MET_SHORT",
    } | fields | {"ElementDataFile": "LOCAL"}  # fmt: skip
    return "".join(f"{name} = {value}\n" for name, value in fields.items()).encode() + body


PACKED_META = {"CompressedData": "True"}


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


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mgz", ".hdr", ".dcm"])
def test_what_is_no_file_is_refused(tmp_path, refused, suffix):
    folder, pipe, zero = (tmp_path / f"{name}{suffix}" for name in ("folder", "pipe", "zero"))
    folder.mkdir()
    os.mkfifo(pipe)
    zero.symlink_to("/dev/zero")
    for path in (folder, pipe, zero):
        assert str(path) in refused(read_volume, path)
    refused(read_volume, tmp_path / f"{'x' * 5000}{suffix}")


def test_a_data_file_with_a_name_that_no_file_system_takes_is_not_there(tmp_path, refused):
    for name in ("x" * 5000, "%d" + "x" * 5000, "a%0d 1 9999999999999999999999 1"):
        content = meta().split(b"LOCAL")[0] + name.encode()
        (tmp_path / "a.mhd").write_bytes(content)
        refused(read_volume, tmp_path / "a.mhd")


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_an_extension_of_nifti_without_an_end_is_never_read(tmp_path, kind):
    content = kind(VOXELS, np.eye(4)).to_bytes()
    top = kind.header_class.sizeof_hdr
    # an extension of 2 GB follows, by its own word
    told = b"\1\0\0\0" + (2**31 - 16).to_bytes(4, "little") + (6).to_bytes(4, "little")
    (tmp_path / "a.nii").write_bytes(content[:top] + told + content[top + 12 :])
    assert has_lost_geometry(tmp_path / "a.nii")  # as the header has no place in it
    assert read_note(tmp_path / "a.nii") is None
