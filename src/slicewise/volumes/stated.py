"""What a NRRD or MetaImage header states, checked before a library believes it.

ITK takes such headers at their word: it copies long numbers into short
buffers, reserves memory for any size, and does not compare checksums. Here each
field that it would use is held against its grammar, and the voxels against the
size that the header promises. Nothing is unpacked beyond that, nor kept.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from slicewise.errors import SlicewiseError
from slicewise.volumes import companions

LONGEST_LINE = 4096
"""Bytes of a line that is no remark."""
LONGEST_NUMBER = 64
AXES = 10
LARGEST = 1 << 36
"""Bytes of voxels; beyond the largest scans of whole bodies by far."""
GZIP_RATIO = 1100
"""Deflate shrinks at most about 1030 times."""
CHUNK = 1 << 20

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
WHOLE = re.compile(r"[-+]?\d{1,18}", re.ASCII)

_NRRD_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "int8_t", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "int16_t", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "uint", "int32", "int32_t", "uint32", "uint32_t", "float"), 4),
    **dict.fromkeys(("longlong", "ulonglong", "int64", "int64_t", "uint64", "uint64_t"), 8),
    "double": 8,
}
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
    *("ObjectType", "NDims", "DimSize", "ElementType", "ElementDataFile", "HeaderSize"),
    *("BinaryData", "CompressedData", "CompressedDataSize", "ElementNumberOfChannels"),
    *("BinaryDataByteOrderMSB", "ElementByteOrderMSB"),
)
_META_FIELDS = {name.lower(): name for name in (*_META_NUMBERS, *_META_WORDS)}
_ENCODINGS = {
    "raw": "raw",
    **dict.fromkeys(("gzip", "gz"), "gzip"),
    **dict.fromkeys(("ascii", "text", "txt"), "text"),
    "hex": "hex",
}


class _LieError(Exception):
    """What is wrong with a header, in words that follow the name of the file."""


def check_stated(path: Path, data: Sequence[Path]) -> int:
    """Check a NRRD or MetaImage header, and that its voxels are as many as it says.

    Parameters
    ----------
    path : Path
        The header; ``.nrrd``, ``.nhdr``, ``.mha`` or ``.mhd``.
    data : sequence of Path
        The files that it names as its data (see `companions.check_data`); none
        where its voxels follow it.

    Returns
    -------
    int
        How many bytes the voxels take unpacked.

    Raises
    ------
    SlicewiseError
        When a field makes no sense, the voxels are more or fewer than the
        header promises, or their checksum is another.
    """
    is_nrrd = path.suffix.lower() in companions.NRRD
    try:
        with path.open("rb") as stream:
            content = stream.read(companions.HEADER_BYTES)
        return _nrrd(path, content, data) if is_nrrd else _meta(path, content, data)
    except _LieError as error:
        raise SlicewiseError(
            f"{path}: the file cannot be read, because {error}; copy it again, or make it again "
            "with the program that wrote it"
        ) from error
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> SlicewiseError:
    return SlicewiseError(
        f"{path}: its packed voxels are cut short or damaged (their checksum is another); copy or "
        "download it again"
    )


# -- NRRD -------------------------------------------------------------------------


def _nrrd(path: Path, content: bytes, data: Sequence[Path]) -> int:
    fields, end = _nrrd_fields(content)
    dimension = _whole(fields, "dimension", 1, AXES)
    sizes = fields.get("sizes", "").split()
    if len(sizes) != dimension:
        raise _LieError(f"its header has {dimension} dimensions but {len(sizes)} sizes")
    voxels = _product(sizes)
    kind = fields.get("type", "").lower().replace("signed ", "").strip()
    kind = re.sub(r"^un", "u", kind).replace("long long", "longlong")
    kind = re.sub(r"^(u?(?:short|longlong)) int$", r"\1", kind).replace("unsigned ", "u")
    if kind not in _NRRD_BYTES:
        raise _LieError("its header names no type of voxels that images have")
    _nrrd_numbers(fields, dimension)
    encoding = _ENCODINGS.get(fields.get("encoding", "").lower(), "")
    if not encoding:
        raise _LieError("its header names no encoding that is read (raw, gzip, text, hex)")
    lines = _whole(fields, "lineskip", 0, 1 << 20, 0)
    skip = _whole(fields, "byteskip", -1, 1 << 40, 0)
    promised = _sane(voxels * _NRRD_BYTES[kind])
    _compare(
        _Payload(path, data, end, encoding, lines, skip),
        [2 * voxels - 1 if encoding == "text" else promised],
    )
    return promised


def _nrrd_fields(content: bytes) -> tuple[dict[str, str], int]:
    """Return the fields of a header, names without blanks and lower case, and where it ends."""
    if not re.match(rb"NRRD000[1-6]\r?\n", content):
        raise _LieError("this is no NRRD file whatever its name says")
    fields: dict[str, str] = {}
    end = content.index(b"\n") + 1
    for line, place in _lines(content, end):
        end = place
        if not line:
            break
        if line.startswith("#") or re.match(r"[^:]*:=", line):
            continue
        key, colon, value = line.partition(":")
        key = key.lower().replace(" ", "")
        if not colon or len(line) > LONGEST_LINE:
            raise _LieError("its header has a line that is no field")
        if key in fields:
            raise _LieError("its header says the same thing twice")
        fields[key] = value.strip()
        if key == "datafile" and fields[key].upper().startswith("LIST"):
            break
    return fields, end


def _nrrd_numbers(fields: dict[str, str], dimension: int) -> None:
    """Check the fields that say where voxels lie."""
    for key in ("spacings", "thicknesses", "axismins", "axismaxs"):
        if key in fields:
            words = fields[key].split()
            if len(words) != dimension:
                raise _LieError(f"its header has {dimension} dimensions but {len(words)} {key}")
            for word in words:
                if word.lower() != "nan":
                    _number(word)
    if "spacedimension" in fields:
        _whole(fields, "spacedimension", 1, AXES)
    for key, count in (
        ("spacedirections", dimension),
        ("spaceorigin", 1),
        ("measurementframe", None),
    ):
        if key not in fields:
            continue
        vectors = re.findall(r"\([^()]*\)|[^\s()]+", fields[key])
        if count is not None and len(vectors) != count:
            raise _LieError(f"its header has {len(vectors)} vectors where {count} are due")
        lengths = set()
        for vector in vectors:
            if vector.lower() == "none":
                continue
            if not vector.startswith("("):
                raise _LieError("its header has a vector that is none")
            words = vector[1:-1].split(",")
            lengths.add(len(words))
            for word in words:
                _number(word.strip())
        if len(lengths) > 1 or (lengths and max(lengths) > AXES):
            raise _LieError("its header has vectors of several lengths")


# -- MetaImage --------------------------------------------------------------------


def _meta(path: Path, content: bytes, data: Sequence[Path]) -> int:
    fields, end = _meta_fields(content)
    dimension = _whole(fields, "NDims", 1, AXES)
    sizes = fields.get("DimSize", "").split()
    if len(sizes) != dimension:
        raise _LieError(f"its header has {dimension} dimensions but {len(sizes)} sizes")
    voxels = _product(sizes) * _whole(fields, "ElementNumberOfChannels", 1, 1 << 16, 1)
    if fields.get("ElementType", "") not in _META_BYTES:
        raise _LieError("its header names no type of voxels that images have")
    for name, (power, positive) in _META_NUMBERS.items():
        words = fields[name].split() if name in fields else None
        if words is None:
            continue
        if len(words) != dimension**power:
            raise _LieError(f"its header has {len(words)} numbers for {name}")
        if min(map(_number, words)) <= 0 and positive:
            raise _LieError(f"its header has voxels without a size ({name})")
    packed = _true(fields, "CompressedData")
    text = not _true(fields, "BinaryData", "True")
    if packed and text:
        raise _LieError("its header says that its voxels are both text and compressed")
    skip = _whole(fields, "HeaderSize", -1, 1 << 40, 0)
    if skip > 0 and not data:
        raise _LieError("its header says that its voxels lie elsewhere than behind it (HeaderSize)")
    encoding = "zlib" if packed else "text" if text else "raw"
    promised = [_sane(voxels * size) for size in _META_BYTES[fields["ElementType"]]]
    most = _whole(fields, "CompressedDataSize", 0, 1 << 40, 0)
    _compare(
        _Payload(path, data, end, encoding, 0, skip, most),
        [2 * voxels - 1] if text else promised,
    )
    return max(promised)


def _meta_fields(content: bytes) -> tuple[dict[str, str], int]:
    """Return the fields of a header, and where its voxels begin."""
    fields: dict[str, str] = {}
    for line, place in _lines(content, 0):
        found = re.fullmatch(r"\s*([^:=]+?)\s*[:=]\s*(.*?)\s*", line)
        if found is None:
            if line.strip():
                raise _LieError("its header has a line that is no field")
            continue
        key = _META_FIELDS.get(found[1].lower())
        if key is None:
            continue
        if found[1] != key or key in fields or len(line) > LONGEST_LINE:
            raise _LieError(f"its header does not say once, and as usual, what its {key} is")
        fields[key] = found[2]
        if key == "ElementDataFile":
            return fields, place
    raise _LieError("its header does not say where its voxels are (ElementDataFile)")


def _true(fields: dict[str, str], key: str, default: str = "False") -> bool:
    value = fields.get(key, default).lower()
    if value not in ("true", "false", "t", "f", "1", "0"):
        raise _LieError(f"its header has neither True nor False for {key}")
    return value in ("true", "t", "1")


# -- both -------------------------------------------------------------------------


def _lines(content: bytes, place: int) -> Iterator[tuple[str, int]]:
    """Yield the lines of a header from a place on, and where each ends."""
    while place < len(content):
        end = content.find(b"\n", place)
        end = len(content) if end < 0 else end
        if end - place > LONGEST_LINE and not re.match(rb"#|[^\n:]*:=", content[place:end]):
            raise _LieError("its header has no end, or lines that are too long")
        line = content[place:end].removesuffix(b"\r").decode("latin-1")
        if "\r" in line or "\0" in line:
            raise _LieError("its header holds bytes that are no text")
        place = end + 1
        yield line, min(place, len(content))


def _number(word: str) -> float:
    if len(word) > LONGEST_NUMBER or not NUMBER.fullmatch(word) or not math.isfinite(float(word)):
        raise _LieError("its header has something else where a number is due")
    return float(word)


def _whole(
    fields: dict[str, str], key: str, least: int, most: int, default: int | None = None
) -> int:
    word = fields.get(key, "" if default is None else str(default))
    if not WHOLE.fullmatch(word) or not least <= int(word) <= most:
        raise _LieError(f"its header has no number that makes sense for {key}")
    return int(word)


def _product(sizes: Sequence[str]) -> int:
    if not all(WHOLE.fullmatch(size) and int(size) > 0 for size in sizes):
        raise _LieError("its header has sizes that no volume has")
    return math.prod(int(size) for size in sizes)


def _sane(size: int) -> int:
    if size > LARGEST:
        raise _LieError(
            f"its header promises more voxels than any scanner makes ({size:.1e} bytes)"
        )
    return size


class _Payload:
    """Where voxels are stored, and how."""

    def __init__(
        self,
        path: Path,
        data: Sequence[Path],
        begin: int,
        encoding: str,
        lines: int,
        skip: int,
        most: int = 0,
    ) -> None:
        self.files = list(data) or [path]
        self.begin = 0 if data else begin
        self.encoding = encoding
        self.lines = lines
        self.skip = skip
        self.most = most
        """Bytes that are packed; 0 for all."""

    def stored(self) -> int:
        """Return how many bytes are stored, those that are skipped left out."""
        return sum(self._length(file) for file in self.files)

    def _length(self, file: Path) -> int:
        with file.open("rb") as stream:
            self._seek(stream)
            at = stream.tell()
            return max(0, stream.seek(0, 2) - at)

    def _seek(self, stream: BinaryIO) -> None:
        stream.seek(self.begin)
        for _ in range(self.lines):
            stream.readline(CHUNK)
        stream.seek(max(self.skip, 0), 1)

    def unpacked(self, most: int) -> int:
        """Return how many bytes all files unpack to; a little more than `most` means more."""
        total = 0
        for file in self.files:
            with file.open("rb") as stream:
                self._seek(stream)
                for count in _UNPACK[self.encoding](stream, self.most):
                    total += count
                    if total > most:
                        return total
        return total


def _zlib_counts(stream: BinaryIO, most: int) -> Iterator[int]:
    unpacker = zlib.decompressobj(47)  # zlib's header, or that of gzip
    left = most or LARGEST
    while not unpacker.eof:
        packed = unpacker.unconsumed_tail
        if not packed:
            packed = stream.read(min(CHUNK, left))
            left -= len(packed)
        if not packed:
            raise EOFError
        yield len(unpacker.decompress(packed, CHUNK))


def _gzip_counts(stream: BinaryIO, most: int) -> Iterator[int]:
    with gzip.GzipFile(fileobj=stream) as unpacked:
        while part := unpacked.read(CHUNK):
            yield len(part)


_UNPACK = {"zlib": _zlib_counts, "gzip": _gzip_counts}


def _compare(payload: _Payload, promised: Sequence[int]) -> None:
    """Compare the voxels that are there with those that a header promises.

    Parameters
    ----------
    payload : _Payload
    promised : sequence of int
        Bytes, of which one has to be right; the least number of them where they are text.
    """
    stored = payload.stored()
    if payload.encoding in ("text", "hex"):
        least = promised[0] * (2 if payload.encoding == "hex" else 1)
        if stored < least:
            raise _LieError(
                f"its header promises at least {least} bytes of voxels, and there are {stored}"
            )
        return
    found = stored
    if payload.encoding != "raw":
        if min(promised) > GZIP_RATIO * stored:
            raise _LieError(
                f"its header promises {min(promised)} bytes of voxels, and {stored} bytes cannot "
                "unpack to so many"
            )
        found = payload.unpacked(max(promised))
    # voxels at the end of a file, behind something else
    enough = payload.skip < 0 and payload.encoding == "raw" and found >= min(promised)
    if found not in promised and not enough:
        more = "more" if found > max(promised) else str(found)
        raise _LieError(
            f"its header promises {max(promised)} bytes of voxels, and there are {more}"
        )
