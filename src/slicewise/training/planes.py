"""What each of several planes counts, fitted on patients who were not trained on.

As in MultiPlanarUNet, which weighs its views by patients of their own instead of taking their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from slicewise.inference.assembled import assembled
from slicewise.metrics.patients import mean_over_patients
from slicewise.network.card import ModelCard, Predictor
from slicewise.training.known import KnownCase
from slicewise.training.weights import (
    FEWEST,
    Weighed,
    choices,
    choose,
    dice_of_choices,
    said_by,
)


def settle_planes(
    model: Predictor, card: ModelCard, cases: Sequence[KnownCase], patients: Sequence[str]
) -> tuple[ModelCard, dict[str, Any]]:
    """Return the card of a model with the weights of its planes that are best for some patients.

    Parameters
    ----------
    model : Predictor
        A finished model.
    card : ModelCard
        Its own, with the planes that are averaged.
    cases : sequence of KnownCase
        Those that may choose; none where nobody may.
    patients : sequence of str
        The patient of each case.

    Returns
    -------
    card : ModelCard
        As it is unless weights are to be fitted. Else with them, or with the plain mean where too
        few may choose, or what they gain may be chance (`slicewise.training.weights.choose`).
    tried : dict
        What was decided, if that was to be: ``weights`` by plane, whether they are ``fitted`` and
        why, and the mean Dice (before postprocessing) of the plain mean and with the weights.
    """
    if card.inference.weights != "fitted":
        return card, {}
    planes: list[str] = [recipe.plane for recipe in card.planes]
    tried = choices(len(planes))
    unknown = np.full((len(tried), len(card.found)), np.nan)
    # nothing is predicted for nothing
    few = len(set(patients)) < FEWEST
    weighed = [
        Weighed(patient, 0, unknown if few else _dice_of(model, card, case))
        for case, patient in zip(cases, patients, strict=True)
    ]
    best, because = choose(weighed, tried)
    named = dict(zip(planes, map(float, tried[best]), strict=True))
    return card.weighted(named if best else None), {
        "weights": named,
        "fitted": best != 0,
        "because": because,
        "dice_mean": _mean(weighed, 0),
        "dice_weighted": _mean(weighed, best),
    }


def _dice_of(model: Predictor, card: ModelCard, case: KnownCase) -> np.ndarray:
    """Return the Dice of each label of a case for each choice of weights."""
    drawn = case.read()
    alone = [card.weighted({recipe.plane: 1.0}) for recipe in card.planes]
    said = [
        said_by(assembled([model], drawn.image, keep=True, name=case.case, card=own))
        for own in alone
    ]
    return dice_of_choices(said, drawn.truth, card)


def _mean(weighed: Sequence[Weighed], number: int) -> float | None:
    """Return the mean Dice over patients of a choice of weights."""
    if not weighed:
        return None
    scores = np.array([each.dice[number] for each in weighed])
    mean = mean_over_patients(scores, [each.patient for each in weighed])
    return None if np.isnan(mean) else float(mean)


def decision(tried: Mapping[str, Any]) -> str:
    """Say what planes count, and why, by what `settle_planes` decided."""
    weights = ", ".join(f"{plane} {weight:.3g}" for plane, weight in tried["weights"].items())
    return f"inference.weights: {weights} ({tried['because']})"
