"""Two experiments on the same patients: the difference, and whether it is more than chance."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd

from slicewise.evaluation.intervals import interval
from slicewise.evaluation.signed_rank import NOTHING, signed_rank
from slicewise.evaluation.statistics import read_metrics

ALPHA = 0.05
FEWEST = 6
"""Patients below which no model is called better: the signed-rank test cannot reach 0.05."""


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
        95 % percentile bootstrap interval of the mean over patients (Efron,
        1979); None below two of them.
    p : float
        Of the exact Wilcoxon signed-rank test (Wilcoxon, 1945; zeros after
        Pratt, 1959), see `signed_rank`; 1 where no patient differs.
    changed : int
        Patients that differ at all. No p is below 2 / 2^changed.
    """

    n: int
    mean: float
    ci_low: float | None
    ci_high: float | None
    p: float
    changed: int


def paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """Compare two scores of the same patients, shape (n,) each, n at least 1.

    The order of the patients has no influence.
    """
    # sorted, because the bootstrap draws positions
    difference = np.sort(np.asarray(second, float) - np.asarray(first, float))
    low, high = interval(difference)
    changed = int((np.abs(difference) > NOTHING).sum())
    mean = float(difference.mean())
    return Paired(len(difference), mean, low, high, signed_rank(difference), changed)


def is_better(champion: str, challenger: str) -> tuple[bool, str]:
    """Tell whether a model is better than another on validation (or out-of-fold) patients.

    It is where the 95 % interval of the paired difference of Dice (mean over
    labels, then over a patient's volumes) lies above 0, and the signed-rank
    test agrees: of few patients the interval alone is too narrow. Test
    patients are not looked at.

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
    for column, what in (("patient", "validation patients"), ("label", "labels")):
        if set(old[column]) != set(new[column]):
            return False, f"other {what}, so they cannot be compared"
    both = old.merge(new, on=["patient", "case", "label"], suffixes=("_old", "_new"))
    before, after = (both[f"volume_ml_{one}"].to_numpy(float) for one in ("old", "new"))
    if not len(old) == len(new) == len(both) or not np.allclose(before, after):
        return False, "another ground truth, so they cannot be compared"
    dice = both.groupby("patient")[["dice_old", "dice_new"]].mean()
    if len(dice) < FEWEST:
        return False, f"only {len(dice)} validation patients, {FEWEST} are needed to compare by"
    found = paired(dice["dice_old"].to_numpy(), dice["dice_new"].to_numpy())
    figures = (
        f"Dice {found.mean:+.4f} [{found.ci_low:+.4f}, {found.ci_high:+.4f}] over {found.n} "
        f"validation patients, Wilcoxon p = {found.p:.2g}"
    )
    better = found.ci_low is not None and found.ci_low > 0 and found.p < ALPHA
    return better, figures if better else f"no better with certainty, {figures}"


def _validation(text: str) -> pd.DataFrame:
    """Return the rows of validation patients."""
    table = read_metrics(io.StringIO(text))
    return table[table["subset"] == "validation"]
