"""A training ends with its minutes, whatever interrupted it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from slicewise.config import Training
from slicewise.errors import StoppedError
from slicewise.slices.batches import SliceSet
from slicewise.training.budget import Budget, clock
from tests.discs import CARD, disc_truth
from tests.training.runs import Stop, plain, stop_after, train_on


class Clock:
    """A clock of which each look takes a tenth of a second, and which tests put forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time, a tenth of a second later than before."""
        self.now += 0.1
        return self.now


@pytest.fixture
def put_forward(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that the training looks at."""
    own = Clock()
    for module in ("loop", "budget"):
        shown = SimpleNamespace(monotonic=own.monotonic, time=time.time)
        monkeypatch.setattr(f"slicewise.training.{module}.time", shown)
    return own


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each look at the training's clock take a tenth of a second, however busy the machine."""
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks) / 10, time=time.time)
    for module in ("loop", "budget"):
        monkeypatch.setattr(f"slicewise.training.{module}.time", clock)


@pytest.mark.usefixtures("ticking")
def test_budget_ends_the_training_and_its_schedule(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = plain(training={"minutes": 0.15, "epochs": 1})
    rates: list[float] = []
    done = train_on(
        *(slices, validation_slices, disc_truth, settings, CARD, tmp_path),
        on_epoch=lambda row: rates.append(row["lr"]),
    )
    assert len(done.history) > 1, "epochs do not count"
    assert max(rates) > 0.005
    assert rates[-1] < 0.1 * max(rates), "the cosine ends with the budget"
    assert done.resolved.seconds == pytest.approx(9, abs=2)
    assert done.resolved.steps <= 5 * len(done.history)


@pytest.mark.usefixtures("ticking")
def test_budget_counts_the_time_before_an_interruption(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = plain(training={"minutes": 0.15})
    with pytest.raises(Stop):
        train_on(
            *(slices, validation_slices, disc_truth, settings, CARD, tmp_path),
            on_epoch=stop_after(1),
        )
    (newest,) = tmp_path.glob("*/step-*.npz")
    with np.load(newest) as stored:
        arrays = {name: stored[name] for name in stored.files}
    notes = json.loads(arrays.pop("notes").tobytes())
    assert 0 < notes["used"] < 30
    notes["used"] = 8.9
    np.savez(newest, notes=np.frombuffer(json.dumps(notes).encode(), np.uint8), **arrays)
    done = train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    assert done.resolved.steps <= 6, "what was left of the budget was one step at most"
    assert done.resolved.seconds > 8.9


def test_minutes_that_end_between_two_epochs_leave_none_unvalidated(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, put_forward: Clock
) -> None:
    def on_epoch(row: dict[str, float]) -> None:
        put_forward.now += 600

    settings = plain(training={"minutes": 5.0, "validate_every": 3})
    given = (slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    done = train_on(*given, on_epoch=on_epoch)
    assert done.history["val/dice"].notna().tolist() == [False, True]
    assert done.resolved.steps == 5 + 1, "the clock of the second epoch was over"
    assert done.resolved.selected_epoch == 2
    again = train_on(*given)
    assert again.resolved.steps == done.resolved.steps, "what is over is not trained on"


def test_minutes_that_end_between_two_jobs_leave_no_epoch_unfinished(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, put_forward: Clock
) -> None:
    settings = plain(training={"minutes": 5.0})
    given = (slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    with pytest.raises(StoppedError, match="step 1 of epoch 1"):
        train_on(*given, should_stop=lambda: "a test says so")
    late = iter([600.0])

    def log(line: str) -> None:
        put_forward.now += next(late, 0.0)

    done = train_on(*given, log=log)
    assert done.history["val/dice"].notna().tolist() == [True]
    assert done.resolved.steps == 2


def test_time_for_a_validation_is_left_after_an_interruption(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, put_forward: Clock
) -> None:
    def truth(case: str) -> np.ndarray:
        put_forward.now += 100
        return disc_truth(case)

    settings = plain(training={"minutes": 5.0})
    given = (slices, validation_slices, truth, settings, CARD, tmp_path)
    with pytest.raises(Stop):
        train_on(*given, on_epoch=stop_after(1))
    done = train_on(*given)
    assert len(done.history) == 1, "a second validation would end long after the minutes"


@pytest.mark.slow
@pytest.mark.usefixtures("ticking")
def test_patience_stops_before_the_minutes_are_over(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = plain(
        training={"epochs": None, "minutes": 2.0, "patience": 2},
        optimizer={"learning_rate": 1e-7, "warmup": 0.0},
    )
    done = train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    scores = done.history["val/dice"].to_numpy()
    assert len(scores) - 1 - int(np.argmax(scores)) == 2
    assert done.resolved.seconds < 60, "of 120"
    said: list[str] = []
    alone = plain(training={"epochs": None, "minutes": 0.1, "patience": 1})
    train_on(
        *(slices, validation_slices, disc_truth, alone, CARD, tmp_path / "a"),
        may_select=False,
        log=said.append,
    )
    assert said[0] == "training.patience stops nothing: no validation patient may choose"


def test_epochs_are_a_budget_that_no_clock_ends() -> None:
    budget = Budget(Training(epochs=4), per_epoch=5, begun=time.monotonic(), used=1e6)
    assert [budget.is_over(epochs, steps=5 * epochs) for epochs in (3, 4, 5)] == [False, True, True]
    assert not budget.is_out_of_time()
    assert budget.share(0) == pytest.approx(0.5 / 20)
    assert budget.share(19) == pytest.approx(19.5 / 20)
    assert budget.left(2) == pytest.approx(1e6, rel=1e-3), "the second half takes as long"


def test_what_is_left_knows_that_coarse_slices_take_less() -> None:
    coarse = {"share": 0.5, "factor": 2}
    budget = Budget(Training(epochs=4, coarse=coarse), 10, time.monotonic(), 1e6)
    # a quarter of the time for each pixel of whole slices
    assert budget.left(1) == pytest.approx(9e6, rel=1e-3)
    assert budget.left(2) == pytest.approx(4e6, rel=1e-3)
    assert budget.left(3) == pytest.approx(1e6 * 4 / 6, rel=1e-3)
    assert budget.left(4) == pytest.approx(0, abs=1)


@pytest.mark.usefixtures("ticking")
def test_minutes_leave_time_for_a_validation() -> None:
    budget = Budget(Training(epochs=None, minutes=1), per_epoch=5, begun=0.0, used=30.0)
    assert budget.share(3) == pytest.approx(0.5, abs=0.01)
    assert not budget.is_over(9, steps=1)
    budget.validating = 31.0
    assert budget.is_out_of_time()
    assert budget.is_over(0, steps=1)
    assert not budget.is_over(0, steps=0), "one step at least"
    budget.validating = 90.0
    assert budget.is_out_of_time(), "one that takes longer than all of it"


@pytest.mark.usefixtures("ticking")
def test_the_share_never_falls() -> None:
    """A training that sees whole slices would see coarse ones again, and both are compiled."""
    budget = Budget(Training(epochs=None, minutes=1), per_epoch=5, begun=0.0, used=25.0)
    budget.started()
    budget.validating = 10.0
    before = budget.share(3)
    assert before == pytest.approx(0.5, abs=0.02)
    budget.validating = 2.0
    assert budget.share(4) == before
    budget._since -= 10
    assert budget.share(5) == pytest.approx(35 / 58, abs=0.02)


@pytest.mark.usefixtures("ticking")
def test_the_schedule_begins_when_the_first_step_was_compiled() -> None:
    def after(seconds: float) -> Budget:
        return Budget(Training(epochs=None, minutes=1), 5, begun=-seconds, used=0.0)

    slow = after(40.0)
    assert slow.share(0) == pytest.approx(0, abs=0.01), "the first step begins it, too"
    slow.started()
    assert slow.share(1) == pytest.approx(0, abs=0.01)
    slow._since -= 10
    slow.started()
    assert slow.share(1) == pytest.approx(0.5, abs=0.05), "only the first step is compiled"
    assert not slow.is_out_of_time()
    late = after(70.0)
    late.started()
    assert late.is_over(0, steps=1), "minutes hold all"
    again = Budget(Training(epochs=None, minutes=1), 5, begun=-10.0, used=40.0)
    again.started()
    assert again.share(9) == pytest.approx(0.8, abs=0.05), "what was done before counts as it did"


def test_a_time_for_which_the_process_was_stopped_is_not_counted(put_forward: Clock) -> None:
    """By ^Z, or as a scheduler suspends a job for another one."""
    before = signal.getsignal(signal.SIGCONT)
    budget = Budget(Training(epochs=None, minutes=1), 5, begun=0.0, used=0.0)
    try:
        budget.started()
        put_forward.now += 20
        used = budget.used()
        put_forward.now += 3600
        # the thread that makes batches may go on first
        assert budget.share(3) < 0.5
        os.kill(os.getpid(), signal.SIGCONT)
        assert not budget.is_out_of_time()
        assert budget.used() == pytest.approx(used, abs=1)
        assert budget.share(4) < 0.5
        put_forward.now += 45
        assert budget.is_out_of_time(), "what it takes itself counts"
    finally:
        signal.signal(signal.SIGCONT, before)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 min 00 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (7260, "2 h 01 min")],
)
def test_durations_are_written_for_people(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
