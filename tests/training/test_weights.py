"""Each choice of weights is scored as the mask that it decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import UNDRAWN
from slicewise.inference.assembly import Assembly
from slicewise.inference.regions import decider
from slicewise.slices.grid import Grid
from slicewise.training import weights as fitting
from slicewise.training.validation import dice_of
from slicewise.training.weights import UNIT, choices, dice_of_choices, said_by
from tests.discs import card_with

THREE = {"planes": ["axial", "coronal", "sagittal"]}
REGIONS = {"whole": [1, 2], "core": [2]}


def card(labels: int, regions: bool = False):
    names = [f"organ{k}" for k in range(labels)]
    own = {"labels": names, "values": {name: [k + 1] for k, name in enumerate(names)}}
    return card_with(**own, **({"regions": REGIONS} if regions else {}))


@pytest.mark.parametrize("members", [2, 3, 4, 5, 9, 16])
def test_choices_sum_to_one_begin_with_equal_ones_and_have_each_member_alone(members):
    tried = choices(members)
    assert len(tried) <= fitting.CHOICES + 1
    np.testing.assert_allclose(tried.sum(axis=1), 1)
    assert (tried >= 0).all()
    np.testing.assert_allclose(tried[0], 1 / members)
    assert {tuple(row) for row in np.eye(members)} <= {tuple(row) for row in tried}


@given(st.integers(0, 10_000), st.sampled_from([(1, False), (3, False), (2, True)]))
@settings(max_examples=15, deadline=None)
def test_dice_of_each_choice_is_that_of_the_mask_that_it_decides(seed, kind):
    own = card(*kind)
    random = np.random.default_rng(seed)
    outputs = 2 if kind[1] else (kind[0] + 1 if kind[0] > 1 else 1)
    said = []
    for _ in range(2):
        drawn = random.random((5, 6, 4, outputs))
        if outputs > 1 and not kind[1]:
            drawn /= drawn.sum(axis=-1, keepdims=True)
        said.append(np.rint(drawn * UNIT).astype(np.uint16))
    truth = random.integers(0, kind[0] + 1, (5, 6, 4)).astype(np.uint8)
    truth[random.random(truth.shape) < 0.1] = UNDRAWN
    got = dice_of_choices(said, truth, own)
    decide = decider(own, 0.5)
    for weights, dice in zip(choices(2), got, strict=True):
        plain = [each.astype(np.float32) / np.float32(UNIT) for each in said]
        mean = np.tensordot(weights.astype(np.float32), np.stack(plain), axes=1)
        np.testing.assert_allclose(dice, dice_of(truth, decide(mean), own))


def test_of_very_many_voxels_a_sample_tells_nearly_the_same(monkeypatch):
    random = np.random.default_rng(1)
    said = [(random.random((40, 40, 20, 1)) * UNIT).astype(np.uint16) for _ in range(2)]
    truth = (random.random((40, 40, 20)) < 0.5).astype(np.uint8)
    whole = dice_of_choices(said, truth, card(1))
    monkeypatch.setattr(fitting, "SAMPLE", 4000)
    np.testing.assert_allclose(dice_of_choices(said, truth, card(1)), whole, atol=0.03)


def test_labels_that_rounding_makes_more_than_all_leave_nothing_to_the_background():
    own = card_with(**card(30).dump() | {"recipe": {}, "inference": THREE})
    grids = [Grid((4, 4, 4), recipe) for recipe, _ in own.cuts]
    assembly = Assembly(grids, np.eye(4), own, keep=True)
    # of each plane, 29 labels are rounded up to the next whole step
    sure = np.array([0, 1 - 29 * 2.7e-5, *[2.7e-5] * 29], np.float32)
    for _ in grids:
        assembly.add(np.broadcast_to(sure, (4, 4, 4, 31)))
    said = said_by(assembly)
    assert (said[..., 0] == 0).all()
    dice = dice_of_choices([said, said], np.ones((4, 4, 4), np.uint8), own)
    np.testing.assert_array_equal(dice[:, 0], 1)
