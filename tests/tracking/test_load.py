"""The load of the machine is noted, the rarer the longer a training goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from slicewise.tracking import load
from slicewise.tracking.journal import SYSTEM, Run, read_rows
from slicewise.tracking.load import SAMPLE, SAMPLES, LoadNotes
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
