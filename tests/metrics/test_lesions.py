"""Lesions one by one, against counting by hand and an independent way to pair them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from slicewise.metrics.failures import failures
from slicewise.metrics.lesions import lesions


def boxes(*places: tuple[int, int]) -> np.ndarray:
    """Return bars along the first axis, from and to."""
    mask = np.zeros((60, 3, 3), bool)
    for start, stop in places:
        mask[start:stop, 1, 1] = True
    return mask


def test_found_missed_and_made_up() -> None:
    truth, guess = boxes((0, 4), (10, 14), (20, 24)), boxes((1, 5), (30, 34), (40, 41))
    assert lesions(truth, guess, 0.1) == {"lesions": 3, "lesions_found": 1, "lesions_false": 2}


def test_the_overlap_that_is_asked_for_counts_as_enough() -> None:
    truth, guess = boxes((0, 10)), boxes((0, 1))  # 1 of 10 voxels
    assert lesions(truth, guess, 0.1)["lesions_found"] == 1
    assert lesions(truth, guess, 0.11) == {"lesions": 1, "lesions_found": 0, "lesions_false": 1}


def test_a_prediction_of_everything_finds_one_lesion_at_most() -> None:
    truth, guess = boxes((0, 20), (30, 34), (40, 44)), boxes((0, 60))
    assert lesions(truth, guess, 0.1) == {"lesions": 3, "lesions_found": 1, "lesions_false": 0}
    assert lesions(truth, guess, 0) == {"lesions": 3, "lesions_found": 3, "lesions_false": 0}


def test_as_many_are_found_as_pairs_allow() -> None:
    # the long piece could find either, the short one only the second
    truth, guess = boxes((0, 10), (12, 20)), boxes((2, 16), (18, 20))
    assert lesions(truth, guess, 0.1)["lesions_found"] == 2


def test_nothing_there() -> None:
    empty, one = boxes(), boxes((3, 5))
    assert lesions(empty, empty, 0.1) == {"lesions": 0, "lesions_found": 0, "lesions_false": 0}
    assert lesions(one, empty, 0.1) == {"lesions": 1, "lesions_found": 0, "lesions_false": 0}
    assert lesions(empty, one, 0.1) == {"lesions": 0, "lesions_found": 0, "lesions_false": 1}


def by_all_pairings(truth: np.ndarray, guess: np.ndarray, iou: float) -> dict[str, int]:
    parts = [label(mask, connectivity=3) for mask in (truth, guess)]
    trues, guesses = ([part == k for k in range(1, part.max() + 1)] for part in parts)
    allowed = {
        (i, j)
        for (i, a), (j, b) in itertools.product(enumerate(trues), enumerate(guesses))
        if (a & b).any() and (a & b).sum() / (a | b).sum() >= iou
    }
    longer = max(len(trues), len(guesses))
    best = max(
        (
            sum((i, j) in allowed for i, j in enumerate(order))
            for order in itertools.permutations(range(longer))
        ),
        default=0,
    )
    return {"lesions": len(trues), "lesions_found": best, "lesions_false": len(guesses) - best}


masks = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).random((2, 4, 5, 3)) < [[[[0.12]]], [[[0.16]]]]
)


@settings(max_examples=60, deadline=None)
@given(masks, st.sampled_from([0.1, 0.25, 0.5]))
def test_it_agrees_with_trying_all_pairings(pair: np.ndarray, iou: float) -> None:
    if max(label(mask, connectivity=3).max() for mask in pair) > 6:
        return
    assert lesions(*pair, iou) == by_all_pairings(*pair, iou)
    assert lesions(*map(np.asfortranarray, pair), iou) == lesions(*pair, iou)


@settings(max_examples=60, deadline=None)
@given(masks)
def test_with_any_overlap_they_are_the_parts_that_failures_count(pair: np.ndarray) -> None:
    found, parts = lesions(*pair, 0), failures(*pair, 1.0, (1.0, 1.0, 1.0))
    assert found["lesions"] - found["lesions_found"] == parts["missed_parts"]
    assert found["lesions_false"] == parts["false_islands"]


@pytest.mark.parametrize("iou", [0, 0.1])
def test_a_perfect_mask_finds_all(iou: float) -> None:
    truth = np.random.default_rng(4).random((20, 20, 20)) < 0.05
    found = lesions(truth, truth, iou)
    assert found["lesions_found"] == found["lesions"] > 10
    assert found["lesions_false"] == 0
