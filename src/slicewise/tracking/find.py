"""Finding a run under results by what people have at hand: a folder, or slicewise's own id."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.files import sha256, whole_path
from slicewise.tracking.fetch import COMPARES, Fetched
from slicewise.tracking.journal import NOTE, Run, all_runs, current_run

SCORES = "metrics.tsv"
SHORTEST = 8
"""First characters of an id that may stand for it."""


def find_run(name: str, results: Path) -> Run | None:
    """Return the scored run that a folder or an id of slicewise's own stands for.

    Parameters
    ----------
    name : str
        ``results/<dataset>/<experiment>`` (``results`` may be left out), a
        folder in it, or the ``id`` in a ``run.json``, whole or its first
        characters (8 or more).
    results : Path
        The folder ``results`` in which ids are looked for.

    Returns
    -------
    Run or None
        None for what is no folder and no id of slicewise's own: it may be
        MLflow's.

    Raises
    ------
    SlicewiseError
        When it names no run, one fold of several, a comparison, or a run that
        was not scored.
    """
    folder = Path(name).expanduser()
    if not folder.exists() and (results / name).is_dir():
        folder = results / name
    if folder.exists() or len(folder.parts) > 1:
        run = _of_folder(folder)
    else:
        runs = [Run(path) for path in all_runs(results)]
        own = [run for run in runs if len(name) >= SHORTEST and run.record.id.startswith(name)]
        if len(own) != 1:
            return None
        run = own[0]
    if compared := run.record.tags.get(COMPARES):
        raise SlicewiseError(
            f"run {name}: it compares {compared}; name the folder of one of these instead"
        )
    if parent := _parent(run):
        raise SlicewiseError(
            f"run {name}: it is one fold of run {parent.record.id}; name that one instead"
        )
    if SCORES not in run.record.files:
        raise SlicewiseError(
            f"run {name}: it was trained but not scored, so there is nothing to compare with; let "
            "snakemake make its report first"
        )
    return run


def copy_files(run: Run, names: Sequence[str], folder: Path) -> Fetched | None:
    """Copy what describes a run to a folder, under its own names; None if that is gone by now.

    A later run of the workflow may have made the files anew.
    """
    for name in names:
        noted = run.record.files.get(name)
        if noted is None:
            return None
        path = run.results / noted.path
        if not path.is_file() or sha256(path) != noted.sha256:
            return None
        shutil.copy(path, folder / name)
    tracking = run.folder.parents[1]
    children = [tracking / child for child in run.record.children or ()]
    trained = [Run(path).record for path in children if (path / NOTE).is_file()]
    fetched = Fetched(run.record.name, run.record.tags, {})
    for record in trained or [run.record]:
        fetched.add(record.tags)
    return fetched


def last_scored(experiment: Path) -> Run | None:
    """Return the run that has the scores of an experiment, or of an ensemble.

    Parameters
    ----------
    experiment : Path
        ``results/<dataset>/<experiment>``.

    Returns
    -------
    Run or None
        Where none was scored, one that was begun, if there is any.
    """
    runs = [current_run(experiment / "tracking" / part) for part in ("parent", "fold-0")]
    known = [run for run in runs if run is not None]
    scored = [run for run in known if SCORES in run.record.files]
    # after a change of folds, or from an ensemble to an experiment, only one of them is of now
    return max(
        scored or known, key=lambda run: (_has_scores_there(run), run.record.begun), default=None
    )


def _has_scores_there(run: Run) -> bool:
    """Tell whether the scores that lie in the folder of an experiment are those of a run."""
    noted = run.record.files.get(SCORES)
    if noted is None:
        return False
    path = run.results / noted.path
    return path.is_file() and sha256(path) == noted.sha256


def run_of_all(experiment: Path, folds: int, ensemble: str = "") -> Run | None:
    """Return the run of several models that were scored together.

    Parameters
    ----------
    experiment : Path
        ``results/<dataset>/<experiment>``.
    folds : int
        How many models lie there; none of an ensemble.
    ensemble : str
        Of an ensemble, the digest of all that it predicts by.

    Returns
    -------
    Run or None
        None where it is not begun for these models: they are not scored yet.
    """
    tracking = experiment / "tracking"
    run = current_run(tracking / "parent")
    trained = [current_run(tracking / f"fold-{fold}") for fold in range(folds)]
    children = [each and os.path.relpath(each.folder, tracking) for each in trained]
    if run is None or run.record.children != children:
        return None
    # runs of earlier versions have none
    weighed = run.record.tags.get("weights_digest", ensemble)
    return run if weighed == ensemble or children else None


def _of_folder(folder: Path) -> Run:
    """Return the current run of an experiment's folder, or the run whose folder it is."""
    place = whole_path(folder)
    shown = os.path.relpath(folder)
    if not place.is_dir():
        raise SlicewiseError(
            f"{shown}: there is no such folder; name results/<dataset>/<experiment> or a run's id"
        )
    if (place / NOTE).is_file():
        return Run(place)
    for experiment in (place, *place.parents[:3]):
        if (run := last_scored(experiment)) is not None:
            return run
    there = sorted(path.parent.name for path in place.glob("*/tracking") if path.is_dir())
    hint = f" (there are {', '.join(there)} in it)" if there else ""
    raise SlicewiseError(
        f"{shown}: this is no experiment that was tracked{hint}; name "
        "results/<dataset>/<experiment>"
    )


def _parent(run: Run) -> Run | None:
    """Return the run that takes the scores of several folds, if this is the run of one."""
    tracking = run.folder.parents[1]
    own = str(run.folder.relative_to(tracking))
    for path in sorted((tracking / "parent").glob(f"*/{NOTE}"), reverse=True):
        parent = Run(path.parent)
        if own in (parent.record.children or ()):
            return parent
    return None
