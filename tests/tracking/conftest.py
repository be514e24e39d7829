"""Stores to track into: SQLite, and a real server that can be killed, stopped and brought back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from slicewise.tracking import Mirror, Run, Tracker


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MLFLOW_TRACKING"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of results, and one SQLite store, for all tests of a module."""
    return tmp_path_factory.mktemp("work") / "results"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """An MLflow server whose data outlive it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = (self.folder / "log.txt").open("ab")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
                *("--host", "127.0.0.1", "--port", str(self.port)),
                *("--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}"),
                *("--artifacts-destination", str(self.folder / "artifacts")),
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                **os.environ,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
        )
        for _ in range(600):
            try:
                requests.get(f"{self.uri}/health", timeout=5)
                return
            except requests.RequestException:
                assert self.process.poll() is None, (self.folder / "log.txt").read_text()
                time.sleep(0.1)
        raise AssertionError("the server does not start")

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@contextmanager
def silent(port: int) -> Iterator[None]:
    """Accept connections on a port and never answer."""
    with socket.create_server(("127.0.0.1", port), backlog=64) as listening:
        kept = []

        def accept() -> None:
            while True:
                try:
                    kept.append(listening.accept())
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield
        for connection, _ in kept:
            connection.close()


def row(epoch: int, loss: float, timestamp: int | None = None) -> dict[str, float]:
    time = 1_700_000_000_000 + epoch if timestamp is None else timestamp
    return {"epoch": epoch, "timestamp": time, "train/loss": loss, "val/dice": loss / 3}


def tracking_folder(results: Path, experiment: str) -> Path:
    return results / "tiny" / experiment / "tracking"


def tracker(results: Path, experiment: str, said: list[str] | None = None, judge=None) -> Tracker:
    say = (lambda line: None) if said is None else said.append
    return Tracker(tracking_folder(results, experiment), say, judge)


def begin(tracker: Tracker, key: str = "key", of: str = "fold-0", **tags: str) -> Run:
    return tracker.begin(of, "baseline", key, {"a": {"b": 1}}, tags, {})


def run_of(results: Path, experiment: str, number: str = "001", fold: str = "fold-0"):
    """What the store of the moment holds of a run."""
    mirror = Mirror(results)
    run_id = mirror.run_id(tracking_folder(results, experiment) / fold / number)
    assert run_id is not None
    return mirror.client.get_run(run_id)


def points(results: Path, run_id: str, key: str) -> list[tuple[int, int, float]]:
    """All that the store holds of a metric."""
    history = Mirror(results).client.get_metric_history(run_id, key)
    return sorted((m.step, m.timestamp, m.value) for m in history)
