"""A mean, a share or a ratio over patients, each with its 95 % interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from slicewise.wording import INTERVAL_OF

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

    Things of a patient are no independent draws. So the interval is that of
    Clopper and Pearson for as many independent ones as would scatter alike
    (Korn and Graubard, Survey Methodology 24 (1998) 193-201); where all were
    found, or none, each patient counts as one.

    Parameters
    ----------
    counts, totals : ndarray, shape (patients,)
        Of how many each, and how many there are.

    Returns
    -------
    dict
        value, the sum of counts over that of totals, None without any;
        ci_low, ci_high, None below three patients who have any; n, how many there are.
    """
    there = totals > 0
    counts = counts[there]
    totals = totals[there]
    n = int(totals.sum())
    value = float(counts.sum() / totals.sum()) if len(totals) else None
    if value is None or len(totals) < INTERVAL_OF:
        return {"value": value, "ci_low": None, "ci_high": None, "n": n}
    low, high = _clopper_pearson(value, _independent(counts, totals, value))
    return {"value": value, "ci_low": low, "ci_high": high, "n": n}


def _independent(counts: np.ndarray, totals: np.ndarray, value: float) -> float:
    """Return how many independent things would make a share scatter as those of patients do."""
    patients = len(totals)
    n = totals.sum()
    if value in (0, 1):
        return float(patients)
    spread = (counts - value * totals) / n
    variance = patients / (patients - 1) * float((spread**2).sum())
    # the variance of few patients is itself uncertain
    known = stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, patients - 1)
    alike = value * (1 - value) / variance if variance else n
    return float(min(n, alike * known**2))


def _clopper_pearson(value: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of n, which need be no whole number."""
    found = value * n
    low = stats.beta.ppf(0.025, found, n - found + 1) if value > 0 else 0.0
    high = stats.beta.ppf(0.975, found + 1, n - found) if value < 1 else 1.0
    return float(low), float(high)
