"""Batches of a training are chosen by seed, epoch and step alone."""

from __future__ import annotations

from contextlib import closing

import numpy as np

from slicewise.slices.batches import SliceSet
from slicewise.training.batches import Batches
from tests.discs import experiment
from tests.training.runs import changed


def test_the_rest_of_an_epoch_is_that_of_the_whole(slices: SliceSet) -> None:
    batches = Batches(slices, experiment())
    whole = list(batches.from_step(1, 0))
    assert [step for step, _, _ in whole] == list(range(batches.per_epoch))
    rest = list(Batches(slices, experiment()).from_step(1, 3))
    assert [step for step, _, _ in rest] == [3, 4]
    for (_, indices, inputs), (_, others, other) in zip(whole[3:], rest, strict=True):
        assert indices.tolist() == others.tolist()
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, other[name])


def test_epochs_and_seeds_differ(slices: SliceSet) -> None:
    batches = Batches(slices, experiment())
    orders = [
        np.concatenate(each).tolist()
        for each in (
            batches.indices(0),
            batches.indices(1),
            Batches(slices, experiment(seed=9)).indices(0),
        )
    ]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert len(batches.indices(1)) == batches.per_epoch


def test_without_augmentation_nothing_is_drawn(slices: SliceSet) -> None:
    plain = experiment().model_copy(update={"augmentation": None})
    with closing(Batches(slices, plain).from_step(0, 0)) as steps:
        _, indices, inputs = next(steps)
    assert set(inputs) == {"images", "masks"}
    assert len(inputs["images"]) == len(indices) == 6
    drawn = Batches(slices, changed()).read(indices, 0, 0)
    assert set(drawn) > {"images", "masks"}


def test_cases_of_slices_are_named_once(slices: SliceSet) -> None:
    batches = Batches(slices, experiment())
    assert batches.cases_of(np.arange(len(slices))[::-1]) == ["case0", "case1", "case2"]
    assert batches.cases_of(np.array([0, 1])) == ["case0"]
