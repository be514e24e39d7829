"""A fresh SQLite store that several folders of results share."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking import Connection, Mirror, store
from slicewise.tracking.journal import all_runs
from slicewise.tracking.store import (
    PLACES,
    absolute,
    address_of,
    file_of,
    fitting,
    locked,
    make_store,
    take_along,
)
from tests import forked
from tests.tracking.conftest import begin, tracker

JOB = """
import sys
from pathlib import Path
from mlflow.store.db import utils
from slicewise.tracking import Connection, Tracker

utils._initialize_tables = utils._initialize_tables.migrate  # by all migrations, as users do
with Tracker(Path(sys.argv[1]) / "tiny" / "one" / "tracking", print) as tracker:
    run = tracker.begin("fold-0", "one", sys.argv[1], params={}, tags={}, contents={})
    run.epoch({"epoch": 1, "timestamp": 1_700_000_000_000, "train/loss": 0.5})
    run.finish()
"""


def fill(path: Path, artifacts: str) -> None:
    """Stand in for MLflow, which takes seconds."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE made (by TEXT)")


def tables(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [name for (name,) in database.execute("SELECT name FROM sqlite_master")]


def make(path: Path) -> None:
    make_store(path, "file:///nowhere", lambda seconds: None)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(store, "_fill", fill)
    return tmp_path / "mlflow.db"


@pytest.mark.slow
def test_folders_that_meet_a_fresh_store_all_find_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path}/shared/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    folders = [tmp_path / str(number) / "results" for number in range(4)]
    jobs = [
        subprocess.Popen(
            [forked.python(), "-c", JOB, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in folders
    ]
    assert [job.communicate(timeout=300)[0] for job in jobs] == [""] * 4
    for folder in folders:
        mirror = Mirror(Connection(folder))
        (run,) = all_runs(folder)
        assert not mirror.is_pending(run)
        found = mirror.connection.client.get_run(mirror.run_id(run))
        assert found.data.metrics["train/loss"] == 0.5
    left = {each.name for each in (tmp_path / "shared").iterdir()}
    assert left == {"mlflow.db", ".mlflow.db.lock"}


@pytest.mark.parametrize("links", [True, False])
def test_whoever_comes_second_uses_the_store_of_the_first(
    path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def overtaken(temporary: Path, artifacts: str) -> None:
        fill(temporary, artifacts)
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE first (run TEXT)")

    # as where a file system knows no locks
    monkeypatch.setattr(store, "_fill", overtaken)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refused)
    make(path)
    assert tables(path) == ["first"]
    assert [each.name for each in path.parent.iterdir() if each.suffix == ".db"] == ["mlflow.db"]


def refused(self: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "this file system knows no links")


def test_a_store_is_made_where_there_are_no_links(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", refused)
    make(path)
    assert tables(path) == ["made"]


def test_a_group_may_write_a_store_where_the_umask_lets_it(path: Path) -> None:
    before = os.umask(0o002)
    try:
        make(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_an_empty_file_is_no_store(path: Path) -> None:
    path.touch()
    make(path)
    assert tables(path) == ["made"]


@pytest.mark.parametrize("before", [lambda path: None, make])
def test_halves_of_killed_processes_are_swept(path: Path, before: Callable[[Path], None]) -> None:
    before(path)
    for end in ("", "-journal", "-wal"):
        (path.parent / f".4194305-0a1b2c3d.mlflow.db{end}").write_bytes(b"half")
    kept = path.parent / ".other.db"
    kept.touch()
    make(path)
    names = {each.name for each in path.parent.iterdir()}
    assert names == {"mlflow.db", ".mlflow.db.lock", ".other.db"}
    assert tables(path) == ["made"]


def test_what_another_process_makes_is_no_half(path: Path) -> None:
    make(path)
    half = path.parent / ".7-0a1b2c3d.mlflow.db"
    half.touch()
    with (path.parent / ".mlflow.db.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make(path)
    assert half.exists()


@pytest.mark.parametrize("before", [lambda path: None, make])
def test_what_another_process_makes_stays_where_no_locks_are_known(
    path: Path, monkeypatch: pytest.MonkeyPatch, before: Callable[[Path], None]
) -> None:
    def unknown(file: object, how: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    before(path)
    half = path.parent / ".7-0a1b2c3d.mlflow.db"
    half.touch()
    monkeypatch.setattr(fcntl, "flock", unknown)
    make(path)
    assert half.exists()
    assert tables(path) == ["made"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_lock_that_is_read_only_is_used(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    lock.touch(0o444)
    with locked(lock, lambda seconds: None) as mine:
        assert mine


def test_a_lock_of_another_user_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, opened = tmp_path / ".lock", Path.open
    lock.touch()

    def not_for_writing(self: Path, mode: str = "r", *more: object) -> object:
        if mode != "r":
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return opened(self, mode)

    monkeypatch.setattr(Path, "open", not_for_writing)
    with locked(lock, lambda seconds: None) as mine:
        assert mine
        with locked(lock, lambda seconds: None, wait=False) as second:
            assert not second


def test_two_folders_may_hold_the_same_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    find = Connection._known
    asked: list[str] = []

    def too_early(self: Mirror, name: str) -> str | None:
        asked.append(name)
        # another folder's job makes it after this one looked
        return None if len(asked) == 1 else find(self, name)

    with tracker(tmp_path / "a" / "results", "one") as one:
        begin(one)
    monkeypatch.setattr(Connection, "_known", too_early)
    said: list[str] = []
    with tracker(tmp_path / "b" / "results", "one", said) as one:
        run = begin(one)
    assert said == []
    assert len(asked) == 2
    assert not Mirror(Connection(tmp_path / "b" / "results")).is_pending(run.folder)


# --- folders with a question mark ------------------------------------------------------------


def test_an_address_never_holds_a_question_mark_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "que?x=1" / "work"
    inside.mkdir(parents=True)
    whole = inside / "results" / "mlflow.db"
    assert address_of(tmp_path / "mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.chdir(inside)
    for path in (Path("results/mlflow.db"), whole):
        assert address_of(path) == "sqlite:///results/mlflow.db"
    assert absolute("sqlite:///results/mlflow.db") == f"sqlite:///{whole}"
    (inside / "again").mkdir()
    monkeypatch.chdir(inside / "again")
    assert fitting(f"sqlite:///{whole}") == "sqlite:///../results/mlflow.db"
    assert file_of(f"sqlite:///{whole}") == whole
    assert fitting(f"sqlite:///{whole}?timeout=30") == "sqlite:///../results/mlflow.db?timeout=30"
    assert file_of("sqlite:////a/b.db?timeout=30") == Path("/a/b.db")


def test_where_no_address_fits_a_sentence_says_so_and_nothing_is_made(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "que?").mkdir()
    monkeypatch.chdir("/")
    with pytest.raises(SlicewiseError, match=r"que\?/mlflow.db: MLflow finds no database below"):
        make(tmp_path / "que?" / "mlflow.db")
    assert [p.name for p in tmp_path.rglob("*")] == ["que?"]
    said: list[str] = []
    with tracker(tmp_path / "que?" / "results", "one", said) as one:
        begin(one)
    (line,) = said
    assert "question mark in its name" in line
    assert "does not answer" not in line


@pytest.mark.slow
def test_runs_below_a_question_mark_are_tracked_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "que?x=1#%41 [ü]"
    folder.mkdir()
    monkeypatch.chdir(folder)
    said: list[str] = []
    with tracker(Path("results"), "one", said) as one:
        run = begin(one)
        run.epoch({"epoch": 1, "timestamp": 1_700_000_000_000, "train/loss": 0.5})
        run.finish()
    assert said == []
    mirror = Mirror(Connection(Path("results")))
    run_id = mirror.run_id(run.folder)
    assert run_id is not None
    assert mirror.connection.client.get_run(run_id).data.metrics["train/loss"] == 0.5
    assert not mirror.is_pending(run.folder)
    kept = {path.name for path in (folder / "results" / "mlartifacts").rglob("*")}
    assert "environment.txt" in kept
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def tracked(results: Path, key: str) -> str:
    """Track a run with a file; return where the store says that its artifacts lie."""
    with tracker(results, "one") as one:
        run = begin(one, key)
        run.finish()
    mirror = Mirror(Connection(results))
    run_id = mirror.run_id(run.folder)
    assert run_id is not None
    return str(mirror.connection.client.get_run(run_id).info.artifact_uri)


@pytest.mark.slow
@pytest.mark.parametrize("take", [shutil.copytree, os.rename])
def test_results_that_were_copied_or_moved_take_their_artifacts_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: Callable[[Path, Path], object]
) -> None:
    old = tmp_path / "old"
    new = tmp_path / "new #%41"
    tracked(old / "results", "first")
    take(old, new)
    # MLflow leaves there which store it was told of
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = sorted(old.rglob("*"))
    place = tracked(new / "results", "second")
    assert place.startswith((new / "results" / "mlartifacts").as_uri())
    assert sorted(old.rglob("*")) == before
    (first, second) = (new / "results" / "mlartifacts").glob("*/artifacts/environment.txt")
    assert first.read_text() == second.read_text()


def noted(path: Path, *places: str) -> None:
    """Make a store that notes where artifacts of an experiment lie in each of its tables."""
    columns: dict[str, list[str]] = {}
    for table, column in PLACES:
        columns.setdefault(table, []).append(column)
    with closing(sqlite3.connect(path)) as database, database:
        for table, names in columns.items():
            database.execute(f"CREATE TABLE {table} (experiment_id, {', '.join(names)})")
            marks = ", ".join("?" * (1 + len(names)))
            rows = [(number, *[place] * len(names)) for number, place in enumerate(places)]
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def places_in(path: Path) -> list[list[str]]:
    with closing(sqlite3.connect(path)) as database:
        found = [database.execute(f"SELECT {column} FROM {table}") for table, column in PLACES]
        return [[place for (place,) in rows] for rows in found]


def test_artifacts_of_others_stay_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    here = (tmp_path / "mlartifacts").as_uri()
    there = (tmp_path / "gone" / "mlartifacts").as_uri()
    other = (tmp_path / "gone" / "mlartifacts2").as_uri()
    noted(path, f"{there}/0", there, other, "s3://bucket/a", "models:/m-1")
    take_along(path, here)
    assert places_in(path) == [[f"{here}/0", here, other, "s3://bucket/a", "models:/m-1"]] * len(
        PLACES
    )


def test_a_store_that_another_folder_of_results_made_is_left(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    theirs = tmp_path / "other" / "mlartifacts"
    theirs.mkdir(parents=True)
    noted(path, f"{theirs.as_uri()}/0", theirs.as_uri())
    take_along(path, (tmp_path / "mlartifacts").as_uri())
    assert places_in(path) == [[f"{theirs.as_uri()}/0", theirs.as_uri()]] * len(PLACES)


@pytest.mark.slow
def test_a_store_that_is_in_use_is_left(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    there = (tmp_path / "gone" / "mlartifacts").as_uri()
    noted(path, f"{there}/0")
    with closing(sqlite3.connect(path)) as database:
        database.execute("BEGIN IMMEDIATE")
        take_along(path, (tmp_path / "mlartifacts").as_uri())
        database.rollback()
    assert places_in(path) == [[f"{there}/0"]] * len(PLACES)
