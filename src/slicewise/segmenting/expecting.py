"""The Dice to expect of what was found in a scan, by what a model's masks of others told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slicewise.dataset.calibration import CALIBRATION, FEWEST, OFTEN, Calibration, joined
from slicewise.dataset.training_record import TrainingRecord
from slicewise.inference.signs import signs_of
from slicewise.inference.trust import FoundLabel
from slicewise.inference.unlike import Seen
from slicewise.metrics.expected import MISSED, Expectation
from slicewise.network.card import ModelCard
from slicewise.stored import read_typed

FOLDER = "calibration"
"""Where calibrations lie beside models that were fetched from MLflow."""


def read_calibrations(files: Sequence[Path], weights: Sequence[str]) -> list[Calibration]:
    """Read the calibrations beside models, as far as they are of these very weights.

    Parameters
    ----------
    files : sequence of Path
        Of the models, or of an ensemble; beside each, ``calibration.json``, or a folder of several.
    weights : sequence of str
        Digest of the weights of each.

    Raises
    ------
    SlicewiseError
        When one is damaged.
    """
    folders = dict.fromkeys(file.parent for file in files)
    paths = [
        path
        for folder in folders
        for path in (folder / "calibration.json", *sorted((folder / FOLDER).glob("*.json")))
        if path.is_file()
    ]
    known: list[Calibration] = [read_typed(path, CALIBRATION) for path in paths]
    by_weights = {one.weights_sha256: one for one in known}
    return [by_weights[digest] for digest in weights if digest in by_weights]


def expectation_of(
    calibrations: Sequence[Calibration], trainings: Sequence[TrainingRecord]
) -> tuple[Expectation | None, str]:
    """Return what Dice goes with what signs, or why nobody knows.

    Parameters
    ----------
    calibrations : sequence of Calibration
        Of models that segment together.
    trainings : sequence of TrainingRecord
        What is known of their training.
    """
    if calibrations:
        masks = joined(calibrations)
        patients = len({mask.patient for mask in masks})
        told = (
            f"of the {FEWEST} patients that it takes, {patients} were held out of the training "
            "and drawn as a whole"
        )
        return Expectation.fit(masks), told
    held_out = {
        patient for one in trainings for patient in one.validation.get("patients", {}).values()
    }
    if trainings and len(held_out) < FEWEST:
        return None, (
            f"of the {FEWEST} patients that it takes, {len(held_out)} were held out of the training"
        )
    return None, "there is no calibration.json of these weights beside the model"


def with_expected(
    found: Sequence[FoundLabel], seen: Seen, card: ModelCard, expectation: Expectation | None
) -> list[FoundLabel]:
    """Add the Dice to expect to what was found in a scan.

    Parameters
    ----------
    found : sequence of FoundLabel
    seen : Seen
        What was measured of the scan.
    card : ModelCard
        Of all models together.
    expectation : Expectation or None
        None where it is not known.
    """
    if expectation is None:
        return list(found)
    signs = signs_of(found, seen, card)
    told = []
    for one in found:
        own = signs[one.label]
        expected = expectation.of(one.label, own) if own is not None else None
        if own is None and not one.ml and _is_missed(one.label, card):
            expected = MISSED
        if expected is not None:
            one = replace(one, **{f"expected_{key}": n for key, n in expected._asdict().items()})
        told.append(one)
    return told


def _is_missed(label: str, card: ModelCard) -> bool:
    """Tell whether a label that was not found should be there, as in nearly all training cases."""
    known = None if card.ranges is None else card.ranges.labels.get(label)
    return known is None or known.lacking < OFTEN
