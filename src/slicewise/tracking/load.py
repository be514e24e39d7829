"""How busy the machine is while a run is worked on, noted in its ``system.csv``."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
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


GPU = re.compile(r"gpu_(\d+)_")
"""How MLflow begins what it says of a GPU."""


class _Load:
    """The load of the machine, by MLflow's own monitors; of GPUs, those that this process may use.

    Others draw power for others.
    """

    def __init__(self) -> None:
        from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
        from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

        self._monitors: list[Any] = [CPUMonitor()]
        self._visible: list[int] = []
        # no GPU of NVIDIA, or not its library
        with suppress(ImportError, RuntimeError):
            gpus = GPUMonitor()
            name_of = import_module("pynvml").nvmlDeviceGetUUID
            names = [str(name_of(handle)) for handle in gpus.gpu_handles]
            self._visible = visible_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"), names)
            self._monitors.append(gpus)

    def now(self) -> dict[str, float]:
        """Return the load since the last call."""
        load: dict[str, float] = {}
        for monitor in self._monitors:
            monitor.collect_metrics()
            load |= {f"system/{k}": float(v) for k, v in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
        return {key: value for key, value in load.items() if self._counts(key)}

    def _counts(self, key: str) -> bool:
        gpu = GPU.search(key)
        return gpu is None or int(gpu[1]) in self._visible


def visible_gpus(told: str | None, names: Sequence[str]) -> list[int]:
    """Return the numbers of the GPUs that a process may use, as CUDA reads it.

    Parameters
    ----------
    told : str or None
        ``CUDA_VISIBLE_DEVICES``: numbers, or beginnings of names. None: all.
    names : sequence of str
        The UUID of each GPU of the machine. Which GPU a part of one (MIG) is of its own name does
        not tell: then all count.

    Examples
    --------
    >>> visible_gpus("2,0", ["GPU-a1", "GPU-b2", "GPU-c3"]), visible_gpus("", ["GPU-a1"])
    ([2, 0], [])
    """
    every = list(range(len(names)))
    if told is None:
        return every
    visible: list[int] = []
    for entry in map(str.strip, told.split(",")):
        if entry.startswith("MIG-") and not entry.startswith("MIG-GPU-"):
            return every
        name = entry.removeprefix("MIG-").partition("/")[0]
        found = [k for k in every if str(k) == name or (name and names[k].startswith(name))]
        if len(found) != 1:
            break  # what comes behind it is not visible, either
        visible += found
    return visible
