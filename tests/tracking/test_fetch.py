"""What describes a run comes from the store, by either id of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking import Connection, Mirror, sync
from slicewise.tracking.fetch import fetch, fetch_record
from tests.tracking.test_find import made


def test_the_store_knows_ids_of_slicewise_too(tmp_path: Path) -> None:
    """Where the folder of results is gone, or another one."""
    results = tmp_path / "results"
    run = made(results, "one")
    sync(results, "*", lambda old, new: (True, ""), lambda line: None)
    mirror = Mirror(Connection(results))
    (tmp_path / "fetched").mkdir()
    for name in (run.record.id, mirror.run_id(run.folder)):
        fetched = fetch(mirror.connection, name, ["metrics.tsv"], tmp_path / "fetched")
        assert fetched.run_id == mirror.run_id(run.folder)
        assert (tmp_path / "fetched" / "metrics.tsv").read_text() == f"of {run.record.id}"
    with pytest.raises(SlicewiseError, match="has no such run"):
        fetch(mirror.connection, "0" * 32, ["metrics.tsv"], tmp_path / "fetched")


def test_a_fold_and_a_run_without_the_file_are_one_sentence(tmp_path: Path) -> None:
    results = tmp_path / "results"
    child = made(results, "one", scored=False)
    parent = made(results, "one", "parent", children=["fold-0/001"])
    sync(results, "*", lambda old, new: (True, ""), lambda line: None)
    connection = Connection(results)
    with pytest.raises(SlicewiseError, match="it is one fold of run"):
        fetch(connection, child.record.id, [], tmp_path)
    with pytest.raises(SlicewiseError, match=r"it holds no cases\.tsv"):
        fetch(connection, parent.record.id, ["cases.tsv"], tmp_path)
    assert fetch(connection, parent.record.id, [], tmp_path).weights == {"0": "of fold-0"}


def test_a_combination_of_a_sweep_was_never_scored_and_is_no_part_of_the_model(
    tmp_path: Path,
) -> None:
    results = tmp_path / "results"
    tried = made(results, "tried", scored=False)
    tried.tag({"sweep": "one"})
    best = made(results, "one")
    best.best_of(["../../tried/tracking/fold-0/001"])
    sync(results, "*", lambda old, new: (True, ""), lambda line: None)
    connection = Connection(results)
    with pytest.raises(SlicewiseError, match="a combination of the sweep one"):
        fetch(connection, tried.record.id, [], tmp_path)
    assert fetch(connection, best.record.id, [], tmp_path).weights == {"0": "of fold-0"}


def test_the_record_of_a_training_is_that_of_the_fold_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    folds = [made(results, "two", f"fold-{k}", scored=False) for k in range(2)]
    parent = made(results, "two", "parent", children=["fold-0/001", "fold-1/001"])
    alone, former = made(results, "alone"), made(results, "former")
    for run in (*folds, alone):
        path = tmp_path / f"{run.record.id}.yaml"
        path.write_text(f"of {run.record.id}")
        run.files({"config.yaml": path})
    sync(results, "*", lambda old, new: (True, ""), lambda line: None)
    mirror = Mirror(Connection(results))
    (tmp_path / "fetched").mkdir()

    def fetched(run, fold: int) -> str | None:
        there = fetch_record(
            mirror.connection, mirror.run_id(run.folder), fold, tmp_path / "fetched"
        )
        return there if there is None else there.read_text()

    assert [fetched(parent, k) for k in range(2)] == [f"of {run.record.id}" for run in folds]
    # a model of one fold serves all folds of another training
    assert fetched(alone, 3) == f"of {alone.record.id}"
    assert fetched(former, 0) is None and fetched(parent, 2) is None
    assert fetch_record(mirror.connection, "0" * 32, 0, tmp_path) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(SlicewiseError, match=r"does not give its config\.yaml, which tells whom"):
        fetch_record(Connection(results), "0" * 32, 0, tmp_path)
