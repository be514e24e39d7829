"""How long is waited: a job not long, whoever asked for it as long as a person would."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slicewise.errors import SlicewiseError
from slicewise.tracking import Connection, Mirror, sync
from slicewise.tracking.patience import Patience, TooSlowError
from tests.tracking.conftest import begin, no_judge, row, tracker
from tests.tracking.outage import Server, free_port, silent
from tests.tracking.proxy import Answer, Proxy, proxied
from tests.tracking.test_answers import JSON, check, train

BUSY: Answer = (429, {**JSON, "Retry-After": "600"}, b"{}")


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with proxied(server.uri) as proxy:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
        # as in a process of its own: who connects first, a job or somebody patient, sets it
        monkeypatch.delenv("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", raising=False)
        # what is waited for is the server, not a machine that has other things to do
        monkeypatch.setattr("slicewise.tracking.sender.CLOSING", 120.0)
        yield proxy


@pytest.mark.slow
def test_all_sending_of_a_job_has_one_bound(
    tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request is answered in time, and all of them together take too long."""
    monkeypatch.setattr("slicewise.tracking.sender.CLOSING", 1.0)
    results, said = tmp_path / "results", list[str]()

    def slow(method: str, path: str) -> None:
        time.sleep(0.7)

    proxy.odd = slow
    run = train(results, "slow", said)
    asked = len(proxy.seen)
    assert said == [
        f"MLflow at {proxy.uri} takes too long to answer: results are complete under "
        f"{results / 'tiny'}, and the next job or slicewise sync sends what MLflow lacks"
    ]
    assert Mirror(Connection(results)).is_pending(run.folder)
    proxy.odd = lambda method, path: None
    sync(results, "*", no_judge, lambda line: None)
    assert len(proxy.seen) > asked
    check(results, "slow", run)


@pytest.mark.slow
def test_sync_waits_for_a_server_that_is_slow_and_not_at_all_for_a_job(
    tmp_path: Path, proxy: Proxy
) -> None:
    """Longer than a job gives a server to say that it is there."""
    results, said = tmp_path / "results", list[str]()
    waited: list[str] = []

    def slow(method: str, path: str) -> None:
        if path not in waited:  # once each, as the test would take minutes
            waited.append(path)
            time.sleep(3.0 if path == "/health" else 0.0)

    proxy.odd = slow
    run = train(results, "patient", said)
    assert "does not answer (in time)" in said[0]
    waited.clear()
    sync(results, "*", no_judge, said.append)
    assert "/health" in waited
    check(results, "patient", run)


@pytest.mark.slow
def test_a_pause_that_the_server_asks_for_is_said_and_bounded(
    tmp_path: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slicewise.tracking.patience.PAUSE", 0.2)
    # what the server says is waited for, however busy this machine is
    monkeypatch.setattr("slicewise.tracking.connection.ANSWER", 60.0)
    monkeypatch.setattr("slicewise.tracking.sender.CLOSING", 60.0)
    results, said = tmp_path / "results", list[str]()
    proxy.odd = lambda method, path: BUSY if "/api/" in path else None
    run = train(results, "busy", said)
    assert "wants fewer requests (429); try later" in said[0], "a job leaves it alone"
    left = [2]

    def busy(method: str, path: str) -> Answer | None:
        if "/runs/create" in path and left[0]:
            left[0] -= 1
            return BUSY
        return None

    monkeypatch.setenv("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    proxy.odd = busy
    said.clear()
    sync(results, "*", no_judge, said.append)
    pauses = [line for line in said if "asks for a pause of 600 s (Retry-After)" in line]
    assert len(pauses) == 2
    assert pauses[0].endswith("trying again in 0 s")
    check(results, "busy", run)


def test_waiting_is_said_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slicewise.tracking.patience.TOLD", 0.2)
    monkeypatch.setattr("slicewise.tracking.patience.TOLD_AGAIN", 0.3)
    monkeypatch.setattr("slicewise.tracking.patience.LONGEST", 1.0)
    said: list[str] = []
    patience = Patience("http://h", said.append)
    with pytest.raises(TooSlowError, match=r"no answer within \d+ s"):
        patience.run(lambda: time.sleep(4.0))
    assert said[0] == "waiting for MLflow at http://h, 0 s for one answer so far"
    assert len(said) >= 2


def test_waiting_counts_from_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many answers that take long together are none that takes too long."""
    monkeypatch.setattr("slicewise.tracking.patience.LONGEST", 1.5)
    patience = Patience("http://h", lambda line: None)

    def several() -> None:
        for _ in range(6):
            patience.beat(0)
            time.sleep(0.4)

    patience.run(several)


def test_a_fault_comes_out_as_it_was() -> None:
    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        Patience("http://h", lambda line: None).run(fails)


@pytest.mark.slow
def test_sync_ends_at_a_server_that_never_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, results = free_port(), tmp_path / "results"
    with tracker(results, "none") as one:
        begin(one).epoch(row(1, 0.5))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("slicewise.tracking.connection.SLOW", 30.0)
    monkeypatch.setattr("slicewise.tracking.patience.LONGEST", 0.5)
    monkeypatch.setattr("slicewise.tracking.patience.TOLD", 0.2)
    said: list[str] = []
    with silent(port), pytest.raises(SlicewiseError, match=r"does not answer \(no answer within"):
        monkeypatch.setattr(Connection, "probe", lambda self: self.client.search_experiments())
        sync(results, "*", no_judge, said.append)
    assert any("waiting for MLflow" in line for line in said)
