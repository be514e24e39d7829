"""Means, shares and ratios with their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from slicewise.evaluation.intervals import describe, interval, proportion, ratio


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_shares_have_the_interval_of_wilson(count: int, more: int):
    n = count + more
    found = proportion(count, n)
    if not n:
        assert found["value"] is None
        return
    # the shares whose score test the count would pass
    z, p = stats.norm.ppf(0.975), count / n
    middle = (p + z**2 / 2 / n) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    assert found["ci_low"] == pytest.approx(middle - half, abs=1e-9)
    assert found["ci_high"] == pytest.approx(middle + half, abs=1e-9)
    assert 0 <= found["ci_low"] <= p <= found["ci_high"] <= 1


@pytest.mark.parametrize("found", [False, True])
def test_where_all_lesions_were_found_or_none_each_patient_counts_as_one(found):
    totals = np.array([1.0, 7, 2, 4, 0])
    told = ratio(totals * found, totals)
    known = stats.binomtest(4 * found, 4).proportion_ci(method="exact")
    assert (told["value"], told["n"]) == (float(found), 14)
    assert (told["ci_low"], told["ci_high"]) == pytest.approx((known.low, known.high))


def test_of_two_patients_with_lesions_there_is_no_interval():
    counts, totals = np.array([9.0, 0, 1]), np.array([10.0, 10, 0])
    assert ratio(counts, totals) == {"value": 0.45, "ci_low": None, "ci_high": None, "n": 20}
    assert ratio(counts[2:], totals[2:])["value"] is None


def test_lesions_of_a_patient_that_go_together_tell_less_than_others():
    totals = np.full(20, 5.0)
    together = ratio(np.array([5.0, 0] * 10), totals)
    apart = ratio(np.array([2.0, 3] * 10), totals)
    assert together["value"] == apart["value"] == 0.5
    assert together["ci_low"] < apart["ci_low"] < 0.5 < apart["ci_high"] < together["ci_high"]
    known = stats.binomtest(50, 100).proportion_ci(method="exact")
    assert apart["ci_low"] == pytest.approx(known.low)


@pytest.mark.parametrize("patients", [3, 5, 10, 30])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_interval_of_lesions_holds_the_true_share(patients, share):
    """Patients have one to five lesions and differ in how easily these are found."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        totals = random.integers(1, 6, patients)
        own = random.beta(share * 7 / 3, (1 - share) * 7 / 3, patients)
        told = ratio(random.binomial(totals, own).astype(float), totals.astype(float))
        held += told["ci_low"] <= share <= told["ci_high"]
    assert held / 400 > 0.93


def test_a_mean_has_no_interval_below_two_values_and_a_point_where_all_are_equal():
    assert interval(np.array([0.5])) == (None, None)
    assert interval(np.array([0.5, 0.5, 0.5])) == (0.5, 0.5)


def test_the_interval_is_that_of_the_percentile_bootstrap():
    values = np.array([0.1, 0.4, 0.5, 0.7, 0.9])
    low, high = interval(values)
    random = np.random.default_rng(5)
    means = values[random.integers(0, 5, (99_999, 5))].mean(axis=1)
    assert (low, high) == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.01)


def test_what_is_not_finite_is_left_out_of_a_description():
    described = describe(np.array([0.2, math.nan, 0.6, math.inf]))
    assert (described["n"], described["mean"], described["median"]) == (2, 0.4, 0.4)
    assert described["sd"] == pytest.approx(np.std([0.2, 0.6], ddof=1))
    assert describe(np.array([]))["mean"] is None
