"""An MLflow server that can be killed and brought back, and one that never answers.

Shared by the tests and benchmarks/tracking_delay.py.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests import forked

# `mlflow server` starts another process, which imports all once more: here it goes on itself.
SERVE = """
import os, runpy, sys
import uvicorn  # MLflow asks whether it is there: then it serves
import mlflow.server

def serve(command, extra_env, **options):
    os.environ.update(extra_env)
    sys.argv = command[2:]
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)

with open(sys.argv.pop(1), "w") as file:
    file.write(str(os.getpid()))
mlflow.server._exec_cmd = serve
import mlflow.cli
mlflow.cli.cli()
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """An MLflow server whose data outlive it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._number = folder / "pid"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = (self.folder / "log.txt").open("ab")
        self.process = subprocess.Popen(
            [
                *(forked.python(), "-c", SERVE, str(self._number), "server", "--workers", "1"),
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
            # it is a fork, which the process that asked for it ends with
            os.kill(int(self._number.read_text()), signal.SIGKILL)
            self.process.wait()
            self.process = None


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
