"""How a job of the workflow speaks: lines on standard error and in its log."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from slicewise.errors import SeveralErrors, SlicewiseError, explained

MARK = "error: "
ASKED = "asked for "
RESOURCES = {"mem_mb": "MB", "runtime": "minutes", "_cores": "CPUs"}


@contextmanager
def job(log: str, resources: Mapping[str, object] | None = None) -> Iterator[Callable[[str], None]]:
    """Run the body of a script, turning faults of the input into one sentence.

    Parameters
    ----------
    log : str
        The job's log file, begun anew.
    resources : mapping, optional
        What Snakemake asked for on behalf of the job: mem_mb, runtime
        (minutes), _cores. The log begins with it, see `asked_for`.

    Yields
    ------
    callable
        Says a line on standard error and in the log.
    """
    path = Path(log)

    def write(text: str, mode: str = "a") -> None:
        # A log that cannot be written must not hide the sentence.
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open(mode, encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            if explained(error) is None:
                raise

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)
        write(line + "\n")

    wanted = {} if resources is None else resources
    asked = [f"{wanted.get(name)} {unit}" for name, unit in RESOURCES.items() if wanted.get(name)]
    write(f"{ASKED}{', '.join(asked)}\n" if asked else "", "w")
    # what the library has to warn of, such as files that it left aside
    handler = _Saying(say)
    logging.getLogger("slicewise").addHandler(handler)
    try:
        yield say
    except SlicewiseError as error:
        for one in error.errors if isinstance(error, SeveralErrors) else [error]:
            say(sentence(one))
        sys.exit(1)
    except OSError as error:
        known = explained(error, path)
        if known is None:
            write(traceback.format_exc())
            raise
        say(f"{MARK}{known}")
        sys.exit(1)
    except Exception:
        write(traceback.format_exc())
        raise
    finally:
        logging.getLogger("slicewise").removeHandler(handler)


class _Saying(logging.Handler):
    """Says each record of a logger as a line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record."""
        self.say(f"warning: {record.getMessage()}")


def stop_check() -> Callable[[], str | None]:
    """Return a function that gives the reason to stop, once there is one.

    A cluster warns a job by SIGTERM before it kills it, and so does
    ``snakemake`` when it is stopped. A job outlives a ``snakemake`` that is
    killed itself; what it would make then counts for nothing. In either case
    a long job had better stop where it can go on. Slurm warns twice, by itself
    and by ``srun``, so a further SIGTERM says no more than the first; what does
    not stop is killed by SIGKILL.
    """
    parent = os.getppid()
    reasons: list[str] = []

    def warned(number: int, frame: object) -> None:
        reasons.append("it was told to (SIGTERM)")

    signal.signal(signal.SIGTERM, warned)

    def reason() -> str | None:
        if os.getppid() != parent:
            reasons.append("what started it is gone")
        return reasons[0] if reasons else None

    return reason


def sentence(error: SlicewiseError) -> str:
    """Return the one line that a user is shown for an error."""
    return MARK + " ".join(str(error).split())


def errors_in(logs: Iterable[Path], since: float) -> list[str]:
    """Return the sentences of jobs that failed since a time (seconds of the epoch)."""
    found = []
    for log in sorted(logs):
        if log.stat().st_mtime >= since:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
    return list(dict.fromkeys(found))


def asked_for(log: Path) -> dict[str, float]:
    """Return what a job had asked for, by its log: mem_mb, runtime, _cores, where known."""
    try:
        with log.open(encoding="utf-8", errors="replace") as stream:
            first = stream.readline()
    except FileNotFoundError:
        return {}
    if not first.startswith(ASKED):
        return {}
    found = {unit: float(number) for number, unit in re.findall(r"(\d+) (\w+)", first)}
    return {name: found[unit] for name, unit in RESOURCES.items() if unit in found}
