"""How many patients it takes to tell experiments apart, if they differ as those at hand do."""

from __future__ import annotations

import numpy as np
from scipy import stats

from slicewise.evaluation.signed_rank import in_decimals, signed_rank

POWER = 0.8
"""How many of such comparisons should find the difference."""
DRAWS = 200
LIMIT = 1000
"""Patients beyond which no number is given: what is hardly there takes any number."""
EXACT = 25
"""Patients up to which p is exact; beyond, the sum of ranks is as good as normal."""


def patients_needed(differences: np.ndarray, alpha: float) -> int | None:
    """Return how many patients find a difference in 8 of 10 comparisons, if all are like these.

    So many patients are drawn with replacement from those at hand, 200 times with
    a fixed seed, and each time the signed-rank test of `signed_rank` is asked
    (the bootstrap estimate of its power: Efron and Tibshirani, An Introduction
    to the Bootstrap (1993), ch. 25). The fewest of which the test finds enough is
    looked for by halving. Where all differ to the same side, it is the
    fewest that the test can find anything of.

    Parameters
    ----------
    differences : ndarray, shape (n,)
        One of each patient.
    alpha : float
        The p that has to be reached.

    Returns
    -------
    int or None
        None beyond 1000, and where nothing differs.

    Examples
    --------
    >>> patients_needed(np.array([0.3, 0.4, 0.2]), 0.05)
    6
    """
    differences = in_decimals(differences)
    if not differences.any():
        return None
    low = 1
    high = 8
    while _power(differences, high, alpha) < POWER:
        low = high
        high *= 2
        if high > 2 * LIMIT:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if _power(differences, middle, alpha) < POWER:
            low = middle
        else:
            high = middle
    return high if high <= LIMIT else None


def _power(differences: np.ndarray, patients: int, alpha: float) -> float:
    """Return of how many draws of so many patients the test finds a difference."""
    random = np.random.default_rng(0)
    draws = differences[random.integers(0, len(differences), (DRAWS, patients))]
    if patients <= EXACT:
        p = np.array([signed_rank(draw) for draw in draws])
    else:
        p = _normal(draws)
    # only what points where the patients at hand do is the same difference
    same_side = draws.mean(axis=1) * differences.mean() > 0
    return float((same_side & (p < alpha)).mean())


def _normal(draws: np.ndarray) -> np.ndarray:
    """Return the two-sided p of each row by the normal distribution, zeros after Pratt (1959)."""
    ranks = stats.rankdata(np.abs(draws), axis=1) * (draws != 0)
    deviation = (ranks * np.sign(draws)).sum(axis=1)
    spread = np.sqrt((ranks**2).sum(axis=1))
    z = np.divide(deviation, spread, out=np.zeros_like(deviation), where=spread > 0)
    p: np.ndarray = 2 * stats.norm.sf(np.abs(z))
    return p
