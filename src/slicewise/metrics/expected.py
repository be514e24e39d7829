"""The Dice to expect of a mask whose truth nobody knows, from what is known of others.

A fractional logistic regression (Papke and Wooldridge, Journal of Applied Econometrics 1996) says
which Dice goes with how sure a model is and with how odd scan and mask are. It is monotone and
shrunk towards "the Dice is what the model is sure of", so that few patients move it little. It is
learnt from spoilt scans above all, and hardly tells one ordinary scan from another: of these the
Dice is the usual one of the label, moved by how steady the mask is (`slicewise.metrics.usual`). The
odder a scan or mask, the more the regression counts, where it expects less.

Intervals are conformal (Lei et al., JASA 2018; by groups: Vovk et al., 2003): of masks whose
patient was left out, so wide that nine of ten would have been in them. They are measured in logits:
near 1 they are narrow, and reach further down than up. Those of scans as they are come from scans
as they are, those of odd ones from such; in between they widen, by what is part of the nine of
ten. They hold so many on average, not at least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from scipy import optimize
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from slicewise.metrics.usual import Usual

COVERED = 0.9
"""Share of masks whose Dice the intervals are to hold."""
UNLIKE = 1.0
"""Scans that are so far off the range of training, in margins of it, are unlike them."""
FAR = 20.0
"""What is farther off makes no difference any more."""
SURE = (0.02, 0.995)
"""A confidence is taken as at least, and at most, so much."""
STEADY = 4
"""Where, in `Signs`, those begin that `Usual` looks at."""
LEFT_OUT = 24
"""In so many parts patients are left out, one after the other, to see how far off it is."""
STRENGTH = {"level": 0.02, "label": 1.0, "sure": 1.0, "odd": 0.3}
"""How strongly what is fitted is shrunk: the offset of all, of each label, the slope with
confidence towards 1, and the other slopes towards 0. A mask of a patient counts 1 or 1/2."""
FEW = 5
"""With so many masks a label's own spread counts half."""


class Signs(NamedTuple):
    """What a mask, and the scan that it is of, tell without truth.

    Attributes
    ----------
    confidence : float
        Dice of the probabilities with the mask, from 0 to 1.
    tones, place, volume : float
        How far intensities, the place and size of scan, body and organ, and the
        organ's volume are off their ranges in training: 0 within, 1 where the
        margin of a healthy scan ends.
    scatter : float
        Share of the label that does not lie in its largest piece.
    unsure : float
        Voxels that are neither in nor out, by those that are in.
    rough : float
        Voxels that smoothing the mask turns, by those of the mask. Both are NaN in
        calibrations of earlier versions, which did not measure them.
    """

    confidence: float
    tones: float
    place: float
    volume: float
    scatter: float
    unsure: float = math.nan
    rough: float = math.nan


class Observed(Protocol):
    """A mask whose Dice is known."""

    @property
    def patient(self) -> int:
        """Number of the patient."""

    @property
    def label(self) -> str:
        """Name of the label."""

    @property
    def signs(self) -> Sequence[float]:
        """`Signs`."""

    @property
    def dice(self) -> float:
        """From 0 to 1."""

    @property
    def spoilt(self) -> str:
        """How the scan was spoilt on purpose; empty of one as it is."""


class Expected(NamedTuple):
    """The Dice to expect, and where nine of ten lie."""

    dice: float
    low: float
    high: float


MISSED = Expected(0.0, 0.0, 0.0)
"""Of a label that was found nowhere: if it is there, all of it was missed."""


@dataclass(frozen=True)
class Expectation:
    """What Dice goes with which signs.

    Attributes
    ----------
    labels : list of str
    weights : ndarray, shape (labels + 7,)
        Offset of each label; offset of all, slopes (see `_design`).
    usual : Usual or None
        What is usual of ordinary masks; None where too few tell.
    spread : dict of str to float
        How far off the logit of the Dice of each label usually is.
    near, far : float
        Half the width of intervals in spreads, of ordinary masks and of odd ones, or of
        scans that are unlike those of training; infinite where too few patients tell.
    patients : int
    masks, spoilt : int
        How many masks it was made from, and how many of them are of scans that
        were spoilt on purpose.
    rank : float or None
        Spearman's correlation of expected and true Dice over scans as they are,
        each patient left out.
    """

    labels: list[str]
    weights: np.ndarray
    usual: Usual | None
    spread: dict[str, float]
    near: float
    far: float
    patients: int
    masks: int
    spoilt: int
    rank: float | None

    @classmethod
    def fit(cls, observed: Sequence[Observed]) -> Expectation | None:
        """Learn from masks whose Dice is known.

        Parameters
        ----------
        observed : sequence of Observed
            Of patients that the model was not trained on.

        Returns
        -------
        Expectation or None
            None where so few patients tell that no interval would hold.
        """
        rows = _Rows(observed)
        if _level(len(rows.numbers)) > 1:
            return None
        # the products are small: threads of BLAS would wait for each other most of the time
        with threadpool_limits(1, "blas"):
            everything = np.ones(len(rows.dice), bool)
            weights = rows.fitted(everything)
            usual = rows.usual(everything)
            left_out, odd = rows.left_out()
        off = np.abs(_logits(rows.dice) - _logits(left_out))
        spread = rows.spread(off)
        scaled = off / np.array([spread[name] for name in rows.names])
        plain = ~rows.spoilt
        near, far = rows.halves(scaled, odd)
        return cls(
            labels=rows.labels,
            weights=weights,
            usual=usual,
            spread=spread,
            near=near,
            far=far,
            patients=len(rows.numbers),
            masks=len(rows.dice),
            spoilt=int(rows.spoilt.sum()),
            rank=rank_correlation(left_out[plain], rows.dice[plain]),
        )

    def of(self, label: str, signs: Sequence[float]) -> Expected | None:
        """Return the Dice to expect of a mask; None of a label that no patient had.

        Parameters
        ----------
        label : str
        signs : Signs
        """
        if label not in self.labels:
            return None
        own = Signs(*signs)
        table = _table([own])
        design = _design(table, [self.labels.index(label)], len(self.labels))
        logits, odd = _with_usual(table, [label], design @ self.weights, self.usual)
        (dice,) = _share(logits)
        (middle,) = _logits(np.array([dice]))
        half = self._half(float(odd[0])) * self.spread[label]
        low, high = (float(_share(np.array(middle + sign * half))) for sign in (-1, 1))
        least, most = SURE
        return Expected(float(dice), low if low > least else 0.0, high if high < most else 1.0)

    def _half(self, odd: float) -> float:
        """Return half the width of an interval in spreads."""
        if odd == 1 or math.isinf(self.near):
            return self.far
        return self.near + (odd * (self.far - self.near) if math.isfinite(self.far) else 0.0)


class _Rows:
    """Masks whose Dice is known, as arrays."""

    def __init__(self, observed: Sequence[Observed]) -> None:
        self.names = [one.label for one in observed]
        self.labels = list(dict.fromkeys(self.names))
        self._signs = _table([Signs(*one.signs) for one in observed])
        self.dice = np.array([one.dice for one in observed], float)
        self.patients = np.array([one.patient for one in observed], int)
        self.numbers = np.unique(self.patients)
        self.spoilt = np.array([bool(one.spoilt) for one in observed], bool)
        numbers = [self.labels.index(name) for name in self.names]
        self._design = _design(self._signs, numbers, len(self.labels))
        self._counts = np.where(self.spoilt, 0.5, 1.0)

    @cached_property
    def _prior(self) -> tuple[np.ndarray, np.ndarray]:
        """Towards what weights are shrunk, and how strongly."""
        odd = self._design.shape[1] - len(self.labels) - 2
        centre = np.array([0.0] * (len(self.labels) + 1) + [1.0] + [0.0] * odd)
        strength = np.array(
            [STRENGTH["label"]] * len(self.labels)
            + [STRENGTH["level"], STRENGTH["sure"]]
            + [STRENGTH["odd"]] * odd
        )
        return centre, strength

    def fitted(self, used: np.ndarray) -> np.ndarray:
        """Return the weights that go best with some of the masks."""
        design = self._design[used]
        dice = self.dice[used]
        counts = self._counts[used]
        centre, strength = self._prior

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            logits = design @ weights
            off = weights - centre
            value = counts @ (np.logaddexp(0, logits) - dice * logits) + strength @ off**2 / 2
            return float(value), design.T @ (counts * (_share(logits) - dice)) + strength * off

        free = [(None, None)] * (len(self.labels) + 1)
        # more sure is never worse, and odder never better
        bounds = [*free, (0, None), *[(None, 0)] * (len(centre) - len(free) - 1)]
        found = optimize.minimize(loss, centre, jac=True, bounds=bounds, method="L-BFGS-B")
        return np.asarray(found.x)

    def usual(self, used: np.ndarray) -> Usual | None:
        """Return what is usual of those of some masks whose scans are as they are."""
        used = used & ~self.spoilt
        names = [name for name, own in zip(self.names, used, strict=True) if own]
        return Usual.fit(names, self._signs[used, STEADY:], _logits(self.dice[used]))

    def left_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the Dice to expect of each mask, and how odd it is, from those of others."""
        logits = np.zeros(len(self.dice))
        odd = np.zeros(len(self.dice))
        for numbers in np.array_split(self.numbers, min(LEFT_OUT, len(self.numbers))):
            own = np.isin(self.patients, numbers)
            names = [self.names[k] for k in np.flatnonzero(own)]
            fitted = self._design[own] @ self.fitted(~own)
            logits[own], odd[own] = _with_usual(self._signs[own], names, fitted, self.usual(~own))
        return _share(logits), odd

    def halves(self, off: np.ndarray, odd: np.ndarray) -> tuple[float, float]:
        """Return half the widths of intervals, `Expectation.near` and `Expectation.far`.

        Intervals widen from the one to the other, so `near` is what holds scans as they
        are together with this widening: else they would hold more than they say.

        Parameters
        ----------
        off : ndarray
            How far off each mask is, in spreads.
        odd : ndarray
            How odd, from 0 to 1.
        """
        plain = ~self.spoilt
        far = max(self._quantile(off, plain), self._quantile(off, odd == 1))
        if math.isinf(far):
            return self._quantile(off, plain), far
        widened = np.where(odd < 1, odd, 0.0)
        needed = (off - widened * far) / (1 - widened)
        # those that hardly widen have a say of their own: most may need nothing beyond the widening
        calm = off[plain & (widened * far <= 1)]
        least = float(np.quantile(calm, COVERED)) if len(calm) else 0.0
        return min(max(least, self._quantile(needed, plain)), far), far

    def _quantile(self, off: np.ndarray, used: np.ndarray) -> float:
        """Return how far off a further patient's mask is, `COVERED` of the time.

        Between two masks it is interpolated, so that it is so on average and not at
        least. Infinite where too few patients tell.
        """
        level = _level(len(np.unique(self.patients[used])))
        if level > 1:
            return math.inf
        own = np.sort(off[used])
        return float(np.interp(level * len(own), np.arange(1, len(own) + 1), own))

    def spread(self, off: np.ndarray) -> dict[str, float]:
        """Return how far off each label usually is, shrunk towards that of all."""
        names = np.array(self.names)
        usual = max(float(np.median(off[~self.spoilt] if not self.spoilt.all() else off)), 1e-2)
        spread = {}
        for name in self.labels:
            own = off[(names == name) & ~self.spoilt]
            share = len(own) / (len(own) + FEW)
            mine = max(float(np.median(own)), 1e-2) if len(own) else usual
            spread[name] = share * mine + (1 - share) * usual
        return spread


def _table(signs: Sequence[Signs]) -> np.ndarray:
    """Return signs as an array, a row a mask."""
    return np.array(signs, float).reshape(-1, len(Signs._fields))


def _unlike(table: np.ndarray) -> np.ndarray:
    """Return how unlike those of training scans are: from 0 to 1, which is where flags begin."""
    return np.minimum(1.0, table[:, 1:4].max(axis=1) / UNLIKE)


def _design(table: np.ndarray, labels: Sequence[int], number: int) -> np.ndarray:
    """Return what the logit of the Dice is a weighted sum of, a row a mask."""
    sure = table[:, 0].clip(*SURE)
    odd = np.log1p(table[:, 1:4].clip(0, FAR))
    unlike = (_unlike(table) == 1).astype(float)
    of_label = np.eye(number)[list(labels)]
    ones = np.ones(len(table))
    return np.column_stack([of_label, ones, np.log(sure / (1 - sure)), odd, table[:, 4], unlike])


def _with_usual(
    table: np.ndarray, names: Sequence[str], fitted: np.ndarray, usual: Usual | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mix what is fitted with what is usual; return logits, and how odd masks are, from 0 to 1.

    The odder, the more what is fitted counts, where it is lower: so odder is never better.
    """
    unlike = _unlike(table)
    if usual is None:
        return fitted, unlike
    ordinary, unsteady = usual.of(names, table[:, STEADY:])
    odd = 1 - (1 - unlike) * (1 - unsteady)
    mixed = ordinary - odd * np.maximum(0.0, ordinary - fitted)
    known = np.isfinite(ordinary)
    return np.where(known, mixed, fitted), np.where(known, odd, unlike)


def _share(logits: np.ndarray) -> np.ndarray:
    """Return shares from 0 to 1 of their logits."""
    return np.exp(-np.logaddexp(0, -logits))


def _logits(dice: np.ndarray) -> np.ndarray:
    """Return logits of Dice; what is nearer to 0 or 1 than `SURE` makes no difference."""
    share = dice.clip(*SURE)
    return np.asarray(np.log(share / (1 - share)))


def _level(patients: int) -> float:
    """Return the share of known masks that holds a further patient's, `COVERED` of the time.

    Masks of one patient are alike, so it is patients that count (Lee, Barber and Willett, arXiv
    2306.06342); above 1 where these are too few.
    """
    return COVERED * (patients + 1) / patients if patients else math.inf


def rank_correlation(expected: np.ndarray, dice: np.ndarray) -> float | None:
    """Return Spearman's correlation; None where there is none, as of equal numbers."""
    if len(dice) < 3 or len(np.unique(expected)) < 2 or len(np.unique(dice)) < 2:
        return None
    return float(spearmanr(expected, dice).statistic)
