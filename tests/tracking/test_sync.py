"""`slicewise sync` sends what the store lacks of all runs, or of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking import Connection, Mirror, sync
from slicewise.tracking.journal import Run
from tests.tracking.conftest import (
    begin,
    no_judge,
    points,
    row,
    run_of,
    tracker,
    tracking_folder,
)


def test_sync_ends_the_run_of_a_killed_process(results: Path) -> None:
    with tracker(results, "killed") as one:
        run = begin(one)
    note = json.loads((run.folder / "run.json").read_text())
    note["process"]["pid"] = 2**22 + 1  # above any process number
    (run.folder / "run.json").write_text(json.dumps(note))
    sync(results, "tiny", no_judge, lambda line: None)
    found = run_of(results, "killed")
    assert found.info.status == "KILLED"
    assert found.data.tags["stopped_because"] == "its process is gone"


def test_sync_says_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(SlicewiseError, match="no run is noted there; run snakemake first"):
        sync(tmp_path, "*", no_judge, print)


def test_a_deleted_run_is_made_again(results: Path) -> None:
    with tracker(results, "deleted") as one:
        run = begin(one)
        run.epoch(row(1, 0.5))
        run.contents({"notes.txt": "kept"})
    client = Connection(results).client
    old = run_of(results, "deleted").info.run_id
    client.delete_run(old)
    said: list[str] = []
    sync(results, "tiny", no_judge, said.append)
    new = run_of(results, "deleted").info.run_id
    assert new != old
    assert any(line.endswith(f"{new}, made anew") for line in said)
    assert points(results, new, "train/loss") == [(1, 1_700_000_000_001, 0.5)]
    assert {f.path for f in client.list_artifacts(new)} == {"environment.txt", "notes.txt"} | (
        {"uncommitted.diff"} & {f.path for f in client.list_artifacts(new)}
    )


def test_a_lost_store_is_made_again(tmp_path: Path) -> None:
    results = tmp_path / "results"
    with tracker(results, "lost") as one:
        run = begin(one)
        run.epoch(row(1, 0.5))
        run.finish()
    (results / "mlflow.db").rename(results / "gone.db")
    said: list[str] = []
    sync(results, "*", no_judge, said.append)
    found = run_of(results, "lost")
    assert (found.info.status, found.info.start_time) == ("FINISHED", run.record.begun)
    assert found.info.end_time == run.record.ended
    assert points(results, found.info.run_id, "val/dice") == [(1, 1_700_000_000_001, 0.5 / 3)]
    assert said[-1] == "MLflow at results/mlflow.db lacks nothing of 1 run"


def test_one_run_can_be_sent_alone(tmp_path: Path) -> None:
    results = tmp_path / "results"
    folders = []
    for name in ("a", "b"):
        run = Run.create(tracking_folder(results, name) / "fold-0", name, "key", {}, {})
        run.finish()
        folders.append(run.folder)
    said: list[str] = []
    # the folder brings its own results
    sync(tmp_path / "elsewhere", "*", no_judge, said.append, run=folders[0])
    mirror = Mirror(Connection(results))
    assert [mirror.is_pending(folder) for folder in folders] == [False, True]
    assert said[-1] == "MLflow at results/mlflow.db lacks nothing of 1 run"


def test_what_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SlicewiseError, match="this is no folder of a run; name results/"):
        sync(tmp_path, "*", no_judge, print, run=tmp_path)
