"""The load of the machine is noted, the rarer the longer a training goes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from slicewise.tracking import load
from slicewise.tracking.journal import SYSTEM, Run, read_rows
from slicewise.tracking.load import SAMPLE, SAMPLES, LoadNotes, visible_gpus
from tests.tracking.conftest import tracking_folder


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Busy:
    """A machine that is always as busy."""

    def now(self) -> dict[str, float]:
        return {"system/cpu_utilization_percentage": 50.0}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(load, "time", clock)
    monkeypatch.setattr(load, "_Load", Busy)
    return clock


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tracking_folder(tmp_path / "results", "x") / "fold-0", "x", "key", {}, {})


def rows(run: Run) -> int:
    return len(read_rows(run.folder / SYSTEM))


def test_it_is_noted_at_times(clock: Clock, run: Run) -> None:
    notes = LoadNotes(print)
    clock.now += SAMPLE
    notes.note()
    assert rows(run) == 0, "no run is worked on"
    notes.run = run
    notes.note()
    clock.now += SAMPLE - 1
    notes.note()
    assert rows(run) == 1
    clock.now += 1
    notes.note()
    assert rows(run) == 2
    # a day later, it is looked at less often
    clock.now += 86_400
    notes.note()
    clock.now += 86_400 / SAMPLES - 1
    notes.note()
    assert rows(run) == 3
    clock.now += 4
    notes.note()
    assert rows(run) == 4


def test_a_short_job_notes_it_once(clock: Clock, run: Run) -> None:
    notes = LoadNotes(print)
    notes.run = run
    clock.now += 0.5
    notes.note()
    assert rows(run) == 0
    notes.note(last=True)
    notes.note(last=True)
    assert rows(run) == 1


def test_what_hinders_it_is_said_once(
    clock: Clock, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("no such monitor")

    monkeypatch.setattr(load, "_Load", broken)
    said: list[str] = []
    notes = LoadNotes(said.append)
    notes.run = run
    for _ in range(2):
        clock.now += SAMPLE
        notes.note()
    assert said == ["the load of the machine is not noted any more (no such monitor)"]


UUIDS = ["GPU-11aa", "GPU-22bb", "GPU-22cc"]


class TwoGpus:
    """MLflow's monitor on a machine of two GPUs, of which one is somebody else's."""

    gpu_handles = UUIDS[:2]

    def collect_metrics(self) -> None:
        """Look at both."""

    def aggregate_metrics(self) -> dict[str, float]:
        return {"gpu_0_power_usage_watts": 300.0, "gpu_1_power_usage_watts": 90.0}

    def clear_metrics(self) -> None:
        """Begin anew."""


@pytest.mark.parametrize(
    ("told", "watts"), [(None, {0: 300.0, 1: 90.0}), ("1", {1: 90.0}), ("GPU-22", {1: 90.0})]
)
def test_gpus_that_a_training_may_not_use_are_left_out(
    monkeypatch: pytest.MonkeyPatch, told: str | None, watts: dict[int, float]
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(nvmlDeviceGetUUID=str))
    monkeypatch.setattr("mlflow.system_metrics.metrics.gpu_monitor.GPUMonitor", TwoGpus)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if told is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    noted = load._Load().now()
    power = {name: value for name, value in noted.items() if "power" in name}
    assert power == {f"system/gpu_{gpu}_power_usage_watts": value for gpu, value in watts.items()}
    assert "system/cpu_utilization_percentage" in noted


@pytest.mark.parametrize(
    ("told", "visible"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("2, 0", [2, 0]),
        ("1,7,0", [1]),
        ("GPU-22c,GPU-11aa", [2, 0]),
        ("GPU-22", []),
        ("MIG-GPU-22bb/3/0", [1]),
        ("MIG-5f1d", [0, 1, 2]),
    ],
)
def test_which_gpus_are_visible_is_read_as_cuda_reads_it(
    told: str | None, visible: list[int]
) -> None:
    assert visible_gpus(told, UUIDS) == visible
