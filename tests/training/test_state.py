"""A training goes on after an interruption, to the same bits."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from slicewise.errors import SlicewiseError
from slicewise.network import backend
from slicewise.network.precision import Machine
from slicewise.slices.batches import SliceSet
from slicewise.slices.folder import SliceFolder
from slicewise.training.checkpoints import Checkpoints, delete_checkpoints
from slicewise.training.result import HISTORY, Trained
from slicewise.training.state import Progress, State
from tests.discs import CARD, disc_truth, experiment
from tests.training.runs import Stop, plain, stop_after, train_on


@pytest.mark.slow  # test_stops_between_two_steps_and_goes_on_to_the_same_bits stays
@pytest.mark.parametrize("select", ["final", "loss", "dice"])
def test_resumed_equals_uninterrupted(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, select: str
) -> None:
    settings = experiment(select=select)
    whole = train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path / "whole")
    given = (slices, validation_slices, disc_truth, settings, CARD, tmp_path / "cut")
    for epoch in (1, 3):
        with pytest.raises(Stop):
            train_on(*given, on_epoch=stop_after(epoch))
    said: list[str] = []
    rows: list[dict[str, float]] = []
    cut = train_on(*given, on_epoch=rows.append, log=said.append)
    assert "going on after epoch 3" in said
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert cut.resolved.weights_sha256 == whole.resolved.weights_sha256
    columns = [c for c in HISTORY if c not in ("timestamp", "images_per_second")]
    pd.testing.assert_frame_equal(cut.history[columns], whole.history[columns])
    assert len(list((tmp_path / "cut").glob("*/step-*.npz"))) == 1
    delete_checkpoints(tmp_path)
    assert not tmp_path.exists(), "nothing is left of it"


def test_other_settings_never_resume(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        train_on(
            slices,
            validation_slices,
            disc_truth,
            plain(training={"epochs": 2}),
            CARD,
            tmp_path,
            on_epoch=stop_after(1),
        )
    said: list[str] = []
    other = plain(training={"epochs": 2, "batch": 5})
    train_on(slices, validation_slices, disc_truth, other, CARD, tmp_path, log=said.append)
    assert not any("going on" in line for line in said)
    # also where it is a machine of more processors that sets it apart
    assert said[0].startswith("begins anew: what was trained before had other settings,")
    assert re.search(r"threads \(now \d+; training.threads says how many\)$", said[0])
    assert len(list(tmp_path.iterdir())) == 1, "what another setting left is cleared away"


@pytest.fixture(scope="module")
def whole(folders: list[SliceFolder], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A training of three epochs that nothing stopped; not to be changed."""
    sets = SliceSet(folders[:3]), SliceSet(folders[3:])
    place = tmp_path_factory.mktemp("whole")
    return train_on(*sets, disc_truth, experiment(epochs=3), CARD, place)


@pytest.mark.parametrize(
    ("at", "epoch", "step"),
    [
        pytest.param(2, 1, 2, marks=pytest.mark.slow),
        pytest.param(5, 1, 5, marks=pytest.mark.slow),
        (11, 2, 2),
    ],
)
def test_stops_between_two_steps_and_goes_on_to_the_same_bits(
    folders: list[SliceFolder], whole: Trained, tmp_path: Path, at: int, epoch: int, step: int
) -> None:
    """It asks after each of an epoch's five steps and before each of four batches validated."""
    sets = SliceSet(folders[:3]), SliceSet(folders[3:])
    given = (*sets, disc_truth, experiment(epochs=3), CARD, tmp_path)
    asked = itertools.count(1)

    def told() -> str | None:
        return "it was told to" if next(asked) == at else None

    with pytest.raises(SlicewiseError, match=f"saved at step {step} of epoch {epoch},"):
        train_on(*given, should_stop=told)
    said: list[str] = []
    cut = train_on(*given, log=said.append)
    assert said[0] == f"going on after epoch {epoch - 1}, step {step}"
    assert cut.resolved.weights_sha256 == whole.resolved.weights_sha256
    columns = [c for c in HISTORY if c not in ("timestamp", "images_per_second")]
    pd.testing.assert_frame_equal(cut.history[columns], whole.history[columns])


@pytest.mark.slow
def test_precision_is_decided_once_said_and_written_down(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = plain(training={"epochs": 2, "precision": "auto"})
    given = (slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    said: list[str] = []
    monkeypatch.setattr(backend, "machine", lambda: Machine("tensorflow", "A100", (8, 0)))
    with pytest.raises(Stop):
        train_on(*given, on_epoch=stop_after(1), log=said.append)
    why = "A100 (compute capability 8.0) has units for bfloat16"
    assert said[0] == f"precision: mixed_bfloat16, because {why}"
    # it goes on where there is no such GPU
    monkeypatch.setattr(backend, "machine", lambda: Machine("tensorflow"))
    again: list[str] = []
    done = train_on(*given, log=again.append)
    assert (done.resolved.precision, done.resolved.precision_because) == ("mixed_bfloat16", why)
    assert not any("bfloat16" in line for line in again)


def test_an_epoch_that_ends_leaves_its_row_alone() -> None:
    progress = Progress(steps=2, seconds=3.0)
    progress.note(0.5, 0.1)
    progress.note(0.4, 0.2)
    assert (progress.number, progress.losses, progress.dice) == (1, [0.5, 0.4], [0.1, 0.2])
    progress.end_epoch({"epoch": 1})
    assert progress == Progress(steps=2, history=[{"epoch": 1}])
    assert progress.number == 2


class Variable:
    """As much of a variable as a state needs."""

    def __init__(self, value: float) -> None:
        self.value = np.array([value])

    def assign(self, value: np.ndarray) -> None:
        self.value = np.array(value)


def trainer_of(weight: float, average: float | None) -> Any:
    """Return what stands for a trainer of one weight, and of its moving average."""
    weights = [Variable(weight)]
    taken = (lambda: None) if average is None else (lambda: weights[0].assign([average]))
    return SimpleNamespace(
        unet=SimpleNamespace(variables=weights),
        optimizer=SimpleNamespace(variables=[Variable(7.0)]),
        statistics=SimpleNamespace(variables=[Variable(9.0)]),
        take_averages=taken,
    )


def test_the_average_is_lent_and_the_last_weights_are_it() -> None:
    trainer = trainer_of(1.0, 2.0)
    state = State(trainer, Progress(history=[{}, {}, {}]))
    with pytest.raises(Stop), state.averaged_weights():
        assert trainer.unet.variables[0].value == 2.0
        raise Stop
    assert trainer.unet.variables[0].value == 1.0
    state.take_last()
    assert trainer.unet.variables[0].value == 2.0
    assert state.progress.best_epoch == 3
    bare = State(trainer_of(1.0, None), Progress())
    with bare.averaged_weights():
        assert bare.trainer.unet.variables[0].value == 1.0


def test_only_a_greater_score_is_kept() -> None:
    trainer = trainer_of(1.0, None)
    state = State(trainer, Progress())
    for weight, score in ((1.0, -0.5), (2.0, None), (3.0, -0.5), (4.0, -0.4), (5.0, -0.6)):
        trainer.unet.variables[0].assign([weight])
        state.keep_if_best(score)
        state.progress.end_epoch({})
    assert (state.progress.best_score, state.progress.best_epoch) == (-0.4, 4)
    state.take_best()
    assert trainer.unet.variables[0].value == 4.0


def test_a_checkpoint_holds_all_of_it(tmp_path: Path) -> None:
    state = State(trainer_of(1.0, None), Progress("float32", steps=4), [np.array([3.0])])
    made: list[str] = []

    def make(precision: str) -> Any:
        made.append(precision)
        other = trainer_of(0.0, None)
        for variable in (*other.optimizer.variables, *other.statistics.variables):
            variable.assign([0.0])
        return other

    with Checkpoints(tmp_path / "key") as store:
        assert State.load(store, make) is None
        state.save(store)
        again = State.load(store, make)
    assert made == ["float32"]
    assert again is not None
    assert again.progress == state.progress
    assert again.best == [3.0]
    assert again.trainer.unet.variables[0].value == 1.0
    assert again.trainer.optimizer.variables[0].value == 7.0
    assert again.trainer.statistics.variables[0].value == 9.0
