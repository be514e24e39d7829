"""Commands about results."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from slicewise.cli import main
from slicewise.tracking import Connection, Tracker


def test_ui_without_a_store_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["ui", "--results", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{tmp_path / 'mlflow.db'}: no run is tracked yet" in said
    assert list(tmp_path.iterdir()) == []


def test_sync_sends_the_runs(tmp_path, monkeypatch, capsys):
    results = tmp_path / "results"
    assert main(["sync", "--results", str(results)]) == 1
    assert "no run is noted there; run snakemake first" in capsys.readouterr().err
    # a training whose server was not there
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with Tracker(results / "tiny" / "x" / "tracking", print) as tracker:
        tracker.begin("fold-0", "baseline", "key", params={"a": 1}, tags={}, contents={})
    assert main(["sync", "--results", str(results)]) == 1
    assert "slicewise: MLflow at http://127.0.0.1:9 does not answer" in capsys.readouterr().err
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert main(["sync", "--results", str(results), "--dataset", "tiny"]) == 0
    (results / "mlflow.db").rename(tmp_path / "taken.db")
    assert main(["ui", "--results", str(results)]) == 1
    said = capsys.readouterr()
    assert "1 run can be sent anew from what lies beside the results; run slicewise" in said.err
    assert f"run slicewise sync --results {results}" in said.err
    (tmp_path / "taken.db").rename(results / "mlflow.db")
    said = said.out
    assert re.search(r"^tiny baseline \(running\): [0-9a-f]{32}, new$", said, re.M)
    assert "MLflow at results/mlflow.db lacks nothing of 1 run" in said


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_ui_serves_the_runs_on_localhost(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    results = tmp_path / "results"
    said = []
    with Tracker(results / "tiny" / "x" / "tracking", said.append) as tracker:
        tracker.begin(
            "fold-0", "baseline", "key", params={"a": 1}, tags={"git_commit": "0" * 40}, contents={}
        )
    assert said == []
    assert (results / "mlflow.db").is_file()

    port = free_port()
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "slicewise.cli", "ui"),
                *("--results", str(results), "--port", str(port)),
            ],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 240
        while time.monotonic() < until:
            assert server.poll() is None, (tmp_path / "log").read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as page:
                    assert page.status == 200
                break
            except OSError:
                time.sleep(0.25)
        else:
            pytest.fail((tmp_path / "log").read_text())
        question = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name"
            "?experiment_name=slicewise/tiny"
        )
        with urllib.request.urlopen(question, timeout=20) as answer:
            assert json.load(answer)["experiment"]["name"] == "slicewise/tiny"
        link = f"slicewise/tiny: http://127.0.0.1:{port}/#/experiments/1/runs?workflowType="
        lines = (tmp_path / "log").read_text().splitlines()
        assert lines[1].startswith(link)
        assert not any(f"http://127.0.0.1:{port}" in line for line in lines[2:]), "it is the last"
        telemetry = f"http://127.0.0.1:{port}/ajax-api/3.0/mlflow/ui-telemetry"
        with urllib.request.urlopen(telemetry, timeout=20) as answer:
            assert json.load(answer)["disable_ui_telemetry"]
        # only on this machine: 0.0.0.0 would also answer at another local address
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port), timeout=2)
    finally:
        # the server has workers; the whole group is ours
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(20)


def test_the_password_of_a_store_is_on_no_command_line(tmp_path, monkeypatch, capsys):
    address = "postgresql://me:password-of-the-store@db.example.org/mlflow"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    for name in ("MLFLOW_BACKEND_STORE_URI", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"):
        monkeypatch.setenv(name, "false")
    monkeypatch.setattr(Connection, "experiments", lambda self: {"slicewise/tiny": "1"})
    began = []
    monkeypatch.setattr(os, "execv", lambda program, command: began.append(" ".join(command)))
    main(["ui", "--results", str(tmp_path)])
    (command,) = began
    assert "password" not in command + "".join(capsys.readouterr())
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == address


def test_sync_takes_the_folder_of_a_run(tmp_path, capsys):
    assert main(["sync", "--run", str(tmp_path)]) == 1
    assert "this is no folder of a run" in capsys.readouterr().err
