"""The grammar of text headers (NRRD, MetaImage): lines, numbers and sizes that make sense."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

LONGEST_LINE = 4096
"""Bytes of a line that is no remark."""
LONGEST_NUMBER = 64
AXES = 10
LARGEST = 1 << 36
"""Bytes of voxels; beyond the largest scans of whole bodies by far."""

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
WHOLE = re.compile(r"[-+]?\d{1,18}", re.ASCII)


class LieError(Exception):
    """What is wrong with a header, in words that follow the name of the file."""


def lines_of(content: bytes, place: int) -> Iterator[tuple[str, int]]:
    """Yield the lines of a header from a place on, and where each ends.

    Raises
    ------
    LieError
        When a line is too long or no text.
    """
    while place < len(content):
        end = content.find(b"\n", place)
        end = len(content) if end < 0 else end
        if end - place > LONGEST_LINE and not re.match(rb"#|[^\n:]*:=", content[place:end]):
            raise LieError("its header has no end, or lines that are too long")
        line = content[place:end].removesuffix(b"\r").decode("latin-1")
        if "\r" in line or "\0" in line:
            raise LieError("its header holds bytes that are no text")
        place = end + 1
        yield line, min(place, len(content))


def number(word: str) -> float:
    """Return a finite number, written as numbers are.

    Examples
    --------
    >>> number("-1.5e3")
    -1500.0
    >>> number("1e999")
    Traceback (most recent call last):
    slicewise.volumes.fields.LieError: its header has something else where a number is due
    """
    if len(word) > LONGEST_NUMBER or not NUMBER.fullmatch(word) or not math.isfinite(float(word)):
        raise LieError("its header has something else where a number is due")
    return float(word)


def whole(
    fields: Mapping[str, str], key: str, least: int, most: int, default: int | None = None
) -> int:
    """Return a field that holds a whole number from `least` to `most`, or else a default."""
    word = fields.get(key, "" if default is None else str(default))
    if not WHOLE.fullmatch(word) or not least <= int(word) <= most:
        raise LieError(f"its header has no number that makes sense for {key}")
    return int(word)


def product(sizes: Sequence[str]) -> int:
    """Return how many voxels a volume of some sizes has.

    Examples
    --------
    >>> product(["512", "512", "129"])
    33816576
    """
    if not all(WHOLE.fullmatch(size) and int(size) > 0 for size in sizes):
        raise LieError("its header has sizes that no volume has")
    return math.prod(int(size) for size in sizes)


def sane(size: int) -> int:
    """Return a number of bytes, or refuse one that no scanner makes."""
    if size > LARGEST:
        raise LieError(f"its header promises more voxels than any scanner makes ({size:.1e} bytes)")
    return size
