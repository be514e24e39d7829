"""Files of runs that were damaged: found again, left aside, or refused by who needs them."""

import shutil
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking.journal import Run, all_runs, current_run
from tests.tracking.conftest import row, tracking_folder


def fold_of(results: Path, experiment: str) -> Path:
    return tracking_folder(results, experiment) / "fold-0"


def test_a_damaged_run_is_left_aside_and_refused_where_it_counts(tmp_path, caplog):
    results = tmp_path / "results"
    whole = Run.create(fold_of(results, "a"), "a", "key", {}, {})
    broken = Run.create(fold_of(results, "b"), "b", "key", {}, {})
    note = broken.folder / "run.json"
    note.write_text(note.read_text()[:-40])
    assert all_runs(results) == [whole.folder]
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{note}: the file is damaged or was edited (")
    assert record.getMessage().endswith("this run is left aside")
    with pytest.raises(SlicewiseError, match=r"run\.json: the file is damaged.*or delete "):
        current_run(fold_of(results, "b"))
    shutil.rmtree(broken.folder)  # the remedy
    assert current_run(fold_of(results, "b")) is None


def test_a_run_never_takes_the_folder_of_one_whose_note_is_gone(tmp_path):
    fold = fold_of(tmp_path / "results", "a")
    old = Run.create(fold, "a", "key", {}, {})
    old.epoch(row(1, 0.5))
    (old.folder / "run.json").unlink()
    fresh = Run.create(fold, "a", "key", {}, {})
    assert (fresh.folder.name, fresh.rows) == ("002", {})


def test_an_older_run_takes_no_scores_of_one_that_was_deleted(tmp_path):
    fold = fold_of(tmp_path / "results", "a")
    old = Run.create(fold, "a", "key", {}, {})
    fresh = Run.create(fold, "a", "other", {}, {})
    old.supersede(fresh)
    assert current_run(fold).folder == fresh.folder
    shutil.rmtree(fresh.folder)
    assert current_run(fold) is None


def test_a_finished_run_ends_with_its_training_and_not_with_its_scores(tmp_path):
    run = Run.create(fold_of(tmp_path / "results", "a"), "a", "key", {}, {})
    last = run.record.begun + 90_000
    run.epoch({**row(1, 0.5), "timestamp": last - 30_000})
    run.epoch({**row(2, 0.6), "timestamp": last})
    run.finish()
    assert run.record.ended == last
    broken = Run.create(fold_of(tmp_path / "results", "b"), "b", "key", {}, {})
    broken.epoch({**row(1, 0.5), "timestamp": 1})
    broken.finish("FAILED", "the disk is full")
    assert broken.record.ended >= broken.record.begun


def test_a_run_that_forks_is_whole_when_it_is_killed_then(tmp_path, monkeypatch):
    fold = fold_of(tmp_path / "results", "a")
    run = Run.create(fold, "a", "key", {}, {})
    run.contents({"settings.yaml": "seed: 1"})
    run.data({"train": "d"})
    run.working()
    run.epoch(row(1, 0.5))
    known = run.record

    def killed(self, fresh):
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "supersede", killed)
    with pytest.raises(KeyboardInterrupt):
        run.epoch(row(1, 0.4))
    fresh = current_run(fold)
    assert fresh.folder.name == "002"
    for key in ("begun", "process", "data", "files"):
        assert getattr(fresh.record, key) == getattr(known, key)


def test_no_score_is_noted_without_its_data_or_with_those_of_another(tmp_path):
    run = Run.create(fold_of(tmp_path / "results", "a"), "a", "key", {}, {})
    seen = []

    def look() -> None:
        noted = run.record.metrics.get("test/dice_mean")
        seen.append((noted and noted.value, run.record.data.get("test")))

    run.changed = look
    run.scored({"test/dice_mean": 0.5}, {"test": "a"})
    first = run.record.metrics["test/dice_mean"].time
    run.scored({"test/dice_mean": 0.7}, {"test": "b"})
    run.scored({"test/dice_mean": 0.7}, {"test": "c"})
    assert seen == [(0.5, "a"), (0.7, "b"), (0.7, "c")]
    assert run.record.metrics["test/dice_mean"].time >= first
