"""Sending from inside a job: a thread tells MLflow of what the files of its runs hold.

The files are the queue: the thread is only woken, and sends what the store does
not have yet. So nothing can pile up in memory, no answer is waited for while the
job works, and what was not sent when the job ends is sent by the next job of the
data set, or by ``slicewise sync``.

A child process was tried instead. It needs 2 s more of a processor and 120 MB
more of memory in each job, and a short job then ends 2 s later, as libraries are
loaded twice; a job that leaves it behind, in a container or on a cluster, ends
it, so that the same deadlines would be needed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from slicewise.tracking.connection import SPEED, Connection
from slicewise.tracking.journal import Run
from slicewise.tracking.load import LoadNotes
from slicewise.tracking.mirror import Mirror
from slicewise.tracking.registry import Judge
from slicewise.tracking.said import is_news, note_recovery

CLOSING = 30.0
"""Seconds that all sending to a server may take once the work of a job is done, and more for a
large model."""
CLOSING_FILE = 120.0
"""The same for a database file, which only a busy machine makes slow, or is made yet."""
CLOSING_TOLD = 5.0
"""The same of a job that was told to stop, whatever the store: what told it kills it soon, after
30 s by default in Slurm and Kubernetes and 10 s in Docker, and what it has to say comes later."""
AGAIN = 30.0
"""Seconds after which a server that did not answer is tried again."""
WAKE = 1.0
"""Seconds after which the thread looks at the load of the machine, though nothing is to be sent."""
JOIN = 0.02


class Deadline:
    """The moment at which a request takes too long; none while no request is under way."""

    def __init__(self) -> None:
        self._end = math.inf

    def beat(self, seconds: float) -> None:
        """Note that a request begins, which should take so long at most."""
        self._end = time.monotonic() + seconds

    def clear(self) -> None:
        """Note that no request is under way."""
        self._end = math.inf

    @property
    def is_past(self) -> bool:
        """Whether a request takes too long."""
        return time.monotonic() >= self._end


class Sender:
    """Sends runs to the store while a job works, and for a while after it.

    Parameters
    ----------
    results : Path
        The folder ``results``.
    dataset : str
        The data set of the job: what ended runs of it were not sent is sent, too.
    log : callable
        Says a line to people.
    judge : callable, optional
        Compares a model with the best registered one, see `Mirror`.
    """

    def __init__(
        self, results: Path, dataset: str, log: Callable[[str], None], judge: Judge | None = None
    ) -> None:
        self.results = results
        self.dataset = dataset
        self.log = log
        self.deadline = Deadline()
        self.connection = Connection(results, self.deadline.beat)
        self.mirror = Mirror(self.connection, judge, self._log)
        self.load = LoadNotes(self._log)
        self._runs: list[Run] = []
        self._dirty: dict[Path, None] = {}
        self._wake = threading.Event()
        self._closing = False
        self._failed: float | None = None
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def add(self, run: Run) -> None:
        """Send a run whenever it changes."""

        def changed() -> None:
            self._dirty[run.folder] = None
            self._wake.set()

        run.changed = changed
        self._runs.append(run)

    def close(self, told: bool = False) -> None:
        """Send what is left, unless the store keeps the job waiting; then say nothing any more.

        Parameters
        ----------
        told : bool
            Whether the job was told to stop.
        """
        end = time.monotonic() + (CLOSING_TOLD if told else self._longest())
        self._closing = True
        self._wake.set()
        while self._thread.is_alive() and not self.deadline.is_past and time.monotonic() < end:
            self._thread.join(JOIN)
        if self._thread.is_alive():
            self._say_once(f"MLflow at {self.connection.store} takes too long to answer")
        self.log = lambda line: None

    def _longest(self) -> float:
        """Return for how many seconds a job that has done its work goes on sending."""
        longest = CLOSING_FILE if self.connection.is_file else CLOSING
        return longest + self._unsent_bytes() / SPEED

    def _unsent_bytes(self) -> int:
        """Return how many bytes of models there are to send."""
        paths = {path for run in self._runs for path in self.mirror.unsent_models(run)}
        return sum(path.stat().st_size for path in paths if path.is_file())

    # -- the thread ---------------------------------------------------------------

    def _work(self) -> None:
        self.load.begin()
        # An answer is waited for while the job works, not when it ends.
        self._try(lambda: self.connection.connect(self.dataset))
        self._try(lambda: self.mirror.push_pending(self.dataset, lambda: not self._closing))
        closing = False
        while not closing:
            self._wake.wait(WAKE)
            self._wake.clear()
            closing = self._closing
            self.load.note(last=closing)
            if self._dirty:
                self._try(self._send)

    def _send(self) -> None:
        self.connection.probe()
        # a parent after its children, whose ids it needs
        for folder in sorted(self._dirty, key=lambda path: bool(Run(path).record.below)):
            del self._dirty[folder]
            try:
                self.mirror.push(folder)
            except Exception:
                self._dirty.setdefault(folder)
                raise

    def _try(self, action: Callable[[], None]) -> None:
        """Let nothing out, and leave a server alone that has just failed to answer."""
        if self._failed is not None and time.monotonic() - self._failed < AGAIN:
            return
        try:
            action()
            if self._failed is not None:
                self._failed = None
                note_recovery(self.results)
                self._log("MLflow answers again")
        except Exception as error:
            self._say_once(self.connection.why(error))
            self._failed = time.monotonic()
        self.deadline.clear()

    def _log(self, line: str) -> None:
        """Say a line, unless the job has ended meanwhile."""
        self.log(line)

    def _say_once(self, reason: str) -> None:
        """Say it once: neither for every epoch nor for every job."""
        if self._failed is None and is_news(self.results, reason):
            self._log(
                f"{reason}: results are complete under {self.results / self.dataset}, and the next "
                "job or slicewise sync sends what MLflow lacks"
            )
