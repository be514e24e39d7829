"""How long a training is: epochs, or minutes of which validation takes its share."""

from __future__ import annotations

import signal
import threading
import time

from slicewise.config import Training

LEAST = 1e-3
"""Seconds that a budget is taken for where validation alone takes all of it."""


class Budget:
    """What a training may take, and how much of it is used.

    A time for which the process was stopped (^Z, a job that its scheduler suspends) is none that
    the training took.

    Parameters
    ----------
    settings : Training
        ``minutes``, or else ``epochs``.
    per_epoch : int
        Batches of an epoch.
    begun : float
        When this process began with it, by `time.monotonic`.
    used : float
        Seconds that earlier processes took.
    validating : float
        Seconds that their last validation took.
    """

    def __init__(
        self,
        settings: Training,
        per_epoch: int,
        begun: float,
        used: float,
        validating: float = 0.0,
    ) -> None:
        self.settings = settings
        self.per_epoch = per_epoch
        self.validating = validating
        """Seconds that the last validation took, which the end has to leave time for."""
        self._begun = begun
        self._since = begun - used
        self._now = time.monotonic()
        self._goes_on = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCONT, self._note_stop)
        self._starting = 0.0
        self._furthest = 0.0

    def started(self) -> None:
        """Note that a step was made, of which the first of a process is compiled.

        The minutes hold it, but the learning rate does not follow it: of a short training it may
        take half, and the highest rates would be over before anything has moved.
        """
        self.used()
        self._starting = self._starting or self._now - self._begun

    def _note_stop(self, number: int, frame: object) -> None:
        self._goes_on = True

    def used(self) -> float:
        """Return the seconds that the training took until now.

        To be asked after each step, as nobody tells when the process was stopped: what passed
        between two questions is not counted where it was.
        """
        now = time.monotonic()
        if self._goes_on:
            self._goes_on = False
            self._begun += now - self._now
            self._since += now - self._now
        self._now = now
        return now - self._since

    def share(self, steps: int) -> float:
        """Return the share of the training that is done after so many steps, about 1 at its end.

        It never falls: a validation that took less than the one before leaves more time, but what
        followed the share, such as the size of slices, would be made anew for a step or two.
        """
        if self.settings.minutes is not None:
            # of the last time that was looked at: another thread asks, which may go on before it
            # is known that the process was stopped
            starting = self._starting or self._now - self._begun
            moving = max(self._allowed() - starting, LEAST)
            used = self._now - self._since
            self._furthest = max(self._furthest, (used - starting) / moving)
            return self._furthest
        assert self.settings.epochs is not None
        return (steps + 0.5) / (self.settings.epochs * self.per_epoch)

    def is_out_of_time(self) -> bool:
        """Tell whether the minutes are over; never where epochs are counted."""
        return self.settings.minutes is not None and self.used() >= self._allowed()

    def _allowed(self) -> float:
        """Return the seconds until the last validation."""
        assert self.settings.minutes is not None
        return max(self.settings.minutes * 60 - self.validating, LEAST)

    def is_over(self, epochs: int, steps: int) -> bool:
        """Tell whether the training ends after so many epochs and steps; one step is the least."""
        if self.settings.minutes is not None:
            return steps > 0 and self.is_out_of_time()
        assert self.settings.epochs is not None
        return epochs >= self.settings.epochs

    def left(self, epochs: int) -> float:
        """Return about how many seconds are left after so many epochs."""
        if self.settings.minutes is not None:
            return max(0.0, self._allowed() - self.used())
        assert self.settings.epochs is not None
        done = epochs / self.settings.epochs
        coarse = self.settings.coarse
        parts = done if coarse is None else coarse.cost(done) / coarse.cost(1)
        return self.used() * (1 / parts - 1)


def clock(seconds: float) -> str:
    """Write a duration for people.

    Examples
    --------
    >>> clock(75.2)
    '1 min 15 s'
    >>> clock(3700)
    '1 h 01 min'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
