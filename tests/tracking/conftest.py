"""Stores to track into: SQLite, and a real server that can be killed, stopped and brought back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow.tracking.client
import pytest

from slicewise.retries import RUN
from slicewise.tracking import Connection, Mirror, Run, Tracker
from tests import forked
from tests.tracking.outage import Server

FACTS = {"device": "CPU", "weights_sha256": "abc", "steps": 7}
"""What a training says of itself."""


def no_judge(old: str, new: str) -> tuple[bool, str]:
    raise AssertionError("nothing is registered")


@pytest.fixture(autouse=True)
def _no_server_and_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MLFLOW_TRACKING") or name == RUN:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let stores be copies of the first one, in this process as in forks."""
    from mlflow.store.db import utils

    forked.keep_migrated(tmp_path_factory.mktemp("migrated"))
    yield
    utils._initialize_tables = utils._initialize_tables.migrate


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of results, and one SQLite store, for all tests of a module."""
    return tmp_path_factory.mktemp("work") / "results"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


def row(epoch: int, loss: float, timestamp: int | None = None) -> dict[str, float]:
    time = 1_700_000_000_000 + epoch if timestamp is None else timestamp
    return {"epoch": epoch, "timestamp": time, "train/loss": loss, "val/dice": loss / 3}


def tracking_folder(results: Path, experiment: str) -> Path:
    return results / "tiny" / experiment / "tracking"


def tracker(results: Path, experiment: str, said: list[str] | None = None, judge=None) -> Tracker:
    log = (lambda line: None) if said is None else said.append
    return Tracker(tracking_folder(results, experiment), log, judge)


def begin(tracker: Tracker, key: str = "key", of: str = "fold-0", **tags: str) -> Run:
    return tracker.begin(of, "baseline", key, params={"a": {"b": 1}}, tags=tags, contents={})


def run_of(results: Path, experiment: str, number: str = "001", fold: str = "fold-0"):
    """What the store of the moment holds of a run."""
    mirror = Mirror(Connection(results))
    run_id = mirror.run_id(tracking_folder(results, experiment) / fold / number)
    assert run_id is not None
    return mirror.connection.client.get_run(run_id)


def points(results: Path, run_id: str, key: str) -> list[tuple[int, int, float]]:
    """All that the store holds of a metric."""
    history = Connection(results).client.get_metric_history(run_id, key)
    return sorted((m.step, m.timestamp, m.value) for m in history)


def pushed_after(
    broken: Callable[..., Any], step: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Mirror:
    """Push a run with a step of MLflow's client broken, then again with it whole."""
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.tracking.client.MlflowClient, step, broken)
        with pytest.raises(OSError, match="lost"):
            Mirror(Connection(run.results)).push(run.folder)
    mirror = Mirror(Connection(run.results))
    assert mirror.is_pending(run.folder)
    mirror.push(run.folder)
    return mirror
