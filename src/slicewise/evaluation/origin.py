"""Which models predictions were made by, and that these had not seen the patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from slicewise.dataset.assignment import Assignment
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.unseen import check_unseen
from slicewise.errors import SlicewiseError
from slicewise.evaluation.folds import Folds, read_folds
from slicewise.volumes.nifti import read_note


def read_origins(
    configs: Sequence[str],
    cases: Sequence[Assignment],
    predictions: Sequence[str],
    table: pd.DataFrame,
) -> Folds:
    """Read what the models of an experiment were trained on, and check its predictions by that.

    Parameters
    ----------
    configs : sequence of str
        Each fold's ``config.yaml``.
    cases, predictions, table
        As of `check_origins`.

    Returns
    -------
    Folds
        The trainings, without their histories.
    """
    folds = read_folds(configs, [])
    check_origins(cases, predictions, folds.records, table)
    return folds


def check_origins(
    cases: Sequence[Assignment],
    predictions: Sequence[str],
    records: Sequence[TrainingRecord],
    table: pd.DataFrame,
) -> None:
    """Refuse predictions that other models made, that are of other images, or of seen patients.

    Parameters
    ----------
    cases : sequence of Assignment
        What is to be scored.
    predictions : sequence of str
        Their files, each of which says what it was made from.
    records : sequence of TrainingRecord
        Of each fold, in their order.
    table : DataFrame
        The table of cases (``cases.tsv``), which has the SHA-256 of each image.

    Raises
    ------
    SlicewiseError
        Names the first file or case that is wrong.
    """
    images = dict(zip(table["case"], table["image_sha256"], strict=True))
    for assigned, path in zip(cases, predictions, strict=True):
        folds = range(len(records)) if assigned.subset == "test" else [assigned.fold or 0]
        for number in folds:
            check_unseen(assigned.case, assigned.patient, f"fold-{number}", records[number])
        note = read_note(Path(path))
        weights = [records[number].resolved.weights_sha256 for number in folds]
        why = _wrong(note, assigned.case, weights, images[assigned.case])
        if why:
            raise SlicewiseError(
                f"{path}: {why}; delete it and run snakemake again, which predicts anew"
            )


def _wrong(
    note: Mapping[str, Any] | None, case: str, weights: Sequence[str], image: str
) -> str | None:
    """Say what is wrong with what a prediction says of itself."""
    if note is None:
        return "it does not say which models made it"
    if note.get("case") != case:
        return f"it is the prediction of case {note.get('case')}"
    if note.get("models") != list(weights):
        return "other models made it than those that lie beside it now"
    if note.get("image") != image:
        return "it was made from another image than the case has now"
    return None
