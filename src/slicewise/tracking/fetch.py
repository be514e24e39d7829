"""Bringing from a store what describes a run that somebody made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError
from slicewise.tracking.connection import Connection
from slicewise.tracking.remote_runs import RemoteRuns
from slicewise.tracking.run_record import fold_starts, fold_weights
from slicewise.tracking.scores import CALIBRATION
from slicewise.tracking.store import file_of

SWEEP = "sweep"
"""Tag of a combination of a sweep, with the name of that."""
PARENT = "mlflow.parentRunId"
"""MLflow's tag of a run that is a child, with the id of its parent."""
COMPARES = "compares"
"""Tag of a run that compares others, with their names."""
FOLD = "fold"
"""Tag of the run of a fold, with its number."""
RECORD = "config.yaml"
"""Artifact of the run of a fold: the record of its training."""


@dataclass(frozen=True)
class Fetched:
    """What is known of a run that was made before.

    Attributes
    ----------
    name : str
        Name of the experiment.
    tags : dict of str to str
        Its tags.
    weights : dict of str to str
        Digest of the weights of each fold.
    run_id : str
        The store's id of it, where it is of a store.
    starts : dict of str to dict of str to str
        By the fold, with its experiment, digests of the weights of the models before it, as of
        `slicewise.tracking.run_record.fold_starts`. Of members of an ensemble a crate alone tells.
    """

    name: str
    tags: dict[str, str]
    weights: dict[str, str]
    run_id: str = ""
    starts: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, tags: Mapping[str, str]) -> None:
        """Take what the tags of the run of a fold tell; none of runs that were deleted."""
        self.weights.update(fold_weights(tags))
        self.starts.update(fold_starts(self.name, tags))


def fetch(connection: Connection, run_id: str, names: Sequence[str], folder: Path) -> Fetched:
    """Bring files of a run to a folder under their own names.

    Parameters
    ----------
    connection : Connection
    run_id : str
        The store's id of the run, or slicewise's own.
    names : sequence of str
        Names of the artifacts.
    folder : Path

    Raises
    ------
    SlicewiseError
        When the store has no such run, or the run lacks one of the files.
    """
    runs = RemoteRuns(connection)
    remote = runs.get(run_id) or runs.marked(run_id)
    if remote is None:
        raise SlicewiseError(
            f"run {run_id}: MLflow at {connection.store} has no such run; copy the id from its "
            "page, or name the folder results/<dataset>/<experiment>"
        )
    run_id = str(remote.info.run_id)
    if (parent := remote.data.tags.get(PARENT)) and (sweep := remote.data.tags.get(SWEEP)):
        raise SlicewiseError(
            f"run {run_id}: it is a combination of the sweep {sweep}, and the best of these alone "
            f"was scored; name run {parent} instead"
        )
    if parent:
        raise SlicewiseError(f"run {run_id}: it is one fold of run {parent}; name that one instead")
    if compared := remote.data.tags.get(COMPARES):
        raise SlicewiseError(
            f"run {run_id}: it compares {compared}; name the run of one of these instead"
        )
    client = connection.client
    there = {entry.path for entry in client.list_artifacts(run_id)}
    for name in names:
        if name not in there:
            raise SlicewiseError(
                f"run {run_id}: it holds no {name}, so it was not finished, or not made by "
                "this workflow; name a run that was evaluated"
            )
        client.download_artifacts(run_id, name, str(folder))
    fetched = Fetched(remote.info.run_name, remote.data.tags, {}, run_id)
    for each in _folds(client, remote) or [remote]:
        fetched.add(each.data.tags)
    return fetched


def _folds(client: Any, remote: Any) -> list[Any]:
    """Return the runs of the folds of one; none where it has a single one, which is itself."""
    mark = f"tags.`{PARENT}` = '{remote.info.run_id}'"
    children = client.search_runs([remote.info.experiment_id], mark)
    # combinations of a sweep are children, too, but no part of its model
    return [each for each in children if SWEEP not in each.data.tags]


def fetch_model(connection: Connection, name: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Bring a model to a folder, as it is stored.

    Parameters
    ----------
    connection : Connection
    name : str
        ``models:/NAME@alias``, ``models:/NAME/version`` or ``runs:/id/model``.
    folder : Path

    Returns
    -------
    Path
        Where it lies, in the folder or below it.
    dict
        What the store says of it: ``run_id``, and of that run its ``metrics``,
        ``params`` and ``tags``; empty where its run is gone.

    Raises
    ------
    SlicewiseError
        When the store does not answer, or has no such model.
    """
    if connection.is_file and not (path := file_of(connection.uri)).is_file():
        raise SlicewiseError(
            f"{name}: there is no MLflow store at {path}; set MLFLOW_TRACKING_URI, or name a file "
            "or a folder of results"
        )
    try:
        connection.probe()
        _ = connection.client  # which tells MLflow where its store is
        import mlflow.artifacts
        from mlflow.models import Model

        place = mlflow.artifacts.download_artifacts(artifact_uri=name, dst_path=str(folder))
        run_id = str(Model.load(place).run_id or "")
        remote = RemoteRuns(connection).get(run_id) if run_id else None
    except SlicewiseError:
        raise
    except Exception as error:
        raise SlicewiseError(
            f"{name}: MLflow at {connection.store} has no such model, or does not give it "
            f"({connection.why(error)}); copy its name from the page of the model"
        ) from None
    if remote is None:
        return Path(place), {"run_id": run_id}
    data = remote.data
    _fetch_calibrations(connection.client, run_id, Path(place))
    return Path(place), {
        "run_id": run_id,
        "name": remote.info.run_name,
        "metrics": dict(data.metrics),
        "params": dict(data.params),
        "tags": dict(data.tags),
    }


def fetch_record(connection: Connection, run_id: str, fold: int, folder: Path) -> Path | None:
    """Bring the record of a fold's training to a folder.

    Parameters
    ----------
    connection : Connection
    run_id : str
        The store's id of the run whose model it is.
    fold : int
        Of its folds; without meaning where it has one.
    folder : Path

    Returns
    -------
    Path or None
        Its file; None where the run is gone, or an earlier version made it.

    Raises
    ------
    SlicewiseError
        When the store does not answer.
    """
    try:
        connection.probe()
        remote = RemoteRuns(connection).get(run_id)
        if remote is None:
            return None
        client = connection.client
        folds = _folds(client, remote)
        own = [each for each in folds if each.data.tags.get(FOLD) == str(fold)]
        for each in own if folds else [remote]:
            there = {entry.path for entry in client.list_artifacts(each.info.run_id)}
            if RECORD in there:
                client.download_artifacts(each.info.run_id, RECORD, str(folder))
                return folder / RECORD
    except Exception as error:
        raise SlicewiseError(
            f"run {run_id}: MLflow at {connection.store} does not give its {RECORD}, which tells "
            f"whom its model was trained on ({connection.why(error)}); run the command again"
        ) from None
    return None


def _fetch_calibrations(client: Any, run_id: str, place: Path) -> None:
    """Bring what masks of the models told beside each of them, where their run has that."""
    if CALIBRATION in {entry.path for entry in client.list_artifacts(run_id)}:
        for folder in {path.parent for path in place.rglob("*.keras")}:
            client.download_artifacts(run_id, CALIBRATION, str(folder))
