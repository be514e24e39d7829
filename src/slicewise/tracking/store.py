"""The file of a SQLite store: made once, whoever comes first, and never replaced."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlparse
from urllib.request import url2pathname

from slicewise.errors import SlicewiseError
from slicewise.files import half_of, sweep
from slicewise.locks import lock

SQLITE = "sqlite:///"
BESIDE = ("", "-journal", "-wal", "-shm")
"""What SQLite puts beside a file."""
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables and columns in which MLflow notes by whole paths where artifacts lie."""
HOME = "SELECT artifact_location FROM experiments WHERE experiment_id = 0"
"""The experiment that each store is made with lies in a folder ``0`` of its artifacts."""
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)
HELD = 60.0
"""Seconds for which a job that ends waits for another process that tells the store of the same."""


def address_of(path: Path) -> str:
    """Return the address of a SQLite store.

    To SQLAlchemy options begin at a question mark, and no quoting helps: where a
    folder has one in its name, the address is relative to the current folder.
    """
    whole = path.resolve()
    relative = (path, Path(os.path.relpath(whole))) if "?" in str(whole) else ()
    fit = next((other for other in relative if "?" not in str(other)), whole)
    return f"{SQLITE}{fit}"


def file_of(uri: str) -> Path:
    """Return the file of a SQLite store, by its address."""
    return Path(_file_and_options(uri)[0])


def absolute(uri: str) -> str:
    """Return an address of a SQLite store by which it is found from any folder, see `fitting`."""
    file, options = _file_and_options(uri)
    return f"{SQLITE}{Path(file).resolve()}{options}"


def fitting(uri: str) -> str:
    """Return the address of a SQLite store as it is understood in the current folder."""
    file, options = _file_and_options(uri)
    return f"{address_of(Path(file))}{options}"


def _file_and_options(uri: str) -> tuple[str, str]:
    text = uri.removeprefix(SQLITE)
    file, mark, options = text.rpartition("?")
    if mark and "=" in options and "/" not in options:
        return file, f"?{options}"
    return text, ""


@contextmanager
def locked(path: Path, beat: Callable[[float], None], wait: bool = True) -> Iterator[bool]:
    """Keep others out; tell whether that was possible, where it is not waited for.

    Parameters
    ----------
    path : Path
        The lock, a file that stays.
    beat : callable
        Told how long it may take, where another process has the lock.
    wait : bool
        Whether to wait for that other process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path) as file:
        if not lock(file, path.parent, wait=False):
            if not wait:
                yield False
                return
            # whoever has it may be stopped, or on a machine that is gone
            beat(HELD)
            lock(file, path.parent)
        yield True


def _opened(path: Path) -> IO[str]:
    """Open a lock, which is made where it is missing."""
    try:
        return path.open("a")
    except PermissionError:
        if not path.is_file():
            raise
        return path.open()  # another user's; a lock needs no writing


def make_store(path: Path, artifacts: str, beat: Callable[[float], None]) -> None:
    """Make the file of a store where it is missing: MLflow can mend no half of one.

    The lock is beside the file, as several folders of results may share it, on
    several machines. Where a file system knows no locks, whoever comes second
    finds the file there and uses it.

    Parameters
    ----------
    path : Path
        The file.
    artifacts : str
        Address of the artifacts of MLflow's own default experiment, which is not used.
    beat : callable
        See `locked`.
    """
    if "?" in address_of(path):
        raise SlicewiseError(
            f"{path}: MLflow finds no database below a folder with a question mark in its name; "
            "start in the folder above results, or rename it"
        )
    guard = path.parent / f".{path.name}.lock"
    _sweep(guard, [Path(f"{path}{end}") for end in BESIDE])
    if _is_made(path):
        return
    with locked(guard, beat):
        if _is_made(path):
            return
        temporary = half_of(path)
        try:
            # SQLite would make it for others to read only, whatever the umask grants a group
            temporary.touch()
            _fill(temporary, artifacts)
            _publish(temporary, path)
        finally:
            for end in BESIDE:
                Path(f"{temporary}{end}").unlink(missing_ok=True)


def take_along(path: Path, artifacts: str) -> None:
    """Let a store that was moved or copied with its artifacts find them where they are now.

    It would go on writing into the folder that it was copied from, or make one anew where it was.
    The artifacts of other folders of results that share the store stay where they are.

    Parameters
    ----------
    path : Path
        The file, which lies beside its artifacts.
    artifacts : str
        Address of these.
    """
    # one that cannot be written is somebody else's, or in use: the next one who comes does it
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as database, database:
        row = database.execute(HOME).fetchone()
        before = str(row[0]).removesuffix("/0") if row else artifacts
        if before == artifacts or not _was_left(before):
            return
        for table, column in PLACES:
            database.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (artifacts, len(before) + 1, before, len(before) + 1, f"{before}/"),
            )


def _was_left(artifacts: str) -> bool:
    """Tell whether a store was taken from beside its artifacts, or there is another one now."""
    address = urlparse(artifacts)
    place = Path(url2pathname(address.path))
    # what lies in the closed folder of somebody else is as good as gone
    there = [os.access(path, os.F_OK) for path in (place, place.with_name("mlflow.db"))]
    return address.scheme == "file" and there != [True, False]


def _sweep(guard: Path, halves: Sequence[Path]) -> None:
    """Delete what killed processes left of a store, unless another process may be making it."""
    left = (each for half in halves for each in half.parent.glob(f".*-*.{half.name}"))
    if next(left, None) is None:
        return
    with suppress(OSError), _opened(guard) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sweep(*halves)


def _is_made(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _fill(path: Path, artifacts: str) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(address_of(path), artifacts).engine.dispose()


def _publish(temporary: Path, path: Path) -> None:
    """Give a file its final name, unless another has it."""
    if path.exists() and not _is_made(path):
        path.unlink()  # empty, as made by `touch`
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if not path.exists():
            temporary.rename(path)
