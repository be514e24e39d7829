"""Models that a training starts or learns from: what is known of them, and if it is too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from slicewise.dataset.ensembles import read_weights
from slicewise.dataset.training_record import StartedFrom, TaughtBy, TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import digest, sha256
from slicewise.stored import Form
from slicewise.wording import some

STARTED = Form(StartedFrom)
SHOWN = 8
DIGITS = 12
"""Of a digest, where it stands in a sentence."""


def describe_start(name: str, model: Path, record: TrainingRecord | None) -> StartedFrom:
    """Return what is known of a model that a training is to start from.

    Parameters
    ----------
    name : str
        As it was named.
    model : Path
        Its file.
    record : TrainingRecord or None
        Of its training; None where nobody knows.
    """
    if record is None:
        return StartedFrom(name=name, sha256=sha256(model), known=False, scans={})
    return StartedFrom(
        name=name,
        sha256=sha256(model),
        weights_sha256=record.resolved.weights_sha256,
        known=_is_known(record),
        scans=record.scans,
        earlier=_earlier(record),
    )


def describe_teacher(
    name: str, records: Sequence[TrainingRecord], shares: Sequence[float] = (1.0,)
) -> TaughtBy:
    """Return what is known of the model that a training learns from, or of models together.

    Parameters
    ----------
    name : str
        The experiment or ensemble that they are of.
    records : sequence of TrainingRecord
        Of their trainings.
    shares : sequence of float
        How much each counts.
    """
    weights = [record.resolved.weights_sha256 for record in records]
    says = [[record.predicts_by, share] for record, share in zip(records, shares, strict=True)]
    named = [f"{name} ({each[:DIGITS]})" for each in weights] if len(records) > 1 else []
    earlier = [each for record in records for each in _earlier(record)]
    return TaughtBy(
        name=name,
        weights_sha256=weights[0] if len(records) == 1 else digest(weights),
        says=digest(says),
        known=all(map(_is_known, records)),
        scans={mark: patient for record in records for mark, patient in record.scans.items()},
        earlier=list(dict.fromkeys([*named, *earlier])),
    )


def shares_of_teacher(
    records: Mapping[str, TrainingRecord], weights: Sequence[str], fold: int
) -> dict[str, float]:
    """Return how much each model of a fold counts that teaches.

    Parameters
    ----------
    records : mapping of str to TrainingRecord
        By experiment.
    weights : sequence of str
        The file of the weights of the ensemble that they are members of, if they are.
    fold : int
        Whose held-out patients took no part in the weights.

    Raises
    ------
    SlicewiseError
        When the weights were fitted for other models.
    """
    if not weights:
        return dict.fromkeys(records, 1.0)
    (path,) = weights
    return read_weights(path).shares_in(fold, records, path)


def _is_known(record: TrainingRecord) -> bool:
    """Tell whether all is known that a model was trained on, and what came before it."""
    return len(record.fingerprints) == len(record.train) and record.before_is_known


def _earlier(record: TrainingRecord) -> list[str]:
    """Name what a model started from and learnt from, the latest first."""
    named = []
    if (start := record.started_from) is not None:
        weights = (start.weights_sha256 or start.sha256)[:DIGITS]
        named += [f"{start.name} ({weights})", *start.earlier]
    if (teacher := record.taught_by) is not None:
        named += [f"{teacher.name} ({teacher.weights_sha256[:DIGITS]})", *teacher.earlier]
    return list(dict.fromkeys(named))


def check_start(started: StartedFrom, cases: pd.DataFrame, held_out: list[str]) -> None:
    """Refuse a model that was trained on patients whom this training holds out.

    A scan is known by the digest of its voxels. Patients are known by their names, too, where
    the model was trained on this data set: where it knows a scan by the patient that it has here.

    Parameters
    ----------
    started : StartedFrom
        The model.
    cases : DataFrame
        The table of cases.
    held_out : list of str
        The cases that are validated or tested on.

    Raises
    ------
    SlicewiseError
        Naming the patients.
    """
    if seen := _seen(started.scans, cases, held_out):
        raise SlicewiseError(
            f"training.start_from: {started.name} was trained on {some(seen, SHOWN)}, who are held "
            "out here, so their scores would be of patients that it knows; start from a model "
            "that was trained without them (of the same folds and test patients), or train from "
            "nothing"
        )


def check_teacher(teacher: TaughtBy, cases: pd.DataFrame, held_out: list[str]) -> None:
    """Refuse to learn from a model that knows patients whom this training holds out.

    Parameters
    ----------
    teacher : TaughtBy
        The model.
    cases, held_out
        As of `check_start`.

    Raises
    ------
    SlicewiseError
        Naming the patients.
    """
    if seen := _seen(teacher.scans, cases, held_out):
        raise SlicewiseError(
            f"training.distil.teacher: {teacher.name} was trained on {some(seen, SHOWN)}, who are "
            "held out here, and what it says would tell of them; train it again with this split"
        )


def _seen(scans: Mapping[str, str], cases: pd.DataFrame, held_out: list[str]) -> list[str]:
    """Return the patients of held-out cases whom a model knows by these scans."""
    patient_of = dict(zip(cases["case"], cases["patient"], strict=True))
    known = [
        (patient, scans[mark])
        for patient, mark in zip(cases["patient"], cases["fingerprint"], strict=True)
        if mark in scans
    ]
    trained = {patient for patient, _ in known}
    if any(patient == called for patient, called in known):
        trained |= set(scans.values())
    return sorted({patient_of[case] for case in held_out if patient_of.get(case) in trained})
