"""Writing files so that nothing half-written ever has its final name."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from slicewise.errors import FULL, OF_SYSTEM, SlicewiseError

HALF = re.compile(r"\.(\d+)-([0-9a-f]{4})(?:[0-9a-f]{4}){1,2}\.(.+)", re.DOTALL)
"""Names of what is not finished: the process, where it runs, digits, and the final name."""
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
OLD = 86400.0
"""Seconds after which nobody writes such a file any more."""


def expanded(path: str | os.PathLike[str], named: str) -> Path:
    """Replace a leading ~ and $VARIABLES of a path, as a shell would.

    Parameters
    ----------
    path : path-like
        As a user wrote it. What is there under this very name is left alone.
    named : str
        How a message names where it was written.

    Raises
    ------
    SlicewiseError
        When a variable is not set.
    """
    text = os.fspath(path)
    if Path(text).exists():
        return Path(text)
    path = Path(os.path.expandvars(text))
    with suppress(RuntimeError):  # no such user: the path will be missed by its name
        path = path.expanduser()
    left = re.search(r"\$(\w+|\{\w+\})", str(path))
    if left:
        raise SlicewiseError(f"{named}: {text}: the variable {left[0]} is not set; export it")
    return path


def below(folder: Path, given: str, named: str) -> Path:
    """Return the place of a path that settings or tables give below a folder.

    Parameters
    ----------
    folder : Path
    given : str
        As a user wrote it. What is there under this very name is meant, else what `expanded`
        makes of it, be it there or not.
    named : str
        How a message names where it was written.
    """
    path = folder / given
    return path if path.exists() else folder / expanded(given, named)


def whole_path(path: str | os.PathLike[str]) -> Path:
    """Return a path from the root on, by the names of links and not of what they lead to.

    Names of folders of results tell experiment and data set, and may be links to another disk.
    """
    place = Path(path).absolute()
    return place.resolve() if ".." in place.parts else place


def refuse_address(text: str) -> None:
    """Refuse the address of a bucket where a file or folder is to be named.

    Raises
    ------
    SlicewiseError
        Such as for ``s3://bucket/results``, of which nothing is read.
    """
    if ADDRESS.match(text) and not Path(text).exists():
        raise SlicewiseError(
            f"{text}: an address is no file or folder; copy what lies there to a disk "
            "(docs/kubernetes.md says how, of a bucket), and name that copy"
        )


def refuse_no_text(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse paths that are no text, as those with umlauts of an old archive may be.

    Neither tables nor pages could name them.

    Raises
    ------
    SlicewiseError
        Naming the first one.
    """
    for path in paths:
        written = os.fsencode(path)
        shown = written.decode(errors="backslashreplace")
        if shown.encode() != written:
            raise SlicewiseError(
                f"{shown}: a name in it is no text in UTF-8; rename the file or folder (convmv -r "
                "-f latin1 -t utf8 --notest FOLDER renames all that came from Windows)"
            )


def refuse_unfit(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse paths that Snakemake would fill in, or cannot write down.

    Raises
    ------
    SlicewiseError
        Naming the first one with a brace, or that is no text.
    """
    for path in paths:
        refuse_no_text([path])
        if set("{}") & set(os.fspath(path)):
            raise SlicewiseError(
                f"{path}: to Snakemake, what is in braces is a name to fill in; rename the file or "
                "folder that has one in its name"
            )


DATA = "SLICEWISE_DATA"


def data_folder() -> Path:
    """Return the folder that data lie below, see `expanded`: of the environment, else data."""
    return expanded(os.environ.get(DATA) or "data", DATA)


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its name when all went well.

    Parameters
    ----------
    path : path-like
        The final name. Its folder is made when it is missing. The temporary
        name keeps the suffix, because some writers choose the format by it.

    Yields
    ------
    pathlib.Path
        Where to write.

    Raises
    ------
    SlicewiseError
        When the disk is full, a limit is reached, or this user may not write there; the temporary
        file is removed.
    """
    path = Path(path)
    temporary = half_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno in FULL:
            raise SlicewiseError(
                f"{path}: no space left on the disk while writing it; free some space and run "
                "the same command again, finished files are kept"
            ) from error
        if error.errno in OF_SYSTEM and error.filename in (None, str(temporary), str(path)):
            raise SlicewiseError(f"{path}: {OF_SYSTEM[error.errno]}") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def half_of(path: Path) -> Path:
    """Return a name beside a path for what is not finished, which tells whose it is."""
    # containers on different nodes have the same process numbers
    return path.parent / f".{os.getpid()}-{_place()}{secrets.token_hex(4)}.{path.name}"


def sweep_halves(folder: Path, *, deep: bool = True) -> list[Path]:
    """Delete what killed processes left unfinished in a folder and those below; return that.

    Of other machines nobody here can tell whether a process is gone, so what
    they left has to be a day old.
    """
    swept = []
    for place, folders, names in os.walk(folder):
        if not deep:
            folders.clear()
        for name in filter(HALF.match, names):
            half = Path(place) / name
            with suppress(OSError):  # finished meanwhile, or another user's
                if _is_left(half):
                    half.unlink()
                    swept.append(half)
    return swept


def _is_left(half: Path) -> bool:
    parts = HALF.match(half.name)
    assert parts is not None
    if parts[2] == _place():
        return not _is_alive(int(parts[1]))
    return time.time() - half.stat().st_mtime > OLD


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        pass
    return True


@functools.cache
def _place() -> str:
    """Return four digits for all that shares process numbers with this process."""
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        space = 0
        boot = ""
    known = f"{socket.gethostname()} {space} {boot}"
    return hashlib.sha256(known.encode()).hexdigest()[:4]


def sweep(*paths: Path) -> None:
    """Delete what killed jobs left of files that `atomic` was to write."""
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault(path.parent, set()).add(path.name)
    # each folder is listed once: one of predictions may hold those of all cases
    for folder, finished in names.items():
        for left in [*folder.glob(".*-*.*")]:
            half = HALF.match(left.name)
            # p1.nii.gz is no end of site.p1.nii.gz, which another job may be writing
            if half and half[3] in finished:
                left.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` in one step."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` in one step; what is no text in a name of a file is shown as bytes."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` to `path` as indented JSON with a stable order of keys."""
    write_text(path, json.dumps(value, indent=1, sort_keys=False, allow_nan=False) + "\n")


def keep_json(path: str | os.PathLike[str], value: Any) -> bool:
    """Write JSON where that is possible; return whether it was.

    For what is only kept to be faster: a full disk, or a folder of somebody else, ends nothing.
    """
    try:
        write_json(path, value)
    except (OSError, SlicewiseError):
        return False
    return True


def write_yaml(path: str | os.PathLike[str], value: Any) -> None:
    """Write nested plain values to `path` as YAML, keys in their order."""
    write_text(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file; ValueError for one that is none. See `slicewise.stored`."""
    return parse_json(Path(path).read_text(encoding="utf-8"))


def parse_json(text: str) -> Any:
    """Read JSON; ValueError for what is none, and for the numbers that JSON does not have."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} in line {error.lineno}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, which is no number")


FREE = 1 << 26
"""Bytes that a file may unpack to, however small it is packed."""
PACKED_RATIO = 100
"""How many times larger than packed it may be beyond that."""


def most_unpacked(packed: int) -> int:
    """Return how many bytes so many packed ones of a small file may unpack to."""
    return max(FREE, PACKED_RATIO * packed)


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-like value: of its keys in their order, too.

    Labels become numbers by their position, so a digest that forgot the order
    of keys would take masks of other numbers for the same. Settings are dumped
    in the order of the schema, however they were written. Where an order means
    nothing, the caller sorts.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
