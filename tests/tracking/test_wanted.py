"""What a store is to hold of a run as models."""

from __future__ import annotations

from pathlib import Path

from slicewise.tracking import Run
from slicewise.tracking.wanted import checkpoints, finished
from tests.tracking.conftest import FACTS, begin, tracker


def trained(results: Path) -> Run:
    run = begin(tracker(results, "one"))
    run.checkpoint(2, ["liver"], lambda path: path.write_bytes(b"two") and None)
    model = results / "tiny/one/model.keras"
    model.write_bytes(b"weights")
    run.trained(FACTS, {}, model, ["liver"])
    return run


def test_the_finished_model_is_another_where_a_score_of_it_is_gone(tmp_path: Path) -> None:
    run = trained(tmp_path / "results")
    first = finished(run)
    assert first.name == "model" and first.epoch == 0
    assert [path.read_bytes() for path in first.files.values()] == [b"weights"]
    run.metrics({"test/dice": 0.9})
    assert finished(run).digest == first.digest
    run.metrics({"test/dice": float("nan")})
    assert finished(run).digest != first.digest


def test_models_of_epochs_are_known_by_epoch_and_content(tmp_path: Path) -> None:
    run = trained(tmp_path / "results")
    ((epoch, kept),) = checkpoints(run).items()
    assert (epoch, kept.name, kept.epoch) == ("2", "model-epoch-2", 2)
    assert [path.read_bytes() for path in kept.files.values()] == [b"two"]
    assert kept.digest != finished(run).digest
    other = begin(tracker(tmp_path / "others", "one"))
    other.checkpoint(2, ["liver"], lambda path: path.write_bytes(b"other") and None)
    assert checkpoints(other)["2"].digest != kept.digest
