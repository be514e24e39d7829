"""Bringing a model that a training starts from, as it is, to where its results lie."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from slicewise.config.training import STORES
from slicewise.dataset.ensembles import ensemble_in
from slicewise.dataset.former import no_start
from slicewise.dataset.started import describe_start
from slicewise.dataset.training_record import StartedFrom, TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import atomic
from slicewise.jobs import Start
from slicewise.segmenting.places import files_of
from slicewise.tracking import Connection
from slicewise.tracking.fetch import fetch_model, fetch_record


def bring(asked: Start, files: list[Path], target: Path, results: Path) -> StartedFrom:
    """Copy a model, and say what is known of it.

    Parameters
    ----------
    asked : Start
        The model and the fold.
    files : list of Path
        Its file, and the record of its training where there is one; none of MLflow.
    target : Path
        Where it is copied to.
    results : Path
        The folder ``results``, with MLflow's default store.

    Raises
    ------
    SlicewiseError
        When there is no such model, it is an ensemble, or there is not one for each fold.
    """
    if not asked.name.startswith(STORES):
        return _copied(asked.name, files[0], files[1:], target)
    with tempfile.TemporaryDirectory(prefix="slicewise-") as folder:
        connection = Connection(results, patient=True)
        place, tracked = fetch_model(connection, asked.name, Path(folder))
        # as many members as folds are no models of these, and may know whom a fold holds out
        if ensemble_in(place) is not None:
            raise no_start(asked.name)
        found = files_of(asked.name, place)
        if len(found) not in (1, asked.folds):
            raise SlicewiseError(
                f"training.start_from: {asked.name} has {len(found)} models, and there are "
                f"{asked.folds} folds here; name a model of one fold, or of as many"
            )
        model = found[asked.fold] if len(found) > 1 else found[0]
        run = str(tracked.get("run_id") or "")
        if not run:
            return _copied(asked.name, model, [], target)
        record = fetch_record(connection, run, asked.fold, Path(folder))
        return _copied(f"{asked.name} (run {run})", model, [record] if record else [], target)


def _copied(name: str, model: Path, records: list[Path], target: Path) -> StartedFrom:
    with atomic(target) as temporary:
        shutil.copyfile(model, temporary)
    record = TrainingRecord.read(records[0]) if records else None
    return describe_start(name, target, record)
