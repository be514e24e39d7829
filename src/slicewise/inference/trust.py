"""What a mask without truth tells of itself: how sure and at one models are, and what is odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from slicewise.boxes import bounding_box, centre_of
from slicewise.components import TOUCHING, component_sizes
from slicewise.dataset.calibration import OFTEN
from slicewise.inference.roughness import roughness
from slicewise.network.card import ModelCard
from slicewise.network.ranges import Ranges
from slicewise.volumes.volume import Volume

LARGE_SHARE = 0.1
LARGE_ML = 1.0
"""A piece is large that has so much of its label, and so many millilitres."""
CUT_MM2 = 100.0
CUT_SHARE = 0.02
"""A label is cut where so much of it, in mm² or of its voxels, lies on a face of the scan."""
APART = 0.85
"""Models disagree where the mask of one has a lower Dice than that with the mask of all."""
OUT = 0.05
IN = 0.95
"""A voxel is unsure whose probability lies between the two."""
SIDES = (
    ("the patient's left", "the patient's right"),
    ("the back", "the front"),
    ("the feet", "the head"),
)
"""Where both faces across each axis lie in canonical orientation (RAS+)."""


class Watch:
    """Takes what models say of slices, and tells how sure of each label they are.

    Parameters
    ----------
    card : ModelCard
        What they say of themselves.
    """

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        self._slices = _Sums(len(card.found))
        self._together: _Sums | None = None
        self._common: np.ndarray | None = None
        self._each: np.ndarray | None = None

    def add(self, probabilities: np.ndarray, own: np.ndarray | None) -> None:
        """Take slices.

        Once it was told what several cuts come to together, that is how sure they are: a label may
        be found by none of them alone.

        Parameters
        ----------
        probabilities : ndarray, shape (n, rows, columns, outputs)
            The mean of all models.
        own : ndarray, shape (n, rows, columns, models × outputs)
            That of each model, one after the other; nothing of a single one. None where
            `probabilities` are what all cuts come to together.
        """
        labels = self._found(probabilities)
        if own is None:
            self._together = self._together or _Sums(len(labels))
            self._together.add(labels)
            return
        outputs = probabilities.shape[-1]
        models = own.shape[-1] // outputs
        if self._common is None or self._each is None:
            self._common = np.zeros((models, len(labels)))
            self._each = np.zeros((models, len(labels)))
        self._slices.add(labels)
        for model in range(models):
            mine = own[..., model * outputs : (model + 1) * outputs]
            pairs = zip(labels, self._found(mine), strict=True)
            for number, ((_, all_of_them), (_, alone)) in enumerate(pairs):
                self._common[model, number] += np.count_nonzero(all_of_them & alone)
                self._each[model, number] += np.count_nonzero(alone)

    def _found(self, probabilities: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return of each label, or region, its probability and where it is decided for."""
        if self.card.regions or probabilities.shape[-1] == 1:
            over = probabilities > self.card.postprocessing.threshold
            return [(probabilities[..., k], over[..., k]) for k in range(over.shape[-1])]
        likeliest = probabilities.argmax(axis=-1)
        return [(probabilities[..., k], likeliest == k) for k in range(1, probabilities.shape[-1])]

    @property
    def confidence(self) -> dict[str, float]:
        """The soft Dice of probabilities with the mask that is decided from them.

        The confidence of Galdran et al., arXiv 2402.10665; of what was found nowhere there is none.
        """
        sums = self._together or self._slices
        total = sums.likely + sums.chosen
        return {
            name: float(2 * sums.agreed[k] / total[k])
            for k, name in enumerate(self.card.found)
            if sums.chosen[k]
        }

    @property
    def unsure(self) -> dict[str, float]:
        """How many voxels are unsure, by those that are chosen; of what is chosen nowhere none."""
        sums = self._together or self._slices
        return {
            name: float(sums.unsure[k] / sums.chosen[k])
            for k, name in enumerate(self.card.found)
            if sums.chosen[k]
        }

    @property
    def agreement(self) -> dict[str, float]:
        """The lowest Dice of the mask of one model with that of all; nothing of a single model."""
        if self._common is None or self._each is None or not len(self._common):
            return {}
        total = self._each + self._slices.chosen
        dice = np.divide(2 * self._common, total, out=np.ones_like(total), where=total > 0)
        return {name: float(dice[:, k].min()) for k, name in enumerate(self.card.found)}


class _Sums:
    """What is added up over slices, of each label."""

    def __init__(self, number: int) -> None:
        self.agreed = np.zeros(number)
        self.likely = np.zeros(number)
        self.chosen = np.zeros(number)
        self.unsure = np.zeros(number)

    def add(self, labels: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Take of each label its probability and where it is decided for."""
        for number, (likely, chosen) in enumerate(labels):
            self.likely[number] += likely.sum(dtype=np.float64)
            self.chosen[number] += np.count_nonzero(chosen)
            self.unsure[number] += np.count_nonzero((likely > OUT) & (likely < IN))
            self.agreed[number] += likely[chosen].sum(dtype=np.float64)


@dataclass(frozen=True)
class FoundLabel:
    """A label, or region, as it was found in a scan.

    Attributes
    ----------
    label : str
    ml : float
        Its volume in millilitres.
    pieces : list of float
        Millilitres of each connected piece (26 neighbours), the largest first.
    cut : list of str
        Towards what it reaches the edge of the scan.
    centre : list of float
        Where its centre lies in the scan, from 0 to 1 from left to right, from
        back to front and from foot to head; none of what was not found, or in
        piles of slices.
    confidence, agreement, unsure : float, optional
        See `Watch`.
    rough : float, optional
        See `roughness`.
    expected_dice, expected_low, expected_high : float, optional
        The Dice to expect, if the label is there, and where nine of ten lie;
        None of models without a calibration.
    """

    label: str
    ml: float
    pieces: list[float] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    centre: list[float] = field(default_factory=list)
    confidence: float | None = None
    agreement: float | None = None
    unsure: float | None = None
    rough: float | None = None
    expected_dice: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None

    @property
    def large(self) -> list[float]:
        """Millilitres of each large piece."""
        return [ml for ml in self.pieces if ml >= max(LARGE_SHARE * self.ml, LARGE_ML)]


@dataclass(frozen=True)
class Flag:
    """What is odd about a mask.

    Attributes
    ----------
    kind : str
        A word for it, the same in all scans.
    sentence : str
        What it is, for people.
    """

    kind: str
    sentence: str


def found_in(mask: Volume, card: ModelCard, watch: Watch) -> list[FoundLabel]:
    """Measure each label, or region, of a mask.

    Parameters
    ----------
    mask : Volume
        Values of the data set; of a file that has lost its geometry the
        millilitres mean nothing.
    card : ModelCard
    watch : Watch
        What was told of the same scan.
    """
    values = [0, *(own[0] for own in card.values.values())]
    canonical = mask.canonical()
    labels = []
    for name, numbers in card.found.items():
        own = _any_of(canonical.array, [values[number] for number in numbers])
        labels.append(
            FoundLabel(
                name,
                float(np.count_nonzero(own) * mask.voxel_ml),
                _pieces(own, mask.voxel_ml, contiguous=card.contiguous),
                _cut(own, canonical.spacing) if card.contiguous else [],
                _centre(own) if card.contiguous else [],
                watch.confidence.get(name),
                watch.agreement.get(name),
                watch.unsure.get(name),
                roughness(own, canonical.spacing, contiguous=card.contiguous),
            )
        )
    return labels


def _any_of(mask: np.ndarray, values: Sequence[int]) -> np.ndarray:
    """Return where a mask has one of a few values: `numpy.isin` takes 14 bytes a voxel."""
    own = mask == values[0]
    for value in values[1:]:
        own |= mask == value
    return own


def _pieces(own: np.ndarray, voxel_ml: float, *, contiguous: bool) -> list[float]:
    """Return the millilitres of each piece; in piles of slices a piece ends with its slice."""
    box = bounding_box(own)
    if box is None:
        return []
    neighbours = TOUCHING.copy()
    if not contiguous:
        neighbours[..., [0, 2]] = False
    return [float(size * voxel_ml) for size in component_sizes(own[box], neighbours)]


def _centre(own: np.ndarray) -> list[float]:
    """Return where the centre of a label lies, as that of a training case is kept."""
    box = bounding_box(own)
    return [] if box is None else centre_of(own[box], box, own.shape)


def _cut(own: np.ndarray, spacing: Sequence[float]) -> list[str]:
    """Return the sides at which a label reaches the edge of the scan."""
    voxels = np.count_nonzero(own)
    sides = []
    for axis in range(3):
        if own.shape[axis] < 2:
            continue
        area = float(np.prod(spacing)) / float(spacing[axis])
        for end, side in zip((0, -1), SIDES[axis], strict=True):
            there = np.count_nonzero(own.take(end, axis))
            if there and (there * area >= CUT_MM2 or there >= CUT_SHARE * voxels):
                sides.append(side)
    return sides


def flags_of(labels: Sequence[FoundLabel], ranges: Ranges | None = None) -> list[Flag]:
    """Say what is odd about what was found by itself.

    Parameters
    ----------
    labels : sequence of FoundLabel
    ranges : Ranges, optional
        Of the training cases, some of which may have lacked a label, too.
    """
    flags = []
    for one in labels:
        known = None if ranges is None else ranges.labels.get(one.label)
        if not one.ml and (known is None or known.lacking < OFTEN):
            flags.append(Flag("nothing found", f"No {one.label} was found."))
        if len(one.large) > 1:
            sizes = ", ".join(f"{ml:.0f}" if ml >= 10 else f"{ml:.1f}" for ml in one.large)
            flags.append(
                Flag(
                    "several large pieces",
                    f"{one.label} lies in {len(one.large)} large pieces ({sizes} ml).",
                )
            )
        if one.cut:
            flags.append(
                Flag(
                    "cut by the border",
                    f"{one.label} reaches the edge of the scan towards {', '.join(one.cut)}, so "
                    "it may be cut off.",
                )
            )
        if one.agreement is not None and one.agreement < APART:
            flags.append(
                Flag(
                    "models disagree",
                    f"The models disagree about {one.label}: the mask of one has a Dice of only "
                    f"{one.agreement:.2f} with that of all.",
                )
            )
    return flags


def suspicion(labels: Sequence[FoundLabel], flags: Sequence[Flag]) -> float:
    """Return by what scans are ordered: how many oddities, and how unsure the models are.

    It is an order only and no estimate of the Dice: nothing was calibrated.

    Parameters
    ----------
    labels : sequence of FoundLabel
    flags : sequence of Flag

    Returns
    -------
    float
        At least 0; the greater, the sooner somebody should look.
    """
    known: list[float] = []
    for one in labels:
        known += [value for value in (one.confidence, one.agreement) if value is not None]
    return len(flags) + 1 - min(known, default=0.0 if labels else 1.0)
