"""Whether a scan lies, and looks as a whole, as training scans do."""

from __future__ import annotations

import math

import numpy as np

from slicewise.inference.trust import Flag
from slicewise.network.ranges import LEAST, Range, ToneRanges
from slicewise.volumes.picture import SHAPE
from slicewise.volumes.pose import Lie, centred, lie
from slicewise.volumes.tones import Tones


def lying(tones: Tones, known: ToneRanges) -> Lie | None:
    """Return how a channel of a scan lies; None where training tells nothing of it.

    Parameters
    ----------
    tones : Tones
        Of the channel.
    known : ToneRanges
        Of this channel in training.
    """
    if not tones.picture or not known.picture:
        return None
    flat = len(known.picture) < math.prod(SHAPE)
    picture = centred(tones.picture, flat=flat)
    return lie(picture, np.reshape(known.picture, picture.shape))


def how_odd(tones: Tones, known: ToneRanges, patients: int) -> float:
    """Return how far off a channel lies or looks: 0 as in training, 1 where flags begin."""
    own = lying(tones, known)
    if own is None:
        return 0.0
    turns = max(_odd(own, known, patients).values(), default=0.0)
    return max(_below(own.alike, known.alike, patients, "alike"), turns)


def flag_of(tones: Tones, known: ToneRanges, patients: int, of: str) -> Flag | None:
    """Say that a channel lies or looks otherwise than in training; None of one that does not.

    Parameters
    ----------
    tones, known
        As `lying` takes them.
    patients : int
        How many the ranges are of.
    of : str
        The channel as it is named in a sentence; empty of the only one.
    """
    own = lying(tones, known)
    if own is None:
        return None
    odd = [turn for turn, far in _odd(own, known, patients).items() if far > 1]
    turn = own.best(odd) if odd else ""
    if turn and _below(own.turned[turn], known.alike, patients, "alike") <= 1:
        return Flag(
            "lies unlike training",
            f"The scan{of} looks like training scans {turn}, and less so as it lies: the "
            "orientation in its file may be wrong.",
        )
    if odd or _below(own.alike, known.alike, patients, "alike") > 1:
        return Flag(
            "looks unlike training",
            f"The scan{of} as a whole looks unlike any training scan, as one of another part of "
            "the body, or of another contrast.",
        )
    return None


def _odd(own: Lie, known: ToneRanges, patients: int) -> dict[str, float]:
    """Return, for each way in which the scan looks more like training, how odd that is."""
    return {
        turn: _below(more, known.upright.get(turn), patients, "upright")
        for turn, more in own.upright.items()
        if more < 0
    }


def _below(value: float, known: Range | None, patients: int, least: str) -> float:
    """Return how far below a range a value is, in its margins."""
    if known is None:
        return 0.0
    return known.beyond(min(value, known.high), patients, LEAST[least])
