"""How much each member of an ensemble counts: fitted on patients whom none was trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from slicewise.dataset.ensembles import Weights
from slicewise.inference.assembled import assembled
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.requests import Trained, check_all_trained
from slicewise.metrics.patients import mean_over_patients
from slicewise.network.card import Predictor
from slicewise.training.known import KnownCase
from slicewise.training.weights import Weighed, choices, choose, dice_of_choices, said_by


def weighed_on(
    cases: Sequence[KnownCase],
    folds: Sequence[Sequence[str]],
    patients: Mapping[str, str],
    trained: Mapping[str, Mapping[int, Trained]],
    threshold: float,
    *,
    batch: int = 8,
    log: Callable[[str], object] = print,
) -> list[Weighed]:
    """Segment held-out cases with each member, and score all choices of weights.

    Parameters
    ----------
    cases : sequence of KnownCase
    folds : sequence of sequence of str
        The cases that each fold held out.
    patients : mapping of str to str
        The patient of each case.
    trained : mapping of str to mapping of int to Trained
        By member, the model of each fold.
    threshold : float
        Of the ensemble: of one label, or of regions.
    batch : int
        Slices at a time.
    log : callable
        Is told a line for each case.

    Raises
    ------
    SlicewiseError
        When a model was trained on a case, or its patient.
    """
    fold_of = {case: fold for fold, names in enumerate(folds) for case in names}
    for member, own in trained.items():
        for case, fold in fold_of.items():
            check_all_trained(case, patients[case], [own[fold]], member)
    weighed = []
    for known in cases:
        fold = fold_of[known.case]
        models = {member: [own[fold].model] for member, own in trained.items()}
        dice = _dice_of_choices(known, models, threshold, batch)
        weighed.append(Weighed(patients[known.case], fold, dice))
        log(f"{known.case}: segmented by each of {', '.join(models)}")
    return weighed


def _dice_of_choices(
    case: KnownCase, models: Mapping[str, Sequence[Predictor]], threshold: float, batch: int
) -> np.ndarray:
    equal = dict.fromkeys(models, 1 / len(models))
    card = Ensemble.of(models, equal, {"threshold": threshold}).card
    drawn = case.read()
    said = [
        said_by(assembled(own, drawn.image, batch, keep=True, name=case.case))
        for own in models.values()
    ]
    return dice_of_choices(said, drawn.truth, card)


def fit(
    cases: Sequence[Weighed], members: Mapping[str, Sequence[str]], *, crossed: bool
) -> Weights:
    """Choose weights by the mean Dice over patients.

    Parameters
    ----------
    cases : sequence of Weighed
        All held-out cases.
    members : mapping of str to sequence of str
        By member, the digests of its models.
    crossed : bool
        Whether folds held patients out in turn, who are scored: then those of a fold get weights
        that the patients of other folds chose.
    """
    tried = choices(len(members))
    chosen, because = choose(cases, tried)
    folds = range(len(next(iter(members.values())))) if crossed else range(0)
    by_fold = [choose([each for each in cases if each.fold != fold], tried)[0] for fold in folds]
    used = [by_fold[each.fold] if crossed else chosen for each in cases]
    alone = {
        name: _mean(cases, [_alone(tried, number)] * len(cases))
        for number, name in enumerate(members)
    }
    return Weights(
        members={name: list(models) for name, models in members.items()},
        weights=_named(tried[chosen], members),
        by_fold=[_named(tried[number], members) for number in by_fold],
        fitted=chosen != 0,
        because=because,
        patients=len({each.patient for each in cases}),
        dice=alone,
        equal_dice=_mean(cases, [0] * len(cases)),
        weighted_dice=_mean(cases, used),
    )


def _alone(tried: np.ndarray, member: int) -> int:
    """Return the choice in which one member counts alone."""
    return int(np.flatnonzero(tried[:, member] == 1)[0])


def _mean(cases: Sequence[Weighed], used: Sequence[int]) -> float | None:
    """Return the mean Dice over patients, each case with a choice of its own."""
    if not cases:
        return None
    scores = np.array([each.dice[number] for each, number in zip(cases, used, strict=True)])
    mean = mean_over_patients(scores, [each.patient for each in cases])
    return None if math.isnan(mean) else mean


def _named(weights: np.ndarray, members: Mapping[str, Sequence[str]]) -> dict[str, float]:
    return {name: float(weight) for name, weight in zip(members, weights, strict=True)}
