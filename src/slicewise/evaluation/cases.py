"""From the files of cases to their scores."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from slicewise.config import Content, Evaluation, Recipe
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.truth import labels_digest, read_labels, read_prediction
from slicewise.evaluation.statistics import UNSCORED, Masks, case_rows, metrics_table
from slicewise.slices.bound import recipe_bound
from slicewise.slices.region_bound import region_dice
from slicewise.wording import plural

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictedCase:
    """A case that was predicted, and its files.

    Attributes
    ----------
    assigned : Assignment
        Which case of whom it is, and where the split put it.
    mask, prediction : str
        Files of the ground truth and of the prediction.
    image : str
        File of the image; empty where nobody looks at it.
    """

    assigned: Assignment
    mask: str
    prediction: str
    image: str = ""


def predicted_cases(
    assigned: Sequence[Assignment],
    masks: Sequence[str],
    predictions: Sequence[str],
    images: Sequence[str] | None = None,
) -> list[PredictedCase]:
    """Pair cases with their files, which are in the same order."""
    pictures = [""] * len(assigned) if images is None else images
    files = zip(assigned, masks, predictions, pictures, strict=True)
    return [PredictedCase(*each) for each in files]


def score_cases(
    cases: Iterable[PredictedCase],
    content: Content,
    scoring: Evaluation,
    *,
    untrained: Sequence[Collection[str]] = (),
    recipe: Recipe | None = None,
) -> pd.DataFrame:
    """Score predictions on the source's own grid, one case at a time.

    Parameters
    ----------
    cases : iterable of PredictedCase
        What was predicted.
    content : Content
        What the files hold; distances are measured where its slices are neighbours.
    scoring : Evaluation
        The settings' block `evaluation`.
    untrained : sequence of collections of str
        The labels that each fold was trained without. Where all models that
        predicted a case were, its scores of the label are empty: a model that
        never saw a label cannot find it.
    recipe : Recipe, optional
        How slices are cut: ``recipe_dice`` is the Dice that it allows at all.

    Returns
    -------
    DataFrame
        One row a case and label.
    """
    rows: list[dict[str, Any]] = []
    for case in cases:
        scored = _score_case(case, content, scoring, recipe)
        rows += [_without_score(row, untrained) for row in scored]
    _say_untrained(rows, untrained)
    return metrics_table(rows)


def _score_case(
    case: PredictedCase, content: Content, scoring: Evaluation, recipe: Recipe | None
) -> list[dict[str, Any]]:
    # on the image's grid, which may not be the mask's
    guess = read_prediction(case.prediction, content)
    truth = read_labels(case.mask, content, guess)
    labels = list(content.labels)
    spacing = truth.spacing if content.contiguous else None
    scored = content.regions or None
    masks = Masks(truth.array, guess.array, labels, truth.voxel_ml, spacing, scored)
    known = {**case.assigned.dump(), "truth_sha256": labels_digest(truth, labels)}
    rows = case_rows(known, masks, scoring)
    if recipe is None:
        return rows
    if content.regions:
        most = region_dice(truth, recipe, labels, content.regions)
    else:
        bound = recipe_bound(truth, recipe, labels, content.contiguous)
        most = {name: each.dice for name, each in bound.items()}
    return [{**row, "recipe_dice": most[row["label"]]} for row in rows]


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
            "label %s: no training slice of fold %s showed it, so %s no score of it",
            label,
            ", ".join(folds),
            plural(len(empty), "patient has", "patients have"),
        )
