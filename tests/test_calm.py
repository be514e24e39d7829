"""What people see of a run: what is done, each warning once, and what failed."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slicewise.calm import Calm, Watch, _is_news

TOTALS = {"ingest": 2, "train": 1}
LOGGER = logging.getLogger("tests.calm")


def record(event: str | None, message: str = "", level: int = logging.INFO, **more: Any) -> Any:
    made = logging.LogRecord("snakemake", level, __file__, 1, message, None, None)
    made.__dict__.update(more if event is None else {"event": event, **more})
    return made


def started(number: int, rule: str, log: Path | str, **wildcards: str) -> Any:
    facts = {"jobid": number, "rule_name": rule, "log": [str(log)], "wildcards": wildcards}
    return record("job_info", **facts)


def finished(number: int) -> Any:
    return record("job_finished", job_id=number)


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def calm(out: io.StringIO) -> Calm:
    return Calm(TOTALS, {"liver_train": "train"}, out)


def logged(folder: Path, name: str, *lines: str) -> Path:
    path = folder / f"{name}.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_line_a_job_says_which_and_how_many_are_done(
    calm: Calm, out: io.StringIO, tmp_path: Path
) -> None:
    calm.emit(started(1, "ingest", logged(tmp_path, "a"), shard="train-0"))
    calm.emit(record(None, "Select jobs to execute..."))
    calm.emit(finished(1))
    calm.emit(record("progress", "1 of 3 steps", done=1, total=3))
    # as a module, a rule has another name; and what lies behind a path is no part of it
    log = f"{logged(tmp_path, 'b')} (send to storage)"
    calm.emit(started(2, "liver_train", log, experiment="one", fold="0"))
    calm.emit(finished(2))
    assert out.getvalue().splitlines() == ["1/3  ingest train-0  0 s", "2/3  train one/0  0 s"]


def test_the_rule_of_all_files_is_no_job(calm: Calm, out: io.StringIO) -> None:
    calm.emit(started(0, "all", ""))
    calm.emit(finished(0))
    assert out.getvalue() == ""


def test_each_warning_is_said_once(calm: Calm, out: io.StringIO, tmp_path: Path) -> None:
    same = "warning: the grid is off"
    for number, other in enumerate(("p1 is cut", "p2 is cut")):
        log = logged(tmp_path, f"{number}", "asked for 2 MB", same, f"warning: {other}", "done")
        calm.emit(started(number, "ingest", log, shard=str(number)))
        calm.emit(finished(number))
    said = [line for line in out.getvalue().splitlines() if line.startswith("warning")]
    assert said == [same, "warning: p1 is cut", "warning: p2 is cut"]


def test_a_failed_job_is_named_with_its_log_and_may_be_tried_again(
    calm: Calm, out: io.StringIO, tmp_path: Path
) -> None:
    log = logged(tmp_path, "a", "error: p1: no mask")
    calm.emit(started(1, "ingest", log, shard="train-0"))
    calm.emit(record("job_error", jobid=1))
    calm.emit(started(1, "ingest", log, shard="train-0"))
    calm.emit(finished(1))
    assert out.getvalue().splitlines() == [
        f"0/3  ingest train-0  failed: {log}",
        "1/3  ingest train-0  0 s",
    ]


def test_a_job_of_a_run_that_was_told_to_stop_has_not_failed(
    calm: Calm, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slicewise.calm.stopped_because", lambda: "stopped, because …")
    calm.emit(started(1, "ingest", "gone.log", shard="train-0"))
    calm.emit(record("job_error", jobid=1))
    assert out.getvalue().splitlines() == ["0/3  ingest train-0  stopped"]


def test_a_job_that_fails_where_the_disk_is_full_says_so(
    calm: Calm, out: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snakemake fails to write its notes there, and ends without the sentences of its jobs."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=4096))
    log = logged(tmp_path, "a")
    calm.emit(started(1, "ingest", log, shard="train-0"))
    calm.emit(record("job_error", jobid=1))
    assert out.getvalue().splitlines() == [
        f"0/3  ingest train-0  failed: {log} (no space is left on its disk)"
    ]


def test_what_snakemake_warns_of_is_passed_on(calm: Calm, out: io.StringIO) -> None:
    calm.emit(record(None, "the disk is full", logging.ERROR))
    calm.emit(record(None, "Exiting because a job execution failed. Look below", logging.ERROR))
    calm.emit(record(None, "Finished jobid: 3", logging.INFO))
    assert out.getvalue() == "the disk is full\n"


def test_a_job_without_a_log_or_of_unknown_number_ends_nothing(
    calm: Calm, out: io.StringIO, tmp_path: Path
) -> None:
    calm.emit(finished(7))
    calm.emit(record("job_error", jobid=7))
    calm.emit(started(1, "train", tmp_path / "gone.log"))
    calm.emit(finished(1))
    assert out.getvalue().splitlines() == ["1/3  train  0 s"]


def test_a_display_that_fails_gives_up(calm: Calm, capsys: pytest.CaptureFixture[str]) -> None:
    ended = []
    calm.give_up = lambda: ended.append(True)
    calm.out.close()
    calm.emit(started(1, "train", ""))
    calm.emit(finished(1))
    assert ended == [True]
    assert "cannot be shown" in capsys.readouterr().err


def test_without_snakemakes_own_handler_nothing_is_done(tmp_path: Path) -> None:
    logger = logging.Logger("other")
    kept = logging.StreamHandler(io.StringIO())
    logger.addHandler(kept)
    watch = Watch()
    watch.begin(logger, str(tmp_path / "log"), TOTALS, {})
    watch.end()
    assert logger.handlers == [kept]
    assert not (tmp_path / "log").exists()


def test_at_the_end_only_what_is_new_is_said() -> None:
    assert _is_news(record(None, "Complete log(s): x"))
    assert not _is_news(record("job_error", "Error in rule train"))
    again = "WorkflowError:\nAt least one job did not complete successfully."
    assert not _is_news(record(None, again, logging.CRITICAL))
    lost = "Cannot restore results/tiny/leakage.json: no backup found."
    assert not _is_news(record(None, lost, logging.WARNING))


RUN = """
import logging, os, subprocess, sys, time
from slicewise.calm import DEFAULT, Watch
from tests.test_calm import TOTALS, finished, logged, started
from pathlib import Path

folder = Path(sys.argv[1])
logger = logging.Logger("snakemake")
usual = logging.StreamHandler(sys.stderr)
usual.name = DEFAULT
logger.addHandler(usual)
watch = Watch()
print("before", file=sys.stderr)
watch.begin(logger, str(folder / "run.log"), TOTALS, {})
epoch = "epoch 3/8  loss 0.2500  Dice 0.7000  validation Dice 0.8100  9.5 slices/s  1:05 left"
log = logged(folder, "train", "warning: one", epoch)
logger.handle(started(1, "train", log, experiment="one", fold="0"))
print("chatter of the run")
subprocess.run([sys.executable, "-c", "import sys; print('chatter of a job', file=sys.stderr)"])
time.sleep(float(sys.argv[2]))
logger.handle(finished(1))
watch.end()
print("after", file=sys.stderr)
logger.warning("as usual")
"""

GONE = RUN.partition("watch.end()")[0] + "watch.end()\n(folder / 'whole').touch()\n"


def test_what_jobs_write_goes_into_the_log_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), "0"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == ""
    before, warning, line, after, usual = done.stderr.splitlines()
    assert [before, warning, after, usual] == ["before", "warning: one", "after", "as usual"]
    assert line.startswith("1/3  train one/0  ")
    assert set((tmp_path / "run.log").read_text().splitlines()) == {
        "chatter of the run",
        "chatter of a job",
    }


def test_a_run_whose_reader_is_gone_goes_on(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", GONE, str(tmp_path), "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    assert child.stderr.readline() == b"before\n"
    child.stderr.close()
    child.wait(60)
    assert (tmp_path / "whole").exists()


def test_a_terminal_shows_bars_and_the_epoch(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path), "0.5"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # nobody writes any more
            break
        if not part:
            break
        said += part
    os.close(ours)
    assert child.wait(60) == 0, said.decode()
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", said.decode())
    assert "chatter" not in text
    assert "train one/0  epoch 3/8  loss 0.2500  validation Dice 0.8100  1:05 left" in text
    assert "━" in text
    assert text.count("warning: one") == 1
    left = [line.split() for line in text.replace("\r", "").splitlines()[-5:]]
    assert ["ingest", "0/2"] in left and ["train", "1/1"] in left
    assert text.replace("\r", "").endswith("after\nas usual\n")
