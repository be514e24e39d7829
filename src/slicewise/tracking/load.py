"""How busy the machine is while a run is worked on, noted in its ``system.csv``."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psutil

from slicewise.tracking.journal import Run

SAMPLE = 10.0
"""Seconds between two looks at the machine's load, at first."""
SAMPLES = 200
"""So many times as old as the time between two looks a training is at most, after that."""


class LoadNotes:
    """Notes the load of the machine, the rarer the longer a training goes.

    Parameters
    ----------
    log : callable
        Told why the load is not noted any more.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log
        self.run: Run | None = None
        self._load: _Load | None = None
        self.begin()

    def begin(self) -> None:
        """Count from here."""
        psutil.cpu_percent()
        self._begun = time.monotonic()
        self._last = self._begun

    def note(self, *, last: bool = False) -> None:
        """Note the load, if a run is worked on and it is time.

        Parameters
        ----------
        last : bool
            Note it also before it is time, where it never was.
        """
        if self.run is None:
            return
        now = time.monotonic()
        is_due = now - self._last >= max(SAMPLE, (now - self._begun) / SAMPLES)
        if not is_due and not (last and self._last == self._begun):
            return
        self._last = now
        # what hinders this hinders nothing else
        try:
            self._load = self._load or _Load()
            self.run.sample(self._load.now())
        except Exception as error:
            self.run = None
            self.log(f"the load of the machine is not noted any more ({error})")


class _Load:
    """The load of the machine, by MLflow's own monitors."""

    def __init__(self) -> None:
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

        self._monitors: list[Any] = [CPUMonitor()]
        # no GPU of NVIDIA, or not its library
        with suppress(ImportError, RuntimeError):
            self._monitors.append(GPUMonitor())

    def now(self) -> dict[str, float]:
        """Return the load since the last call."""
        load: dict[str, float] = {}
        for monitor in self._monitors:
            monitor.collect_metrics()
            load |= {f"system/{k}": float(v) for k, v in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
        return load
