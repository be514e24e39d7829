"""What a run shows while it works: a line or a bar for what is done, and each warning once.

Snakemake lists every job with all its files, and jobs write to the same terminal.
While a run works, all of that goes into Snakemake's log file instead, and people see
which stage is how far, how long it takes, and what went wrong.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from slicewise.job import WARNING, stopped_because

FULL = "SLICEWISE_OUTPUT"
"""Variable of the environment that, set to ``full``, leaves everything as Snakemake writes it."""
DEFAULT = "DefaultStreamHandler"
"""What Snakemake calls the handler that writes to the terminal."""
EPOCH = re.compile(r"^epoch \d+.*left$")
BRIEF = ("epoch ", "loss ", "validation Dice ")
"""What of an epoch has room on a terminal, beside the time that is left."""
LOOK_AGAIN = 2.0
"""Seconds after which the logs of running jobs are looked at again."""
TAIL = 4096
"""Bytes at the end of a log in which its last epoch stands."""
ROOM = 1_000_000
"""Bytes below which a disk is as good as full."""
SHOWN = 4
"""Running jobs that are named at once."""
IN_THE_TABLE = ("workflow_started", "job_info", "group_info", "shellcmd", "run_info")
"""Events of a dry run that are left to the table which it ends with (`slicewise.planned`)."""
SAID_AGAIN = ("At least one job did not complete successfully", "Exiting because a job execution")
"""In what says again, less exactly, what is said at the end of a run with errors."""
NEVER_MADE = "no backup found"
"""In what is said of outputs of a failed job that were not there before either."""


@dataclass
class RunningJob:
    """A job that was started.

    Attributes
    ----------
    stage, name : str
        Its rule, and which of the rule's jobs it is.
    log : str
        Its log file; empty where it has none.
    since : float
        When it was started, by `time.monotonic`.
    """

    stage: str
    name: str
    log: str
    since: float = field(default_factory=time.monotonic)

    @property
    def title(self) -> str:
        """What it is called."""
        return f"{self.stage} {self.name}".rstrip()


class Calm(logging.Handler):
    """Takes what Snakemake says of its jobs; subclasses show it.

    Parameters
    ----------
    totals : mapping of str to int
        By stage, in their order, how many jobs are to be done.
    names : mapping of str to str
        Names of stages by those of rules.
    out : file
        The terminal, or what stands in its place.
    """

    def __init__(self, totals: Mapping[str, int], names: Mapping[str, str], out: TextIO) -> None:
        super().__init__(logging.INFO)
        self.totals = dict(totals)
        self.names = names
        self.out = out
        self.done = dict.fromkeys(totals, 0)
        self.running: dict[int, RunningJob] = {}
        self.warned: set[str] = set()
        self.give_up: Callable[[], None] = lambda: None
        """Called where this cannot be shown, as no display may end a run."""

    @property
    def count(self) -> str:
        """How many jobs of how many are done."""
        total = str(sum(self.totals.values()))
        return f"{sum(self.done.values()):>{len(total)}}/{total}"

    def begin(self) -> None:
        """Begin to show."""

    def end(self) -> None:
        """Show nothing any more."""

    def say(self, line: str) -> None:
        """Show a line to stay."""
        print(line, file=self.out, flush=True)

    def show(self, line: str | None = None) -> None:
        """Show how far the run is, and a line that says what was done."""
        if line is not None:
            self.say(line)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record of Snakemake's log."""
        try:
            self._take(record)
        except Exception as error:
            self.give_up()
            with suppress(OSError):
                line = f"how far the run is cannot be shown ({error})"
                print(line, file=sys.stderr, flush=True)

    def _take(self, record: logging.LogRecord) -> None:
        event = str(getattr(record, "event", None) or "")
        known = record.__dict__
        if event == "job_info":
            self._started(record)
        elif event == "job_finished":
            self._finished(int(known["job_id"]))
        elif event == "job_error":
            self._failed(int(known["jobid"]))
        elif not event:
            self._said(record)

    def _started(self, record: Any) -> None:
        stage = self.names.get(record.rule_name, record.rule_name)
        log = next(iter(record.log or ()), "")
        # Snakemake says behind the name what becomes of a file
        path = str(log).split(" (")[0]
        name = "/".join(map(str, record.wildcards.values()))
        self.running[int(record.jobid)] = RunningJob(stage, name, path)
        self.show()

    def _finished(self, number: int) -> None:
        job = self.running.pop(number, None)
        if job is None or job.stage not in self.totals:
            return
        self._warn(job)
        self.done[job.stage] += 1
        self.show(f"{self.count}  {job.title}  {_clock(time.monotonic() - job.since)}")

    def _failed(self, number: int) -> None:
        job = self.running.pop(number, None)
        if job is None:
            return
        self._warn(job)
        why = f"failed: {job.log}{_why_full(Path(job.log))}"
        self.show(f"{self.count}  {job.title}  {'stopped' if stopped_because() else why}")

    def _said(self, record: logging.LogRecord) -> None:
        """Pass on what Snakemake warns of, and where its log is."""
        said = record.getMessage().strip()
        if record.levelno >= logging.WARNING and said and _is_news(record):
            self.say(said)

    def _warn(self, job: RunningJob) -> None:
        """Say what a job warned of, unless another job did the same."""
        for line in _read(job.log).splitlines():
            if line.startswith(WARNING) and line not in self.warned:
                self.warned.add(line)
                self.say(line)


class Bars(Calm):
    """Shows a bar for each stage on a terminal, and what the running jobs are at."""

    def begin(self) -> None:
        """Begin to show."""
        width = os.get_terminal_size(self.out.fileno()).columns
        console = Console(file=self.out, force_terminal=True, width=width or None)
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._ended = threading.Event()
        self._drawing = threading.Lock()
        self._drawn = ""
        threading.Thread(target=self._look, name="display", daemon=True).start()
        self.show()

    def end(self) -> None:
        """Leave how far each stage came."""
        self._ended.set()
        with self._drawing:
            self._live.stop()
        for stage, total in self.totals.items():
            print(f"{stage:<{self._width}}  {self.done[stage]}/{total}", file=self.out, flush=True)

    def say(self, line: str) -> None:
        """Show a line to stay, above the bars."""
        with self._drawing:
            self._live.console.print(Text(line), soft_wrap=True)

    def show(self, line: str | None = None) -> None:
        """Draw anew, if there is anything else to see than before; the line is for logs."""
        if line is not None and " failed: " in line:
            self.say(line)
        self._draw()

    def _draw(self) -> None:
        """Draw anew, if there is anything else to see than before."""
        epochs = {number: _last_epoch(job.log) for number, job in list(self.running.items())}
        seen = f"{self.done}{sorted(self.running)}{epochs}"
        with self._drawing:
            if seen != self._drawn:
                self._drawn = seen
                self._live.update(self._frame(epochs), refresh=True)

    @property
    def _width(self) -> int:
        return max(map(len, self.totals), default=0)

    def _look(self) -> None:
        """Follow the epochs of trainings, wherever they run."""
        while not self._ended.wait(LOOK_AGAIN):
            self._draw()

    def _frame(self, epochs: Mapping[int, str]) -> Group:
        bars = Table.grid(padding=(0, 1))
        for stage, total in self.totals.items():
            done = self.done[stage]
            bars.add_row(stage, ProgressBar(total, done, width=30), f"{done}/{total}")
        jobs = list(self.running.items())
        lines = [f"{job.title}  {epochs.get(number, '')}".rstrip() for number, job in jobs[:SHOWN]]
        if len(jobs) > SHOWN:
            lines.append(f"and {len(jobs) - SHOWN} more")
        return Group(bars, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


class Watch:
    """A run that is shown calmly, from its start to its end.

    What jobs write to the terminal goes into the log file meanwhile.
    """

    def __init__(self) -> None:
        self._back: Callable[[], None] | None = None

    def begin(
        self,
        logger: logging.Logger,
        log: str,
        totals: Mapping[str, int],
        names: Mapping[str, str],
    ) -> None:
        """Show a run calmly from now on.

        Parameters
        ----------
        logger : Logger
            Snakemake's; nothing is done where its usual handler is not there.
        log : str
            Its log file, to which what jobs say is appended.
        totals : mapping of str to int
            By stage, in their order, how many jobs are to be done.
        names : mapping of str to str
            Names of stages by those of rules.
        """
        usual = next((each for each in logger.handlers if each.name == DEFAULT), None)
        if usual is None or self._back is not None:
            return
        into = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
        shown = (Bars if terminal.isatty() else Calm)(totals, names, terminal)
        shown.give_up = self.end
        shown.begin()
        streams = _Streams(into)
        logger.removeHandler(usual)
        logger.addHandler(shown)

        def back() -> None:
            logger.removeHandler(shown)
            usual.addFilter(_is_news)
            logger.addHandler(usual)
            # whoever read may be gone
            with suppress(OSError):
                shown.end()
            streams.give_back()
            with suppress(OSError):
                terminal.close()

        self._back = back

    def end(self) -> None:
        """Give the terminal back."""
        back = self._back
        if back is not None:
            self._back = None
            back()


def leave_to_the_table(logger: logging.Logger) -> None:
    """Keep from the terminal what a dry run says of each job, and of its reasons.

    Parameters
    ----------
    logger : Logger
        Snakemake's; nothing is done where its usual handler is not there.
    """
    for each in logger.handlers:
        if each.name == DEFAULT:
            each.addFilter(_is_not_in_the_table)


def _is_not_in_the_table(record: logging.LogRecord) -> bool:
    event = str(getattr(record, "event", None) or "")
    return event not in IN_THE_TABLE and not record.getMessage().startswith("Reasons:")


class _Streams:
    """Sends what this process and its children write into a file, until it is given back."""

    def __init__(self, into: int) -> None:
        self._flush()
        self._kept = {number: os.dup(number) for number in (1, 2)}
        for number in self._kept:
            os.dup2(into, number)
        os.close(into)

    def give_back(self) -> None:
        """Let all write where they wrote before."""
        self._flush()
        for number, old in self._kept.items():
            os.dup2(old, number)
            os.close(old)

    def _flush(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record says more than what is said at the end of a run in any case."""
    event = str(getattr(record, "event", None) or "")
    said = record.getMessage()
    return event != "job_error" and not any(words in said for words in (*SAID_AGAIN, NEVER_MADE))


def _read(log: str) -> str:
    try:
        return Path(log).read_text(encoding="utf-8", errors="replace") if log else ""
    except OSError:
        return ""


def _why_full(log: Path) -> str:
    """Say that the disk of a log is full, of which Snakemake may end before more is said."""
    with suppress(OSError):
        if shutil.disk_usage(log.parent).free < ROOM:
            return " (no space is left on its disk)"
    return ""


def _last_epoch(log: str) -> str:
    """Return what a training said of its last epoch; nothing of other jobs."""
    try:
        with Path(log).open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - TAIL))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    line = next((line for line in reversed(lines) if EPOCH.match(line)), "")
    parts = line.split("  ")
    return "  ".join(part for part in parts if part.startswith(BRIEF) or part.endswith(" left"))


def _clock(seconds: float) -> str:
    """Write how long something took.

    >>> _clock(4.2), _clock(75), _clock(7380)
    ('4 s', '1 min 15 s', '2 h 03 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
