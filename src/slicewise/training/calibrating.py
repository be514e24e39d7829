"""What a finished model makes of patients whose truth is known, so that its masks can be judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from slicewise.config import UNDRAWN
from slicewise.dataset.calibration import MOST, Calibration, KnownMask
from slicewise.inference.assembled import assembled
from slicewise.inference.assembly import numbered
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.predict import mixed
from slicewise.inference.signs import signs_of
from slicewise.inference.trust import Watch, found_in
from slicewise.inference.unlike import seen_of
from slicewise.network.card import ModelCard, Predictor, model_card
from slicewise.training.known import Drawn, KnownCase
from slicewise.training.spoilt import WAYS, ways_of
from slicewise.training.validation import dice_of
from slicewise.volumes.volume import Volume
from slicewise.wording import plural


def calibrated(
    tried: Predictor | Ensemble,
    weights: str,
    cases: Sequence[KnownCase],
    patients: Mapping[str, str],
    *,
    batch: int = 8,
    log: Callable[[str], object] = print,
) -> Calibration:
    """Segment patients whose truth is known, as they are and spoilt on purpose.

    Parameters
    ----------
    tried : Predictor or Ensemble
        A finished model, or several, which none of them was trained on.
    weights : str
        Digest of its weights, or of all that an ensemble predicts by.
    cases : sequence of KnownCase
        Of each patient the first counts that was drawn as a whole, of so many patients as are
        tried at most.
    patients : mapping of str to str
        The patient of each case.
    batch : int
        Slices at a time.
    log : callable
        Is told a line for each case, and one at the end.

    Returns
    -------
    Calibration
        The same to the bit for the same model and cases.
    """
    begun = time.monotonic()
    card = card_of(tried)
    masks: list[KnownMask] = []
    scans = 0
    told: list[str] = []
    for case in cases:
        patient = patients[case.case]
        if patient in told or len(told) == MOST:
            continue
        known = case.read()
        if np.any(known.truth == UNDRAWN):
            log(f"{case.case}: drawn in part, so the Dice of a whole mask is not known")
            continue
        number = len(told)
        told.append(patient)
        for way, drawn in _shown(known, number):
            own = known_masks(tried, card, drawn, batch)
            # of what is found nowhere the Dice is known without a calibration
            found = [each for each in own if each["signs"] is not None]
            masks += [KnownMask(patient=number, spoilt=way, **each) for each in found]
            scans += 1
        log(f"{case.case}: predicted as it is, and {' and '.join(ways_of(number))}")
    seconds = time.monotonic() - begun
    log(f"{scans} predictions of {plural(len(told), 'patient')} in {seconds:.0f} s")
    return Calibration(weights_sha256=weights, masks=masks)


def card_of(tried: Predictor | Ensemble) -> ModelCard:
    """Return what is known of a finished model, or of several together."""
    return tried.card if isinstance(tried, Ensemble) else model_card(tried)


def _shown(drawn: Drawn, number: int) -> Iterator[tuple[str, Drawn]]:
    """Yield a scan as it is, then spoilt; the same each time."""
    yield "", drawn
    for way in ways_of(number):
        rng = np.random.default_rng([number, *way.encode()])
        yield way, WAYS[way](drawn, rng)


def known_masks(
    tried: Predictor | Ensemble, card: ModelCard, drawn: Drawn, batch: int
) -> list[dict[str, Any]]:
    """Segment a scan, and return label, signs and Dice of what the truth has.

    Parameters
    ----------
    tried : Predictor or Ensemble
    card : ModelCard
        Its own.
    drawn : Drawn
        A scan and its truth.
    batch : int
        Slices at a time.

    Returns
    -------
    list of dict
        ``label``, ``signs`` (`signs_of`; None of what was found nowhere) and ``dice``.
    """
    watch = Watch(card)
    mask = Volume(_mask_of(tried, drawn.image, watch, batch), drawn.image.affine)
    found = found_in(mask, card, watch)
    signs = signs_of(found, seen_of(drawn.image, card), card)
    dice = dice_of(drawn.truth, numbered(mask.array, card), card)
    return [
        {"label": name, "signs": signs[name], "dice": round(float(value), 6)}
        for name, value in zip(card.found, dice, strict=True)
        if not np.isnan(value)
    ]


def _mask_of(tried: Predictor | Ensemble, image: Volume, watch: Watch, batch: int) -> np.ndarray:
    """Return the mask of an image; the watch is told of what models say of its slices."""
    if not isinstance(tried, Ensemble):
        return assembled([tried], image, batch, observe=watch.add).mask()
    return mixed(tried, image, batch, observe=watch.add).mask()
