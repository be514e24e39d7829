"""How a job of the workflow speaks: lines on standard error and in its log."""

from __future__ import annotations

import logging
import os
import re
import signal
import stat
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from slicewise.causes import by_cause
from slicewise.errors import SeveralErrors, SlicewiseError, explained
from slicewise.files import sweep
from slicewise.records import Recorder, Told
from slicewise.retries import AGAIN as NOT_AGAIN
from slicewise.retries import Mark
from slicewise.sources import refuse_other_library, workflow_folder

MARK = "error: "
WARNING = "warning: "
ASKED = "asked for "
RESOURCES = {"mem_mb": "MB", "runtime": "minutes", "_cores": "CPUs"}
STOPS = {
    signal.SIGTERM: "SIGTERM",
    signal.SIGINT: "Ctrl-C",
    signal.SIGHUP: "its terminal was closed",
}
"""What tells a process to stop, and how that is called."""
TOLD = "it was told to stop"
ORPHANED = "what started it is gone"
LOOKS = 1.0
"""Seconds between two looks whether what started a job is still there."""
SCRIPTS = f".snakemake{os.sep}scripts{os.sep}"
"""Where Snakemake writes the scripts that it runs."""
NOW = "at work on "
ENDED = "ended"
"""The last line of a job's log, whatever it ended with, unless it was killed."""
now = logging.getLogger("slicewise.now")
"""Is told what a job is at work on, so that its log says it where the job is killed."""
now.setLevel(logging.INFO)
now.propagate = False  # for logs alone
AGAIN = "the same command goes on (after snakemake --unlock, if it asks for that)"


@contextmanager
def job(
    file: str,
    resources: Mapping[str, object] | None = None,
    told: Told | None = None,
    *,
    whole: bool = False,
) -> Iterator[Callable[[str], None]]:
    """Run the body of a script, turning faults of the input into one sentence.

    Parameters
    ----------
    file : str
        The job's log file, begun anew.
    resources : mapping, optional
        What Snakemake asked for on behalf of the job: mem_mb, runtime
        (minutes), _cores. The log begins with it, see `asked_for`.
    told, whole : optional
        See `script_job`.

    Yields
    ------
    callable
        Says a line on standard error and in the log.
    """
    out = _LogFile(Path(file))
    out.begin({} if resources is None else resources)
    recorder = None if told is None else Recorder(told)
    mark = None if told is None else Mark(told)
    orphaned = _never if told is None else _orphan_check()
    with (
        _ending_when_told(),
        _ending_when_orphaned(orphaned),
        _listening(out, told),
        _in_one_sentence(out, mark, orphaned),
    ):
        # the interpreter of a script may be another one than Snakemake's
        workflow = workflow_folder()
        if workflow is not None:
            refuse_other_library(workflow)
        if mark is not None and (said := mark.sentences()):
            out.log(NOT_AGAIN)
            raise SeveralErrors([SlicewiseError(sentence) for sentence in said])
        if told is not None:
            # what a job that was killed left of them
            sweep(*map(Path, told.output))
        if recorder is not None:
            recorder.begin(whole=whole)
        try:
            yield out.log
        except BaseException:
            if recorder is not None and whole:
                recorder.fail()
            raise
        if recorder is not None:
            recorder.finish()
        if mark is not None:
            mark.remove()


class _LogFile:
    """The log of a job; one that cannot be written hides no sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, resources: Mapping[str, object]) -> None:
        """Begin it anew, with what was asked for on behalf of the job."""
        asked = [
            f"{resources.get(name)} {unit}"
            for name, unit in RESOURCES.items()
            if resources.get(name)
        ]
        self.write(f"{ASKED}{', '.join(asked)}\n" if asked else "", "w")

    def write(self, text: str, mode: str = "a") -> None:
        """Write to the file alone."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # names of files may be no text
            with self.path.open(mode, encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(text)
        except OSError as error:
            if explained(error) is None:
                raise

    def log(self, line: str) -> None:
        """Say a line on standard error, and write it."""
        print(line, file=sys.stderr, flush=True)
        self.write(line + "\n")


@contextmanager
def _ending_when_told() -> Iterator[None]:
    """End the block by `KeyboardInterrupt` where the process is told to stop."""
    before = _on_stops(_interrupt)
    try:
        yield
    finally:
        for number, old in before.items():
            # told once, it ends: a further signal must not end it in the midst of that
            signal.signal(number, signal.SIG_IGN if _received else old)


@contextmanager
def _ending_when_orphaned(orphaned: Callable[[], bool]) -> Iterator[None]:
    """Tell the block to stop once what started the process is gone.

    A job outlives a ``snakemake`` that is killed itself, and what it makes then counts for nothing.
    The next ``snakemake`` may be told other settings, and would find among its results what this
    one writes by those of before.
    """
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOKS):
            if orphaned():
                os.kill(os.getpid(), signal.SIGTERM)
                return

    if orphaned is not _never:
        threading.Thread(target=look, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _orphan_check() -> Callable[[], bool]:
    """Return a function that tells whether what started this process is gone."""
    parent = os.getppid()
    return lambda: os.getppid() != parent


def _never() -> bool:
    return False


@contextmanager
def _listening(out: _LogFile, told: Told | None) -> Iterator[None]:
    """Log what the library warns of, such as files left aside, and what it is at work on."""
    warned = _Saying(out.log, out.write)
    at_work = _Noting(out.write)
    logging.getLogger("slicewise").addHandler(warned)
    if told is not None:
        now.addHandler(at_work)
        now.info(_called(told))
    try:
        yield
    finally:
        logging.getLogger("slicewise").removeHandler(warned)
        if told is not None:
            now.removeHandler(at_work)
            out.write(f"{ENDED}\n")


@contextmanager
def _in_one_sentence(
    out: _LogFile, mark: Mark | None, orphaned: Callable[[], bool]
) -> Iterator[None]:
    """End the process with a sentence for each fault of the input, in place of a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        out.log(f"{MARK}stopped, because {ORPHANED if orphaned() else TOLD}; {AGAIN}")
        sys.exit(1)
    except SlicewiseError as error:
        several = error.errors if isinstance(error, SeveralErrors) else [error]
        for one in by_cause([in_one_line(one) for one in several]):
            print(f"{MARK}{one}", file=sys.stderr, flush=True)
        # each by itself, as the run counts them with those of other jobs
        out.write("".join(f"{sentence(one)}\n" for one in several))
        if mark is not None:
            mark.leave(several)
        sys.exit(1)
    except OSError as error:
        known = explained(error, out.path)
        if known is None:
            out.write(traceback.format_exc())
            raise
        out.log(f"{MARK}{known}")
        sys.exit(1)
    except Exception:
        out.write(traceback.format_exc())
        raise


@contextmanager
def warnings_said(here: bool) -> Iterator[None]:
    """Say on standard error what the library warns of, once a run.

    Parameters
    ----------
    here : bool
        False in a process that does again what another one did and said.
    """
    handler: logging.Handler = logging.NullHandler()
    if here:
        handler = _Saying(lambda line: print(line, file=sys.stderr, flush=True))
    logging.getLogger("slicewise").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("slicewise").removeHandler(handler)


def script_job(told: Told, *, whole: bool = False) -> AbstractContextManager[Callable[[str], None]]:
    """Run the body of a script of the workflow, see `job`.

    What it reads is compared with the records of its makers first, and its own
    record is written at the end; see `slicewise.records`.

    Parameters
    ----------
    told : object
        The ``snakemake`` of the script.
    whole : bool
        Whether all that is read of its work is in its outputs, which a job that fails or is killed
        leaves as they were (``update`` in its rule): their record holds on then.
    """
    return job(told.log[0], told.resources, told, whole=whole)


class _Saying(logging.Handler):
    """Says each record of a logger as a line."""

    def __init__(
        self, log: Callable[[str], None], write: Callable[[str], None] = lambda text: None
    ) -> None:
        super().__init__(logging.WARNING)
        self.log = log
        self.write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record; where it comes from, if that is known, is for the log alone."""
        self.log(f"{WARNING}{record.getMessage()}")
        if record.exc_info:
            self.write("".join(traceback.format_exception(*record.exc_info)))


class _Noting(logging.Handler):
    """Writes into a job's log what it is at work on."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self.write(f"{NOW}{record.getMessage()}\n")


def _called(told: Told) -> str:
    """Return what a job is called: its rule, and what it is for."""
    for_what = getattr(told, "wildcards", None)
    words = [f"{name} {value}" for name, value in for_what.items()] if for_what else []
    return ", ".join([f"rule {told.rule}", *words])


def stop_check() -> Callable[[], str | None]:
    """Return a function that gives the reason to stop, once there is one.

    A cluster warns a job by SIGTERM before it kills it, so does `snakemake`
    when it is told to stop (`pass_on_stops`); Ctrl-C is SIGINT for all that
    a terminal has started, and SIGHUP that it was closed. A job whose ``snakemake`` was killed
    tells itself. In each case a long job had better stop where it can go on. Slurm warns
    twice, by itself and by ``srun``, and people press Ctrl-C twice, so a further signal says no
    more than the first; what does not stop is killed by SIGKILL.
    """
    orphaned = _orphan_check()
    reasons: list[str] = []

    def warned(number: int, frame: object) -> None:
        told = f"{TOLD} ({STOPS[signal.Signals(number)]})"
        reasons.append(ORPHANED if orphaned() else told)

    _on_stops(warned)

    def reason() -> str | None:
        if orphaned():
            reasons.append(ORPHANED)
        return reasons[0] if reasons else None

    return reason


_received: list[int] = []
"""The signals that told this process to stop."""


def _on_stops(handler: Callable[[int, object], None]) -> dict[int, Any]:
    """Handle what tells a process to stop; return what handled it before.

    What was started so that Ctrl-C does not reach it (``nohup``, ``&``) stays so.
    """
    before: dict[int, Any] = {}

    def received(number: int, frame: object) -> None:
        _received.append(number)
        if number == signal.SIGHUP:
            _leave_terminal()
        handler(number, frame)

    if threading.current_thread() is not threading.main_thread():
        return before
    for number in STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, received)
    return before


def _leave_terminal() -> None:
    """Write to nowhere from now on: writing to a terminal that was closed would be an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(nowhere, stream)
    os.close(nowhere)


def _interrupt(number: int, frame: object) -> None:
    """Stop a job that keeps nothing of what is half done, once."""
    if len(_received) == 1:
        raise KeyboardInterrupt


def _quiet(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Say in one line that a script was stopped while it still imported its libraries."""
    if issubclass(kind, KeyboardInterrupt):
        print(f"{MARK}stopped, because {TOLD}; {AGAIN}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _lost(what: Any) -> None:
    """Tell again to stop where a library's finalizer or callback swallowed it.

    What is raised in these, Python shows and forgets, so the job would go on to
    its end. It is told by another thread, as whatever is raised here is lost, too.
    """
    if not issubclass(what.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(what)
        return
    number = _received.pop() if _received else signal.SIGINT
    again = threading.Timer(0.1, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()


if hasattr(getattr(sys.modules["__main__"], "snakemake", None), "wildcards"):
    # this process is a script of a rule
    sys.excepthook = _quiet
    sys.unraisablehook = _lost


def pass_on_stops() -> None:
    """Make SIGTERM to `snakemake` reach the jobs that it runs on this machine.

    Snakemake's own answer is to start no further job and to wait for those
    that run, which for a training may be a day. To be called when Snakemake
    has set up its own, which is kept, as is its answer to Ctrl-C. A terminal that is
    closed tells it the same, where it would end without an answer, and leave its lock.
    Calls after the first do nothing: a workflow may use this one as a module more than once.
    """
    kept = signal.getsignal(signal.SIGTERM)
    if getattr(kept, "__module__", None) == __name__:
        return

    def passed_on(number: int, frame: Any) -> None:
        _received.append(number)
        for process in psutil.Process().children(recursive=True):
            # not the shells between: one that is killed hides that its job still saves
            with suppress(psutil.Error):
                if any(SCRIPTS in program for program in process.cmdline()[1:2]):
                    process.send_signal(number)
        if callable(kept):
            kept(number, frame)

    def hung_up(number: int, frame: Any) -> None:
        _leave_terminal()
        passed_on(signal.SIGTERM, frame)

    at_once = signal.getsignal(signal.SIGINT)

    def interrupted(number: int, frame: Any) -> None:
        # a terminal tells jobs itself
        _received.append(number)
        if callable(at_once):
            at_once(number, frame)

    signal.signal(signal.SIGTERM, passed_on)
    if callable(at_once):
        signal.signal(signal.SIGINT, interrupted)
    # under nohup it goes on
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, hung_up)


def stopped_because() -> str | None:
    """Return the sentence of a run that was told to stop; None of one that was not.

    A job that was told while it still imported its libraries leaves none.
    """
    return f"stopped, because {TOLD}; {AGAIN}" if _received else None


def sentence(error: SlicewiseError) -> str:
    """Return the one line that a user is shown for an error."""
    return MARK + in_one_line(error)


def in_one_line(error: SlicewiseError) -> str:
    """Return the sentence of an error without line breaks."""
    return " ".join(str(error).split())


def errors_in(logs: Iterable[Path], since: float) -> list[str]:
    """Return the sentences of jobs that failed since a time (seconds of the epoch)."""
    sentences = []
    for log in sorted(logs):
        if log.stat().st_mtime >= since:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            sentences += [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
            at_work = [line.removeprefix(NOW) for line in lines if line.startswith(NOW)]
            if at_work and lines[-1] != ENDED:
                sentences.append(
                    f"{log}: the job was killed, or crashed within a library, while it was at work "
                    f"on {at_work[-1]}; look whether memory or time ran out, else copy the files "
                    "that it read again, or exclude the case"
                )
    return list(dict.fromkeys(sentences))


def asked_for(log: Path) -> dict[str, float]:
    """Return what a job had asked for, by its log: mem_mb, runtime, _cores, where known."""
    try:
        with log.open(encoding="utf-8", errors="replace") as stream:
            first = stream.readline()
    except FileNotFoundError:
        return {}
    if not first.startswith(ASKED):
        return {}
    asked = {unit: float(number) for number, unit in re.findall(r"(\d+) (\w+)", first)}
    return {name: asked[unit] for name, unit in RESOURCES.items() if unit in asked}
