"""That a training should go on is said where its curve shows it, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from slicewise.report.progress import still_improving

EPOCHS = np.arange(1, 31)
NOISE = np.random.default_rng(0).normal(0, 0.01, 30)


def history(dice: np.ndarray, column: str = "val/dice") -> pd.DataFrame:
    return pd.DataFrame({"epoch": EPOCHS[: len(dice)], column: dice})


def test_a_curve_that_rises_to_its_end_asks_for_more() -> None:
    said = still_improving({"fold-0": history(0.02 * EPOCHS + NOISE)})
    assert said.startswith("The validation Dice was still rising when the training ended, by +0.1")
    assert said.endswith("over its last 9 epochs: train longer.")


@pytest.mark.parametrize(
    "dice",
    [
        0.9 + NOISE,
        0.9 - np.exp(-EPOCHS / 3) + NOISE,  # level since long
        np.where(EPOCHS < 20, 0.02 * EPOCHS, 0.8 - 0.01 * EPOCHS),  # it fell at last
        0.9 + 0.0001 * EPOCHS,  # hardly
        np.full(30, np.nan),
    ],
)
def test_a_curve_that_does_not_asks_for_nothing(dice: np.ndarray) -> None:
    assert still_improving({"fold-0": history(dice)}) == ""


def test_of_few_points_each_has_to_be_above_the_last() -> None:
    assert "over its last 2 epochs" in still_improving({"a": history(np.array([0.1, 0.2, 0.4]))})
    assert still_improving({"a": history(np.array([0.1, 0.3, 0.2]))}) == ""
    assert still_improving({"a": history(np.array([0.1]))}) == ""
    assert still_improving({}) == ""


def test_epochs_without_validation_are_left_out_and_counted() -> None:
    dice = np.where(EPOCHS % 5 == 0, 0.02 * EPOCHS, np.nan)
    assert "over its last 15 epochs" in still_improving({"a": history(dice)})


def test_without_validation_the_training_is_looked_at() -> None:
    said = still_improving({"a": history(0.02 * EPOCHS, "train/dice")})
    assert said.startswith("The Dice of the training was still rising")


def test_half_of_the_folds_have_to_rise() -> None:
    up = history(0.02 * EPOCHS)
    level = history(0.9 + NOISE)
    assert "in 1 of 2 folds" in still_improving({"a": up, "b": level})
    assert still_improving({"a": up, "b": level, "c": level}) == ""
