"""The signed-rank test, exact: also with zeros and ties, and where few patients changed."""

from __future__ import annotations

import numpy as np
from scipy import stats

DIGITS = 9
"""Of a difference that count. Tables have six; what lies behind is rounding, and parts ties."""
LARGEST = 500_000_000
"""Additions that the exact distribution may take (about a second); beyond, signs are drawn."""
DRAWS = 99_999
CHUNK = 2_000_000
"""Signs in memory at a time."""


def in_decimals(differences: np.ndarray) -> np.ndarray:
    """Return differences without what binary fractions leave of decimal ones.

    Examples
    --------
    >>> in_decimals(np.array([0.8 - 0.7, 0.9 - 0.8, 0.1 + 0.2 - 0.3]))
    array([0.1, 0.1, 0. ])
    """
    return np.round(np.asarray(differences, float), DIGITS)


def signed_rank(differences: np.ndarray) -> float:
    """Return the two-sided p of the Wilcoxon signed-rank test.

    The sizes of all differences are ranked, zeros with them (Pratt, J Am Stat
    Assoc 54 (1959) 655-667), and equal ones share the mean of their ranks. If
    nothing made a difference, each that is not zero might as well have had the
    other sign: p is the share of all these signs whose sum of ranks lies as far
    to one side as the one that was found, doubled. So it is that of a
    permutation test, and never below 2 / 2^m where m differ.

    Parameters
    ----------
    differences : ndarray, shape (n,)
        One of each patient; none may be NaN.

    Returns
    -------
    float
        Exact up to about 800 differences. Beyond, 99,999 draws of the signs
        with a fixed seed count, and the signs that were found with them, so
        that p stays valid (Phipson & Smyth, Stat Appl Genet Mol Biol 9 (2010)
        39). 1 where nothing differs.

    Examples
    --------
    >>> signed_rank(np.array([0.0, 0.0, 0.1, 0.2, 0.3]))  # three of five differ
    0.25
    """
    differences = in_decimals(differences)
    differs = differences != 0
    if not differs.any():
        return 1.0
    # twice the rank is a whole number, whatever is tied
    sizes = np.abs(differences)
    ranks = np.rint(2 * stats.rankdata(sizes)[differs]).astype(np.int64)
    positive = int(ranks[differences[differs] > 0].sum())
    number = len(ranks)
    total = int(ranks.sum())
    tails = _exact(ranks, positive) if number * total <= LARGEST else _drawn(ranks, positive)
    return float(min(1.0, max(2 * min(tails), 2.0 ** (1 - number))))


def _exact(ranks: np.ndarray, positive: int) -> tuple[float, float]:
    """Return the probability of a sum up to, and from, the one that was found."""
    chance = np.zeros(int(ranks.sum()) + 1)
    chance[0] = 1.0
    reach = 0
    for rank in np.sort(ranks):
        chance[: reach + 1] /= 2
        chance[rank : reach + rank + 1] += chance[: reach + 1].copy()
        reach += rank
    # from the small ends, which lose nothing by rounding
    return float(chance[: positive + 1].sum()), float(chance[positive:].sum())


def _drawn(ranks: np.ndarray, positive: int) -> tuple[float, float]:
    random = np.random.default_rng(0)
    low = high = 1  # what was found is one of the possible signs
    step = max(1, CHUNK // len(ranks))
    for start in range(0, DRAWS, step):
        draws = min(step, DRAWS - start)
        signs = random.integers(0, 2, (draws, len(ranks)), dtype=np.int8)
        sums = signs.astype(np.float64) @ ranks.astype(np.float64)
        low += int((sums <= positive).sum())
        high += int((sums >= positive).sum())
    return low / (DRAWS + 1), high / (DRAWS + 1)
