"""From the files of cases to their scores and overlays."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slicewise.config import Content, Recipe
from slicewise.evaluation.detection import is_untrained
from slicewise.evaluation.figures import (
    Plane,
    display_slice,
    jpeg,
    overlay,
    pick_slices,
    pixel_aspect,
)
from slicewise.evaluation.render import plural
from slicewise.evaluation.report import CaseFigures, gallery_cases
from slicewise.evaluation.statistics import UNSCORED, case_rows, metrics_table
from slicewise.evaluation.undrawn import Undrawn, drawn
from slicewise.evaluation.viewer import plane_views
from slicewise.slices.bound import recipe_bound
from slicewise.volumes.intensity import ordinary_range
from slicewise.volumes.read import read_image
from slicewise.volumes.truth import labels_digest, read_labels

_log = logging.getLogger(__name__)

ABDOMEN = (-160.0, 240.0)
SCROLLED, FRAMES = 12, 28
"""How many cases the report scrolls through, the worst, and by how many slices of a plane.

Of the others it has one slice of each plane, or it would be too heavy to open.
"""

Known = Sequence[object]  # case, patient, subset, fold


def score_cases(
    cases: Sequence[Known],
    masks: Sequence[str],
    predictions: Sequence[str],
    content: Content,
    tolerance_mm: float,
    untrained: Sequence[Collection[str]] = (),
    *,
    recipe: Mapping[str, Any] | None = None,
    absent_labels: str = "exclude",
    lesions: Sequence[str] = (),
    lesion_iou: float = 0.1,
) -> pd.DataFrame:
    """Score predictions on the source's own grid, one case at a time.

    Parameters
    ----------
    cases : sequence of (case, patient, subset, fold)
        What was predicted.
    masks, predictions : sequences of str
        Files, in the same order.
    content : Content
        What the files hold; distances are measured where its slices are neighbours.
    tolerance_mm : float
        Up to which distance the surface Dice takes surfaces as the same.
    untrained : sequence of collections of str
        The labels that each fold was trained without. Where all models that
        predicted a case were, its scores of the label are empty: a model that
        never saw a label cannot find it.
    recipe : mapping, optional
        How slices are cut (`Recipe`): ``recipe_dice`` is the Dice that it allows at all.
    absent_labels, lesions, lesion_iou
        As in the settings' block `evaluation`.

    Returns
    -------
    DataFrame
        One row a case and label.
    """
    rows = []
    for known, mask, prediction in zip(cases, masks, predictions, strict=True):
        guess = read_labels(prediction, content)  # on the image's grid, which may not be the mask's
        truth = read_labels(mask, content, guess)
        first = dict(zip(("case", "patient", "subset", "fold"), known, strict=True))
        arrays, names = (truth.array, guess.array), list(content.labels)
        first["truth_sha256"] = labels_digest(truth, names)
        spacing = truth.spacing if content.contiguous else None
        scored = case_rows(
            first,
            *arrays,
            names,
            truth.voxel_ml,
            spacing,
            tolerance_mm,
            absent_labels,
            lesions,
            lesion_iou,
        )
        if recipe is not None:
            bound = recipe_bound(truth, Recipe(**recipe), names, content.contiguous)
            scored = [{**row, "recipe_dice": bound[row["label"]]["dice"]} for row in scored]
        rows += [_without_score(row, untrained) for row in scored]
    _say_untrained(rows, untrained)
    return metrics_table(rows)


def _never_seen(row: Mapping[str, Any], untrained: Sequence[Collection[str]]) -> bool:
    """Whether no model that predicted the case of a row had been trained on its label."""
    models = untrained if row["subset"] == "test" else untrained[row["fold"] or 0 :][:1]
    return bool(models) and all(row["label"] in labels for labels in models)


def _without_score(row: dict[str, Any], untrained: Sequence[Collection[str]]) -> dict[str, Any]:
    if not _never_seen(row, untrained):
        return row
    known = ("case", "patient", "subset", "fold", "label", *UNSCORED)
    return {name: value if name in known else None for name, value in row.items()}


def _say_untrained(rows: Sequence[Mapping[str, Any]], untrained: Sequence[Collection[str]]) -> None:
    for label in dict.fromkeys(label for labels in untrained for label in labels):
        folds = [str(fold) for fold, labels in enumerate(untrained) if label in labels]
        empty = {r["patient"] for r in rows if r["label"] == label and _never_seen(r, untrained)}
        _log.warning(
            "label %s: no training patient of fold %s had it, so %s no score of it",
            label,
            ", ".join(folds),
            plural(len(empty), "patient has", "patients have"),
        )


def case_figures(
    metrics: pd.DataFrame,
    cases: Sequence[Known],
    images: Sequence[str],
    masks: Sequence[str],
    predictions: Sequence[str],
    content: Content,
) -> list[CaseFigures]:
    """Draw the worst cases, one in memory at a time.

    A label that the models of a case were trained without is not drawn: an
    outline of the reference alone would look like something that was missed.
    For the report three planes, of which the first dozen can be scrolled; only
    the axial one where slices are no neighbours. For MLflow the worst, median
    and best axial slice.

    Parameters
    ----------
    metrics : DataFrame
        The table of cases and labels.
    cases : sequence of (case, patient, subset, fold)
        What was predicted.
    images, masks, predictions : sequences of str
        Files, in the same order.
    content : Content
        What the files hold.

    Returns
    -------
    list of CaseFigures
        Worst case first; of test patients where there are any, at most thirty.
    """
    paths = zip(images, masks, predictions, strict=True)
    files = {str(known[0]): three for known, three in zip(cases, paths, strict=True)}
    blank = metrics[is_untrained(metrics)].groupby("case")["label"].agg(list).to_dict()
    places = {label: place for place, label in enumerate(content.labels, start=1)}
    found = []
    for number, case in enumerate(gallery_cases(metrics)):
        hidden = [places[label] for label in blank.get(case, [])]
        frames = FRAMES if number < SCROLLED else 1
        made = drawn(case, partial(_figures, case, *files[case], content, frames, hidden))
        found.append(CaseFigures(case, undrawn=made) if isinstance(made, Undrawn) else made)
    return found


def _figures(
    case: str,
    image: str,
    mask: str,
    prediction: str,
    content: Content,
    frames: int,
    hidden: Sequence[int],
) -> CaseFigures:
    source = read_image(Path(image), content)
    volume = source.canonical()
    truth, guess = (
        read_labels(path, content, source).canonical().array for path in (mask, prediction)
    )
    if hidden:
        truth, guess = (np.where(np.isin(each, hidden), 0, each) for each in (truth, guess))
    window = display_window(volume.array, content)
    pictures = []
    for picked in pick_slices(truth, guess):
        picture = overlay(
            *(display_slice(array, picked.index) for array in (volume.array, truth, guess)),
            window=window,
            aspect=pixel_aspect(volume.spacing),
        )
        score = f", Dice {picked.dice:.2f}" if np.isfinite(picked.dice) else ""
        place = f"{picked.index + 1} of {volume.array.shape[2]}"
        pictures.append((f"{picked.name.capitalize()} slice: {place}{score}", jpeg(picture)))
    planes: tuple[Plane, ...] = (
        ("axial", "coronal", "sagittal") if content.contiguous else ("axial",)
    )
    views = plane_views(volume.array, truth, guess, volume.spacing, window, planes, frames)
    return CaseFigures(case, pictures, views)


def display_window(array: np.ndarray, content: Content) -> tuple[float, float]:
    """Return the intensities shown as black and white: an abdominal window for CT."""
    if content.intensity == "hu":
        return ABDOMEN
    low, high = np.percentile(array, (1, 99))
    if content.intensity == "arbitrary":
        bounds = ordinary_range(array)
        low, high = (float(np.clip(value, *bounds)) for value in (low, high))
        if low == high:
            low, high = bounds
    # whatever the unit: values of 1e-9 have a contrast, too
    return float(low), float(high if high > low else low + (abs(low) or 1) * 1e-6)
