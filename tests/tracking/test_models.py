"""The model of a run, whose sending stops anywhere: afterwards there is one, whole and ready."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import mlflow.tracking.client
import pytest

from slicewise.tracking import Connection, Mirror, Run, sync
from slicewise.tracking.models import send_model
from slicewise.tracking.wanted import finished
from tests import forked
from tests.tracking.conftest import FACTS, begin, no_judge, points, pushed_after, run_of, tracker

STEPS = ("create_logged_model", "log_outputs", "log_model_artifacts", "finalize_logged_model")
KILLED = """
import os, signal, sys
from pathlib import Path
import mlflow.tracking.client as tracking
from slicewise.tracking import Connection, Mirror

results, folder, step, when = sys.argv[1:]
method = getattr(tracking.MlflowClient, step)

def killed(self, *arguments, **named):
    if when == "after":
        method(self, *arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(tracking.MlflowClient, step, killed)
Mirror(Connection(Path(results))).push(Path(folder))
"""


def trained(results: Path, experiment: str, weights: bytes = b"weights") -> Run:
    """Note a run with a model, and send nothing."""
    one = tracker(results, experiment)
    run = begin(one, weights=weights.decode())
    model = results / "tiny" / experiment / "model.keras"
    model.write_bytes(weights)
    run.trained(FACTS, {}, model, ["liver"])
    run.finish()
    return run


def models(results: Path, run_id: str) -> list[Any]:
    mirror = Mirror(Connection(results))
    number = mirror.connection.experiments()["slicewise/tiny"]
    return list(
        mirror.connection.client.search_logged_models([number], f"source_run_id = '{run_id}'")
    )


def check(
    results: Path, experiment: str, weights: bytes = b"weights", gone: tuple[str, ...] = ()
) -> str:
    found = run_of(results, experiment)
    (model,) = models(results, found.info.run_id)
    assert str(model.status) == "READY"
    client = Connection(results).client
    (kept,) = client.list_logged_model_artifacts(model.model_id, "data/models")
    assert kept.file_size == len(weights)
    linked = [output.model_id for output in found.outputs.model_outputs]
    # MLflow cannot take back that a model which is deleted came out of the run
    assert sorted(linked) == sorted([model.model_id, *gone])
    return str(model.model_id)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_sending_that_fails_is_gone_on_with(
    results: Path, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    experiment = f"{step}-{when}"
    run = trained(results, experiment)
    method = getattr(mlflow.tracking.client.MlflowClient, step)

    def broken(self: Any, *arguments: Any, **named: Any) -> None:
        if when == "after":
            method(self, *arguments, **named)
        raise OSError("the connection is lost")

    mirror = pushed_after(broken, step, run, monkeypatch)
    first = check(results, experiment)
    mirror.push(run.folder, verify=True)
    assert check(results, experiment) == first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "when"), [("create_logged_model", "after"), ("finalize_logged_model", "after")]
)
def test_a_sending_that_is_killed_is_gone_on_with(results: Path, step: str, when: str) -> None:
    experiment = f"killed-{step}"
    run = trained(results, experiment)
    command = [forked.python(), "-c", KILLED, str(results), str(run.folder), step, when]
    assert subprocess.run(command, timeout=300).returncode == -signal.SIGKILL
    assert len(models(results, run_of(results, experiment).info.run_id)) == 1
    said: list[str] = []
    sync(results, "tiny", no_judge, said.append)
    check(results, experiment)


def test_a_model_of_other_weights_takes_the_place_of_the_old_one(results: Path) -> None:
    run = trained(results, "again")
    mirror = Mirror(Connection(results))
    mirror.push(run.folder)
    old = check(results, "again")
    path = results / "tiny" / "again" / "model.keras"
    path.write_bytes(b"other weights")
    run.trained(FACTS, {}, path, ["liver"])
    mirror.push(run.folder)
    assert check(results, "again", b"other weights", gone=(old,)) != old


def test_a_model_that_somebody_registered_is_not_taken_away(results: Path) -> None:
    run = trained(results, "kept")
    mirror = Mirror(Connection(results))
    mirror.push(run.folder)
    old = check(results, "kept")
    mirror.connection.client.create_registered_model("by-hand")
    mirror.connection.client.create_model_version("by-hand", f"models:/{old}", model_id=old)
    path = results / "tiny" / "kept" / "model.keras"
    path.write_bytes(b"other weights")
    run.trained(FACTS, {}, path, ["liver"])
    mirror.push(run.folder)
    found = models(results, run_of(results, "kept").info.run_id)
    assert len(found) == 2
    assert old in {model.model_id for model in found}


def test_a_second_ready_model_of_an_earlier_fault_is_taken_away(results: Path) -> None:
    """Two that are alike: one was logged, and a kill came before that was noted."""
    run = trained(results, "twice")
    mirror = Mirror(Connection(results))
    mirror.push(run.folder)
    run_id = run_of(results, "twice").info.run_id
    (first,) = models(results, run_id)
    number = mirror.connection.experiments()["slicewise/tiny"]
    mirror.connection.client.create_logged_model(
        number, name="model", source_run_id=run_id, tags=dict(first.tags)
    )
    send_model(mirror.connection, run, run_id, finished(run))
    assert check(results, "twice") == first.model_id


def test_models_of_others_are_left_alone(results: Path) -> None:
    run = trained(results, "theirs")
    mirror = Mirror(Connection(results))
    mirror.push(run.folder)
    run_id = run_of(results, "theirs").info.run_id
    number = mirror.connection.experiments()["slicewise/tiny"]
    theirs = mirror.connection.client.create_logged_model(number, name="mine", source_run_id=run_id)
    mirror.push(run.folder, verify=True)
    path = results / "tiny" / "theirs" / "model.keras"
    path.write_bytes(b"other weights")
    run.trained(FACTS, {}, path, ["liver"])
    mirror.push(run.folder)
    assert theirs.model_id in {model.model_id for model in models(results, run_id)}


def scores(results: Path, model_id: str) -> dict[str, list[float]]:
    """Return what the store says that a model scored, by key."""
    model = Connection(results).client.get_logged_model(model_id)
    said: dict[str, list[float]] = {}
    for metric in sorted(model.metrics or [], key=lambda metric: int(metric.timestamp)):
        said.setdefault(metric.key, []).append(metric.value)
    return said


def test_a_model_has_the_scores_of_its_run_and_is_ranked_by_them(results: Path) -> None:
    ids = {}
    for experiment, dice in (("good", 0.9), ("better", 0.95)):
        run = trained(results, experiment)
        mirror = Mirror(Connection(results))
        mirror.push(run.folder)
        ids[experiment] = check(results, experiment)
        assert scores(results, ids[experiment]) == {}
        run.data({"test": "ab" * 32})
        known = {"test/dice_mean": dice, "validation/dice_mean": 0.8, "test/hd95_mm": None}
        run.metrics(known)
        mirror.push(run.folder)
        # of another kind than what patients say of the model
        run.metrics({**known, "seconds": 3.0})
        mirror.push(run.folder)
        Mirror(Connection(results)).push(run.folder, verify=True)
        wanted = {"test/dice_mean": [dice], "validation/dice_mean": [0.8]}
        assert scores(results, ids[experiment]) == wanted
        found = run_of(results, experiment)
        assert found.data.metrics["test/dice_mean"] == dice
        assert points(results, found.info.run_id, "test/dice_mean")[0][2] == dice
    client = Connection(results).client
    number = Mirror(Connection(results)).connection.experiments()["slicewise/tiny"]
    order = [{"field_name": "metrics.test/dice_mean", "ascending": False}]
    ranked = [model.model_id for model in client.search_logged_models([number], order_by=order)]
    assert ranked[:2] == [ids["better"], ids["good"]]
    of_data = [{"dataset_name": "tiny/test", "dataset_digest": ("ab" * 32)[:36]}]
    known = client.search_logged_models(
        [number], filter_string="metrics.test/dice_mean > 0.92", datasets=of_data
    )
    assert [model.model_id for model in known] == [ids["better"]]


@pytest.mark.parametrize("when", ["before", "after"])
def test_scores_whose_sending_fails_are_there_once_afterwards(
    results: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run = trained(results, f"lost-{when}")
    Mirror(Connection(results)).push(run.folder)
    model_id = check(results, f"lost-{when}")
    run.metrics({"test/dice_mean": 0.9})
    method = mlflow.tracking.client.MlflowClient.log_batch

    def broken(self: Any, run_id: str, metrics: Any = (), **named: Any) -> None:
        of_model = any(metric.model_id for metric in metrics)
        if when == "after" or not of_model:
            method(self, run_id, metrics, **named)
        if of_model:
            raise OSError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.tracking.client.MlflowClient, "log_batch", broken)
        with pytest.raises(OSError, match="lost"):
            Mirror(Connection(results)).push(run.folder)
    mirror = Mirror(Connection(results))
    assert mirror.is_pending(run.folder)
    mirror.push(run.folder)
    assert scores(results, model_id) == {"test/dice_mean": [0.9]}
    assert not mirror.is_pending(run.folder)
    run.metrics({"test/dice_mean": 0.7})
    mirror.push(run.folder)
    assert scores(results, model_id) == {"test/dice_mean": [0.9, 0.7]}


def test_a_score_that_is_no_more_is_not_shown_of_the_model_as_0(results: Path) -> None:
    run = trained(results, "withdrawn")
    mirror = Mirror(Connection(results))
    run.metrics({"test/dice_mean": 0.9, "test/specificity": 0.5})
    mirror.push(run.folder)
    old = check(results, "withdrawn")
    assert scores(results, old) == {"test/dice_mean": [0.9], "test/specificity": [0.5]}
    run.metrics({"test/dice_mean": 0.9})
    mirror.push(run.folder)
    new = check(results, "withdrawn", gone=(old,))
    assert scores(results, new) == {"test/dice_mean": [0.9]}
    mirror.push(run.folder, verify=True)
    assert check(results, "withdrawn", gone=(old,)) == new


def test_an_equal_score_on_other_data_is_of_these(results: Path) -> None:
    run = trained(results, "other-data")
    mirror = Mirror(Connection(results))
    for digest in ("cd" * 32, "ef" * 32):
        run.metrics({"test/dice_mean": 0.875, "validation/dice_mean": 0.8})
        run.data({"test": digest})
        mirror.push(run.folder)
        Mirror(Connection(results)).push(run.folder, verify=True)
    model_id = check(results, "other-data")
    wanted = {"test/dice_mean": [0.875, 0.875], "validation/dice_mean": [0.8]}
    assert scores(results, model_id) == wanted
    number = mirror.connection.experiments()["slicewise/tiny"]
    for digest in ("cd" * 32, "ef" * 32):
        (found,) = Connection(results).client.search_logged_models(
            [number],
            filter_string="metrics.test/dice_mean > 0.8",
            datasets=[{"dataset_name": "tiny/test", "dataset_digest": digest[:36]}],
        )
        assert found.model_id == model_id


def test_folds_predict_together_and_their_model_is_ranked(results: Path) -> None:
    scored = {"files": {}, "contents": {}, "tags": {}, "note": "", "test": "ab" * 32}
    numbers = {"test/dice_mean": 0.99, "validation/dice_mean": 0.8}
    with tracker(results, "folds") as one:
        for k in (0, 1):
            run = begin(one, f"key {k}", f"fold-{k}", fold=str(k))
            run.data({"train": f"t{k}", "validation": f"v{k}"})
            model = results / "tiny" / f"folds-{k}.keras"
            model.write_bytes(b"weights")
            run.trained(FACTS, {}, model, ["liver"])
        one.evaluated("folds", 2, metrics=numbers, **scored)
    parent = run_of(results, "folds", fold="parent")
    (model,) = models(results, parent.info.run_id)
    client = Connection(results).client
    held = client.list_logged_model_artifacts(model.model_id, "data/models")
    assert [Path(file.path).name for file in held] == ["fold-0.keras", "fold-1.keras"]
    given = {i.dataset.name: i.dataset.digest for i in parent.inputs.dataset_inputs}
    assert given.keys() == {"tiny/train", "tiny/validation", "tiny/test"}
    ranked = client.search_logged_models(
        [parent.info.experiment_id],
        order_by=[
            {
                "field_name": "metrics.validation/dice_mean",
                "ascending": False,
                "dataset_name": "tiny/validation",
                "dataset_digest": given["tiny/validation"],
            }
        ],
    )
    assert ranked[0].model_id == model.model_id
    assert scores(results, model.model_id) == {key: [value] for key, value in numbers.items()}
