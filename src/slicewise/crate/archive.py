"""The zip of a crate: the same bytes for the same contents, and read without trusting it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from slicewise.crate.contents import FORMAT, NOTE
from slicewise.crate.images import IMAGES
from slicewise.errors import SlicewiseError
from slicewise.files import atomic, most_unpacked, parse_json
from slicewise.stored import Count, Form, Loose, Name, refused

CRATE = "crate.zip"
METADATA = "ro-crate-metadata.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""A time of change that never changes: the first that zip knows."""
LEVEL = 6
PLAIN = 0o644 << 16
CHUNK = 1 << 20
AGAIN = "download it again, or ask whoever published it"
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)


class _Published(Loose):
    run: Name
    tags: dict[str, str]
    weights: dict[str, str]
    starts: dict[str, dict[str, str]] = Field({})


class _Note(Loose):
    format: Count
    slicewise: Name
    dataset: Name
    numbered: bool = False
    experiments: dict[str, _Published]


def write_zip(path: Path, files: Mapping[str, bytes | Path]) -> None:
    """Write files in the order of their names, with no time and no owner."""
    with atomic(path) as half, zipfile.ZipFile(half, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = PLAIN
            content = files[name]
            size = len(content) if isinstance(content, bytes) else content.stat().st_size
            with archive.open(entry, "w", force_zip64=size > zipfile.ZIP64_LIMIT) as stream:
                for chunk in chunks(content):
                    stream.write(chunk)


def chunks(content: bytes | Path) -> Iterator[bytes]:
    """Yield the bytes of a file, a part at a time."""
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


class Archive:
    """A crate that is open; what is read of it is what its metadata say.

    Parameters
    ----------
    path : Path
    stream : ZipFile
    """

    def __init__(self, path: Path, stream: zipfile.ZipFile) -> None:
        self.path = path
        self._stream = stream
        self._sizes = {member.filename: member.file_size for member in _members(path, stream)}
        self.digests = _digests(path, self._json(METADATA))
        note = self._read_json(NOTE)
        _check_format(path, note)
        try:
            self.note: _Note = Form(_Note).check(note)
        except ValueError as error:
            raise refused(f"{path}: {NOTE}", error, AGAIN) from None

    @property
    def images(self) -> list[str]:
        """The files of the data set that it holds."""
        return sorted(name for name in self._sizes if name.startswith(f"{IMAGES}/"))

    def read(self, name: str) -> bytes:
        """Return the content of a file, if it is the one that was published.

        Raises
        ------
        SlicewiseError
            When it is missing, damaged or was edited.
        """
        content = self._content(name)
        if hashlib.sha256(content).hexdigest() != self.digests.get(name):
            raise SlicewiseError(
                f"{self.path}: {name} is not the file that was published, by its SHA-256; {AGAIN}"
            )
        return content

    def _content(self, name: str) -> bytes:
        size = self._sizes.get(name)
        if size is None:
            raise SlicewiseError(f"{self.path}: it lacks {name}; {AGAIN}")
        if size > most_unpacked(self.path.stat().st_size):
            raise SlicewiseError(
                f"{self.path}: {name} would unpack to {size} bytes, which no crate of this size "
                f"holds; do not trust it"
            )
        try:
            return self._stream.read(name)
        except DAMAGED as error:
            raise SlicewiseError(f"{self.path}: {name} in it is damaged; {AGAIN}") from error

    def _json(self, name: str) -> Any:
        try:
            return parse_json(self._content(name).decode())
        except ValueError as error:
            raise refused(f"{self.path}: {name}", error, AGAIN) from None

    def _read_json(self, name: str) -> Any:
        self.read(name)
        return self._json(name)


@contextmanager
def open_crate(path: Path) -> Iterator[Archive]:
    """Open a crate.

    Raises
    ------
    SlicewiseError
        When there is none, it is damaged or no crate of slicewise, is of a newer version, or
        holds a file that would be written elsewhere.
    """
    if not path.is_file():
        raise SlicewiseError(f"{path}: there is no such crate; name the {CRATE} that was published")
    try:
        stream = zipfile.ZipFile(path)
    except DAMAGED as error:
        if isinstance(error, PermissionError):
            raise
        raise SlicewiseError(f"{path}: it is no zip, or cut short; {AGAIN}") from error
    with stream:
        yield Archive(path, stream)


def _members(path: Path, stream: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files of a zip, or refuse one that no honest archiver makes."""
    members = [member for member in stream.infolist() if not member.is_dir()]
    names = [member.filename for member in members]
    for member in members:
        name = member.filename.replace("\\", "/")
        outside = name.startswith("/") or ".." in name.split("/") or re.match("[A-Za-z]:", name)
        if outside or stat.S_ISLNK(member.external_attr >> 16):
            raise SlicewiseError(
                f"{path}: it holds {os.fspath(name)!r}, which points outside of it; do not trust it"
            )
        if member.flag_bits & 1:
            raise SlicewiseError(f"{path}: it is protected by a password; unprotect it")
    if len(set(names)) < len(names):
        raise SlicewiseError(f"{path}: it holds a file twice; {AGAIN}")
    if METADATA not in names:
        raise SlicewiseError(f"{path}: it is no RO-Crate, as it lacks {METADATA}; name a {CRATE}")
    if NOTE not in names:
        raise SlicewiseError(
            f"{path}: it is an RO-Crate, but not one of slicewise, as it lacks {NOTE}; name one "
            "that slicewise publish wrote"
        )
    return members


def _digests(path: Path, metadata: Any) -> dict[str, str]:
    """Return the SHA-256 of each file, as the metadata have it."""
    graph = metadata.get("@graph") if isinstance(metadata, dict) else None
    if not isinstance(graph, list):
        raise refused(f"{path}: {METADATA}", "it holds no graph", AGAIN)
    return {
        str(each.get("@id")): str(each["sha256"])
        for each in graph
        if isinstance(each, dict) and "sha256" in each
    }


def _check_format(path: Path, note: Any) -> None:
    version = note.get("format") if isinstance(note, dict) else None
    if isinstance(version, int) and version > FORMAT:
        by = str(note.get("slicewise", "another version"))[:20]
        raise SlicewiseError(
            f"{path}: it was written by a newer slicewise ({by}), which this one cannot read; "
            "update slicewise"
        )
