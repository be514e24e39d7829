"""The command ``slicewise``."""

import io
import json
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from slicewise import __version__
from slicewise.cli import COMMANDS, main
from slicewise.tracking import Connection, Tracker

ROOT = Path(__file__).parents[1]


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "slicewise.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    ("closed", "arguments", "status"),
    [
        (">&-", ["targets", "config/config.yaml"], 0),
        ("<&-", ["clean", "slices", "--results", "{results}"], 1),
        (">&- 2>&-", ["clean", "--results", "{results}"], 0),
    ],
)
def test_closed_streams_are_no_fault(tmp_path, closed, arguments, status):
    """As those of some daemons."""
    kept = tmp_path / "ct" / "slices" / "axial" / "p1" / "image.npy"
    (tmp_path / "ct" / "cases").mkdir(parents=True)
    kept.parent.mkdir(parents=True)
    kept.touch()
    told = [text.format(results=tmp_path) for text in arguments]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", "slicewise.cli", *told],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    assert kept.exists()


def test_a_number_without_a_name_has_a_home(tmp_path, monkeypatch):
    """As in a container: the folder of caches is below it."""

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")  # so that what is set of it is undone
        monkeypatch.delenv(name)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert main(["inspect", str(tmp_path / "nothing")]) == 1
    assert Path.home() == Path(tempfile.gettempdir())


def test_version():
    done = command("--version")
    assert done.returncode == 0
    assert re.fullmatch(rf"{re.escape(__version__)}(\+g[0-9a-f]{{7}}(\.dirty)?)?\n", done.stdout)


def test_help_names_each_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"^ +{name} +\w", said, re.M)


def test_without_a_command_it_says_how_to_use_it(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "usage: slicewise" in capsys.readouterr().err


def test_the_schema_is_printed(capsys):
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert set(schema["properties"]) >= {"dataset", "split", "slices", "experiments"}


def test_the_committed_schema_is_up_to_date():
    assert main(["schema", "--check", str(ROOT / "config" / "schema.json")]) == 0


@pytest.mark.parametrize("content", [b"{}\n", b"not JSON", "{}".encode("utf-16"), b"\xe9"])
def test_another_schema_is_one_sentence(tmp_path, capsys, content):
    old = tmp_path / "schema.json"
    old.write_bytes(content)
    assert main(["schema", "--check", str(old)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(old) in said


def test_a_missing_schema_is_one_sentence(tmp_path):
    done = command("schema", "--check", str(tmp_path / "schema.json"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "schema.json") in done.stderr


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
    said = capsys.readouterr().out
    assert re.search(r"^tiny baseline \(running\): [0-9a-f]{32}, new$", said, re.M)
    assert "MLflow at results/mlflow.db lacks nothing of 1 run" in said


def test_reproduce_wants_the_folder_of_the_workflow(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # neither here nor, as where it was installed by itself, beside the library
    monkeypatch.setattr("slicewise.sources.LIBRARY", tmp_path / "site-packages" / "slicewise")
    assert main(["reproduce", "abc"]) == 1
    assert "slicewise's is neither here nor beside the library" in capsys.readouterr().err
    (tmp_path / "Snakefile").touch()  # somebody else's
    assert main(["reproduce", "abc", "--snakefile", "Snakefile"]) == 1
    assert "Snakefile: this is not slicewise's Snakefile" in capsys.readouterr().err


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


def test_paths_are_expanded(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDY", str(tmp_path / "there"))
    assert main(["ui", "--results=$STUDY"]) == 1
    assert str(tmp_path / "there" / "mlflow.db") in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ui", "--results=$NOT_SET/x"])
    assert "the variable $NOT_SET is not set" in capsys.readouterr().err


def test_an_address_of_a_bucket_is_no_folder(capsys):
    address = "s3://study/results/tiny/baseline"
    for command in (["compare", address, address], ["publish", address, "--output", "paper"]):
        with pytest.raises(SystemExit):
            main(command)
        said = capsys.readouterr().err.splitlines()[-1]
        assert f"{address}: an address is no file or folder; copy what lies there" in said
    assert main(["inspect", address]) == 1
    assert f"slicewise: {address}: an address is no file" in capsys.readouterr().err


def test_sync_takes_the_folder_of_a_run(tmp_path, capsys):
    assert main(["sync", "--run", str(tmp_path)]) == 1
    assert "this is no folder of a run" in capsys.readouterr().err


SEGMENT = ["segment", "x.nii.gz", "--model", "m", "--output", "o"]


@pytest.mark.parametrize(
    ("arguments", "option", "said"),
    [
        # of 0 or fewer slices at a time none would ever be done
        (SEGMENT, "--batch=0", "whole number of 1"),
        (SEGMENT, "--batch=x", "whole number of 1"),
        (["serve", "--model", "m"], "--waiting=0", "whole number of 1"),
        (["serve", "--model", "m"], "--megabytes=-1", "whole number of 1"),
        (["listen", "--model", "m", "--output", "o"], "--quiet=-1", "number of 0"),
        (["next", "masks"], "--count=-1", "whole number of 1"),
        (["reproduce", "run"], "--tolerance=nan", "number of 0"),
    ],
)
def test_numbers_that_no_work_is_done_with_are_refused(arguments, option, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*arguments, option])
    assert ended.value.code == 2
    name, _, value = option.partition("=")
    assert f"argument {name}: '{value}' is no {said} or more" in capsys.readouterr().err


def test_what_a_terminal_has_no_letters_for_is_said_all_the_same(monkeypatch):
    """As one of Latin-1, and names of files that are no text."""
    said = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, encoding="latin-1"))
    monkeypatch.setitem(COMMANDS, "schema", lambda options: print("ü – K\udcf6ln"))
    main(["schema"])
    assert said.getvalue() == b"\xfc \\u2013 K\\udcf6ln\n"


def test_ctrl_c_is_one_line_and_ends_a_loop_of_the_shell(monkeypatch, capsys):
    def stopped(options):
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "targets", stopped)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(KeyboardInterrupt) as caught:
        main(["targets", "mr.yaml"])
    sys.excepthook(caught.type, caught.value, caught.tb)
    assert capsys.readouterr().err == "slicewise: stopped by Ctrl-C\n"
