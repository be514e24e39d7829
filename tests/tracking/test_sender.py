"""A real server that is killed at any moment, and one that accepts and never answers.

In each case the job ends as if nothing were, and after `sync` the server holds
every point exactly once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking import Connection, Mirror, Run, sync
from slicewise.tracking.reasons import why
from slicewise.tracking.sender import AGAIN
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
from tests.tracking.outage import Server, free_port, silent

EPOCHS = 6

pytestmark = pytest.mark.slow


@pytest.fixture
def results(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    if server.process is None:
        server.start()
    yield tmp_path / "results"


def train(results: Path, said: list[str], at: dict[int, Callable[[], None]]) -> Run:
    """Stand in for a training; things happen before some of its epochs."""
    with tracker(results, "x", said) as one:
        run = begin(one)
        with run.ending_with_errors():
            for epoch in range(1, EPOCHS + 1):
                at.get(epoch, lambda: None)()
                run.epoch(row(epoch, 1 / epoch))
            model = results / "tiny" / "model.keras"
            model.write_bytes(b"weights")
            run.trained(FACTS, {}, model, ["liver"])
        at.get(EPOCHS + 1, lambda: None)()
    return run


def wait_for(what: Callable[[], bool]) -> None:
    for _ in range(300):
        if what():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def check(results: Path, run: Run) -> None:
    """Compare with the files, point by point."""
    assert (results / "tiny" / "model.keras").read_bytes() == b"weights"
    said: list[str] = []
    sync(results, "*", no_judge, said.append)
    table = pd.read_csv(run.folder / "history.csv", float_precision="round_trip")
    assert list(table["epoch"]) == list(range(1, EPOCHS + 1))
    found = run_of(results, "x")
    for key in ("train/loss", "val/dice"):
        wanted = list(zip(table["epoch"], table["timestamp"], table[key], strict=True))
        assert points(results, found.info.run_id, key) == wanted
    assert found.data.params["resolved.steps"] == "7"
    files = {file.path for file in Connection(results).client.list_artifacts(found.info.run_id)}
    assert "environment.txt" in files
    mirror = Mirror(Connection(results))
    number = mirror.connection.experiments()["slicewise/tiny"]
    mark = f"tags.`slicewise.run` = '{run.record.id}'"
    assert len(mirror.connection.client.search_runs([number], mark)) == 1, (
        "one run, whatever happened"
    )
    (model,) = [
        model
        for model in mirror.connection.client.search_logged_models([number])
        if model.source_run_id == found.info.run_id
    ]
    assert str(model.status).endswith("READY")


def test_a_server_that_is_there(results: Path) -> None:
    said: list[str] = []
    run = train(results, said, {})
    assert said == []
    assert not Mirror(Connection(results)).is_pending(run.folder), "all was sent by the job"
    check(results, run)


def test_a_server_killed_before_the_start(results: Path, server: Server) -> None:
    server.kill()
    said: list[str] = []
    run = train(results, said, {})
    assert len(said) == 1, "said once, not for every epoch"
    assert f"MLflow at {server.uri} does not answer" in said[0]
    assert "slicewise sync sends what MLflow lacks" in said[0]
    server.start()
    check(results, run)


def test_a_server_killed_in_the_middle(results: Path, server: Server) -> None:
    said: list[str] = []
    folder = tracking_folder(results, "x") / "fold-0" / "001"

    def kill() -> None:
        wait_for(lambda: Mirror(Connection(results)).run_id(folder) is not None)
        server.kill()

    run = train(results, said, {4: kill})
    assert len(said) == 1
    before = Mirror(Connection(results)).run_id(folder)
    server.start()
    check(results, run)
    assert run_of(results, "x").info.run_id == before


def test_a_server_killed_before_the_end(results: Path, server: Server) -> None:
    said: list[str] = []
    run = train(results, said, {EPOCHS + 1: server.kill})
    server.start()
    check(results, run)


def test_a_server_that_comes_back_gets_the_rest_from_the_next_job(
    results: Path, server: Server
) -> None:
    server.kill()
    run = train(results, [], {})
    run.finish()
    server.start()
    said: list[str] = []
    with tracker(results, "other", said):
        # another experiment's job, which works long enough
        wait_for(lambda: not Mirror(Connection(results)).is_pending(run.folder))
    assert said == []
    assert run_of(results, "x").info.status == "FINISHED"
    check(results, run)


def test_a_server_that_comes_back_gets_the_rest_from_the_same_job(
    results: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AGAIN > 1
    monkeypatch.setattr("slicewise.tracking.sender.AGAIN", 0.5)
    server.kill()
    said: list[str] = []

    def back() -> None:
        wait_for(lambda: bool(said))
        server.start()
        wait_for(lambda: said[-1] == "MLflow answers again")

    run = train(results, said, {4: back})
    assert not Mirror(Connection(results)).is_pending(run.folder)
    check(results, run)


def test_a_server_that_never_answers(
    results: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    said: list[str] = []
    with silent(port):
        begun = time.monotonic()
        run = train(results, said, {})
        waited = time.monotonic() - begun
    assert waited < AGAIN, "it does not wait for each request"
    assert len(said) == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    check(results, run)


def test_sync_needs_a_server(results: Path, server: Server) -> None:
    train(results, [], {})
    server.kill()
    with pytest.raises(SlicewiseError, match=r"does not answer .*; then run slicewise sync again"):
        sync(results, "*", no_judge, print)


@pytest.mark.parametrize("uri", ["nonsense://x", "http://user:hunter22@127.0.0.1:9"])
def test_an_address_that_is_none_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    said: list[str] = []
    train(tmp_path / "results", said, {})
    assert len(said) == 1
    assert "hunter22" not in said[0]


def test_why_names_what_to_do() -> None:
    text = "API request to endpoint /api/2.0/mlflow/x failed with error code {} != 200."
    uri = "https://me:hunter22@mlflow.example.org"
    refused = why(RuntimeError(text.format(401)), uri)
    assert refused.startswith("MLflow at https://mlflow.example.org refuses the user name")
    assert "MLFLOW_TRACKING_PASSWORD" in refused
    assert "EDIT" in why(RuntimeError(text.format(403)), uri)
    assert "could not be told (x)" in why(RuntimeError("x"), uri)
