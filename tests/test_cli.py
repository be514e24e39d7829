"""The command ``slicewise``."""

import io
import pwd
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from slicewise import __version__
from slicewise.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]


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
    done = subprocess.run(
        [sys.executable, "-m", "slicewise.cli", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
    )
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
