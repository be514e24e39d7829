"""A mean, a share or a ratio over patients, each with its 95 % interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

RESAMPLES = 9999
BATCH = 500  # resamples at a time, so that memory does not grow with the patients


def interval(values: np.ndarray) -> tuple[float | None, float | None]:
    """Return the 95 % percentile bootstrap interval of a mean; None below two values."""
    if len(values) < 2:
        return None, None
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    interval = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=BATCH,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def describe(values: np.ndarray) -> dict[str, float | int | None]:
    """Return mean, median, sd, ci_low, ci_high and n of what is finite, None where there is none.

    Parameters
    ----------
    values : ndarray, shape (patients,)
        One of each patient.
    """
    values = values[np.isfinite(values)]
    n = len(values)
    low, high = interval(values)
    return {
        "mean": float(values.mean()) if n else None,
        "median": float(np.median(values)) if n else None,
        "sd": float(values.std(ddof=1)) if n > 1 else None,
        "ci_low": low,
        "ci_high": high,
        "n": n,
    }


def proportion(count: int, n: int) -> dict[str, Any]:
    """Return a share with its 95 % interval (Wilson, J Am Stat Assoc 22 (1927) 209-212).

    Returns
    -------
    dict
        value, ci_low, ci_high (None where n is 0), n.
    """
    if not n:
        return {"value": None, "ci_low": None, "ci_high": None, "n": 0}
    bounds = stats.binomtest(count, n).proportion_ci(method="wilson")
    low = max(float(bounds.low), 0.0)
    high = min(float(bounds.high), 1.0)
    return {"value": count / n, "ci_low": low, "ci_high": high, "n": n}


def ratio(counts: np.ndarray, totals: np.ndarray) -> dict[str, Any]:
    """Return a share of things that patients have several of, with its 95 % interval.

    Things of a patient are no independent draws, so that patients are drawn
    again (percentile bootstrap, fixed seed), and not their lesions.

    Parameters
    ----------
    counts, totals : ndarray, shape (patients,)
        Of how many each, and how many there are.

    Returns
    -------
    dict
        value, the sum of counts over that of totals, None without any;
        ci_low, ci_high, None below two patients who have any; n, how many there are.
    """
    there = totals > 0
    counts = counts[there]
    totals = totals[there]
    n = int(totals.sum())
    value = float(counts.sum() / n) if n else None
    if len(totals) < 2:
        return {"value": value, "ci_low": None, "ci_high": None, "n": n}
    random = np.random.default_rng(0)
    shares = []
    for start in range(0, RESAMPLES, BATCH):
        drawn = random.integers(0, len(totals), (min(BATCH, RESAMPLES - start), len(totals)))
        shares.append(counts[drawn].sum(axis=1) / totals[drawn].sum(axis=1))
    low, high = np.percentile(np.concatenate(shares), (2.5, 97.5))
    return {"value": value, "ci_low": float(low), "ci_high": float(high), "n": n}
