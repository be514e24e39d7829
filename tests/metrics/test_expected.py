"""The Dice to expect: learnt from made masks, monotone, and held by its intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from threadpoolctl import threadpool_info

from slicewise.metrics.expected import (
    COVERED,
    Expectation,
    Signs,
    _Rows,
    _table,
    _unlike,
    rank_correlation,
)


@dataclass(frozen=True)
class Mask:
    patient: int
    label: str
    signs: list[float]
    dice: float
    spoilt: str = ""


def masks(patients: int, seed: int = 0, labels: tuple[str, ...] = ("liver",)) -> list[Mask]:
    """Make masks whose Dice falls with how odd their scan is and with what the model is sure of."""
    rng = np.random.default_rng(seed)
    made = []
    for patient in range(patients):
        ease = rng.normal(0, 0.4)
        for label in labels:
            for way in ("", "noisy", "turned"):
                odd = rng.exponential(4) if way else rng.uniform(0, 0.5)
                true = 2 + ease - 0.6 * np.log1p(odd) + rng.normal(0, 0.2)
                sure = expit(true + 0.7 + rng.normal(0, 0.1))
                made.append(Mask(patient, label, [sure, odd, 0, 0, 0], float(expit(true)), way))
    return made


def fitted(observed: list[Mask]) -> Expectation:
    known = Expectation.fit(observed)
    assert known is not None
    return known


def test_intervals_hold_as_many_as_they_say() -> None:
    inside = []
    for seed in range(4):
        known = fitted(masks(40, seed))
        for one in masks(40, seed + 100):
            expected = known.of("liver", one.signs)
            assert expected is not None
            inside.append(expected.low <= one.dice <= expected.high)
    assert COVERED - 0.05 <= np.mean(inside) <= 0.97


def test_expected_dice_ranks_masks_of_others_and_is_right_on_average() -> None:
    known = fitted(masks(30))
    others = masks(60, 7)
    expected = np.array([known.of("liver", one.signs)[0] for one in others])
    true = np.array([one.dice for one in others])
    assert rank_correlation(expected, true) > 0.9
    assert abs((expected - true).mean()) < 0.02
    assert known.rank is not None and known.rank > 0.7
    assert (known.patients, known.masks, known.spoilt) == (30, 90, 60)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 50),
    signs=st.tuples(
        st.floats(0, 1), st.floats(0, 9), st.floats(0, 9), st.floats(0, 9), st.floats(0, 1)
    ),
    worse=st.tuples(
        st.floats(-0.5, 0), st.floats(0, 9), st.floats(0, 9), st.floats(0, 9), st.floats(0, 1)
    ),
)
def test_less_sure_or_odder_is_never_expected_to_be_better(seed, signs, worse) -> None:
    rng = np.random.default_rng(seed)
    known = fitted(
        [
            Mask(k, "liver", [*rng.random(1), *rng.exponential(2, 3), *rng.random(1)], rng.random())
            for k in range(9)
        ]
    )
    before = known.of("liver", signs)
    after = known.of("liver", [a + b for a, b in zip(signs, worse, strict=True)])
    assert 0 <= before.low <= before.dice <= before.high <= 1
    assert after.dice <= before.dice + 1e-9


def test_of_few_patients_no_interval_follows() -> None:
    assert Expectation.fit(masks(8)) is None
    assert Expectation.fit([]) is None
    assert Expectation.fit(masks(9)) is not None
    # many masks of few patients are no more patients
    again = [one for k in range(5) for one in masks(8, k)]
    assert Expectation.fit(again) is None


def test_of_scans_unlike_any_that_were_tried_nothing_is_promised() -> None:
    alike = [one for one in masks(12) if not one.spoilt]
    known = fitted(alike)
    near = known.of("liver", [0.9, 0, 0, 0, 0])
    far = known.of("liver", [0.9, 5, 0, 0, 0])
    assert far[1:] == (0, 1)
    assert far.dice <= near.dice
    assert near.high - near.low < 0.5


def test_few_patients_move_it_little() -> None:
    """What everybody knows before is that the Dice is what the model is sure of."""
    same = [Mask(k, "liver", [0.9, 0, 0, 0, 0], 0.9) for k in range(9)]
    known = fitted(same)
    assert known.of("liver", [0.9, 0, 0, 0, 0]).dice == pytest.approx(0.9, abs=0.01)
    assert known.of("liver", [0.6, 0, 0, 0, 0]).dice == pytest.approx(0.6, abs=0.06)
    assert known.rank is None, "of equal numbers there is no rank"


def test_each_label_has_its_own_level_and_spread() -> None:
    rng = np.random.default_rng(1)
    made = []
    for patient in range(30):
        for label, level, spread in (("large", 0.95, 0.003), ("small", 0.6, 0.1)):
            dice = float(np.clip(level + rng.normal(0, spread), 0, 1))
            made.append(Mask(patient, label, [0.9, 0, 0, 0, 0], dice))
    known = fitted(made)
    large, small = (known.of(label, [0.9, 0, 0, 0, 0]) for label in ("large", "small"))
    assert large.dice == pytest.approx(0.95, abs=0.04)
    assert small.dice == pytest.approx(0.6, abs=0.06)
    assert large.high - large.low < small.high - small.low
    assert known.of("other", [0.9, 0, 0, 0, 0]) is None


def test_it_is_the_best_of_its_family() -> None:
    """The minimum that was found, against a plain search in each direction."""
    from slicewise.metrics.expected import _share

    rows = _Rows(masks(20))
    used = np.ones(len(rows.dice), bool)
    weights = rows.fitted(used)
    centre, strength = rows._prior

    def loss(w: np.ndarray) -> float:
        share = _share(rows._design @ w)
        likely = rows.dice * np.log(share) + (1 - rows.dice) * np.log(1 - share)
        return float(-(rows._counts * likely).sum() + (strength * (w - centre) ** 2).sum() / 2)

    best = loss(weights)
    for k in range(len(weights)):
        for by in (-0.01, 0.01):
            tried = weights.copy()
            tried[k] += by
            if k > 2 and tried[k] > 0:
                continue
            assert loss(tried) >= best - 1e-5
    assert logit(_share(np.array([1.5]))[0]) == pytest.approx(1.5)


def test_rank_of_too_little() -> None:
    assert rank_correlation(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 9.0])) == pytest.approx(
        1
    )


def test_signs_say_how_unlike_those_of_training_a_scan_is() -> None:
    table = _table([Signs(0.9, 0.5, 0.25, 0.2, 0.9), Signs(0.9, 0.0, 0.0, 7.0, 0.0)])
    assert list(_unlike(table)) == [0.5, 1]


def test_intervals_widen_with_how_unlike_a_scan_is() -> None:
    known = fitted(masks(30))
    assert known.far > known.near
    widths = [known._half(unlike) for unlike in (0, 0.3, 0.6, 1)]
    assert widths == sorted(widths) and widths[0] == known.near and widths[-1] == known.far


def test_widening_is_part_of_what_holds_nine_of_ten_of_scans_as_they_are() -> None:
    """Scans that are somewhat odd get the interval that they need, and no wider one."""
    rng = np.random.default_rng(3)
    made = []
    for k in range(19):
        plain, spoilt = (expit(logit(0.8) + rng.normal(0, sd)) for sd in (0.3, 0.5))
        made.append(Mask(k, "liver", [0.8, 0.2, 0, 0, 0], float(plain)))
        made.append(Mask(k, "liver", [0.8, 5, 0, 0, 0], float(spoilt), "noisy"))
    known = fitted(made)
    rows = _Rows(made)
    off = np.abs(logit(rows.dice) - logit(rows.left_out()[0]))[~rows.spoilt]
    assert 0 < known.near < known._half(0.2) < known.far
    assert known._half(0.2) * known.spread["liver"] == pytest.approx(np.sort(off)[17])


def test_an_ordinary_mask_has_an_interval_where_most_widen() -> None:
    """Of phantoms most were somewhat odd, and the interval of the others had no width at all."""
    rng = np.random.default_rng(1)
    made = []
    for k in range(24):
        odd = 0.0 if k % 4 == 0 else 0.5
        plain, spoilt = (expit(logit(0.9) + rng.normal(0, sd)) for sd in (0.1, 2.0))
        made.append(Mask(k, "liver", [0.9, odd, 0, 0, 0], float(plain)))
        made.append(Mask(k, "liver", [0.9, 5, 0, 0, 0], float(spoilt), "noisy"))
    known = fitted(made)
    own = [each for each in made if not each.spoilt and not each.signs[1]]
    told = [known.of("liver", each.signs) for each in own]
    assert known.near > 0.5, "in what half of all are off"
    assert sum(t.low <= each.dice <= t.high for t, each in zip(told, own, strict=True)) >= 5


def test_between_two_deviations_an_interval_ends_between() -> None:
    """Of 14 patients nine of ten are 13.5: between the largest two, not at the largest."""
    dice = expit(logit(0.8) + np.linspace(0.1, 0.9, 14) ** 2)
    made = [Mask(k, "liver", [0.8, 0, 0, 0, 0], float(d)) for k, d in enumerate(dice)]
    known = fitted(made)
    rows = _Rows(made)
    off = np.sort(np.abs(logit(rows.dice) - logit(rows.left_out()[0])))
    assert known.near * known.spread["liver"] == pytest.approx((off[12] + off[13]) / 2)


def test_intervals_are_exact_about_how_many_patients_they_take() -> None:
    """Of 19 patients with a mask each the interval ends at the eighteenth deviation."""
    dice = expit(logit(0.8) + np.linspace(0.01, 0.5, 19))
    known = fitted([Mask(k, "liver", [0.8, 0, 0, 0, 0], float(d)) for k, d in enumerate(dice)])
    half = known.near * known.spread["liver"]
    middle = known.of("liver", [0.8, 0, 0, 0, 0]).dice
    off = np.sort(np.abs(logit(dice) - logit(middle)))
    assert off[16] <= half <= off[18] * 1.1


def test_it_is_learnt_without_threads_that_wait_for_each_other(monkeypatch) -> None:
    used = set()

    def left_out(rows: _Rows) -> tuple[np.ndarray, np.ndarray]:
        used.update(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")
        return _Rows.__dict__["plain_left_out"](rows)

    monkeypatch.setattr(_Rows, "plain_left_out", _Rows.left_out, raising=False)
    monkeypatch.setattr(_Rows, "left_out", left_out)
    before = threadpool_info()
    fitted(masks(12))
    assert used == {1}
    assert threadpool_info() == before
