"""Slices on a node's own disk while a training reads them.

Without it, a training whose slices exceed ``training.memory`` opens the file of each slice of each
minibatch anew, in random order, in every epoch; where each of these is a request to the server of
a network file system, the GPU waits for it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from slicewise.errors import FULL, StoppedError
from slicewise.locks import lock
from slicewise.slices.batches import SliceSet
from slicewise.slices.npy import STAGED


@contextmanager
def staged(
    sets: Sequence[SliceSet],
    log: Callable[[str], None],
    should_stop: Callable[[], str | None] = lambda: None,
) -> Iterator[None]:
    """Let sets read copies of their slices below ``$TMPDIR`` while the body runs.

    The copies are deleted whatever ends the body, and so are those that a
    killed training left there. Sets that are kept in memory read each file
    once, so they are left alone; where the space does not suffice, all are.

    Parameters
    ----------
    sets : sequence of SliceSet
        What to copy; none: nothing is done, nor said.
    log : callable
        Called with the one line that says what was done.
    should_stop : callable
        Asked before each file; where it gives a reason, copying stops.

    Raises
    ------
    StoppedError
        When it is told to stop.
    """
    files = list(dict.fromkeys(f for one in sets if not one.in_memory for f in one.files))
    if not files:
        if sets:
            log("slices are kept in memory (training.memory), so none are staged")
        yield
        return
    _sweep()
    folder, owner = _own_folder()
    copies: dict[Path, Path] = {}
    try:
        copies = _copy(files, folder, log, should_stop)
        for one in sets:
            one.read_from(copies)
        yield
    finally:
        for one in sets:
            one.read_from({copy: file for file, copy in copies.items()})
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owner)


def _own_folder() -> tuple[Path, int]:
    """Make a folder, and return a descriptor whose lock says that it is in use."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=STAGED))
        # another training may take it for a left one before it is locked
        with suppress(FileNotFoundError):
            owner = os.open(folder, os.O_RDONLY)
            lock(owner, folder.parent)
            if folder.exists():
                return folder, owner
            os.close(owner)


def _copy(
    files: Sequence[Path],
    folder: Path,
    log: Callable[[str], None],
    should_stop: Callable[[], str | None],
) -> dict[Path, Path]:
    """Return the copy of each file; none if they do not fit."""
    begun = time.monotonic()
    total = sum(file.stat().st_size for file in files)
    free = shutil.disk_usage(folder).free
    copies = {file: folder / f"{number}.npy" for number, file in enumerate(files)}
    try:
        if total > free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        for file, copy in copies.items():
            if (reason := should_stop()) is not None:
                raise StoppedError(
                    f"{folder}: staging of slices stops, because {reason}; run snakemake again"
                )
            shutil.copyfile(file, copy)
    except OSError as error:
        if error.errno not in FULL:
            raise
        for copy in copies.values():
            copy.unlink(missing_ok=True)
        log(
            f"{folder.parent}: {free / 1e6:.0f} MB are free and the slices take "
            f"{total / 1e6:.0f} MB, so they are read from where they are"
        )
        return {}
    seconds = time.monotonic() - begun
    log(f"staged {total / 1e6:.0f} MB of slices in {folder} ({seconds:.0f} s)")
    return copies


def _sweep() -> None:
    """Delete what trainings left behind that were killed on this node."""
    for folder in Path(tempfile.gettempdir()).glob(f"{STAGED}*"):
        with suppress(OSError):  # another user's, or just gone
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
