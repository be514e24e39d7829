"""Trainings as tests run them, and ways to interrupt these."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.config import Experiment, merge
from slicewise.network.card import ModelCard
from slicewise.slices.batches import SliceSet
from slicewise.training.inputs import TrainingInputs
from slicewise.training.loop import Callbacks, Log, OnEpoch, OnModel, train
from slicewise.training.result import Trained
from tests.discs import experiment


def quiet(_: str) -> None:
    """Take a line of progress."""


def train_on(
    slices: SliceSet,
    validation_slices: SliceSet,
    truth: Callable[[str], np.ndarray],
    settings: Experiment,
    card: ModelCard,
    place: Path,
    *,
    save: Callable[[Trained], None] = lambda trained: None,
    on_epoch: OnEpoch = lambda row: None,
    log: Log = quiet,
    should_stop: Callable[[], str | None] = lambda: None,
    on_model: OnModel = lambda epoch, write: None,
    **inputs: Any,
) -> Trained:
    """Train with checkpoints below a folder."""
    callbacks = Callbacks(on_epoch, log, should_stop, on_model)
    given = TrainingInputs(slices, validation_slices, settings, card, **inputs)
    return train(given, truth, place, callbacks, save)


class Stop(Exception):
    """Ends a training as a kill would."""


def stop_after(epoch: int) -> OnEpoch:
    """Return a callback that ends a training after an epoch."""

    def on_epoch(row: dict[str, float]) -> None:
        if row["epoch"] == epoch:
            raise Stop

    return on_epoch


def changed(**blocks: dict[str, object] | None) -> Experiment:
    """Return the tiny experiment with some settings changed."""
    return Experiment.model_validate(merge(experiment().model_dump(), blocks))


def plain(**blocks: dict[str, object]) -> Experiment:
    """Return the tiny experiment, changed, without what is random or averaged in it.

    For tests to which that does not matter: its steps are traced in half the time.
    """
    bare = {"augmentation": None, "network": {"dropout": 0.0}, "optimizer": {"ema": None}}
    return changed(**merge(bare, blocks))
