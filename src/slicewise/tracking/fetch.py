"""Bringing from a store what describes a run that somebody made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError
from slicewise.tracking.connection import Connection
from slicewise.tracking.remote_runs import RemoteRuns
from slicewise.tracking.run_record import fold_weights

PARENT = "mlflow.parentRunId"
"""MLflow's tag of a run that is a child, with the id of its parent."""
COMPARES = "compares"
"""Tag of a run that compares others, with their names."""


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
    """

    name: str
    tags: dict[str, str]
    weights: dict[str, str]
    run_id: str = ""


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
    if parent := remote.data.tags.get(PARENT):
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
    return Fetched(remote.info.run_name, remote.data.tags, _weights(client, remote), run_id)


def _weights(client: Any, remote: Any) -> dict[str, str]:
    """Return the digest of the weights of each fold; none where the runs of folds were deleted."""
    mark = f"tags.`{PARENT}` = '{remote.info.run_id}'"
    children = client.search_runs([remote.info.experiment_id], mark)
    weights: dict[str, str] = {}
    for each in children or [remote]:
        weights |= fold_weights(each.data.tags)
    return weights
