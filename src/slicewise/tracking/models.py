"""The models of a run in the store: each is there once, whole, and found again by a mark.

One is made in steps, and each may be the last one of a job: the store is told
of a model, then gets its files, then that it is ready. So it gets a mark at
the first step, and whoever comes next goes on with what has that mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from slicewise.tracking.answers import (
    ForeignAnswerError,
    NotTakenError,
    held_files,
    known_id,
    lacking,
)
from slicewise.tracking.connection import ANSWER, SPEED, Connection
from slicewise.tracking.data import dataset_named
from slicewise.tracking.journal import Run
from slicewise.tracking.package import gathered, package_options
from slicewise.tracking.points import points_of
from slicewise.tracking.wanted import SUBSETS, Wanted

MARK = "slicewise.model"
SOURCE = {"mlflow.source.name": "snakemake", "mlflow.source.type": "JOB"}
"""Of its own MLflow would name a temporary script, by its path."""
CONTEXTS = {"test": "test", "validation": "validation", "val": "validation"}
"""The data that a score is of, by how its name begins."""
REQUESTS = 10
"""About so many requests bring a model to a store."""


def send_model(connection: Connection, run: Run, run_id: str, wanted: Wanted) -> str:
    """Bring models of a run, which predict together, to the store as one; return its id.

    Parameters
    ----------
    connection : Connection
    run : Run
    run_id : str
        The store's id of it.
    wanted : Wanted

    Raises
    ------
    NotTakenError
        When the store does not hold the files afterwards.
    """
    client = connection.client
    files = wanted.files
    model = _only(connection, run, run_id, wanted)
    if model is not None and str(model.status) == "READY" and is_whole(client, model, files):
        _link(client, run_id, str(model.model_id), wanted)
        return str(model.model_id)
    if model is None:
        model = _made(connection, run, run_id, wanted)
    model_id = known_id(model.model_id)
    _link(client, run_id, model_id, wanted)
    _send_files(connection, run, model, wanted)
    client.finalize_logged_model(model_id, "READY")
    if client.get_logged_model(model_id).status != "READY":
        raise NotTakenError([f"{wanted.name} as ready"])
    return model_id


def _made(connection: Connection, run: Run, run_id: str, wanted: Wanted) -> Any:
    """Tell the store of a model, which has no files yet."""
    model = connection.client.create_logged_model(
        connection.experiment(run.dataset),
        name=wanted.name,
        source_run_id=run_id,
        tags={MARK: _mark(run, wanted), **SOURCE},
        params=run.record.params,
    )
    known_id(model.model_id)
    # a client or a proxy that got no answer may have asked twice
    model = _only(connection, run, run_id, wanted)
    if model is None:
        raise ForeignAnswerError("an id of a model that the store does not know")
    return model


def _send_files(connection: Connection, run: Run, model: Any, wanted: Wanted) -> None:
    """Send the files of a model, and look whether the store holds them."""
    client = connection.client
    size = sum(path.stat().st_size for path in wanted.files.values())
    seconds = REQUESTS * ANSWER + size / SPEED
    with TemporaryDirectory() as folder:
        place = Path(folder) / wanted.name
        connection.beat(seconds)
        _save(place, model, run, wanted)
        client.log_model_artifacts(model.model_id, str(place), seconds=seconds)
        sizes = {
            str(path.relative_to(place)): path.stat().st_size
            for path in place.rglob("*")
            if path.is_file()
        }
    missing = lacking(sizes, _held(client, model.model_id))
    if missing:
        raise NotTakenError(f"{wanted.name}/{name}" for name in missing)


def _mark(run: Run, wanted: Wanted) -> str:
    """Return what a model in the store is found again by."""
    return f"{run.record.id}:{wanted.digest}"


def send_scores(connection: Connection, run: Run, run_id: str, model_id: str) -> None:
    """Give a model the scores of its run, so that the store shows it with them and ranks by them.

    A store may refuse a point of a model that it has, so it is asked before.

    Parameters
    ----------
    connection : Connection
    run : Run
    run_id, model_id : str
        The store's ids.

    Raises
    ------
    NotTakenError
        When the store does not show them afterwards.
    """
    _send_points(connection, run, run_id, model_id, [(*each, 0) for each in scores_of(run)])


def send_curve(connection: Connection, run: Run, run_id: str, model_id: str, epoch: int) -> None:
    """Give the model of an epoch what validation said of it, so that the store ranks by that."""
    own = [p for p in points_of(run) if p.step == epoch and p.key.startswith("val/")]
    scores = [(p.key, p.time, p.value, epoch) for p in sorted(own)]
    _send_points(connection, run, run_id, model_id, scores)


def _send_points(
    connection: Connection,
    run: Run,
    run_id: str,
    model_id: str,
    scores: Sequence[tuple[str, int, float, int]],
) -> None:
    """Send the points of a model that the store lacks: key, time, value and step."""
    from mlflow.entities import Metric

    client = connection.client
    there = _scores_there(client, model_id)
    missing = [each for each in scores if each[:2] not in there]
    if not missing:
        return
    metrics = []
    for key, time, value, step in missing:
        context = CONTEXTS[key.partition("/")[0]]
        data = run.record.data.get(context)
        named = {} if data is None else dataset_named(run, context, data)
        metrics.append(Metric(key, value, time, step, model_id=model_id, run_id=run_id, **named))
    client.log_batch(run_id, metrics=metrics)
    there = _scores_there(client, model_id)
    if left := [key for key, time, *_ in missing if (key, time) not in there]:
        raise NotTakenError(f"{key} of a model" for key in left)


def scores_of(run: Run) -> list[tuple[str, int, float]]:
    """Return key, time (ms) and value of what a run's model scored on patients, by key."""
    return [
        (key, noted.time, noted.value)
        for key, noted in sorted(run.record.metrics.items())
        if key.startswith(SUBSETS) and noted.value is not None
    ]


def _scores_there(client: Any, model_id: str) -> set[tuple[str, int]]:
    metrics = client.get_logged_model(model_id).metrics or ()
    return {(metric.key, metric.timestamp) for metric in metrics}


def has_model(client: Any, model_id: str, models: Mapping[str, Path]) -> bool:
    """Tell whether the store holds a model, ready and with its files."""
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_logged_model(model_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return bool(model.status == "READY") and is_whole(client, model, models)


def is_whole(client: Any, model: Any, models: Mapping[str, Path]) -> bool:
    """Tell whether a model in the store has the files of these models."""
    held = _held(client, model.model_id)
    wanted = {
        f"data/models/{name}{path.suffix}": path.stat().st_size
        for name, path in models.items()
        if path.is_file()
    }
    return "MLmodel" in held and not lacking(wanted, held)


def _held(client: Any, model_id: str) -> dict[str, int | None]:
    return held_files(lambda folder: client.list_logged_model_artifacts(model_id, folder))


def _only(connection: Connection, run: Run, run_id: str, wanted: Wanted) -> Any:
    """Return the run's model that has the mark of one; take away what was begun and not finished.

    Others that are ready stay where somebody registered them.
    """
    client = connection.client
    mark = _mark(run, wanted)
    place = connection.experiment(run.dataset)
    known = client.search_logged_models([place], f"source_run_id = '{run_id}'")
    named = [model for model in known if model.name == wanted.name]
    own = [model for model in named if model.source_run_id == run_id]
    same = [model for model in own if model.tags.get(MARK) == mark]
    kept = min(same, key=lambda m: (str(m.status) != "READY", m.creation_timestamp), default=None)
    rest = [model for model in own if kept is None or model.model_id != kept.model_id]
    ready = [model for model in rest if str(model.status) == "READY" and MARK in model.tags]
    registered = _registered(client, run_id) if ready else set()
    for model in rest:
        if str(model.status) != "READY" or (model in ready and model.model_id not in registered):
            client.delete_logged_model(model.model_id)
    return kept


def _registered(client: Any, run_id: str) -> set[str]:
    versions = client.search_model_versions(f"run_id = '{run_id}'")
    named = {version.tags.get("model_id") for version in versions}
    return named | {str(version.source).removeprefix("models:/") for version in versions}


def _link(client: Any, run_id: str, model_id: str, wanted: Wanted) -> None:
    """Name the model among what came out of the run, once."""
    from mlflow.entities import LoggedModelOutput

    if model_id in _linked(client, run_id):
        return
    client.log_outputs(run_id, [LoggedModelOutput(model_id, step=wanted.epoch)])
    if model_id not in _linked(client, run_id):
        raise NotTakenError([f"{wanted.name} as an output"])


def _linked(client: Any, run_id: str) -> set[str]:
    outputs = client.get_run(run_id).outputs
    return {output.model_id for output in outputs.model_outputs} if outputs else set()


def _save(place: Path, model: Any, run: Run, wanted: Wanted) -> None:
    """Write a model as MLflow stores it to a folder."""
    import mlflow.pyfunc
    from mlflow.models import Model

    described = Model(
        artifact_path=model.artifact_location,
        model_uuid=model.model_id,
        run_id=model.source_run_id,
        model_id=model.model_id,
    )
    with gathered(wanted.files) as folder:
        options = package_options(folder, folder.parent, run.record.labels)
        mlflow.pyfunc.save_model(path=str(place), mlflow_model=described, **options)
