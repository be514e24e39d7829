"""Opening a file: what the system says of it as a sentence, and bounds of what it unpacks to."""

from __future__ import annotations

import functools
import gzip
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar

from slicewise.errors import SlicewiseError, explained

GZIP_RATIO = 1100
"""Gzip shrinks at most about 1030 times: a header that declares more would only fill memory."""

HEADER_ROOM = 1 << 24
"""Bytes between a header and its voxels, or behind them, that a file may have."""

Stream = gzip.GzipFile | BinaryIO

T = TypeVar("T")
P = ParamSpec("P")


def in_a_sentence(read: Callable[P, T]) -> Callable[P, T]:
    """Make what the system says of a file a sentence that names it."""

    @functools.wraps(read)
    def wrapped(*given: P.args, **named: P.kwargs) -> T:
        source = given[0] if given else next(iter(named.values()))
        shown = source[0] if isinstance(source, Sequence) and source else source
        try:
            return read(*given, **named)
        except OSError as error:
            why = explained(error, shown) or f"{shown}: it cannot be read ({error.strerror})"
            raise SlicewiseError(f"{why}; check its name, its permissions and the disk") from error
        except MemoryError as error:
            raise SlicewiseError(
                f"{shown}: its voxels do not fit into the memory of this machine; read it on a "
                "larger one, or exclude the case"
            ) from error

    return wrapped


def must_exist(path: Path) -> None:
    """Refuse what is no file, or no longer there.

    Raises
    ------
    SlicewiseError
        When it is not.
    """
    if path.exists() and not path.is_file():
        raise SlicewiseError(
            f"{path}: this is no file (but a folder, a device or a pipe); check the path and "
            "dataset.root"
        )
    if not path.is_file():
        raise SlicewiseError(f"{path}: there is no such file; check the path and dataset.root")


@contextmanager
def open_stream(path: Path) -> Iterator[Stream]:
    """Open a file, unpacked when it is gzip whatever its name says."""
    with path.open("rb") as plain:
        if plain.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=plain) as unpacked:
                yield unpacked
        else:
            yield plain


def refuse_many(image: Any, path: Path, stream: Stream) -> None:
    """Refuse a header that promises more voxels than its file can hold.

    Raises
    ------
    EOFError
        When it does: the file is cut short, if it is honest.
    """
    declared = math.prod(map(int, image.shape)) * image.get_data_dtype().itemsize
    packed = isinstance(stream, gzip.GzipFile)
    if declared > (GZIP_RATIO if packed else 1) * path.stat().st_size:
        raise EOFError


def read_to_the_end(stream: Stream) -> None:
    """Read to the end, which makes gzip compare its checksum; but not for ever.

    Raises
    ------
    EOFError
        When more than `HEADER_ROOM` follows the voxels.
    """
    more = 0
    while isinstance(stream, gzip.GzipFile) and (part := stream.read(1 << 20)):
        more += len(part)
        if more > HEADER_ROOM:
            raise EOFError
