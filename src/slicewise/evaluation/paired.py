"""Two experiments on the same patients: the difference, and whether it is more than chance."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from slicewise.evaluation.statistics import interval, read_metrics

FEWEST = 5
"""Patients below which no model is called better: an interval of so few means little."""


@dataclass(frozen=True)
class Paired:
    """A paired difference.

    Attributes
    ----------
    n : int
        Patients.
    mean : float
        Mean of the second minus the first.
    ci_low, ci_high : float or None
        95 % percentile bootstrap interval of the mean over patients; None
        below two of them.
    p : float
        Of the Wilcoxon signed-rank test (Wilcoxon, 1945; ties and zeros after
        Pratt, 1959); 1 where no patient differs.
    """

    n: int
    mean: float
    ci_low: float | None
    ci_high: float | None
    p: float


def paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """Compare two scores of the same patients, shape (n,) each, n at least 1."""
    difference = np.asarray(second, float) - np.asarray(first, float)
    low, high = interval(difference)
    p = 1.0
    if np.any(difference):
        p = float(stats.wilcoxon(difference, zero_method="pratt").pvalue)
    return Paired(len(difference), float(difference.mean()), low, high, p)


def is_better(champion: str, challenger: str) -> tuple[bool, str]:
    """Tell whether a model is better than another on validation (or out-of-fold) patients.

    It is where the 95 % interval of the paired difference of Dice (mean over
    labels, then over a patient's volumes) lies above 0. Test patients are not
    looked at.

    Parameters
    ----------
    champion, challenger : str
        Contents of ``metrics.tsv``.

    Returns
    -------
    better : bool
    why : str
        The figures behind it, or why there are none.
    """
    old, new = (_validation(text) for text in (champion, challenger))
    if set(old.index) != set(new.index):
        return False, "other validation patients, so they cannot be compared"
    if len(old) < FEWEST:
        return False, f"{len(old)} validation patients are too few to compare by"
    found = paired(old.to_numpy(), new.reindex(old.index).to_numpy())
    figures = (
        f"Dice {found.mean:+.4f} [{found.ci_low:+.4f}, {found.ci_high:+.4f}] over {found.n} "
        f"validation patients, Wilcoxon p = {found.p:.2g}"
    )
    better = found.ci_low is not None and found.ci_low > 0
    return better, figures if better else f"no better with certainty, {figures}"


def _validation(text: str) -> pd.Series:
    """Return the Dice of each validation patient."""
    table = read_metrics(io.StringIO(text))
    shown = table[table["subset"] == "validation"]
    return shown.groupby("patient")["dice"].mean()
