"""What tests of formats write."""

import gzip
import zlib

import nibabel as nib
import numpy as np

AFFINE = np.array([[-0.7, 0, 0, 12], [0, 0.8, 0, -34], [0, 0, 2.5, 56], [0, 0, 0, 1.0]])


def voxels(dtype="int16", shape=(4, 5, 6)) -> np.ndarray:
    high = 100 if np.dtype(dtype).itemsize == 1 else 3000
    return np.random.default_rng(2).integers(0, high, shape).astype(dtype)


def save(path, array, slope=None, inter=None, affine=AFFINE, kind=nib.Nifti1Image):
    image = kind(array, affine, dtype=array.dtype)
    if slope is not None:
        # nibabel computes a scale of its own when it writes an image: set it in the bytes.
        content = bytearray(image.to_bytes())
        content[112:120] = np.array([slope, inter], "<f4").tobytes()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    else:
        nib.save(image, path)
    return path


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
