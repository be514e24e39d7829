"""Points of a run: sent once, and counted when the run has ended."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from slicewise.tracking import Connection, Run
from slicewise.tracking.answers import NotTakenError
from slicewise.tracking.points import Point, Points, points_of
from slicewise.tracking.remote_runs import RemoteRuns
from tests.tracking.conftest import begin, points, row, run_of, tracker, tracking_folder


def test_a_number_that_is_no_more_is_not_shown_any_more(results: Path) -> None:
    scores = {"folds": 1, "files": {}, "contents": {}, "tags": {}, "note": "", "test": "t"}
    with tracker(results, "gone") as tracked:
        begin(tracked)
    before = {"test/dice_mean": 0.9, "test/cyst/dice_mean": 1.0, "test/specificity": 0.5}
    for metrics in (before, *[{"test/dice_mean": 0.8, "test/cyst/dice_mean": None}] * 2):
        with tracker(results, "gone") as tracked:
            tracked.evaluated("baseline", metrics=metrics, **scores)
    found = run_of(results, "gone")
    assert found.data.metrics["test/dice_mean"] == 0.8
    for name in ("test/cyst/dice_mean", "test/specificity"):
        assert math.isnan(found.data.metrics[name])
        assert len(points(results, found.info.run_id, name)) == 2


def test_points_are_those_of_epochs_and_of_the_whole(results: Path) -> None:
    run = Run.create(tracking_folder(results, "points") / "fold-0", "points", "key", {}, {})
    run.epoch({"epoch": 2, "timestamp": 5, "train/loss": 0.5})
    run.sample({"system/cpu": 3.5})
    run.metrics({"test/dice_mean": 0.9})
    found = {(p.key, p.step): p for p in points_of(run)}
    assert found["train/loss", 2] == Point("train/loss", 0.5, 5, 2)
    assert found["system/cpu", 0].value == 3.5
    assert found["test/dice_mean", 0].time == run.record.metrics["test/dice_mean"].time
    assert len(found) == 3


def test_an_epoch_that_the_store_lacks_is_noticed(results: Path) -> None:
    run = Run.create(tracking_folder(results, "lacking") / "fold-0", "lacking", "key", {"a": 1}, {})
    for epoch in (1, 2):
        run.epoch(row(epoch, 1 / epoch))
    connection = Connection(results)
    runs = RemoteRuns(connection)
    numbers = Points(connection)
    run_id = runs.find(run, "", verify=False).info.run_id
    numbers.send(run, runs.get(run_id), run.record.tags, verify=False)
    numbers.check(run, runs.get(run_id))
    run.epoch(row(3, 0.1))
    with pytest.raises(NotTakenError, match="of step 3"):
        numbers.check(run, runs.get(run_id))
    run.tag({"new": "x"})
    with pytest.raises(NotTakenError, match="tag new"):
        numbers.check(run, runs.get(run_id))
