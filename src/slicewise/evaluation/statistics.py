"""From masks to a table of cases, and from the table to a mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from scipy import stats

from slicewise.evaluation.detection import LESIONS, detection, lacks_label, overall
from slicewise.evaluation.intervals import describe
from slicewise.metrics import failures, lesions, overlap, surface_distances
from slicewise.metrics.patients import mean_of, patient_scores
from slicewise.stored import SUMMARY, check_numbers, read_stored, read_stored_table, refused

METRICS = (
    "dice",
    "jaccard",
    "precision",
    "recall",
    "volume_ml",
    "predicted_ml",
    "volume_error_ml",
    "volume_error_percent",
    "hd95_mm",
    "assd_mm",
    "nsd",
)
FAILURES = (
    "false_islands",
    "false_islands_ml",
    "largest_false_ml",
    "largest_false_mm",
    "missed_parts",
    "missed_parts_ml",
    "largest_missed_ml",
    "largest_bulge_ml",
    "largest_gap_ml",
)
DISTANCES = ("hd95_mm", "assd_mm")
VOLUMES = ("volume_ml", "predicted_ml", "volume_error_ml")
COLUMNS = (
    *METRICS,
    "tolerance_mm",
    *FAILURES,
    *LESIONS,
    "lesion_iou",
    "recipe_dice",
    "truth_sha256",
)
"""Columns after the names: an nsd says nothing without its tolerance, a lesion nothing without the
overlap by which it was found, no score without what the slices allow and without its truth (digest
of the label numbers on their grid), and failures are not averaged."""
SUBSETS = ("test", "validation")
UNSCORED = ("volume_ml", "tolerance_mm", "recipe_dice", "truth_sha256")
"""What a row says of the ground truth and of how it is scored, not of a prediction."""


def case_rows(
    case: dict[str, Any],
    truth: np.ndarray,
    prediction: np.ndarray,
    labels: Sequence[str],
    voxel_ml: float,
    spacing: tuple[float, float, float] | None,
    tolerance_mm: float,
    absent_labels: str = "exclude",
    lesion_labels: Collection[str] = (),
    lesion_iou: float = 0.1,
) -> list[dict[str, Any]]:
    """Score one case, one row a label.

    Parameters
    ----------
    case : dict
        What is known of it: case, patient, subset, fold, truth_sha256.
    truth, prediction : ndarray of uint8
        Label indices on the source's grid.
    labels : sequence of str
        Names of labels 1, 2, ….
    voxel_ml : float
        Volume of a voxel in millilitres.
    spacing : tuple of float, or None
        Distance of neighbouring voxels along each axis, in mm; None where
        slices are no neighbours, which leaves out all distances, failures and
        lesions.
    tolerance_mm : float
        Up to which distance the surface Dice takes surfaces as the same.
    absent_labels : {"exclude", "challenge"}
        Whether a label that the ground truth lacks has no score, or 1 where
        none was predicted and 0 where it was.
    lesion_labels : collection of str
        Labels whose components are lesions, to be counted one by one.
    lesion_iou : float
        By which overlap a lesion counts as found, see `metrics.lesions`.
    """
    rows = []
    for index, name in enumerate(labels, start=1):
        masks = truth == index, prediction == index
        row = {**case, "label": name, **overlap(*masks, voxel_ml)}
        if spacing is not None:
            row |= surface_distances(*masks, spacing, tolerance_mm)
            row["tolerance_mm"] = tolerance_mm
            row |= failures(*masks, voxel_ml, spacing)
            if name in lesion_labels:
                row |= lesions(*masks, lesion_iou)
                row["lesion_iou"] = lesion_iou
        if absent_labels == "challenge" and not row["volume_ml"]:
            row |= _as_challenges_do(row)
        rows.append(row)
    return rows


def _as_challenges_do(row: dict[str, Any]) -> dict[str, float]:
    """Score a label that the ground truth lacks as if finding nothing was an overlap."""
    right = not row["predicted_ml"]
    scores = dict.fromkeys(("dice", "jaccard", "precision", "recall"), float(right))
    if "nsd" in row:
        scores["nsd"] = float(right)
        scores |= dict.fromkeys(("hd95_mm", "assd_mm"), 0.0 if right else float("nan"))
    return scores


def metrics_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return the table of cases and labels, sorted by subset and case."""
    table = pd.DataFrame(
        list(rows), columns=["case", "patient", "subset", "fold", "label", *COLUMNS]
    )
    return table.sort_values(["subset", "case"], kind="stable", ignore_index=True)


def read_metrics(path: str | IO[str]) -> pd.DataFrame:
    """Read the table of cases and labels; a case may be called 001 or NA.

    Raises
    ------
    SlicewiseError
        When it is damaged, or holds what no score can be.
    """
    names = ("case", "patient", "subset", "label")
    table = read_stored_table(
        path,
        (*names, "fold", "dice", "volume_ml", "predicted_ml"),
        key=("case", "label"),
        numbers=("fold", *(name for name in COLUMNS if name != "truth_sha256")),
        dtype=dict.fromkeys((*names, "truth_sha256"), str),
        keep_default_na=False,
        na_values=[""],
    )
    named = "a table of scores" if not isinstance(path, str) else path
    check_numbers(named, table, ["dice"], between=(0, 1))
    if not table["subset"].isin(SUBSETS).all() or table["patient"].isna().any():
        raise refused(named, f"its subsets are not {' and '.join(SUBSETS)}, or a patient lacks")
    return table


def read_summary(path: str | Path) -> dict[str, Any]:
    """Read a ``summary.json``, see `summarise`.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    found: dict[str, Any] = read_stored(path, SUMMARY)
    return found


def headline_subset(metrics: pd.DataFrame) -> str:
    """Return ``test``, or ``validation`` where no test patient has been scored."""
    return "test" if (metrics["subset"] == "test").any() else "validation"


def by_patient(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return a metric by patient: the mean over cases, then over labels.

    Parameters
    ----------
    rows : DataFrame
        Columns patient, case, label, and the metric.
    column : str
        The metric.

    Returns
    -------
    Series
        By patient, in the order of their names; NaN where a patient has no
        value. See `slicewise.metrics.patients.patient_scores`. Of distances
        also where one of the patient's organs was missed altogether: it has
        none, and the mean of the others would be the better for it.
    """
    if rows.empty or column not in rows:
        return pd.Series(dtype=float, name=column, index=pd.Index([], name="patient"))
    cases = rows.set_index(["patient", "case", "label"])[column].astype(float).unstack("label")
    owners = list(cases.index.get_level_values("patient"))
    scores = mean_of(patient_scores(cases.to_numpy(), owners), axis=1)
    index = pd.Index(list(dict.fromkeys(owners)), name="patient")
    found = pd.Series(scores, index, name=column)
    if column in DISTANCES and "nsd" in rows:
        found[rows.loc[rows["nsd"].notna() & rows[column].isna(), "patient"].unique()] = np.nan
    return found


def by_case(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return a metric by case: the mean over the labels, see `by_patient`."""
    return by_patient(rows.assign(patient=rows["case"].astype(str)), column).rename_axis("case")


def summarise(metrics: pd.DataFrame) -> dict[str, Any]:
    """Summarise the table for each subset and label.

    The unit is the patient: the volumes of one patient are averaged first.
    ``mean`` stands for the mean over the labels that each patient has. A value
    that is missing (everything of a label that a case does not have, a distance
    from an empty mask) is left out of the means it would be part of; ``n``
    counts the patients that have one. What was predicted where a label is not
    is counted under ``detection``.

    Returns
    -------
    dict
        ``{subset: {label or "mean": {metric: {mean, median, sd, ci_low,
        ci_high, n}, "detection": {…}}}}``; the interval is a 95 % percentile
        bootstrap over patients (Efron, 1979) with a fixed seed, None below two
        patients. For ``detection`` see `slicewise.evaluation.detection`.
    """
    summary: dict[str, Any] = {}
    for subset, part in metrics.groupby("subset", sort=True):
        shown = part.copy()
        volumes = [name for name in VOLUMES if name in shown]
        shown.loc[lacks_label(shown), volumes] = np.nan
        found: dict[str, Any] = {}
        for label in dict.fromkeys(part["label"]):
            own = part["label"] == label
            found[label] = _described(shown[own]) | {"detection": detection(part[own])}
        found["mean"] = _described(shown) | {"detection": overall(part, by_patient(shown, "dice"))}
        summary[str(subset)] = found
    return summary


def _described(rows: pd.DataFrame) -> dict[str, Any]:
    return {metric: describe(by_patient(rows, metric).to_numpy(float)) for metric in METRICS}


def patient_volumes(metrics: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return volume_ml and predicted_ml of a label by patient, the mean over its cases.

    A patient counts once. Cases that lack the label are left out, as pairs of
    zeros would be taken for agreement, and patients without one of the two.
    """
    own = metrics[(metrics["label"] == label) & ~lacks_label(metrics)]
    columns = ["volume_ml", "predicted_ml"]
    return pd.DataFrame({name: by_patient(own, name) for name in columns}).dropna()


def agreement(reference: np.ndarray, measured: np.ndarray) -> dict[str, Any]:
    """Describe how far two ways of measuring agree (Bland & Altman, Lancet 1986).

    Parameters
    ----------
    reference, measured : ndarray, shape (n,)
        The same quantity, both ways.

    Returns
    -------
    dict
        n; bias, the mean of measured minus reference; low and high, the 95 %
        limits of agreement, bias ± 1.96 standard deviations of the difference;
        for each of the three its 95 % interval by Student's t, ``bias_ci``,
        ``low_ci``, ``high_ci``, as (lower, upper), the variance of a limit
        being three times that of the bias. None below three pairs, but for
        the bias.
    """
    differences = np.asarray(measured, float) - np.asarray(reference, float)
    n = len(differences)
    found: dict[str, Any] = dict.fromkeys(("bias", "low", "high", "bias_ci", "low_ci", "high_ci"))
    if n:
        found["bias"] = float(differences.mean())
    if n >= 3:
        sd = float(differences.std(ddof=1))
        found["low"], found["high"] = (found["bias"] + side * 1.96 * sd for side in (-1, 1))
        error = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
        for name, width in (("bias", error), ("low", 3**0.5 * error), ("high", 3**0.5 * error)):
            found[f"{name}_ci"] = (found[name] - width, found[name] + width)
    return {"n": n, **found}
