"""Bringing MLflow up to date with all runs under results: ``slicewise sync``."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import whole_path
from slicewise.tracking.connection import Connection
from slicewise.tracking.journal import NOTE, Run, all_runs, to_register
from slicewise.tracking.mirror import Mirror
from slicewise.tracking.patience import Patience
from slicewise.tracking.registry import Judge


def sync(
    results: Path,
    dataset: str,
    judge: Judge,
    log: Callable[[str], None],
    *,
    run: Path | None = None,
) -> None:
    """Send what MLflow lacks of the runs under results, and make anew what was deleted there.

    Parameters
    ----------
    results : Path
        The folder ``results``.
    dataset : str
        A data set's name; ``*`` for all.
    judge : callable
        Compares a model with the best registered one, see `Mirror`.
    log : callable
        Called with a line for each run.
    run : Path, optional
        Send this run only: its folder ``<experiment>/tracking/<fold>/<number>``,
        which brings its own results.

    Raises
    ------
    SlicewiseError
        When there is no run, or the server does not take them.
    """
    if run is None:
        folders = all_runs(results, dataset)
        if not folders:
            raise SlicewiseError(f"{results / dataset}: no run is noted there; run snakemake first")
    else:
        folders = [_folder_of(run)]
        results = Run(folders[0]).results
    patience = Patience(Connection(results).store, log)
    connection = Connection(results, patience.beat, patient=True)
    mirror = Mirror(connection, judge, log)

    def send() -> None:
        connection.probe()
        for folder in folders:
            _send(mirror, folder, log)
        for folder in to_register(folders):
            mirror.push(folder)

    try:
        patience.run(send)
    except Exception as error:
        raise SlicewiseError(f"{connection.why(error)}; then run slicewise sync again") from error
    number = f"{len(folders)} run{'s' * (len(folders) > 1)}"
    log(f"MLflow at {connection.store} lacks nothing of {number}")


def _folder_of(run: Path) -> Path:
    """Return the folder of a run, checked."""
    folder = whole_path(run)
    if not (folder / NOTE).is_file():
        raise SlicewiseError(
            f"{run}: this is no folder of a run; name "
            "results/<dataset>/<experiment>/tracking/<fold>/<number>"
        )
    return folder


def _send(mirror: Mirror, folder: Path, log: Callable[[str], None]) -> None:
    _end_if_gone(Run(folder))
    before = mirror.run_id(folder)
    run_id = mirror.push(folder, verify=True, register=False)
    made = "" if before == run_id else ", made anew" if before else ", new"
    run = Run(folder)
    status = "superseded" if run.record.is_superseded else run.record.status.lower()
    log(f"{run.dataset} {run.record.name} ({status}): {run_id}{made}")


def _end_if_gone(run: Run) -> None:
    """End a run whose process was killed; of other machines nobody here can tell."""
    process = run.record.process
    if not run.record.is_running or process is None:
        return
    if process.host == socket.gethostname() and not _is_alive(process.pid):
        run.finish("KILLED", "its process is gone")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
