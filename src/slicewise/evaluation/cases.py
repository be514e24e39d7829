"""From the files of cases to their scores."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from slicewise.config import Content, Recipe
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.truth import labels_digest, read_labels
from slicewise.evaluation.statistics import UNSCORED, case_rows, metrics_table
from slicewise.slices.bound import recipe_bound
from slicewise.wording import plural

_log = logging.getLogger(__name__)


def score_cases(
    cases: Sequence[Assignment],
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
    cases : sequence of Assignment
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
    for assigned, mask, prediction in zip(cases, masks, predictions, strict=True):
        guess = read_labels(prediction, content)  # on the image's grid, which may not be the mask's
        truth = read_labels(mask, content, guess)
        first = assigned.dump()
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
