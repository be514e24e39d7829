"""Masks of models whose outputs are regions, against one region written over the other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from slicewise.config import Postprocessing
from slicewise.inference.postprocessing import postprocess, to_labels
from slicewise.inference.regions import decider, postprocessed
from tests.discs import card_with

LABELS = {"edema": [10], "necrosis": [20], "rim": [300]}
REGIONS = {"whole": [1, 2, 3], "core": [2, 3], "enhancing": [3]}
CARD = card_with(labels=list(LABELS), values=LABELS, regions=REGIONS)
NOTHING = {"threshold": 0.5, "largest_component": False, "fill_holes": False}


def test_regions_are_written_from_the_largest_to_the_smallest() -> None:
    probabilities = np.random.default_rng(0).random((6, 7, 3))
    for threshold in (0.3, 0.5, 0.8):
        wanted = np.zeros((6, 7), np.uint8)
        for output, label in enumerate((1, 2, 3)):
            wanted[probabilities[..., output] > threshold] = label
        decided = decider(CARD, threshold)(probabilities)
        assert decided.dtype == np.uint8
        np.testing.assert_array_equal(decided, wanted)


def test_labels_are_decided_as_ever() -> None:
    plain = card_with(labels=list(LABELS), values=LABELS)
    probabilities = np.random.default_rng(0).random((6, 7, 4))
    np.testing.assert_array_equal(decider(plain, 0.5)(probabilities), to_labels(probabilities, 0.5))
    mask = np.random.default_rng(1).integers(0, 4, (6, 7, 5)).astype(np.uint8)
    settings = Postprocessing(threshold=0.5, largest_component=True, fill_holes=True)
    np.testing.assert_array_equal(
        postprocessed(mask, plain, settings), postprocess(mask, plain.labels, settings, True)
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_component_is_that_of_a_region_as_a_whole(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.choice([0, 0, 0, 0, 0, 1, 2, 3], (9, 9, 6)).astype(np.uint8)
    settings = Postprocessing(**NOTHING | {"largest_component": True})
    after = postprocessed(mask, CARD, settings)
    for numbers in REGIONS.values():
        parts, number = ndimage.label(np.isin(mask, numbers), np.ones((3, 3, 3)))
        sizes = ndimage.sum_labels(parts > 0, parts, range(1, number + 1))
        kept = parts == 1 + int(np.argmax(sizes))
        if numbers == REGIONS["enhancing"]:
            np.testing.assert_array_equal(np.isin(after, numbers), kept)
        # what is left of a larger region may lose no voxel to a smaller one
        assert not (np.isin(after, numbers) & ~np.isin(mask, numbers)).any()


def test_a_hole_of_a_region_is_filled_and_other_labels_stay() -> None:
    mask = np.zeros((9, 9, 9), np.uint8)
    mask[1:8, 1:8, 1:8] = 1
    mask[3:6, 3:6, 3:6] = 3
    mask[4, 4, 4] = 0
    settings = Postprocessing(**NOTHING | {"fill_holes": True})
    filled = postprocessed(mask, CARD, settings)
    assert filled[4, 4, 4] == 3, "the hole is one of all three regions"
    mask[4, 4, 4] = 3
    np.testing.assert_array_equal(filled, mask)


def test_labels_that_stand_for_the_same_regions_are_not_confused() -> None:
    """Nothing is written anew that no step has changed."""
    card = card_with(
        labels=list(LABELS), values=LABELS, regions={"whole": [1, 2, 3], "core": [2, 3]}
    )
    mask = np.zeros((5, 5, 5), np.uint8)
    mask[1:4, 1:4, 1:4] = 3
    mask[2, 2, 2] = 2
    settings = Postprocessing(threshold=0.5, largest_component=True, fill_holes=True)
    np.testing.assert_array_equal(postprocessed(mask, card, settings), mask)
    assert postprocessed(mask, card, Postprocessing(**NOTHING)) is mask
