"""What is usual of ordinary masks: learnt from made ones, and never better of a less steady one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from slicewise.metrics.expected import Expectation, Signs, rank_correlation
from slicewise.metrics.usual import BEFOREHAND, FEWEST, Usual
from tests.metrics.test_expected import Mask, fitted


def steady(patients: int, seed: int = 0, label: str = "liver") -> list[Mask]:
    """Make ordinary masks of which the network is equally sure, and spoilt ones that it is too."""
    rng = np.random.default_rng(seed)
    made = []
    for patient in range(patients):
        off = rng.normal()
        signs = [0.97, 0, 0, 0, 0, 0.2 * np.exp(0.3 * off), 0.03 * np.exp(0.2 * off)]
        dice = float(expit(2.5 - 0.3 * off + rng.normal(0, 0.15)))
        made.append(Mask(patient, label, signs, dice))
        made.append(Mask(patient, label, [0.9, 6, 0, 0, 0, 0.9, 0.2], rng.uniform(0.1, 0.6), "x"))
    return made


def expected_of(known: Expectation, observed: list[Mask]) -> np.ndarray:
    return np.array([known.of(one.label, one.signs) for one in observed])


def test_it_ranks_ordinary_masks_of_which_the_network_is_equally_sure() -> None:
    known = fitted(steady(20))
    others = [one for one in steady(60, 5) if not one.spoilt]
    told = expected_of(known, others)
    true = np.array([one.dice for one in others])
    assert rank_correlation(told[:, 0], true) > 0.7
    assert abs((told[:, 0] - true).mean()) < 0.02
    assert 0.8 <= np.mean((told[:, 1] <= true) & (true <= told[:, 2])) <= 1
    first = [Mask(one.patient, one.label, one.signs[:5], one.dice, one.spoilt) for one in others]
    assert np.ptp(expected_of(known, first)[:, 0]) == 0, "the other signs tell nothing here"


def test_signs_of_earlier_versions_are_read_and_tell_what_they_told() -> None:
    made = steady(20)
    old = [Mask(one.patient, one.label, one.signs[:5], one.dice, one.spoilt) for one in made]
    known = fitted(old)
    assert known.usual is None
    assert np.isnan(Signs(*old[0].signs).rough)
    # a mask that was measured by this version, against a calibration of an earlier one
    assert known.of("liver", made[0].signs) == known.of("liver", old[0].signs)
    # and a calibration of both, as of folds of which one was trained before
    assert np.isfinite(expected_of(fitted([*made[:20], *old[20:]]), made)).all()


@pytest.mark.parametrize("place", range(7))
def test_odder_or_less_steady_is_never_better(place: int) -> None:
    known = fitted(steady(15))
    signs = [0.97, 0.0, 0.0, 0.0, 0.0, 0.2, 0.03]
    told = []
    for k in range(40):
        worse = list(signs)
        worse[place] = signs[0] * (1 - k / 40) if place == 0 else signs[place] + 0.05 * k**1.5
        told.append(known.of("liver", worse))
    dice, low, high = np.array(told).T
    assert (np.diff(dice) <= 1e-9).all()
    assert (low <= dice).all() and (dice <= high).all()
    if place:
        assert dice[-1] < dice[0]
        assert high[-1] - low[-1] > high[0] - low[0]


def test_what_lies_in_two_pieces_by_nature_is_ordinary() -> None:
    def lungs(scatter: float) -> list[float]:
        return [0.97, 0, 0, 0, scatter, 0.2, 0.03]

    ordinary = [
        Mask(k, "lungs", lungs(0.4 + 0.01 * (k % 8)), float(expit(2 + 0.1 * k))) for k in range(15)
    ]
    usual = fitted(ordinary).usual
    assert usual is not None
    logits, odd = usual.of(["lungs"] * 3, np.array([lungs(s)[4:] for s in (0.0, 0.47, 0.8)]))
    assert list(odd) == [0, 0, 1] and np.ptp(logits) == 0


def test_a_failure_among_ordinary_masks_leaves_the_others_alone() -> None:
    made = [one for one in steady(24, 3) if not one.spoilt]
    signs = np.array([one.signs[4:] for one in made])
    logits = logit(np.array([one.dice for one in made]))
    before = Usual.fit(["liver"] * 24, signs, logits)
    # the steadiest fails
    logits[signs[:, 1].argmin()] = -4
    after = Usual.fit(["liver"] * 24, signs, logits)
    assert before is not None and after is not None
    assert before.slope > 0.1
    assert after.slope > before.slope / 2
    assert after.levels["liver"] == pytest.approx(before.levels["liver"], abs=0.2)


def test_of_too_few_masks_of_a_label_nothing_is_usual() -> None:
    made = [one for one in steady(FEWEST, 1) if not one.spoilt]
    signs = np.array([one.signs[4:] for one in made])
    logits = logit(np.array([one.dice for one in made]))
    assert Usual.fit(["liver"] * (FEWEST - 1), signs[1:], logits[1:]) is None
    assert Usual.fit([], np.zeros((0, 3)), np.zeros(0)) is None
    usual = Usual.fit(["liver"] * FEWEST, signs, logits)
    assert usual is not None
    ordinary, odd = usual.of(["liver", "spleen"], signs[:2])
    assert np.isfinite(ordinary[0]) and np.isnan(ordinary[1]) and len(odd) == 2


def test_equal_masks_of_equal_dice_tell_no_more_than_is_thought_beforehand() -> None:
    usual = Usual.fit(["liver"] * 9, np.tile([0, 0.2, 0.03], (9, 1)), np.full(9, 2.0))
    assert usual is not None and usual.slope == pytest.approx(BEFOREHAND[0])
    assert usual.of(["liver"], np.array([[0, 0.2, 0.03]]))[0] == pytest.approx(2.0)


def test_where_the_unsteadier_are_the_better_it_tells_nothing() -> None:
    off = np.linspace(-2, 2, 30)
    signs = np.column_stack([0 * off, 0.2 * np.exp(0.3 * off), 0.03 * np.exp(0.3 * off)])
    usual = Usual.fit(["liver"] * 30, signs, 2 + 0.5 * off)
    assert usual is not None and usual.slope == 0
