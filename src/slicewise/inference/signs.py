"""How odd a scan and what was found in it are, in numbers: what the Dice to expect follows from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from slicewise.inference.lying import how_odd
from slicewise.inference.trust import FoundLabel
from slicewise.inference.unlike import QUIETEST, TOPPED, Seen
from slicewise.network.card import ModelCard
from slicewise.network.ranges import LEAST, Range, Ranges

DIGITS = 6
"""Of what is stored: the last ones differ from machine to machine."""


def signs_of(
    found: Sequence[FoundLabel], seen: Seen, card: ModelCard
) -> dict[str, list[float] | None]:
    """Measure what masks tell without truth.

    Parameters
    ----------
    found : sequence of FoundLabel
        What was found in a scan.
    seen : Seen
        What was measured of it.
    card : ModelCard
        With its ranges; without them nothing is known to be odd.

    Returns
    -------
    dict of str to list of float, or None
        `slicewise.metrics.expected.Signs` of each label, or region; None of one
        that was found nowhere.
    """
    ranges = card.ranges
    tones = max(_of_tones(seen, card), default=0.0)
    place = max(_of_place(seen, ranges), default=0.0)
    signs: dict[str, list[float] | None] = {}
    for one in found:
        if one.confidence is None or not one.ml:
            signs[one.label] = None
            continue
        centre, volume = _of_label(one, ranges)
        scatter = 1 - one.pieces[0] / one.ml if one.pieces and card.contiguous else 0.0
        own = [one.confidence, tones, max(place, centre), volume, max(scatter, 0.0)]
        if one.unsure is not None and one.rough is not None:
            own += [one.unsure, one.rough]
        signs[one.label] = [float(f"{value:.{DIGITS}g}") for value in own]
    return signs


def _of_tones(seen: Seen, card: ModelCard) -> Iterator[float]:
    """Yield how far off each number of each channel is."""
    ranges = card.ranges
    if ranges is None:
        return
    least = LEAST["scores" if card.intensity == "arbitrary" else "hounsfield"]
    quiet = QUIETEST[card.intensity]
    for tones, known in zip(seen.tones, ranges.channels, strict=False):
        if tones is None or known is None:
            continue
        for name in ("low", "middle", "high"):
            yield getattr(known, name).beyond(getattr(tones, name), ranges.patients, least)
        noise = Range(low=quiet, high=max(known.noise.high, quiet))
        loud = max(tones.noise, quiet)
        yield noise.beyond(loud, ranges.patients, LEAST["noise"], factor=True)
        yield max(0.0, tones.topped - known.topped.high) / max(TOPPED, known.topped.high)


def _of_place(seen: Seen, ranges: Ranges | None) -> Iterator[float]:
    """Yield how far off spacing, field of view, the place of the body and how it lies are."""
    if ranges is None:
        return
    for name, values, known in (
        ("spacing", seen.spacing, ranges.spacing),
        ("field", seen.field, ranges.field),
    ):
        for value, range in zip(values, known, strict=False):
            yield range.beyond(value, ranges.patients, LEAST[name], factor=True)
    for tones, channel in zip(seen.tones, ranges.channels, strict=False):
        if tones is not None and channel is not None:
            yield from _of_centre(tones.centre, channel.centre, ranges.patients, "body")
            yield how_odd(tones, channel, ranges.patients)


def _of_label(one: FoundLabel, ranges: Ranges | None) -> tuple[float, float]:
    """Return how far off a label's place and its volume are."""
    known: Any = None if ranges is None else ranges.labels.get(one.label)
    if ranges is None or known is None or known.ml is None:
        return 0.0, 0.0
    volume = known.ml.beyond(one.ml, ranges.patients, LEAST["ml"], factor=True)
    centre = _of_centre(one.centre, known.centre, ranges.patients, "centre")
    return max(centre, default=0.0), volume


def _of_centre(
    centre: Sequence[float], known: Sequence[Range], patients: int, least: str
) -> Iterator[float]:
    for value, range in zip(centre, known, strict=False):
        yield range.beyond(value, patients, LEAST[least])
