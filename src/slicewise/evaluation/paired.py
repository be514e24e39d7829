"""Two experiments on the same patients: the difference, and whether it is more than chance."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd

from slicewise.evaluation.intervals import interval
from slicewise.evaluation.signed_rank import in_decimals, signed_rank
from slicewise.evaluation.statistics import by_patient, read_metrics
from slicewise.wording import plural

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
    changed = int(np.count_nonzero(in_decimals(difference)))
    mean = float(difference.mean())
    return Paired(len(difference), mean, low, high, signed_rank(difference), changed)


def is_better(champion: str, challenger: str) -> tuple[bool, str]:
    """Tell whether a model is better than another on validation (or out-of-fold) patients.

    It is where the 95 % interval of the paired difference of Dice lies above 0,
    and the signed-rank test agrees: of few patients the interval alone is too
    narrow. Dice is over the labels that a patient has (see `by_patient`), so
    that finding nothing is never right; who has none is left out. And it is not
    where the interval of the difference in what was predicted of labels that
    are not there, in ml, lies above 0, so that finding everything is not right
    either. Test patients are not looked at.

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
    # not known where nothing of a label was drawn
    same = np.allclose(before, after, equal_nan=True)
    if not len(old) == len(new) == len(both) or not same:
        return False, "another ground truth, so they cannot be compared"
    dice = [column.dropna() for column in _dice_of_both(both)]
    if len(dice[0]) < FEWEST:
        few = f"{len(dice[0])} validation patients"
        if len(dice[0]) < both["patient"].nunique():
            few = f"{len(dice[0])} of {both['patient'].nunique()} validation patients have a label"
        return False, f"only {few}, {FEWEST} are needed to compare by"
    difference = paired(dice[0].to_numpy(), dice[1].to_numpy())
    figures = (
        f"Dice {difference.mean:+.4f} [{difference.ci_low:+.4f}, "
        f"{difference.ci_high:+.4f}] over {difference.n} "
        f"validation patients, Wilcoxon p = {difference.p:.2g}"
    )
    better = difference.ci_low is not None and difference.ci_low > 0 and difference.p < ALPHA
    false = [_false_ml(both, one).dropna().to_numpy() for one in ("old", "new")]
    if not better or not any(each.any() for each in false):
        return better, figures if better else f"no better with certainty, {figures}"
    low, _ = interval(np.sort(false[1] - false[0]))
    told = (
        f"{figures}; where a label is absent, {false[1].mean():.2f} ml of it (before "
        f"{false[0].mean():.2f} ml) over {plural(len(false[0]), 'patient')}"
    )
    if low is not None and low > 0:
        return False, f"better where a label is, but worse where it is not, {told}"
    return True, told


def _dice_of_both(both: pd.DataFrame) -> list[pd.Series]:
    """Return two models' Dice by patient, of labels that the patient has.

    What only one of them scored is 0 for the other, which cannot gain by it.
    """
    there = both[(both["volume_ml_old"] > 0) & both[["dice_old", "dice_new"]].notna().any(axis=1)]
    filled = there.fillna({"dice_old": 0.0, "dice_new": 0.0})
    return [by_patient(filled, f"dice_{one}") for one in ("old", "new")]


def _false_ml(both: pd.DataFrame, one: str) -> pd.Series:
    """Return what a model predicted of labels that a patient does not have, in ml."""
    known = both[["predicted_ml_old", "predicted_ml_new"]].notna().all(axis=1)
    return by_patient(both[(both["volume_ml_old"] == 0) & known], f"predicted_ml_{one}")


def _validation(text: str) -> pd.DataFrame:
    """Return the rows of validation patients."""
    table = read_metrics(io.StringIO(text))
    return table[table["subset"] == "validation"]
