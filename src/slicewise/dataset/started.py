"""The model that a training starts from: what is known of it, and whether it knows too much."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from slicewise.dataset.training_record import StartedFrom, TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import sha256
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
    before = record.started_from
    earlier = []
    if before is not None:
        weights = (before.weights_sha256 or before.sha256)[:DIGITS]
        earlier = [f"{before.name} ({weights})", *before.earlier]
    return StartedFrom(
        name=name,
        sha256=sha256(model),
        weights_sha256=record.resolved.weights_sha256,
        known=len(record.fingerprints) == len(record.train) and (before is None or before.known),
        scans=record.scans,
        earlier=earlier,
    )


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
    patient_of = dict(zip(cases["case"], cases["patient"], strict=True))
    known = [
        (patient, started.scans[mark])
        for patient, mark in zip(cases["patient"], cases["fingerprint"], strict=True)
        if mark in started.scans
    ]
    trained = {patient for patient, _ in known}
    if any(patient == called for patient, called in known):
        trained |= set(started.scans.values())
    seen = sorted({patient_of[case] for case in held_out if patient_of.get(case) in trained})
    if seen:
        raise SlicewiseError(
            f"training.start_from: {started.name} was trained on {some(seen, SHOWN)}, who are held "
            "out here, so their scores would be of patients that it knows; start from a model "
            "that was trained without them (of the same folds and test patients), or train from "
            "nothing"
        )
