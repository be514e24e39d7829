"""Which epoch's weights are kept, and how long better ones are waited for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicewise.slices.batches import SliceSet
from slicewise.training.selection import Selection
from tests.discs import CARD, disc_truth
from tests.training.runs import plain, train_on


@pytest.mark.slow
def test_selects_the_best_epoch(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = plain(training={"epochs": 5})
    done = train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    best = done.history["val/dice"].idxmax() + 1
    assert done.resolved.selected_epoch == best
    held_out = train_on(
        slices,
        validation_slices,
        disc_truth,
        plain(training={"epochs": 3}),
        CARD,
        tmp_path,
        may_select=False,
    )
    assert held_out.resolved.selected_by == "final"
    assert held_out.resolved.selected_epoch == 3


@pytest.mark.slow
def test_patience_stops_early(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = plain(
        training={"epochs": 40, "patience": 2}, optimizer={"learning_rate": 1e-7, "warmup": 0.0}
    )
    done = train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)
    scores = done.history["val/dice"].to_numpy()
    assert len(scores) < 40
    assert len(scores) - 1 - int(np.argmax(scores)) == 2
    held_out = plain(training={"epochs": 5, "patience": 1}, optimizer={"learning_rate": 1e-7})
    done = train_on(
        *(slices, validation_slices, disc_truth, held_out, CARD, tmp_path),
        may_select=False,
    )
    assert len(done.history) == 5, "a held-out fold decides nothing"


def test_the_least_loss_and_the_greatest_dice_are_best() -> None:
    scores = {"val/loss": 0.4, "val/dice": 0.8}
    assert Selection.of("loss", allowed=True).score(scores) == -0.4
    assert Selection.of("dice", allowed=True).score(scores) == 0.8
    assert Selection.of("dice", allowed=True).score({"val/loss": 0.4}) is None
    assert Selection.of("final", allowed=True).score(scores) is None
    assert Selection.of("dice", allowed=False).score(scores) is None, "others may not choose"


@pytest.mark.parametrize(
    ("dice", "patience", "over"),
    [
        ([0.1, 0.2, 0.2], 1, True),  # as good is no better
        ([0.1, 0.2, 0.2], 2, False),
        ([0.3, 0.2, 0.2], 2, True),
        ([0.3, None, None], 1, False),  # epochs without a validation do not count
        ([], 1, False),
        ([0.3, 0.2, 0.1], None, False),
    ],
)
@pytest.mark.parametrize("by", ["dice", "final", "loss"])
def test_patience(dice: list[float | None], patience: int | None, over: bool, by: str) -> None:
    name, sign = ("val/loss", -1) if by == "loss" else ("val/dice", 1)
    history = [{} if one is None else {name: sign * one} for one in dice]
    assert Selection.of(by, allowed=True).has_waited(history, patience) is over
    assert not Selection.of(by, allowed=False).has_waited(history, patience)


def test_the_dice_is_that_of_the_weights_that_are_kept() -> None:
    rows = [
        {"epoch": 1, "val/loss": 0.5, "val/dice": 0.8},
        {"epoch": 2, "val/loss": 0.3, "val/dice": 0.6},
        {"epoch": 3, "val/loss": 0.4, "val/dice": 0.7},
        {"epoch": 4},
    ]
    kept = {by: Selection(by, allowed=True).dice_of_kept(rows) for by in ("dice", "loss", "final")}
    assert kept == {"dice": (0.8, 1), "loss": (0.6, 2), "final": (0.7, 3)}
    assert Selection("dice", allowed=True).dice_of_kept(rows[3:]) == (None, 0)
