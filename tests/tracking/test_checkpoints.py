"""Models of epochs: kept once, sent once, and ranked by their validation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.tracking.client
import pytest

from slicewise.tracking import Connection, Mirror, Run
from tests.tracking.conftest import FACTS, begin, pushed_after, row, run_of, tracker
from tests.tracking.outage import Server

NAMES = ["model", "model-epoch-2", "model-epoch-4"]


def writes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def trained(results: Path, experiment: str) -> Run:
    run = begin(tracker(results, experiment))
    run.data({"validation": "ab" * 32})
    for epoch in (1, 2, 3, 4):
        run.epoch(row(epoch, 1 / epoch))
        if epoch % 2 == 0:
            run.checkpoint(epoch, ["liver"], writes(b"epoch" * epoch))
    model = results / "tiny" / experiment / "model.keras"
    model.write_bytes(b"weights")
    run.trained(FACTS, {}, model, ["liver"])
    run.finish()
    return run


def models(results: Path, experiment: str) -> dict[str, Any]:
    """What the store of the moment has of a run, by name, the best by validation first."""
    found = run_of(results, experiment)
    known = Connection(results).client.search_logged_models(
        [found.info.experiment_id],
        f"source_run_id = '{found.info.run_id}'",
        order_by=[{"field_name": "metrics.val/dice", "ascending": False}],
    )
    assert {str(model.status) for model in known} == {"READY"}
    linked = {output.model_id: output.step for output in found.outputs.model_outputs}
    steps = {model.name: linked[model.model_id] for model in known}
    assert steps == {"model": 0, "model-epoch-2": 2, "model-epoch-4": 4}
    assert len(known) == len(linked) == len(NAMES)
    return {model.name: model for model in known}


def test_the_model_of_an_epoch_is_kept_once(tmp_path: Path) -> None:
    run = trained(tmp_path / "results", "kept")
    before = run.record.dumped()

    def never(path: Path) -> None:
        raise AssertionError("it is kept already")

    run.checkpoint(2, ["liver"], never)
    assert Run(run.folder).record.dumped() == before
    assert before["checkpoints"].keys() == {"2", "4"}


def test_a_run_without_has_no_word_of_it(tmp_path: Path) -> None:
    run = begin(tracker(tmp_path / "results", "without"))
    assert "checkpoints" not in run.record.dumped()
    assert not (run.folder / "checkpoints").exists()


@pytest.mark.slow
def test_models_of_epochs_are_sent_once_and_ranked(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    results = tmp_path / "results"
    run = trained(results, "server")
    mirror = Mirror(Connection(results))
    assert len(mirror.unsent_models(run)) == len(NAMES)
    for verify in (False, False, True):
        mirror.push(run.folder, verify=verify)
        found = models(results, "server")
    assert mirror.unsent_models(run) == []
    assert list(found)[:2] == ["model-epoch-2", "model-epoch-4"]
    (score,) = found["model-epoch-2"].metrics
    assert (score.key, score.step, score.dataset_name) == ("val/dice", 2, "tiny/validation")
    client = Connection(results).client
    (file,) = client.list_logged_model_artifacts(found["model-epoch-4"].model_id, "data/models")
    assert (Path(file.path).name, file.file_size) == ("fold-0.keras", len(b"epoch" * 4))
    # deleted there, it is sent again from its file; without that it stays out
    client.delete_logged_model(found["model-epoch-4"].model_id)
    client.delete_logged_model(found["model-epoch-2"].model_id)
    (run.folder / "checkpoints" / "epoch-2.keras").unlink()
    mirror.push(run.folder, verify=True)
    known = client.search_logged_models([found["model"].experiment_id])
    assert {each.name for each in known if each.source_run_id == found["model"].source_run_id} == {
        "model",
        "model-epoch-4",
    }
    assert not mirror.is_pending(run.folder)


@pytest.mark.parametrize("step", ["create_logged_model", "log_model_artifacts", "log_outputs"])
def test_a_sending_that_fails_at_the_second_is_gone_on_with(
    results: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run = trained(results, step)
    method = getattr(mlflow.tracking.client.MlflowClient, step)
    calls = iter(range(9))

    def broken(self: Any, *arguments: Any, **named: Any) -> Any:
        answer = method(self, *arguments, **named)
        if next(calls) == 1:
            raise OSError("the connection is lost")
        return answer

    mirror = pushed_after(broken, step, run, monkeypatch)
    models(results, step)
    assert not mirror.is_pending(run.folder)
