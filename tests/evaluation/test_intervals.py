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


def test_lesions_of_a_patient_are_drawn_together():
    counts, totals = np.array([9.0, 0, 1]), np.array([10.0, 10, 0])
    found = ratio(counts[:2], totals[:2])
    assert (found["value"], found["n"]) == (0.45, 20)
    # two patients: both the first, one of each, both the second
    assert (found["ci_low"], found["ci_high"]) == (0, 0.9)
    assert ratio(counts[:1], totals[:1])["ci_low"] is None
    assert ratio(counts[2:], totals[2:])["value"] is None


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
