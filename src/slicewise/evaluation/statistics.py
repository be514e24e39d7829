"""From masks to a table of cases, and from the table to a mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np
import pandas as pd
from scipy import stats

from slicewise.metrics import failures, overlap, surface_distances

RESAMPLES = 9999
BATCH = 500  # resamples at a time, so that memory does not grow with the patients
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
COLUMNS = (*METRICS, "tolerance_mm", *FAILURES, "recipe_dice", "truth_sha256")
"""Columns after the names: an nsd says nothing without its tolerance, no score without what the
slices allow and without its truth (digest of the label numbers on their grid), and failures are not
averaged."""


def case_rows(
    case: dict[str, Any],
    truth: np.ndarray,
    prediction: np.ndarray,
    labels: Sequence[str],
    voxel_ml: float,
    spacing: tuple[float, float, float] | None,
    tolerance_mm: float,
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
        slices are no neighbours, which leaves out all distances and failures.
    tolerance_mm : float
        Up to which distance the surface Dice takes surfaces as the same.
    """
    rows = []
    for index, name in enumerate(labels, start=1):
        masks = truth == index, prediction == index
        row = {**case, "label": name, **overlap(*masks, voxel_ml)}
        if spacing is not None:
            row |= surface_distances(*masks, spacing, tolerance_mm)
            row["tolerance_mm"] = tolerance_mm
            row |= failures(*masks, voxel_ml, spacing)
        rows.append(row)
    return rows


def metrics_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return the table of cases and labels, sorted by subset and case."""
    table = pd.DataFrame(
        list(rows), columns=["case", "patient", "subset", "fold", "label", *COLUMNS]
    )
    return table.sort_values(["subset", "case"], kind="stable", ignore_index=True)


def read_metrics(path: str | IO[str]) -> pd.DataFrame:
    """Read the table of cases and labels; a case may be called 001 or NA."""
    names = dict.fromkeys(("case", "patient", "subset", "label"), str)
    return pd.read_csv(path, sep="\t", dtype=names, keep_default_na=False, na_values=[""])


def summarise(metrics: pd.DataFrame) -> dict[str, Any]:
    """Summarise the table for each subset and label.

    The unit is the patient: the volumes of one patient are averaged first.
    ``mean`` stands for the mean over labels of each patient. A value that is
    missing (a distance from an empty mask) is left out of the means it would
    be part of; ``n`` counts the patients that have one.

    Returns
    -------
    dict
        ``{subset: {label or "mean": {metric: {mean, median, sd, ci_low,
        ci_high, n}}}}``; the interval is a 95 % percentile bootstrap over
        patients (Efron, 1979) with a fixed seed, None below two patients.
    """
    summary: dict[str, Any] = {}
    for subset, part in metrics.groupby("subset", sort=True):
        labels = list(dict.fromkeys(part["label"]))
        by_label = {
            label: part[part["label"] == label].groupby("patient")[list(METRICS)].mean()
            for label in labels
        }
        by_label["mean"] = part.groupby("patient")[list(METRICS)].mean()
        summary[str(subset)] = {
            label: {metric: _describe(table[metric].to_numpy(float)) for metric in METRICS}
            for label, table in by_label.items()
        }
    return summary


def patient_volumes(metrics: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return volume_ml and predicted_ml of a label by patient, the mean over its cases.

    A patient counts once. Patients without one of the two are left out.
    """
    own = metrics[metrics["label"] == label]
    return own.groupby("patient")[["volume_ml", "predicted_ml"]].mean().dropna()


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


def _describe(values: np.ndarray) -> dict[str, float | int | None]:
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
