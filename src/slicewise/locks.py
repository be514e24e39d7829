"""Locks on files, which keep a second process out, and file systems that know none."""

from __future__ import annotations

import errno
import fcntl
import functools
import logging
from pathlib import Path
from typing import IO, Any

_log = logging.getLogger(__name__)

UNKNOWN = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)
"""What file systems answer that know no locks, such as Lustre without the option `flock`."""


def lock(file: IO[Any] | int, folder: Path, *, wait: bool = True) -> bool:
    """Lock an open file until it is closed; tell whether no other process has it locked.

    Where the file system knows no locks, a warning says so, and nobody is kept out. Whoever
    deletes what others may use asks for the lock without this, and keeps what it cannot lock.

    Parameters
    ----------
    file : file object or int
        The file, or its descriptor.
    folder : Path
        What the warning names.
    wait : bool
        Whether to wait for another process that has it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        if wait:
            raise
        return False
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        _warn_of(folder)
    return True


@functools.cache
def _warn_of(folder: Path) -> None:
    """Say once that a folder knows no locks."""
    _log.warning(
        "%s: its file system knows no locks (flock), so no second process is kept out; start "
        "nothing twice here, or work on another disk",
        folder,
    )
