"""A paired comparison, and what it takes for a model to be called better."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from slicewise.evaluation.paired import FEWEST, is_better, paired
from slicewise.evaluation.statistics import COLUMNS, metrics_table

# Multiples of 1/64 are exact, also their differences and sums.
EXACT = st.integers(0, 64).map(lambda k: k / 64)


@st.composite
def scores(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 12))
    return draw(arrays(float, n, elements=EXACT)), draw(arrays(float, n, elements=EXACT))


def test_worked_example() -> None:
    first = np.array([0.80, 0.70, 0.90, 0.60, 0.75, 0.85])
    second = np.array([0.85, 0.80, 0.88, 0.75, 0.95, 0.88])
    found = paired(first, second)
    assert found.n == 6
    assert found.mean == pytest.approx(0.51 / 6)
    # ranks of |d|: 0.02 -> 1 is the only negative one; of 2^6 signs, W- <= 1 has 2, on two sides 4
    assert found.p == pytest.approx(4 / 64)
    # all 6^6 resamples, instead of drawn ones
    difference = second - first
    grid = np.meshgrid(*[difference] * 6)
    means = np.mean([axis.ravel() for axis in grid], axis=0)
    low, high = np.percentile(means, (2.5, 97.5))
    assert found.ci_low == pytest.approx(low, abs=0.005)
    assert found.ci_high == pytest.approx(high, abs=0.005)


def test_zeros_have_ranks_as_pratt_has_it() -> None:
    first = np.zeros(7)
    second = np.array([0.0, 0.0, 0.25, 0.5, 0.75, -0.625, 1.0])
    found = paired(first, second)
    # ranks 3 to 7, of which 5 is negative: of 2^5 signs, 0, 3, 4 and 5 are a sum up to 5
    assert found.p == 2 * 4 / 2**5
    assert found.changed == 5


def test_no_difference_at_all() -> None:
    found = paired(np.full(5, 0.5), np.full(5, 0.5))
    assert (found.mean, found.ci_low, found.ci_high, found.p) == (0, 0, 0, 1)


def test_one_patient_has_no_interval() -> None:
    found = paired(np.array([0.5]), np.array([0.75]))
    assert (found.n, found.mean, found.ci_low, found.ci_high) == (1, 0.25, None, None)


@settings(max_examples=15, deadline=None)
@given(scores())
def test_the_other_way_round_the_sign_changes(both: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = paired(*both), paired(*both[::-1])
    assert other.mean == -one.mean
    assert other.p == pytest.approx(one.p)
    # drawn resamples, so up to one patient more or less
    noise = 1.01 * np.ptp(both[1] - both[0]) / len(both[0])
    assert other.ci_low == pytest.approx(-one.ci_high, abs=noise)
    assert other.ci_high == pytest.approx(-one.ci_low, abs=noise)


@settings(max_examples=15, deadline=None)
@given(scores(), st.randoms(use_true_random=False))
def test_the_order_of_patients_means_nothing(
    both: tuple[np.ndarray, np.ndarray], random: Any
) -> None:
    order = list(range(len(both[0])))
    random.shuffle(order)
    assert paired(both[0][order], both[1][order]) == paired(*both)


@settings(max_examples=15, deadline=None)
@given(scores())
def test_the_interval_holds_the_mean(both: tuple[np.ndarray, np.ndarray]) -> None:
    found = paired(*both)
    assert found.ci_low <= found.mean <= found.ci_high
    assert 0 < found.p <= 1


# -- better or not ------------------------------------------------------------------


def rows(dice: dict[str, float], subset: str = "validation", **columns: Any) -> list[dict]:
    """A row for each patient, unless columns say otherwise."""
    return [
        {
            "case": f"{patient}-scan",
            "patient": patient,
            "subset": subset,
            "fold": None,
            "label": "liver",
            **dict.fromkeys(COLUMNS, 100.0),
            "dice": value,
            **columns,
        }
        for patient, value in dice.items()
    ]


def text(*parts: list[dict]) -> str:
    return str(metrics_table([row for part in parts for row in part]).to_csv(sep="\t", index=False))


def patients(mean: float, n: int = 8) -> dict[str, float]:
    return {f"{k:03d}": mean + 0.01 * (k % 3) for k in range(n)}


def raised(dice: dict[str, float], by: list[float]) -> dict[str, float]:
    return {name: value + by[k % len(by)] for k, (name, value) in enumerate(dice.items())}


def test_better() -> None:
    old = patients(0.7)
    better, why = is_better(text(rows(old)), text(rows(raised(old, [0.05, 0.02, 0.08]))))
    assert better
    assert why.startswith("Dice +0.04")
    assert why.endswith("over 8 validation patients, Wilcoxon p = 0.0078")


@pytest.mark.parametrize("by", [[0.0], [-0.05], [0.05, -0.04], [0.3, -0.01, -0.01, -0.01]])
def test_not_better(by: list[float]) -> None:
    old = patients(0.6)
    better, why = is_better(text(rows(old)), text(rows(raised(old, by))))
    assert not better
    assert why.startswith("no better with certainty, Dice ")


def test_few_patients_are_not_enough_however_clear() -> None:
    for n in (0, 1, 2, FEWEST - 1):
        old = patients(0.5, n)
        better, why = is_better(text(rows(old)), text(rows(raised(old, [0.3, 0.31]))))
        assert not better
        assert why == f"only {n} validation patients, {FEWEST} are needed to compare by"
    old = patients(0.5, FEWEST)
    assert is_better(text(rows(old)), text(rows(raised(old, [0.3, 0.31]))))[0]


def test_an_interval_above_zero_does_not_suffice() -> None:
    # one patient lost and five won: the interval lies above 0, and p is 0.0625
    old = dict.fromkeys("abcdef", 0.5)
    new = raised(old, [0.05, 0.10, -0.02, 0.15, 0.20, 0.03])
    found = paired(np.array([*old.values()]), np.array([*new.values()]))
    assert found.ci_low > 0
    assert not is_better(text(rows(old)), text(rows(new)))[0]


OLD = patients(0.7)
NEW = raised(OLD, [0.05, 0.02, 0.08])


@cache
def untested(turned: bool) -> tuple[bool, str]:
    """Judge of the same two models where nobody is tested."""
    first, second = (NEW, OLD) if turned else (OLD, NEW)
    return is_better(text(rows(first)), text(rows(second)))


@settings(max_examples=10, deadline=None)
@given(st.lists(EXACT, max_size=6), st.lists(EXACT, max_size=6))
def test_test_patients_are_never_looked_at(one: list[float], other: list[float]) -> None:
    tested = [
        rows({f"t{k}": value for k, value in enumerate(values)}, "test") for values in (one, other)
    ]
    for first, second in ((OLD, NEW), (NEW, OLD)):
        judged = is_better(text(rows(first), tested[0]), text(rows(second), tested[1]))
        assert judged == untested(turned=first is NEW)


def test_volumes_of_a_patient_count_as_one() -> None:
    # one patient with many volumes would carry it, were they all counted
    old, many = patients(0.7, 8), [rows({"007": 0.5}, case=f"scan {k}") for k in range(30)]
    worse = raised(old, [-0.02, -0.03])
    better = [rows({"007": 0.9}, case=f"scan {k}") for k in range(30)]
    assert not is_better(text(rows(old), *many), text(rows(worse), *better))[0]


def test_several_labels_count_alike() -> None:
    old = patients(0.7)
    up, down = raised(old, [0.04, 0.05]), raised(old, [-0.02, -0.01])
    before = text(rows(old), rows(old, label="tumour"))
    assert is_better(before, text(rows(up), rows(old, label="tumour")))[0]
    assert is_better(before, text(rows(up), rows(down, label="tumour")))[0]
    assert not is_better(before, text(rows(down), rows(raised(old, [0.0]), label="tumour")))[0]


def test_the_order_of_rows_means_nothing() -> None:
    old = patients(0.7)
    new = raised(old, [0.05, -0.01, 0.03])
    turned = dict(reversed(new.items()))
    assert is_better(text(rows(old)), text(rows(turned))) == is_better(
        text(rows(old)), text(rows(new))
    )


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (rows(patients(0.9, 9)), "other validation patients"),
        (rows(patients(0.9, 7)), "other validation patients"),
        (rows(patients(0.9), "test"), "other validation patients"),
        (rows(patients(0.9), label="tumour"), "other labels"),
        (rows(patients(0.9)) + rows(patients(0.9), label="tumour"), "other labels"),
        (rows(patients(0.9), volume_ml=200.0), "another ground truth"),
        (rows(patients(0.9)) + rows({"001": 0.9}, case="more"), "another ground truth"),
    ],
)
def test_what_is_not_alike_is_not_compared(other: list[dict], what: str) -> None:
    assert is_better(text(rows(patients(0.7))), text(other)) == (
        False,
        f"{what}, so they cannot be compared",
    )


# -- labels that many patients do not have ---------------------------------------------


def tumours(
    dice: float, false_ml: float, n: int = 8, healthy: int = 8, convention: bool = False
) -> str:
    """Write the table of a model on patients of whom some have a tumour."""
    there = rows(raised(patients(dice, n), [0.0, 0.01, 0.005]))
    absent = {f"h{k}": (float(not false_ml) if convention else math.nan) for k in range(healthy)}
    empty = [
        row | {"volume_ml": 0.0, "predicted_ml": false_ml * (1 + k / 10)}
        for k, row in enumerate(rows(absent))
    ]
    return text(there, empty)


@pytest.mark.parametrize("convention", [False, True])
def test_a_model_that_finds_nothing_loses_against_one_that_tries(convention: bool) -> None:
    silent, tries = (tumours(*how, convention=convention) for how in ((0.0, 0.0), (0.3, 0.1)))
    assert not is_better(tries, silent)[0]
    # the champion found nothing: one that tries takes its place, unless it finds too much
    better, why = is_better(silent, tumours(0.3, 0.0, convention=convention))
    assert better
    assert "over 8 validation patients" in why


def test_a_model_that_finds_it_everywhere_is_not_better() -> None:
    careful, shouts = tumours(0.5, 0.1), tumours(0.7, 20.0)
    better, why = is_better(careful, shouts)
    assert not better
    assert why.startswith("better where a label is, but worse where it is not, Dice +0.2000")
    assert why.endswith("27.00 ml of it (before 0.14 ml) over 8 patients")
    # as much as before is no reason
    better, why = is_better(careful, tumours(0.7, 0.1))
    assert better
    assert "where a label is absent, 0.14 ml of it (before 0.14 ml)" in why


def test_those_who_have_the_label_are_the_ones_that_are_counted() -> None:
    better, why = is_better(tumours(0.5, 0.0, n=5), tumours(0.9, 0.0, n=5))
    assert not better
    assert why == "only 5 of 13 validation patients have a label, 6 are needed to compare by"


def test_leaving_scores_empty_gains_nothing() -> None:
    old = patients(0.5)
    new = raised(old, [0.05])
    hard = dict(list(old.items())[:3])
    empty = text(rows({**new, **dict.fromkeys(hard, math.nan)}))
    assert is_better(text(rows(old)), text(rows(new)))[0]
    better, why = is_better(text(rows(old)), empty)
    assert not better
    assert "over 8 validation patients" in why


def test_few_that_changed_are_not_enough() -> None:
    old = patients(0.5, 20)
    new = raised(old, [0.0] * 16 + [0.01, 0.02, 0.03, 0.04])
    found = paired(np.array([*old.values()]), np.array([*new.values()]))
    assert (found.ci_low > 0, found.p, found.changed) == (True, 0.125, 4)
    assert not is_better(text(rows(old)), text(rows(new)))[0]


def test_a_label_of_which_nothing_was_drawn_is_the_same_ground_truth() -> None:
    old = patients(0.7)
    unknown = rows({"x": math.nan}, volume_ml=math.nan)
    better, why = is_better(
        text(rows(old), unknown), text(rows(raised(old, [0.05, 0.02, 0.08])), unknown)
    )
    assert better, why
    known = rows({"x": math.nan}, volume_ml=0.0)
    assert is_better(text(rows(old), unknown), text(rows(old), known)) == (
        False,
        "another ground truth, so they cannot be compared",
    )
