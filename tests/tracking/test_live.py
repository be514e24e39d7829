"""One run for several jobs, in a real SQLite store."""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from slicewise.errors import SlicewiseError, StoppedError
from slicewise.files import write_text
from slicewise.tracking import Connection, Mirror, Run, current_run, sync
from slicewise.tracking.view import image_keys
from tests import forked
from tests.tracking.conftest import (
    FACTS,
    begin,
    no_judge,
    points,
    row,
    run_of,
    tracker,
    tracking_folder,
)

JOB = """
import sys
from pathlib import Path
from slicewise.tracking import Connection, Tracker

folder = Path(sys.argv[1]) / "tiny" / sys.argv[2] / "tracking"
with Tracker(folder, print) as tracker:
    tracker.begin("fold-0", "baseline", "key", params={}, tags={}, contents={})
"""
# Dies in the middle of making a store.
KILL = """
import os, signal
import sqlalchemy

made = []

@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "after_cursor_execute")
def count(connection, cursor, statement, *more):
    made.append("CREATE TABLE" in statement)
    if sum(made) == 12:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_run_for_several_jobs(results: Path) -> None:
    with tracker(results, "jobs") as one:
        run = begin(one, git_commit="abc")
        run.epoch(row(1, 0.5))
    # the training once more, from a checkpoint
    with tracker(results, "jobs") as two:
        again = begin(two, git_commit="abc")
        assert again.folder == run.folder
        for epoch, loss in ((1, 0.5), (2, 0.4)):
            again.epoch(row(epoch, loss))
    found = run_of(results, "jobs")
    assert points(results, found.info.run_id, "train/loss") == [
        (1, 1_700_000_000_001, 0.5),
        (2, 1_700_000_000_002, 0.4),
    ]
    assert found.data.params == {"a.b": "1"}
    assert found.data.tags["git_commit"] == "abc"
    assert found.info.status == "RUNNING"
    assert any(key.startswith("system/") for key in found.data.metrics)
    files = {entry.path for entry in Connection(results).client.list_artifacts(found.info.run_id)}
    assert "environment.txt" in files
    # another job, which scores it
    with tracker(results, "jobs") as three:
        three.evaluated(
            "baseline",
            1,
            metrics={"test/dice_mean": 0.9, "test/dice_ci_low": None},
            files={},
            contents={"patients.json": "{}"},
            tags={"split_digest": "s"},
            note="**Dice 0.9**",
            test="0123456789abcdef" * 4,
        )
    found = run_of(results, "jobs")
    assert (found.info.status, found.data.metrics["test/dice_mean"]) == ("FINISHED", 0.9)
    assert found.data.tags["split_digest"] == "s"
    (given,) = found.inputs.dataset_inputs
    assert (given.dataset.name, given.tags[0].value) == ("tiny/test", "test")
    assert given.dataset.digest == ("0123456789abcdef" * 4)[:36]


def test_a_number_that_did_not_change_is_stored_once(results: Path) -> None:
    scores = {"folds": 1, "files": {}, "contents": {}, "tags": {}, "note": "", "test": "t"}
    for value in (0.9, 0.9, 0.8):
        with tracker(results, "twice") as one:
            one.evaluated("baseline", metrics={"test/dice_mean": value}, **scores)
    run_id = run_of(results, "twice").info.run_id
    assert [value for _, _, value in points(results, run_id, "test/dice_mean")] == [0.9, 0.8]


def test_what_is_reported_no_more_is_forgotten(results: Path) -> None:
    def images(*cases: str) -> dict[str, bytes]:
        shown = {f"images/test~overlays~{case}+step+0+timestamp+0+ab.webp" for case in cases}
        return dict.fromkeys({f"overlays/{case}-0.jpg" for case in cases} | shown, b"a picture")

    page, groups = (results / "tiny" / "again" / name for name in ("report.html", "groups.tsv"))
    for path in (page, groups):
        write_text(path, path.name)
    with tracker(results, "again") as one:
        run = begin(one)
        one.reported(1, {each.name: each for each in (page, groups)}, images("p1", "p2"))
        # a test patient was left out, and scores are asked for by groups no more
        one.reported(1, {page.name: page}, images("p1"))
    told = current_run(run.folder.parent).record.files
    assert image_keys(told) == ["test/overlays/p1"]
    assert {"overlays/p1-0.jpg", "report.html", "environment.txt"} <= told.keys()
    assert not {"overlays/p2-0.jpg", "groups.tsv"} & told.keys()
    assert not [path for path in run.folder.rglob("*") if "p2" in path.name]
    assert len(list((run.folder / "files" / "images").iterdir())) == 1


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
    results: Path, error: BaseException, status: str
) -> None:
    name = f"errors-{type(error).__name__}"
    with pytest.raises(type(error)), tracker(results, name) as one:
        run = begin(one)
        with run.ending_with_errors():
            raise error
    found = run_of(results, name)
    assert found.info.status == status
    reason = " ".join(str(error).split()) or "KeyboardInterrupt"
    assert found.data.tags["stopped_because"] == reason
    # the training goes on, in the same run
    with tracker(results, name) as one:
        begin(one)
    again = run_of(results, name)
    assert (again.info.run_id, again.info.status) == (found.info.run_id, "RUNNING")
    assert "stopped_because" not in again.data.tags


def test_changed_settings_make_a_new_run(results: Path) -> None:
    for key in ("key", "other key"):
        with tracker(results, "changed") as one:
            begin(one, key)
    old, new = (run_of(results, "changed", number) for number in ("001", "002"))
    assert old.data.tags["superseded_by"] == new.info.run_id
    assert (old.info.status, new.info.status) == ("KILLED", "RUNNING")


def test_a_copy_of_an_experiment_changes_nothing_of_its_run(results: Path) -> None:
    """As somebody makes who goes on from it under another name, or keeps it as it was."""
    with tracker(results, "copied") as one:
        run = begin(one)
        run.metrics({"test/dice": 0.5})
        run.finish()
    for name in ("going_on", "kept"):
        shutil.copytree(results / "tiny" / "copied", results / "tiny" / name)
    with tracker(results, "going_on") as two:
        begin(two, "other").finish()
    with tracker(results, "copied") as one:
        one._open("fold-0").metrics({"test/dice": 0.7})
    sync(results, "*", no_judge, lambda line: None)
    remote = run_of(results, "copied")
    assert "superseded_by" not in remote.data.tags
    assert remote.data.metrics["test/dice"] == 0.7
    assert run_of(results, "going_on", "002").info.run_id != remote.info.run_id


def test_an_experiment_that_was_renamed_keeps_its_run(results: Path) -> None:
    with tracker(results, "before") as one:
        begin(one).finish()
    old = run_of(results, "before")
    (results / "tiny" / "before").rename(results / "tiny" / "after")
    with tracker(results, "after") as two:
        begin(two, "other").finish()
    assert run_of(results, "after").info.run_id == old.info.run_id
    newer = run_of(results, "after", "002").info.run_id
    assert run_of(results, "after").data.tags["superseded_by"] == newer


def test_a_training_that_is_made_again_after_it_was_scored_is_a_new_run(results: Path) -> None:
    def train_and_report() -> None:
        with tracker(results, "again") as one:
            run = begin(one)
            run.epoch(row(1, 0.5))
            model = results / "model.keras"
            model.write_bytes(b"")
            run.trained(FACTS, {}, model, ["liver"])

    train_and_report()
    train_and_report()  # as its job was killed before Snakemake noted what it had made
    with tracker(results, "again") as one:
        one.evaluated("baseline", 1, metrics={}, files={}, contents={}, tags={}, note="", test="t")
    train_and_report()
    old, new = (run_of(results, "again", number) for number in ("001", "002"))
    assert old.data.tags["superseded_by"] == new.info.run_id
    assert (old.info.status, new.info.status) == ("FINISHED", "RUNNING")
    assert new.data.params["resolved.steps"] == "7"


def test_an_epoch_keeps_its_first_timestamp(results: Path) -> None:
    with tracker(results, "replayed") as one:
        run = begin(one)
        first = run.epoch(row(1, 0.1 + 0.2))
    with tracker(results, "replayed") as one:
        # its checkpoint was lost, and the epoch came out the same
        assert begin(one).epoch(row(1, 0.1 + 0.2, timestamp=1_800_000_000_000)) == first
    run_id = run_of(results, "replayed").info.run_id
    assert points(results, run_id, "train/loss") == [(1, 1_700_000_000_001, 0.1 + 0.2)]


def test_a_training_that_goes_another_way_is_another_run(results: Path) -> None:
    with tracker(results, "forked") as one:
        run = begin(one)
        for epoch in (1, 2):
            run.epoch(row(epoch, 0.5))
    with tracker(results, "forked") as one:
        run = begin(one)
        run.epoch(row(1, 0.5))
        run.epoch(row(2, 0.3, timestamp=1_800_000_000_000))
    old, new = (run_of(results, "forked", number) for number in ("001", "002"))
    assert old.data.tags["superseded_by"] == new.info.run_id
    shown = [(step, value) for step, _, value in points(results, new.info.run_id, "train/loss")]
    assert shown == [(1, 0.5), (2, 0.3)]


def test_a_run_that_was_killed_before_it_kept_its_settings_keeps_them_later(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Run, contents: dict[str, str]) -> None:
        raise KeyboardInterrupt

    told = {"params": {}, "tags": {}, "contents": {"settings.yaml": "seed: 1"}}
    with monkeypatch.context() as patch, tracker(results, "bare") as one:
        patch.setattr(Run, "contents", killed)
        with pytest.raises(KeyboardInterrupt):
            one.begin("fold-0", "baseline", "key", **told)
    with tracker(results, "bare") as one:
        run = one.begin("fold-0", "baseline", "key", **told)
    assert run.folder.name == "001"
    assert {"settings.yaml", "environment.txt"} <= run.record.files.keys()


def test_folds_are_children(results: Path) -> None:
    scores = {"files": {}, "contents": {}, "tags": {"split_digest": "s"}, "note": "", "test": "t"}

    def train() -> None:
        for k in (0, 1):
            with tracker(results, "folds") as one:
                run = begin(one, f"key {k}", f"fold-{k}", fold=str(k), git_commit="abc")
                model = results / f"model-{k}.keras"
                model.write_bytes(b"")
                run.trained(FACTS, {}, model, ["liver"])

    def evaluate() -> None:
        with tracker(results, "folds") as one:
            one.evaluated("baseline", 2, metrics={"test/dice_mean": 0.9}, **scores)

    train()
    evaluate()
    evaluate()  # as after an edit of what evaluates: the same parent
    parent = run_of(results, "folds", fold="parent")
    assert parent.info.run_name == "baseline"
    assert parent.data.params == {"a.b": "1"}
    assert parent.data.tags["git_commit"] == "abc"
    assert "fold" not in parent.data.tags
    for k in (0, 1):
        child = run_of(results, "folds", fold=f"fold-{k}")
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.info.status == "FINISHED"
    assert current_run(tracking_folder(results, "folds") / "parent").folder.name == "001"
    train()
    evaluate()
    newer = run_of(results, "folds", "002", fold="parent")
    again = run_of(results, "folds", fold="parent")
    assert again.data.tags["superseded_by"] == newer.info.run_id


@pytest.mark.slow
def test_jobs_that_meet_a_fresh_store_all_find_a_place(tmp_path: Path) -> None:
    # each would migrate the file, and most would die
    jobs = [
        subprocess.Popen(
            [forked.python(), "-c", JOB, str(tmp_path / "results"), str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(6)
    ]
    assert [job.communicate(timeout=300)[0] for job in jobs] == [""] * 6
    mirror = Mirror(Connection(tmp_path / "results"))
    (number,) = mirror.connection.experiments().values()
    assert len(mirror.connection.client.search_runs([number])) == 6


@pytest.mark.slow
def test_a_job_that_is_killed_while_it_makes_the_store_spoils_it_for_no_other(
    tmp_path: Path,
) -> None:
    # half of the tables, and MLflow can neither use the store nor make the rest
    command = [sys.executable, "-c", KILL + JOB, tmp_path / "results", "first"]
    killed = subprocess.run(command)
    assert killed.returncode == -signal.SIGKILL
    said: list[str] = []
    with tracker(tmp_path / "results", "second", said) as one:
        begin(one)
    assert said == []
    assert run_of(tmp_path / "results", "second").info.status == "RUNNING"


def test_secrets_reach_no_file(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "planted-7c1e5f"
    monkeypatch.setenv("SOME_TOKEN", secret)
    said: list[str] = []
    with (
        pytest.raises(SlicewiseError),
        tracker(tmp_path / "results", "secrets", said) as one,
    ):
        run = one.begin(
            "fold-0",
            "x",
            "k",
            params={"path": secret},
            tags={"t": secret},
            contents={"a.txt": secret},
        )
        with run.ending_with_errors():
            raise SlicewiseError(f"cannot open {secret}")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.json", "a.txt", "mlflow.db"} <= {path.name for path in files}
    for path in files:
        assert secret.encode() not in path.read_bytes(), path


def test_history_of_a_run_is_a_table(results: Path) -> None:
    with tracker(results, "table") as one:
        run = begin(one)
        run.epoch({"epoch": 1, "timestamp": 5, "train/loss": 0.5})
        run.epoch({"epoch": 2, "timestamp": 6, "train/loss": 0.4, "val/dice": 0.7})
    table = pd.read_csv(run.folder / "history.csv")
    assert list(table["epoch"]) == [1, 2]
    run_id = run_of(results, "table").info.run_id
    # an epoch without validation has no point of it
    assert points(results, run_id, "val/dice") == [(2, 6, 0.7)]


def test_a_job_does_not_wait_for_a_stopped_process_that_holds_a_lock(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slicewise.tracking.store.HELD", 0.2)
    said: list[str] = []
    with tracker(results, "held") as one:
        run = begin(one)
    with (run.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tracker(results, "held", said) as one:
            one.begin("fold-0", "baseline", "key", params={}, tags={}, contents={}).epoch(
                row(1, 0.5)
            )
    assert "takes too long to answer: results are complete" in said[-1]


@pytest.mark.parametrize("told", [StoppedError("training saved at step 3"), KeyboardInterrupt()])
def test_a_job_that_was_told_to_stop_is_not_kept_by_a_store(
    results: Path, monkeypatch: pytest.MonkeyPatch, told: BaseException
) -> None:
    """A cluster kills it soon, and what it says of its end comes after the sending."""
    monkeypatch.setattr("slicewise.tracking.store.HELD", 3600.0)
    monkeypatch.setattr("slicewise.tracking.sender.CLOSING_FILE", 3600.0)
    monkeypatch.setattr("slicewise.tracking.sender.CLOSING_TOLD", 0.2)
    said: list[str] = []
    with tracker(results, "told") as one:
        run = begin(one)
    with (run.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(type(told)), tracker(results, "told", said) as one:
            again = one.begin("fold-0", "baseline", "key", params={}, tags={}, contents={})
            with again.ending_with_errors():
                raise told
    assert "takes too long to answer: results are complete" in said[-1]
    # what is sent later tells how it ended
    sync(results, "*", no_judge, lambda line: None)
    assert run_of(results, "told").info.status == "KILLED"


def test_the_runs_of_a_sweep_are_children_of_the_best(results: Path) -> None:
    names = ["best-a", "best-b"]
    for name in names:
        with tracker(results, name) as jobs:
            run = jobs.begin(
                "fold-0", name, "k", params={}, tags={"sweep": "best"}, contents={}, reopen=True
            )
            run.epoch(row(1, 0.5))
            run.finish()
    # the next rung goes on with the same run
    with tracker(results, "best-a") as jobs:
        run = jobs.begin("fold-0", "best-a", "k", params={}, tags={}, contents={}, reopen=True)
        assert run.folder.name == "001"
        assert run.record.is_running
        run.epoch(row(1, 0.5))
        run.epoch(row(2, 0.4))
        run.finish()
    with tracker(results, "best") as jobs:
        begin(jobs, "k").finish()
    page = results / "tiny" / "best" / "sweep.html"
    page.write_text("a page")
    with tracker(results, "best") as jobs:
        jobs.swept([*names, "best-never-trained"], {"sweep.html": page})
    parent = run_of(results, "best")
    for name in names:
        child = run_of(results, name)
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.info.status == "FINISHED"
    assert len(points(results, run_of(results, "best-a").info.run_id, "train/loss")) == 2
    there = Connection(results).client.list_artifacts(parent.info.run_id)
    assert "sweep.html" in {entry.path for entry in there}
    report = results / "tiny" / "best" / "report.html"
    report.write_text("a report")
    for swept in (True, False):
        with tracker(results, "best") as jobs:
            jobs.reported(1, {"report.html": report}, {}, swept=swept)
        record = current_run(tracking_folder(results, "best") / "fold-0").record
        assert ("sweep.html" in record.files) == swept
        assert len(record.combinations or ()) == (len(names) if swept else 0)


def test_without_reopening_a_finished_run_is_followed_by_another(results: Path) -> None:
    with tracker(results, "closed") as jobs:
        begin(jobs).finish()
        assert begin(jobs).folder.name == "002"
