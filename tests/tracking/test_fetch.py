"""What describes a run comes from the store, by either id of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking import Connection, Mirror, sync
from slicewise.tracking.fetch import fetch
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
