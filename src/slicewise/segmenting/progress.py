"""A line on the terminal that says how far a command is, and how long it still takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 24
EVERY = 0.2
"""Seconds between two looks at the line, so that it costs nothing."""


class Progress:
    """How many of some scans are done, in a line that is written over.

    Parameters
    ----------
    total : int
        How many there are.
    stream : TextIO
        Where; what is no terminal gets nothing.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self, total: int, stream: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self.stream = stream
        self.clock = clock
        self.shown = stream.isatty()
        self._begun = clock()
        self._last = -EVERY
        self._done = 0
        self._at = ""
        self._slices = 0

    def at(self, name: str, slices: int) -> None:
        """Say that so many more slices of a scan are done."""
        self._slices = slices + (self._slices if name == self._at else 0)
        self._at = name
        if self.shown and self.clock() - self._last >= EVERY:
            self._last = self.clock()
            self._write(f"{name}, slice {self._slices}")

    def done(self) -> None:
        """Count one more scan as done, whatever became of it."""
        self._done += 1
        if self.shown:
            self._write("")

    def clear(self) -> None:
        """Take the line away, so that another one can be said."""
        if self.shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _write(self, now: str) -> None:
        full = round(WIDTH * self._done / max(1, self.total))
        bar = "█" * full + "░" * (WIDTH - full)
        left = f", {self._left()} left" if self._done and self._done < self.total else ""
        at = f": {now}" if now else ""
        self.stream.write(f"\r\x1b[K{bar} {self._done} of {self.total}{left}{at}")
        self.stream.flush()

    def _left(self) -> str:
        seconds = (self.clock() - self._begun) / self._done * (self.total - self._done)
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
