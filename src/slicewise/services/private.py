"""A folder for scans of others, of which nothing is left when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.locks import lock

LOCK = "lock"


@contextmanager
def private_folder(kind: str) -> Iterator[Path]:
    """Make a folder that nobody else can read, and delete it at the end.

    What a killed process of the same kind left is deleted first: a lock on a file tells it
    from that of a living one.

    Parameters
    ----------
    kind : str
        A part of its name.
    """
    prefix = f"slicewise-{kind}-"
    sweep_left(Path(tempfile.gettempdir()), prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        # locked before it has the name by which others look for it
        with (folder / "locking").open("w") as file:
            lock(file, folder.parent)
            (folder / "locking").rename(folder / LOCK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_private(folder: Path) -> None:
    """Make such a folder again where it is gone: what cleans up ``/tmp`` takes what is old.

    Raises
    ------
    OSError
        When it cannot be made, or somebody else has made it meanwhile, who could read along.
    """
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        if folder.lstat().st_uid != os.geteuid():
            raise


def sweep_left(root: Path, prefix: str) -> None:
    """Delete the folders of processes that are no more; those of other users stay.

    Parameters
    ----------
    root : Path
        Where they lie.
    prefix : str
        How their names begin.
    """
    for folder in root.glob(f"{prefix}*"):
        with suppress(OSError), (folder / LOCK).open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Use a folder that no other process may use meanwhile.

    Raises
    ------
    SlicewiseError
        When one does.
    """
    with (folder / LOCK).open("a") as file:
        if not lock(file, folder, wait=False):
            raise SlicewiseError(
                f"{folder}: another process works in it; stop that, or name another --output"
            )
        yield
