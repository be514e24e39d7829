"""Checkpoints of a training: written by rename, two generations, one owner."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import socket
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.files import atomic, parse_json
from slicewise.locks import lock
from slicewise.stored import read_arrays

_log = logging.getLogger(__name__)

GENERATIONS = 2


class Checkpoints:
    """A folder of checkpoints that one process owns at a time.

    Parameters
    ----------
    folder : Path
        Named after everything the training depends on, so that a checkpoint
        of other settings is never found here. It outlives the training, whose
        job may be killed before its files count as made; see `delete_checkpoints`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: IO[str] | None = None

    def __enter__(self) -> Checkpoints:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / "lock").open("a+", encoding="utf-8")
        if not lock(file, self.folder, wait=False):
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise SlicewiseError(
                f"{self.folder}: this training already runs, as {owner}; wait for it or stop it"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        self._lock = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            self._lock.close()

    def save(self, step: int, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        """Write the state after `step` steps and delete all but two generations."""
        with atomic(self.folder / f"step-{step:09d}.npz") as temporary:
            text = np.frombuffer(json.dumps(notes).encode(), np.uint8)
            np.savez(temporary, allow_pickle=False, notes=text, **arrays)
        for old in self._files()[:-GENERATIONS]:
            old.unlink()

    def load(
        self, names: Collection[str] = ()
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Return the newest state that can be read, or None; say which cannot be.

        Parameters
        ----------
        names : collection of str
            What its notes must hold.
        """
        for path in reversed(self._files()):
            try:
                arrays = read_arrays(path, ("notes",), "the state before it serves")
                notes = parse_json(arrays.pop("notes").tobytes().decode())
                if not isinstance(notes, dict) or not set(names) <= set(notes):
                    raise ValueError("its notes are not whole")
                return arrays, notes
            except (SlicewiseError, ValueError) as error:
                # the disk's fault
                _log.warning("%s", error)
        return None

    def begins_beside_others(self) -> bool:
        """Tell whether no state of this training is there, and one of another is beside it."""
        beside = self.folder.parent.glob("*/step-*.npz")
        return not self._files() and next(beside, None) is not None

    def settle(self) -> None:
        """Keep the newest state only, and delete what trainings of other settings left beside."""
        for old in self._files()[:-1]:
            old.unlink()
        for folder in self.folder.parent.iterdir():
            if folder != self.folder:
                _delete(folder)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.npz"))


def delete_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of trainings whose files are safe, and of stopped ones.

    Parameters
    ----------
    folder : Path
        ``<experiment>/checkpoints``: a folder for each fold, and in it one for
        each training. Those that a process owns stay, and where no locks are known, all do.
    """
    for path in folder.glob("*/*"):
        _delete(path)
    for path in (*folder.glob("*"), folder):
        with suppress(OSError):  # not empty while a training runs
            path.rmdir()


def _delete(folder: Path) -> None:
    """Delete the checkpoints of a training unless a process owns them, or may."""
    try:
        with (folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
