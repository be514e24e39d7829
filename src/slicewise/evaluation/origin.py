"""Which models predictions were made by and how these were trained: not on the patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from slicewise.config.load import settings_of
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.dataset.proposal import planned_settings
from slicewise.dataset.rungs import best_told
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.unseen import check_unseen
from slicewise.errors import SlicewiseError
from slicewise.evaluation.folds import Folds, fold_names, read_folds
from slicewise.volumes.nifti import read_note


def settings_learnt(
    config: Mapping[str, Any], experiment: str, plans: Sequence[str], bests: Sequence[str]
) -> dict[str, str]:
    """Return the settings by which an experiment was scored, and it and its teachers were trained.

    A training notes its own. It knows no plan that a teacher follows, no sweep that chose it, and
    nothing that is scored otherwise later.

    Parameters
    ----------
    config : mapping
        As read from YAML.
    experiment : str
        Its name, or that of an ensemble.
    plans : sequence of str
        Files of the plans that these follow.
    bests : sequence of str
        The files that say which combinations are best, of all sweeps among these.

    Returns
    -------
    dict of str to str
        ``settings.yaml``.
    """
    settings = planned_settings(config, plans)
    best_of = {Path(path).parents[1].name: path for path in bests}
    for name in settings.learnt_from(experiment):
        best = best_of.get(settings.sweep_of(name) or "")
        settings = best_told(settings, name, [best] if best else [])
    return {"settings.yaml": settings_of(settings, experiment)}


def read_origins(
    configs: Sequence[str],
    cases: Sequence[Assignment],
    predictions: Sequence[str],
    table: pd.DataFrame,
    ensemble: Sequence[str] = (),
) -> Folds:
    """Read what the models of an experiment were trained on, and check its predictions by that.

    Parameters
    ----------
    configs : sequence of str
        Each fold's ``config.yaml``; of an ensemble, those of all members.
    cases, predictions, table
        As of `check_origins`.
    ensemble : sequence of str
        Its ``ensemble.json``, if it is one.

    Returns
    -------
    Folds
        The trainings, without their histories.
    """
    folds = read_folds(configs, [], ensemble=ensemble)
    check_origins(cases, predictions, folds.records, table, folds.ensemble)
    return folds


def check_origins(
    cases: Sequence[Assignment],
    predictions: Sequence[str],
    records: Sequence[TrainingRecord],
    table: pd.DataFrame,
    ensemble: EnsembleRecord | None = None,
) -> None:
    """Refuse predictions that other models made, that are of other images, or of seen patients.

    Parameters
    ----------
    cases : sequence of Assignment
        What is to be scored.
    predictions : sequence of str
        Their files, each of which says what it was made from.
    records : sequence of TrainingRecord
        Of each fold, in their order; of an ensemble, member after member.
    table : DataFrame
        The table of cases (``cases.tsv``), which has the SHA-256 of each image.
    ensemble : EnsembleRecord, optional
        How its members are weighed.

    Raises
    ------
    SlicewiseError
        Names the first file or case that is wrong.
    """
    images = dict(zip(table["case"], table["image_sha256"], strict=True))
    number = len(records) if ensemble is None else ensemble.folds
    names = fold_names(number, ensemble)
    for assigned, path in zip(cases, predictions, strict=True):
        held_out_by = None if assigned.subset == "test" else assigned.fold or 0
        chosen = [
            (name, record)
            for place, (name, record) in enumerate(zip(names, records, strict=True))
            if held_out_by in (None, place % number)
        ]
        for name, record in chosen:
            check_unseen(assigned.case, assigned.patient, name, record)
        note = read_note(Path(path))
        weights = [record.resolved.weights_sha256 for _, record in chosen]
        shares = None if ensemble is None else ensemble.shares(held_out_by)
        why = _wrong(note, assigned.case, weights, images[assigned.case], shares)
        if why:
            raise SlicewiseError(
                f"{path}: {why}; delete it and run snakemake again, which predicts anew"
            )


def _wrong(
    note: Mapping[str, Any] | None,
    case: str,
    weights: Sequence[str],
    image: str,
    shares: Mapping[str, float] | None,
) -> str | None:
    """Say what is wrong with what a prediction says of itself."""
    if note is None:
        return "it does not say which models made it"
    if note.get("case") != case:
        return f"it is the prediction of case {note.get('case')}"
    if note.get("models") != list(weights):
        return "other models made it than those that lie beside it now"
    if note.get("weights") != shares:
        return "its members were weighed otherwise than they are now"
    if note.get("image") != image:
        return "it was made from another image than the case has now"
    return None
