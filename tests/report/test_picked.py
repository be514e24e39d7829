"""Which slices are worth showing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slicewise.report.picked import pick_slices, slice_dice, told_apart

EACH = {"liver": [1], "tumour": [2]}
volumes = st.integers(1, 9).flatmap(
    lambda depth: st.tuples(
        *[hnp.arrays(np.uint8, (2, 3, depth), elements=st.integers(0, 2)) for _ in range(2)]
    )
)


@settings(max_examples=150, deadline=None)
@given(volumes)
def test_picked_slices_are_different_ordered_and_not_empty(pair):
    truth, prediction = pair
    dice = slice_dice(truth, prediction, EACH)
    scored = np.flatnonzero(~np.isnan(dice))
    picked = pick_slices(truth, prediction, EACH)
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
    picked = pick_slices(truth, truth * 0, EACH)
    assert [s.index for s in picked] == [2, 0, 1]


def test_slice_dice_is_the_mean_of_the_labels_present():
    truth = np.array([1, 1, 2, 0]).reshape(4, 1, 1)
    prediction = np.array([1, 1, 0, 0]).reshape(4, 1, 1)
    assert slice_dice(truth, prediction, EACH) == pytest.approx([0.5])


def test_what_nobody_drew_is_not_scored():
    random = np.random.default_rng(3)
    truth, prediction = random.integers(0, 3, (2, 5, 6, 4)).astype(np.uint8)
    truth[:, 3:] = 255
    truth[:, :, 1] = 255
    known = slice_dice(truth[:, :3] * (truth[:, :3] != 255), prediction[:, :3], EACH)
    known[1] = math.nan
    np.testing.assert_array_equal(slice_dice(truth, prediction, EACH), known)
    assert 1 not in [slice_.index for slice_ in pick_slices(truth, prediction, EACH)]


def test_regions_are_told_apart_by_what_is_scored_alone():
    """Numbers follow no more from the label that a region is written by."""
    regions = {"whole": [1, 2, 3], "core": [2, 3], "cyst": [4]}
    table, numbers = told_apart(regions)
    assert table[[0, 1, 2, 3, 4, 255]].tolist() == [0, 1, 2, 2, 3, 255]
    assert numbers == {"whole": [1, 2], "core": [2], "cyst": [3]}
    truth = np.array([1, 2, 3, 3, 4, 0]).reshape(3, 1, 2)
    written = np.where(truth == 3, 2, truth)
    assert slice_dice(truth, written, regions) == pytest.approx([1, 1])
    np.testing.assert_array_equal(table[truth], table[written])
    assert slice_dice(truth, np.minimum(truth, 1), regions)[1] == pytest.approx((1 + 0) / 2)


def test_labels_by_themselves_keep_their_numbers():
    table, numbers = told_apart({f"l{k}": [k] for k in range(1, 255)})
    assert table.tolist() == list(range(256))
    assert numbers["l254"] == [254]
