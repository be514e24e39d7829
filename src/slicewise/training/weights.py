"""What several opinions of an image count: weights that are fitted on patients.

The decision of a weighted mean can differ from that of all members only where these differ among
themselves. So of each patient the voxels of which all decide alike are counted once, and only the
others are decided anew for each choice of weights: the Dice is exact, or, of very many such
voxels, that of an even sample of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slicewise.config import UNDRAWN
from slicewise.inference.assembly import Assembly
from slicewise.inference.regions import decider
from slicewise.metrics.patients import mean_of, patient_scores
from slicewise.network.card import ModelCard
from slicewise.wording import plural

FEWEST = 4
"""Patients; of fewer the weights are equal."""
ERRORS = 2
"""So many standard errors have to be gained over equal weights, or it is taken for chance."""
STEPS = 10
"""Weights are tried in tenths, or in fewer parts where members are many."""
CHOICES = 300
"""About so many combinations of weights are tried."""
SAMPLE = 200_000
"""Voxels of a patient that are decided anew for each of them."""
UNIT = 65_535


@dataclass(frozen=True)
class Weighed:
    """A held-out case, as each choice of weights segments it.

    Attributes
    ----------
    patient : str
    fold : int
        Whose models these are.
    dice : ndarray, shape (choices, labels)
        NaN of a label that it does not have.
    """

    patient: str
    fold: int
    dice: np.ndarray


def choices(members: int) -> np.ndarray:
    """Return the weights that are tried: equal ones first, then all on an even grid.

    >>> choices(2)[:3].tolist()
    [[0.5, 0.5], [0.0, 1.0], [0.1, 0.9]]
    """
    parts = max(
        (k for k in range(1, STEPS + 1) if math.comb(k + members - 1, members - 1) <= CHOICES),
        default=1,
    )
    ends = itertools.combinations(range(parts + members - 1), members - 1)
    grid = [np.diff([-1, *end, parts + members - 1]) - 1 for end in ends]
    equal = np.full(members, 1 / members)
    return np.array([equal, *(np.array(each) / parts for each in grid)])


def said_by(assembly: Assembly) -> np.ndarray:
    """Return the probabilities that an assembly kept, as `dice_of_choices` takes them."""
    kept = np.zeros((*assembly.grids[0].shape, assembly.outputs), np.uint16)
    for z, means in enumerate(assembly.means()):
        # labels that were rounded up leave less than nothing to the background, which would wrap
        kept[:, :, z] = np.rint(means.clip(0) * np.float32(UNIT)).astype(np.uint16)
    return kept


def dice_of_choices(said: Sequence[np.ndarray], truth: np.ndarray, card: ModelCard) -> np.ndarray:
    """Return the Dice of all choices of weights, shape (choices, labels).

    Parameters
    ----------
    said : sequence of ndarray of uint16, shape (x, y, z, outputs)
        Of each member, probabilities in parts of 65,535.
    truth : ndarray of uint8, shape (x, y, z)
        Label numbers; voxels that are `UNDRAWN` do not count.
    card : ModelCard
        What is found, and from which threshold.
    """
    tried = choices(len(said))
    decide = decider(card, card.postprocessing.threshold)
    labels = len(card.labels) + 1
    pairs = np.zeros((len(tried), labels, labels))
    for z in range(truth.shape[2]):
        drawn = truth[..., z] != UNDRAWN
        true = truth[..., z][drawn].astype(np.int64)
        own = [each[:, :, z][drawn].astype(np.float32) / np.float32(UNIT) for each in said]
        codes = [_code(each, card) for each in own]
        apart = np.zeros(len(true), bool)
        for code in codes[1:]:
            apart |= code != codes[0]
        alike = ~apart
        pairs += _counted(true[alike], decide(own[0][alike]), labels)
        places = np.flatnonzero(apart)
        # an even sample, so that each slice has its share of what may be decided anew
        taken = places[:: max(1, math.ceil(len(places) * truth.shape[2] / SAMPLE))]
        if not len(taken):
            continue
        share = len(places) / len(taken)
        stacked = np.stack([each[taken] for each in own])
        for number, weights in enumerate(tried):
            mean = np.tensordot(weights.astype(np.float32), stacked, axes=1)
            pairs[number] += share * _counted(true[taken], decide(mean), labels)
    return np.array([_dice(each, card) for each in pairs])


def _code(probabilities: np.ndarray, card: ModelCard) -> np.ndarray:
    """Return what tells decisions apart: where all members have the same, so has any mean."""
    if not card.regions and probabilities.shape[-1] > 1:
        return probabilities.argmax(axis=-1)
    over = probabilities > card.postprocessing.threshold
    code: np.ndarray = over @ (1 << np.arange(over.shape[-1]))
    return code


def _counted(true: np.ndarray, found: np.ndarray, labels: int) -> np.ndarray:
    return np.bincount(true * labels + found, minlength=labels * labels).reshape(labels, labels)


def _dice(pairs: np.ndarray, card: ModelCard) -> np.ndarray:
    """Return the Dice of what is found, from voxels by true and found label."""
    dice = np.full(len(card.found), np.nan)
    for place, numbers in enumerate(card.found.values()):
        true = pairs[numbers].sum()
        if true:
            dice[place] = (
                2 * pairs[np.ix_(numbers, numbers)].sum() / (true + pairs[:, numbers].sum())
            )
    return dice


def choose(cases: Sequence[Weighed], tried: np.ndarray) -> tuple[int, str]:
    """Return the number of the choice of weights, 0 for equal ones, and why it is that.

    Parameters
    ----------
    cases : sequence of Weighed
        Those that may choose.
    tried : ndarray
        What `choices` returns.
    """
    names = list(dict.fromkeys(each.patient for each in cases))
    if len(names) < FEWEST:
        return 0, (
            f"equal, as {plural(len(names), 'patient')} alone could choose them and it takes "
            f"{FEWEST}"
        )
    scores = _by_patient(cases)
    gains = []
    for left_out in range(scores.shape[1]):
        others = np.delete(scores, left_out, axis=1)
        gains.append(scores[_best(others, tried), left_out] - scores[0, left_out])
    known = np.array(gains)[~np.isnan(gains)]
    gain = float(known.mean()) if len(known) else 0.0
    noise = float(known.std(ddof=1) / math.sqrt(len(known))) if len(known) > 1 else math.inf
    what = (
        f"of {len(names)} held-out patients each gains {gain:+.4f} Dice over equal weights by "
        f"those that the others choose, with a standard error of {noise:.4f}"
    )
    if gain > ERRORS * noise:
        return _best(scores, tried), f"fitted: {what}"
    return 0, f"equal: {what}, which is no more than noise"


def _best(scores: np.ndarray, tried: np.ndarray) -> int:
    """Return the choice with the highest mean; of several, that which is nearest to equal."""
    means = mean_of(scores, axis=1)
    if np.isnan(means).all():
        return 0
    best = np.flatnonzero(means >= np.nanmax(means) - 1e-9)
    spread = (tried[best] ** 2).sum(axis=1)
    return int(best[spread.argmin()])


def _by_patient(cases: Sequence[Weighed]) -> np.ndarray:
    """Return the mean Dice over the labels of each patient, shape (choices, patients)."""
    patients = [each.patient for each in cases]
    every = np.array([each.dice for each in cases])
    return np.array(
        [mean_of(patient_scores(scores, patients), axis=1) for scores in every.swapaxes(0, 1)]
    )
