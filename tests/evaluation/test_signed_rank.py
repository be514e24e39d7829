"""The signed-rank test against all signs there are, and against scipy's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from slicewise.evaluation import signed_rank as module
from slicewise.evaluation.needed import patients_needed
from slicewise.evaluation.signed_rank import signed_rank


def by_all_signs(differences: np.ndarray) -> float:
    """Return p by trying every sign of what differs, with ranks among all."""
    ranks = stats.rankdata(np.abs(differences))[differences != 0]
    signs = np.array(list(itertools.product([0, 1], repeat=len(ranks))))
    sums, found = (signs * ranks).sum(axis=1), ranks[differences[differences != 0] > 0].sum()
    return float(min(1, 2 * min((sums <= found).mean(), (sums >= found).mean())))


# few values, so that zeros and ties are common
@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=12))
def test_it_is_the_share_of_all_signs(sizes: list[int]) -> None:
    differences = np.array(sizes, float) / 8
    assert signed_rank(differences) == pytest.approx(by_all_signs(differences), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(1, 500), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_it_is_that_of_scipy_without_zeros_and_ties(sizes: set[int], random) -> None:
    differences = np.array([size * random.choice((-1, 1)) for size in sizes], float)
    theirs = stats.wilcoxon(differences, method="exact").pvalue
    assert signed_rank(differences) == pytest.approx(theirs)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=60))
def test_no_p_is_below_what_those_that_differ_allow(values: list[float]) -> None:
    differences = np.array(values)
    found, number = signed_rank(differences), int((np.abs(differences) > 1e-12).sum())
    assert min(1, 2.0 ** (1 - number)) <= found <= 1
    assert signed_rank(-differences) == pytest.approx(found)


@pytest.mark.parametrize(("differ", "p"), [(0, 1), (1, 1), (4, 1 / 8), (5, 1 / 16), (6, 1 / 32)])
def test_few_of_many_that_changed(differ: int, p: float) -> None:
    differences = np.zeros(20)
    differences[:differ] = np.linspace(0.01, 0.03, differ)
    assert signed_rank(differences) == p


def test_what_is_left_by_rounding_is_no_change() -> None:
    # the mean over seeds in another order
    differences = np.array([1e-17, -2e-16, 1e-16, 0.1, 0.2, 0.3])
    assert signed_rank(differences) == 0.25


def test_equal_differences_of_decimal_scores_are_tied() -> None:
    """In binary fractions 0.8 - 0.7 and 0.9 - 0.8 differ in their last digit."""
    first = np.array([0.8, 0.9, 0.7, 0.6, 0.4, 0.5, 0.95, 0.65])
    second = np.array([0.7, 0.8, 0.6, 0.5, 0.3, 0.4, 0.85, 0.75])
    tied = np.array([1.0] * 7 + [-1.0])
    assert signed_rank(first - second) == signed_rank(tied) == 2 * 9 / 2**8
    assert patients_needed(first - second, 0.05) == patients_needed(tied, 0.05)


def test_a_tail_that_is_very_thin_is_still_right() -> None:
    assert signed_rank(np.arange(1.0, 301)) == pytest.approx(2.0**-299)


def test_of_very_many_the_signs_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    differences = np.round(random.normal(0.2, 1, 120), 1)  # zeros and ties
    exact = signed_rank(differences)
    monkeypatch.setattr(module, "LARGEST", 0)
    drawn = signed_rank(differences)
    assert drawn == signed_rank(differences)
    # three times the standard error of a share that is doubled
    error = 3 * 2 * np.sqrt(exact / 2 / module.DRAWS)
    assert drawn == pytest.approx(exact, abs=error)
    assert signed_rank(np.arange(1.0, 121)) == 2 / (module.DRAWS + 1)
