"""The voxels of a file with a text header, held against what the header promises."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from slicewise.volumes.fields import LARGEST, LieError
from slicewise.volumes.opening import GZIP_RATIO

CHUNK = 1 << 20
"""Bytes that are read or unpacked at a time."""


@dataclass(frozen=True)
class Payload:
    """Where voxels are stored, and how.

    Attributes
    ----------
    files : sequence of Path
        One after the other.
    begin : int
        Byte of each file behind its header.
    encoding : str
        ``raw``, ``gzip``, ``zlib``, ``text`` or ``hex``.
    lines : int
        Lines to skip from there on.
    skip : int
        Bytes to skip then; negative where the voxels are at the end of the file.
    most : int
        Bytes that are packed; 0 for all.
    """

    files: Sequence[Path]
    begin: int
    encoding: str
    lines: int = 0
    skip: int = 0
    most: int = 0

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


def compare(payload: Payload, promised: Sequence[int]) -> None:
    """Compare the voxels that are there with those that a header promises.

    Parameters
    ----------
    payload : Payload
    promised : sequence of int
        Bytes, of which one has to be right; the least number of them where they are text.

    Raises
    ------
    LieError
        When there are more or fewer.
    """
    stored = payload.stored()
    if payload.encoding in ("text", "hex"):
        least = promised[0] * (2 if payload.encoding == "hex" else 1)
        if stored < least:
            raise LieError(
                f"its header promises at least {least} bytes of voxels, and there are {stored}"
            )
        return
    there = stored
    if payload.encoding != "raw":
        if min(promised) > GZIP_RATIO * stored:
            raise LieError(
                f"its header promises {min(promised)} bytes of voxels, and {stored} bytes cannot "
                "unpack to so many"
            )
        there = payload.unpacked(max(promised))
    # voxels at the end of a file, behind something else
    enough = payload.skip < 0 and payload.encoding == "raw" and there >= min(promised)
    if there not in promised and not enough:
        more = "more" if there > max(promised) else str(there)
        raise LieError(f"its header promises {max(promised)} bytes of voxels, and there are {more}")
