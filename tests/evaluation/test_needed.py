"""How many patients tell experiments apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from slicewise.evaluation.comparison import fewest
from slicewise.evaluation.needed import _normal, patients_needed
from slicewise.evaluation.paired import ALPHA
from slicewise.evaluation.signed_rank import signed_rank


@pytest.mark.parametrize("comparisons", [1, 3, 15])
def test_of_one_sign_it_is_the_fewest_that_the_test_can_find(comparisons: int) -> None:
    differences = np.array([0.3, 0.4, 0.35])
    assert patients_needed(differences, ALPHA / comparisons) == fewest(comparisons)
    assert patients_needed(-differences, ALPHA / comparisons) == fewest(comparisons)


def test_it_agrees_with_the_formula_of_noether() -> None:
    # J Am Stat Assoc 82 (1987) 645-647: (1.96 + 0.84)² / (3 (p' - 1/2)²), p' that two patients
    # together lie above zero
    differences = np.random.default_rng(1).normal(0.4, 1.0, 200)
    above = (np.add.outer(differences, differences) > 0).mean()
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 / (3 * (above - 0.5) ** 2)
    found = patients_needed(differences, ALPHA)
    assert found is not None
    assert 0.7 * expected < found < 1.4 * expected


def test_what_is_hardly_there_has_no_number() -> None:
    assert patients_needed(np.array([1.0, -1.0]), ALPHA) is None
    assert patients_needed(np.zeros(5), ALPHA) is None


def test_the_normal_p_is_that_of_the_exact_test_of_many() -> None:
    draws = np.random.default_rng(0).normal(0.2, 1, (3, 40)).round(1)
    exact = [signed_rank(draw) for draw in draws]
    np.testing.assert_allclose(_normal(draws), exact, atol=0.01)
