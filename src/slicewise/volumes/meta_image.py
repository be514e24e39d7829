"""What a MetaImage header states (https://itk.org/Wiki/MetaIO/Documentation), field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from slicewise.volumes.fields import (
    AXES,
    LONGEST_LINE,
    LieError,
    lines_of,
    number,
    product,
    sane,
    whole,
)
from slicewise.volumes.payload import Payload, compare

_META_BYTES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR"), (1,)),
    **dict.fromkeys(("MET_SHORT", "MET_USHORT"), (2,)),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_FLOAT"), (4,)),
    **dict.fromkeys(("MET_LONG", "MET_ULONG"), (4, 8)),
    **dict.fromkeys(("MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"), (8,)),
}
_META_NUMBERS = {
    "ElementSpacing": (1, True),
    "ElementSize": (1, True),
    **dict.fromkeys(("Offset", "Position", "Origin", "CenterOfRotation"), (1, False)),
    **dict.fromkeys(("TransformMatrix", "Rotation", "Orientation"), (2, False)),
}
"""Fields of numbers: to which power of the dimensions there are so many, and whether positive."""
_META_WORDS = (
    "ObjectType",
    "NDims",
    "DimSize",
    "ElementType",
    "ElementDataFile",
    "HeaderSize",
    "BinaryData",
    "CompressedData",
    "CompressedDataSize",
    "ElementNumberOfChannels",
    "BinaryDataByteOrderMSB",
    "ElementByteOrderMSB",
)
_META_FIELDS = {name.lower(): name for name in (*_META_NUMBERS, *_META_WORDS)}


def check_meta(path: Path, content: bytes, data: Sequence[Path]) -> int:
    """Check a MetaImage header, and that its voxels are as many as it says.

    Parameters
    ----------
    path : Path
        The header.
    content : bytes
        Its first bytes.
    data : sequence of Path
        The files that it names as its data; none where its voxels follow it.

    Returns
    -------
    int
        Bytes that the voxels take unpacked.

    Raises
    ------
    LieError
        When a field makes no sense, or the voxels are others than it promises.
    """
    fields, end = _meta_fields(content)
    dimension = whole(fields, "NDims", 1, AXES)
    sizes = fields.get("DimSize", "").split()
    if len(sizes) != dimension:
        raise LieError(f"its header has {dimension} dimensions but {len(sizes)} sizes")
    voxels = product(sizes) * whole(fields, "ElementNumberOfChannels", 1, 1 << 16, 1)
    if fields.get("ElementType", "") not in _META_BYTES:
        raise LieError("its header names no type of voxels that images have")
    for name, (power, positive) in _META_NUMBERS.items():
        words = fields[name].split() if name in fields else None
        if words is None:
            continue
        if len(words) != dimension**power:
            raise LieError(f"its header has {len(words)} numbers for {name}")
        if min(map(number, words)) <= 0 and positive:
            raise LieError(f"its header has voxels without a size ({name})")
    packed = _is_true(fields, "CompressedData")
    text = not _is_true(fields, "BinaryData", "True")
    if packed and text:
        raise LieError("its header says that its voxels are both text and compressed")
    skip = whole(fields, "HeaderSize", -1, 1 << 40, 0)
    if skip > 0 and not data:
        raise LieError("its header says that its voxels lie elsewhere than behind it (HeaderSize)")
    encoding = "zlib" if packed else "text" if text else "raw"
    promised = [sane(voxels * size) for size in _META_BYTES[fields["ElementType"]]]
    most = whole(fields, "CompressedDataSize", 0, 1 << 40, 0)
    payload = Payload(
        files=data or (path,), begin=0 if data else end, encoding=encoding, skip=skip, most=most
    )
    compare(payload, [2 * voxels - 1] if text else promised)
    return max(promised)


def _meta_fields(content: bytes) -> tuple[dict[str, str], int]:
    """Return the fields of a header, and where its voxels begin."""
    fields: dict[str, str] = {}
    for line, place in lines_of(content, 0):
        field = re.fullmatch(r"\s*([^:=]+?)\s*[:=]\s*(.*?)\s*", line)
        if field is None:
            if line.strip():
                raise LieError("its header has a line that is no field")
            continue
        key = _META_FIELDS.get(field[1].lower())
        if key is None:
            continue
        if field[1] != key or key in fields or len(line) > LONGEST_LINE:
            raise LieError(f"its header does not say once, and as usual, what its {key} is")
        fields[key] = field[2]
        if key == "ElementDataFile":
            return fields, place
    raise LieError("its header does not say where its voxels are (ElementDataFile)")


def _is_true(fields: Mapping[str, str], key: str, default: str = "False") -> bool:
    value = fields.get(key, default).lower()
    if value not in ("true", "false", "t", "f", "1", "0"):
        raise LieError(f"its header has neither True nor False for {key}")
    return value in ("true", "t", "1")
