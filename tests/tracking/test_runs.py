"""Tracking against a real SQLite store, and against nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from slicewise.errors import SlicewiseError, StoppedError
from slicewise.tracking import Tracker, git_state, provenance
from slicewise.tracking.runs import flatten, summary_metrics, tracking_uri


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests here: making one takes seconds."""
    return tmp_path_factory.mktemp("results")


def tracker(store: Path, name: str, said: list[str] | None = None) -> Tracker:
    lines = [] if said is None else said
    return Tracker(store / "d" / name / "tracking", store, f"slicewise/{name}", lines.append)


def client(store: Path) -> MlflowClient:
    return MlflowClient(tracking_uri(store))


def row(epoch: int, loss: float) -> dict[str, float]:
    return {"epoch": epoch, "timestamp": 1_700_000_000_000 + epoch, "train/loss": loss}


def test_one_run_for_several_jobs(store: Path) -> None:
    one = tracker(store, "jobs")
    one.start("fold-0", "baseline", "key", {"a": {"b": 1}}, {"git_commit": "abc"})
    one.log_epoch("fold-0", row(1, 0.5))
    # another job, and the training once more from a checkpoint
    two = tracker(store, "jobs")
    two.start("fold-0", "baseline", "key", {"a": {"b": 1}}, {"git_commit": "abc"})
    for epoch, loss in ((1, 0.5), (2, 0.4)):
        two.log_epoch("fold-0", row(epoch, loss))
    three = tracker(store, "jobs")
    assert three.run_id("fold-0") == one.run_id("fold-0")
    history = client(store).get_metric_history(one.run_id("fold-0"), "train/loss")
    assert [(m.step, m.value) for m in history] == [(1, 0.5), (2, 0.4)], "no point twice"
    run = client(store).get_run(one.run_id("fold-0"))
    assert run.data.params == {"a.b": "1"}
    assert run.data.tags["git_commit"] == "abc"
    assert run.info.status == "RUNNING"
    three.finish("fold-0")
    assert client(store).get_run(one.run_id("fold-0")).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StoppedError("training stops in epoch 2, because it was told to"), "KILLED"),
        (KeyboardInterrupt(), "KILLED"),
        (SlicewiseError("the loss is no number"), "FAILED"),
        (ValueError("a fault\nof ours"), "FAILED"),
    ],
)
def test_a_run_does_not_stay_open_after_an_error(
    store: Path, error: BaseException, status: str
) -> None:
    one = tracker(store, f"errors-{type(error).__name__}")
    one.start("fold-0", "baseline", "key", {}, {})
    with pytest.raises(type(error)), one.ending_with_errors("fold-0"):
        raise error
    run = client(store).get_run(one.run_id("fold-0"))
    assert run.info.status == status
    reason = " ".join(str(error).split()) or "KeyboardInterrupt"
    assert run.data.tags["stopped_because"] == reason
    # the training goes on, in the same run
    one.start("fold-0", "baseline", "key", {}, {})
    again = client(store).get_run(one.run_id("fold-0"))
    assert again.info.run_id == run.info.run_id
    assert again.info.status == "RUNNING"
    assert "stopped_because" not in again.data.tags


def test_changed_settings_make_a_new_run(store: Path) -> None:
    one = tracker(store, "changed")
    one.start("fold-0", "baseline", "key", {}, {})
    old = one.run_id("fold-0")
    one.start("fold-0", "baseline", "other key", {}, {})
    new = one.run_id("fold-0")
    assert new != old
    assert client(store).get_run(old).data.tags["superseded_by"] == new


def test_a_deleted_run_is_made_again(store: Path) -> None:
    one = tracker(store, "deleted")
    one.start("fold-0", "baseline", "key", {}, {})
    old = one.run_id("fold-0")
    client(store).delete_run(old)
    one.start("fold-0", "baseline", "key", {}, {})
    assert one.run_id("fold-0") != old
    assert not one.broken


def test_artifacts_and_datasets(store: Path, tmp_path: Path) -> None:
    one = tracker(store, "files")
    one.start("fold-0", "baseline", "key", {}, {})
    (tmp_path / "table.tsv").write_text("x")
    one.artifacts("fold-0", {"figures/table.tsv": tmp_path / "table.tsv"})
    one.images("fold-0", {"overlays/p.jpg": b"jpeg"})
    one.datasets("fold-0", "ircad", {"train": "0123456789abcdef" * 4})
    run = client(store).get_run(one.run_id("fold-0"))
    folders = {a.path for a in client(store).list_artifacts(run.info.run_id)}
    assert folders == {"figures", "overlays"}
    (given,) = run.inputs.dataset_inputs
    assert (given.dataset.name, given.tags[0].value) == ("ircad/train", "train")
    assert given.dataset.digest == ("0123456789abcdef" * 4)[:36]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://x"])
def test_nobody_there_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    said: list[str] = []
    one = tracker(tmp_path, "nobody", said)
    one.start("fold-0", "baseline", "key", {}, {})
    one.log_epoch("fold-0", row(1, 0.5))
    one.artifacts("fold-0", {"x": tmp_path / "missing"})
    one.finish("fold-0")
    assert len(said) == 1, "said once, not for every call"
    assert said[0].startswith("MLflow does not answer")


def test_flatten() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": None}}, "e": [1]}) == {
        "a.b": 1,
        "a.c.d": None,
        "e": [1],
    }


def test_names_of_metrics() -> None:
    dice = {"mean": 0.9, "median": 0.9, "sd": 0.1, "ci_low": 0.8, "ci_high": 0.95, "n": 7}
    named = summary_metrics({"test": {"mean": {"dice": dice}, "liver": {"dice": dice}}})
    assert named["test/dice_mean"] == 0.9
    assert named["test/dice_ci_low"] == 0.8
    assert named["test/liver/dice_mean"] == 0.9
    assert named["test/patients"] == 7


def test_provenance(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}
    assert provenance(tmp_path)["slicewise"]
