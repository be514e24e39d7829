"""What a model was trained on, as ranges over its training cases, and how far they are believed.

Of a few patients the ranges are narrow by chance, so they are widened before a new scan is held
against them (`Range.widened`): of a normal number that spreads no wider than `LEAST`, about 2 % of
healthy scans are outside with 3 patients, 1 % with 10 and 0.1 % with 100.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

WIDER = 0.25
"""A range is widened at both ends by so much of its width, and by 4 / (n - 1) of it."""
LEAST = {
    "spacing": math.log(1.25),
    "field": math.log(1.25),
    "ml": math.log(1.5),
    "centre": 0.08,
    "body": 0.025,
    "alike": 0.15,
    "upright": 0.1,
    "hounsfield": 40.0,
    "scores": 0.4,
    "noise": math.log(1.6),
}
"""And at least by so much, times 1 + 2 / n: of what is a factor, its logarithm; of where an organ
or the body lies, a share of the field of view; of how like others a scan looks, Fisher's transform
of a correlation; HU, and z-scores."""


class Range(BaseModel):
    """The lowest and highest value over training cases."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Return the range of some numbers, to six digits."""
        known = [float(f"{value:.6g}") for value in values]
        return cls(low=min(known), high=max(known))

    def widened(self, patients: int, least: float, *, factor: bool = False) -> Range:
        """Return what a healthy scan may still have.

        Parameters
        ----------
        patients : int
            How many the range is of.
        least : float
            Of `LEAST`.
        factor : bool
            Whether the values are compared by their ratios.

        Examples
        --------
        >>> Range(low=10, high=20).widened(3, 1.0)
        Range(low=-12.5, high=42.5)
        >>> Range(low=1, high=1).widened(1, math.log(1.25), factor=True).high.__round__(3)
        1.953
        """
        if factor:
            logs = Range(low=math.log(self.low), high=math.log(self.high))
            wide = logs.widened(patients, least)
            return Range(low=math.exp(wide.low), high=math.exp(wide.high))
        margin = self._margin(patients, least)
        return Range(low=self.low - margin, high=self.high + margin)

    def _margin(self, patients: int, least: float) -> float:
        share = WIDER + (4 / (patients - 1) if patients > 1 else 0)
        return max(share * (self.high - self.low), least * (1 + 2 / patients))

    def beyond(self, value: float, patients: int, least: float, *, factor: bool = False) -> float:
        """Return how far off a value is: 0 within, 1 where `widened` ends.

        Parameters
        ----------
        value : float
        patients, least, factor
            As `widened` takes them.

        Examples
        --------
        >>> [Range(low=10, high=20).beyond(value, 3, 1.0) for value in (15, 42.5, 65)]
        [0.0, 1.0, 2.0]
        """
        if factor:
            logs = Range(low=math.log(self.low), high=math.log(self.high))
            return logs.beyond(math.log(value), patients, least)
        off = max(self.low - value, value - self.high, 0.0)
        return off / self._margin(patients, least) if off else 0.0

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


TONES = ("low", "middle", "high", "noise", "topped")
"""What of the tones of a channel is one number."""


class ToneRanges(BaseModel):
    """Ranges of `slicewise.volumes.tones.Tones` of one channel."""

    model_config = ConfigDict(frozen=True)

    low: Range
    middle: Range
    high: Range
    noise: Range
    topped: Range
    centre: list[Range]
    """None of piles of slices."""
    ct: bool | None
    """Whether all training cases hold the numbers of a CT; None where some do."""
    picture: list[float] = []
    """The mean of `slicewise.volumes.pose`; none of too few patients, or of earlier versions."""
    alike: Range | None = None
    upright: dict[str, Range] = {}
    """How like the mean of others each training scan looks as it lies, and how much more so than in
    each other way to lie."""


class LabelRanges(BaseModel):
    """Ranges of a label, or region, over the training cases that have it.

    Attributes
    ----------
    ml : Range or None
        Millilitres; None where no case has it.
    centre : list of Range
        From left to right, from back to front and from foot to head: where its
        centre lies in the field of view, from 0 to 1.
    lacking : float
        Share of the training cases that have none of it.
    """

    model_config = ConfigDict(frozen=True)

    ml: Range | None
    centre: list[Range]
    lacking: float


class Ranges(BaseModel):
    """What a model was trained on.

    Attributes
    ----------
    patients : int
        How many the ranges are of.
    spacing, field : list of Range
        Millimetres of a voxel, and of the whole volume, along the axes of the
        patient; none of what has no true ones.
    channels : list of ToneRanges or None
        Of each channel; None of one that no case has.
    labels : dict of str to LabelRanges
        Of each label, or region; none where masks are drawn in part.
    """

    model_config = ConfigDict(frozen=True)

    patients: int
    spacing: list[Range]
    field: list[Range]
    channels: list[ToneRanges | None]
    labels: dict[str, LabelRanges]


def joined(ranges: Sequence[Ranges | None]) -> Ranges | None:
    """Return the ranges of models whose mean is taken; None where one has none.

    Parameters
    ----------
    ranges : sequence of Ranges or None
        Of the folds of one experiment.
    """
    known = [one for one in ranges if one is not None]
    if not known or len(known) < len(ranges):
        return None
    if len(known) == 1:
        return known[0]
    return Ranges(
        patients=max(one.patients for one in known),
        spacing=_along([one.spacing for one in known]),
        field=_along([one.field for one in known]),
        channels=[_tones(each) for each in zip(*(one.channels for one in known), strict=True)],
        labels={
            name: _label([one.labels[name] for one in known if name in one.labels])
            for name in known[0].labels
        },
    )


def _over(ranges: Iterable[Range]) -> Range:
    known = list(ranges)
    return Range(low=min(one.low for one in known), high=max(one.high for one in known))


def _along(each: Sequence[Sequence[Range]]) -> list[Range]:
    if not all(each):
        return []
    return [_over(axis) for axis in zip(*each, strict=True)]


def _tones(each: Sequence[ToneRanges | None]) -> ToneRanges | None:
    known = [one for one in each if one is not None]
    if not known:
        return None
    kinds = {one.ct for one in known}
    return ToneRanges(
        **{name: _over(getattr(one, name) for one in known) for name in TONES},
        centre=_along([one.centre for one in known]),
        ct=kinds.pop() if len(kinds) == 1 else None,
        **_poses(known),
    )


def _poses(known: Sequence[ToneRanges]) -> dict[str, Any]:
    """Return the mean picture of several models; nothing where one has none."""
    alike = [one.alike for one in known if one.alike is not None]
    if len(alike) < len(known):
        return {}
    parts = zip(*(one.picture for one in known), strict=True)
    mean = [sum(each) / len(known) for each in parts]
    upright = {turn: _over(one.upright[turn] for one in known) for turn in known[0].upright}
    return {"picture": mean, "alike": _over(alike), "upright": upright}


def _label(each: Sequence[LabelRanges]) -> LabelRanges:
    there = [one.ml for one in each if one.ml is not None]
    return LabelRanges(
        ml=_over(there) if there else None,
        centre=_along([one.centre for one in each if one.centre]) if there else [],
        lacking=max(one.lacking for one in each),
    )
