"""What a NRRD header states (https://teem.sourceforge.net/nrrd/format.html), field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from slicewise.volumes import payload
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

_NRRD_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "int8_t", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "int16_t", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "uint", "int32", "int32_t", "uint32", "uint32_t", "float"), 4),
    **dict.fromkeys(("longlong", "ulonglong", "int64", "int64_t", "uint64", "uint64_t"), 8),
    "double": 8,
}
_ENCODINGS = {
    "raw": "raw",
    **dict.fromkeys(("gzip", "gz"), "gzip"),
    **dict.fromkeys(("ascii", "text", "txt"), "text"),
    "hex": "hex",
}


def check_nrrd(path: Path, content: bytes, data: Sequence[Path]) -> int:
    """Check a NRRD header, and that its voxels are as many as it says; as `check_meta`."""
    fields, end = _nrrd_fields(content)
    dimension = whole(fields, "dimension", 1, AXES)
    sizes = fields.get("sizes", "").split()
    if len(sizes) != dimension:
        raise LieError(f"its header has {dimension} dimensions but {len(sizes)} sizes")
    voxels = product(sizes)
    kind = fields.get("type", "").lower().replace("signed ", "").strip()
    kind = re.sub(r"^un", "u", kind).replace("long long", "longlong")
    kind = re.sub(r"^(u?(?:short|longlong)) int$", r"\1", kind).replace("unsigned ", "u")
    if kind not in _NRRD_BYTES:
        raise LieError("its header names no type of voxels that images have")
    _nrrd_numbers(fields, dimension)
    encoding = _ENCODINGS.get(fields.get("encoding", "").lower(), "")
    if not encoding:
        raise LieError("its header names no encoding that is read (raw, gzip, text, hex)")
    lines = whole(fields, "lineskip", 0, 1 << 20, 0)
    skip = whole(fields, "byteskip", -1, 1 << 40, 0)
    promised = sane(voxels * _NRRD_BYTES[kind])
    stored = payload.Payload(
        files=data or (path,), begin=0 if data else end, encoding=encoding, lines=lines, skip=skip
    )
    payload.compare(stored, [2 * voxels - 1 if encoding == "text" else promised])
    return promised


def _nrrd_fields(content: bytes) -> tuple[dict[str, str], int]:
    """Return the fields of a header, names without blanks and lower case, and where it ends."""
    if not re.match(rb"NRRD000[1-6]\r?\n", content):
        raise LieError("this is no NRRD file whatever its name says")
    fields: dict[str, str] = {}
    end = content.index(b"\n") + 1
    for line, place in lines_of(content, end):
        end = place
        if not line:
            break
        if line.startswith("#") or re.match(r"[^:]*:=", line):
            continue
        key, colon, value = line.partition(":")
        key = key.lower().replace(" ", "")
        if not colon or len(line) > LONGEST_LINE:
            raise LieError("its header has a line that is no field")
        if key in fields:
            raise LieError("its header says the same thing twice")
        fields[key] = value.strip()
        if key == "datafile" and fields[key].upper().startswith("LIST"):
            break
    return fields, end


def _nrrd_numbers(fields: Mapping[str, str], dimension: int) -> None:
    """Check the fields that say where voxels lie."""
    for key in ("spacings", "thicknesses", "axismins", "axismaxs"):
        if key in fields:
            words = fields[key].split()
            if len(words) != dimension:
                raise LieError(f"its header has {dimension} dimensions but {len(words)} {key}")
            for word in words:
                if word.lower() != "nan":
                    number(word)
    if "spacedimension" in fields:
        whole(fields, "spacedimension", 1, AXES)
    for key, count in (
        ("spacedirections", dimension),
        ("spaceorigin", 1),
        ("measurementframe", None),
    ):
        if key not in fields:
            continue
        vectors = re.findall(r"\([^()]*\)|[^\s()]+", fields[key])
        if count is not None and len(vectors) != count:
            raise LieError(f"its header has {len(vectors)} vectors where {count} are due")
        lengths = set()
        for vector in vectors:
            if vector.lower() == "none":
                continue
            if not vector.startswith("("):
                raise LieError("its header has a vector that is none")
            words = vector[1:-1].split(",")
            lengths.add(len(words))
            for word in words:
                number(word.strip())
        if len(lengths) > 1 or (lengths and max(lengths) > AXES):
            raise LieError("its header has vectors of several lengths")
