"""Which slices are worth showing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slicewise.report.picked import pick_slices, slice_dice

volumes = st.integers(1, 9).flatmap(
    lambda depth: st.tuples(
        *[hnp.arrays(np.uint8, (2, 3, depth), elements=st.integers(0, 2)) for _ in range(2)]
    )
)


@settings(max_examples=150, deadline=None)
@given(volumes)
def test_picked_slices_are_different_ordered_and_not_empty(pair):
    truth, prediction = pair
    dice = slice_dice(truth, prediction)
    scored = np.flatnonzero(~np.isnan(dice))
    picked = pick_slices(truth, prediction)
    names = [slice_.name for slice_ in picked]
    expected = {0: ["middle"], 1: ["only"], 2: ["worst", "best"]}
    assert names == expected.get(len(scored), ["worst", "median", "best"])
    assert len({slice_.index for slice_ in picked}) == len(picked)
    if not len(scored):
        assert picked[0].index == truth.shape[2] // 2
        assert math.isnan(picked[0].dice)
        return
    assert all(slice_.dice == dice[slice_.index] for slice_ in picked)
    assert picked[0].dice == np.nanmin(dice)
    assert picked[-1].dice == np.nanmax(dice)
    if len(scored) > 2:
        assert picked[1].dice == np.sort(dice[scored])[(len(scored) - 1) // 2]


def test_of_equal_slices_the_one_with_most_to_see_is_the_worst():
    truth = np.zeros((4, 4, 3), int)
    truth[0, 0, 0] = 1
    truth[:2, :, 1] = 1
    truth[:, :, 2] = 1
    picked = pick_slices(truth, truth * 0)
    assert [s.index for s in picked] == [2, 0, 1]


def test_slice_dice_is_the_mean_of_the_labels_present():
    truth = np.array([1, 1, 2, 0]).reshape(4, 1, 1)
    prediction = np.array([1, 1, 0, 0]).reshape(4, 1, 1)
    assert slice_dice(truth, prediction) == pytest.approx([0.5])


def test_what_nobody_drew_is_not_scored():
    random = np.random.default_rng(3)
    truth, prediction = random.integers(0, 3, (2, 5, 6, 4)).astype(np.uint8)
    truth[:, 3:] = 255
    truth[:, :, 1] = 255
    known = slice_dice(truth[:, :3] * (truth[:, :3] != 255), prediction[:, :3])
    known[1] = math.nan
    np.testing.assert_array_equal(slice_dice(truth, prediction), known)
    assert 1 not in [slice_.index for slice_ in pick_slices(truth, prediction)]
