"""From masks to a table of cases, and from the table to a mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from scipy import stats

from slicewise.config import UNDRAWN, Evaluation
from slicewise.evaluation.detection import detection, lacks_label, overall
from slicewise.evaluation.intervals import describe
from slicewise.metrics import measures, table
from slicewise.metrics.patients import mean_of, patient_scores
from slicewise.metrics.table import names, names_of
from slicewise.stored import SUMMARY, check_numbers, read_stored, read_stored_table, refused

METRICS = names("means")
FAILURES = names_of("failure")
DISTANCES = names_of("distance")
VOLUMES = names_of("volume")
COLUMNS = tuple(each.name for each in table.METRICS)
"""Columns of the table of cases and labels, after the names."""
SUBSETS = ("test", "validation")
UNSCORED = tuple(each.name for each in table.METRICS if each.of_truth)
"""What a row says of the ground truth and of how it is scored, not of a prediction."""


@dataclass(frozen=True)
class Masks:
    """The ground truth and the prediction of a case, as label numbers on the same grid.

    Attributes
    ----------
    truth, prediction : ndarray of uint8, shape (i, j, k)
        Label indices on the source's grid. What the truth has as `UNDRAWN` is not
        scored: overlaps and volumes are those of the other voxels, and what
        depends on where whole surfaces and pieces lie (distances, failures,
        lesions) has no value in such a case.
    labels : sequence of str
        Names of labels 1, 2, ….
    voxel_ml : float
        Volume of a voxel in millilitres.
    spacing : tuple of float, or None
        Distance of neighbouring voxels along each axis, in mm; None where
        slices are no neighbours, which leaves out all distances, failures and
        lesions.
    scored : mapping of str to sequence of int, optional
        What has scores, each with the numbers of its labels: regions. By
        default each label by itself.
    """

    truth: np.ndarray
    prediction: np.ndarray
    labels: Sequence[str]
    voxel_ml: float
    spacing: tuple[float, float, float] | None
    scored: Mapping[str, Sequence[int]] | None = None

    def pairs(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yield what has scores, each with where it is true and where it was predicted."""
        for index, name in enumerate(self.labels, start=1):
            if self.scored is None:
                yield name, self.truth == index, self.prediction == index
        for name, numbers in (self.scored or {}).items():
            yield name, np.isin(self.truth, numbers), np.isin(self.prediction, numbers)

    def drawn(self) -> tuple[Masks, float]:
        """Return what is left of the masks without undrawn voxels, and how many per cent these are.

        Both masks are background there. Slices are no neighbours any more where any voxel is
        undrawn: a surface or a piece that ends there may go on.
        """
        undrawn = self.truth == UNDRAWN
        number = int(np.count_nonzero(undrawn))
        if not number:
            return self, 0.0
        truth = np.where(undrawn, np.uint8(0), self.truth)
        prediction = np.where(undrawn, np.uint8(0), self.prediction)
        masks = replace(self, truth=truth, prediction=prediction, spacing=None)
        return masks, 100 * number / undrawn.size


def case_rows(known: Mapping[str, Any], masks: Masks, scoring: Evaluation) -> list[dict[str, Any]]:
    """Score one case, one row a label or region.

    Parameters
    ----------
    known : mapping
        What is known of it: case, patient, subset, fold, truth_sha256.
    masks : Masks
        Its ground truth and prediction.
    scoring : Evaluation
        The tolerance of surfaces, what a label that is not there scores, which
        labels are lesions, and by which overlap one counts as found.

    Returns
    -------
    list of dict
        `known`, the label, and its metrics by the names of columns.
    """
    rows = []
    masks, undrawn_percent = masks.drawn()
    for name, truth, prediction in masks.pairs():
        pair = measures.Pair(
            truth,
            prediction,
            masks.voxel_ml,
            masks.spacing,
            scoring.tolerance_mm,
            scoring.lesion_iou if name in scoring.lesions else None,
        )
        row = {**known, "label": name, **measures.measured(pair)}
        if undrawn_percent:
            row |= _in_part(row, undrawn_percent)
        if scoring.absent_labels == "challenge" and not row["volume_ml"]:
            row |= _as_challenges_do(row)
        rows.append(row)
    return rows


def _in_part(row: Mapping[str, Any], undrawn_percent: float) -> dict[str, float]:
    """Say of a row that a part of its case was not drawn.

    A label of which no voxel was drawn may be elsewhere: its volume is not known to be 0.
    """
    noted = {"undrawn_percent": undrawn_percent}
    return noted if row["volume_ml"] else {**noted, "volume_ml": float("nan")}


def _as_challenges_do(row: Mapping[str, Any]) -> dict[str, float]:
    """Score a label that the ground truth lacks as if finding nothing was an overlap."""
    right = not row["predicted_ml"]
    distance = 0.0 if right else float("nan")
    scores = dict.fromkeys(names_of("overlap"), float(right))
    scores |= dict.fromkeys(DISTANCES, distance)
    return {name: score for name, score in scores.items() if name in row}


def metrics_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return the table of cases and labels, sorted by subset and case."""
    listed = list(rows)
    said = {name for row in listed for name in row}
    used = [each.name for each in table.METRICS if each.name in said or not each.optional]
    columns = ["case", "patient", "subset", "fold", "label", *used]
    return pd.DataFrame(listed, columns=columns).sort_values(
        ["subset", "case"], kind="stable", ignore_index=True
    )


def read_metrics(path: str | IO[str]) -> pd.DataFrame:
    """Read the table of cases and labels; a case may be called 001 or NA.

    Raises
    ------
    SlicewiseError
        When it is damaged, or holds what no score can be.
    """
    said = ("case", "patient", "subset", "label")
    texts = tuple(each.name for each in table.METRICS if each.is_text)
    rows = read_stored_table(
        path,
        (*said, "fold", "dice", "volume_ml", "predicted_ml"),
        key=("case", "label"),
        numbers=("fold", *(name for name in COLUMNS if name not in texts)),
        dtype=dict.fromkeys((*said, *texts), str),
        keep_default_na=False,
        na_values=[""],
    )
    named = path if isinstance(path, str) else "a table of scores"
    check_numbers(named, rows, ["dice"], between=(0, 1))
    if not rows["subset"].isin(SUBSETS).all() or rows["patient"].isna().any():
        raise refused(named, f"its subsets are not {' and '.join(SUBSETS)}, or a patient lacks")
    return rows


def read_summary(path: str | Path) -> dict[str, Any]:
    """Read a ``summary.json``, see `summarise`.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    summary: dict[str, Any] = read_stored(path, SUMMARY)
    return summary


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
    values = pd.Series(scores, index, name=column)
    if column in DISTANCES and "nsd" in rows:
        values[rows.loc[rows["nsd"].notna() & rows[column].isna(), "patient"].unique()] = np.nan
    return values


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
        labels: dict[str, Any] = {}
        for label in dict.fromkeys(part["label"]):
            own = part["label"] == label
            labels[label] = _described(shown[own]) | {"detection": detection(part[own])}
        dice = by_patient(shown, "dice")
        labels["mean"] = _described(shown) | {"detection": overall(part, dice)}
        summary[str(subset)] = labels
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
    limits: dict[str, Any] = dict.fromkeys(("bias", "low", "high", "bias_ci", "low_ci", "high_ci"))
    if n:
        limits["bias"] = float(differences.mean())
    if n >= 3:
        sd = float(differences.std(ddof=1))
        limits["low"] = limits["bias"] - 1.96 * sd
        limits["high"] = limits["bias"] + 1.96 * sd
        error = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
        for name, width in (("bias", error), ("low", 3**0.5 * error), ("high", 3**0.5 * error)):
            limits[f"{name}_ci"] = (limits[name] - width, limits[name] + width)
    return {"n": n, **limits}
