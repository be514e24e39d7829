"""What is wrong with a prediction by its voxels, where scores alone do not tell it.

Scores count pieces that lie apart, and thick ones. What hangs on an organ by a
thread, a hole, slices too many, and a prediction that is right but in the wrong
place have the same scores as many other faults, and are looked for here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from slicewise.boxes import bounding_box, whole, widened
from slicewise.config import UNDRAWN
from slicewise.report.render import millilitres, number
from slicewise.wording import plural

TOUCHING = np.ones((3, 3, 3), bool)  # 26 neighbours
NOTABLE_ML = 1.0
"""From this size a piece counts among those that were added or left out."""
RIM_MM = 3.0
"""By which any two outlines differ: what is no farther off hangs on nothing."""
FAR_MM = 10.0
"""How far a piece has to reach from the organ to be said to hang on it."""
NEARLY_ALL = 0.5
"""Of an image, above which it is said that most of it was predicted."""
OTHER = 0.5
"""Of a prediction, above which it is said to lie in another organ."""
END = 0.5
"""Of the area of an organ's last slice, from which a further slice is one too many."""
MOVES = 3
"""Voxels along each axis by which a prediction is moved to see whether it lies wrong."""
EXPLAINED = 0.5
"""Of what a Dice lacks, which moving or mirroring has to give back, to be taken for the cause."""
GAIN = 0.01
"""And by how much at least."""
FARTHEST = 20_000
"""Voxels of which the distance from the organ is measured; of more, evenly chosen ones."""
ENDS = (("left", "right"), ("back", "front"), ("feet", "head"))
"""Of each axis of a volume in canonical orientation."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one label of one case.

    Attributes
    ----------
    label : str
        Its name.
    kind : str
        Begins with ``most``, ``other``, ``mirrored``, ``moved``, ``hanging``, ``hole`` or
        ``ends``, and tells the side where there are several.
    sentence : str
        Of the case, without a full stop, not beginning with a capital letter.
    weight : float
        The greater, the worse; only within a kind.
    """

    label: str
    kind: str
    sentence: str
    weight: float


def find_faults(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: Sequence[float],
    scored: Mapping[str, Sequence[int]],
) -> list[Fault]:
    """Look for faults of a case, label by label.

    Parameters
    ----------
    truth, prediction : ndarray, shape (x, y, z)
        Label numbers in canonical orientation (RAS+).
    spacing : sequence of float
        Distance of neighbouring voxels along each axis, in mm.
    scored : mapping of str to sequence of int
        What has scores, each with the numbers of its labels.

    Returns
    -------
    list of Fault
        The gravest kinds first; none of a case that was drawn in part, in which
        what was predicted may be right.
    """
    if (truth == UNDRAWN).any():
        return []
    faults = []
    for name, numbers in scored.items():
        pair = _Pair(
            name, np.isin(truth, numbers), np.isin(prediction, numbers), tuple(map(float, spacing))
        )
        if pair.truth.any() and pair.prediction.any():
            faults += _of_label(pair, truth, scored)
    return faults


@dataclass(frozen=True)
class _Pair:
    """Where a label is, and where it was predicted; neither is empty."""

    label: str
    truth: np.ndarray
    prediction: np.ndarray
    spacing: tuple[float, ...]

    def ml(self, voxels: int) -> float:
        """Return the volume of so many voxels."""
        return float(voxels * np.prod(self.spacing) / 1000)

    def cut(self) -> _Pair:
        """Return the part that both fill, with room to move and to grow."""
        margins = [max(MOVES, round(FAR_MM / step)) + 1 for step in self.spacing]
        filled = bounding_box(self.truth | self.prediction) or whole(self.truth.shape)
        box = widened(filled, margins, self.truth.shape)
        return _Pair(self.label, self.truth[box], self.prediction[box], self.spacing)

    @property
    def through(self) -> int:
        """The axis along which slices lie: that with the coarsest voxels, else from the feet up."""
        return max(range(3), key=lambda axis: (round(self.spacing[axis], 3), axis))


def _of_label(pair: _Pair, truth: np.ndarray, scored: Mapping[str, Sequence[int]]) -> list[Fault]:
    share = float(pair.prediction.mean())
    if share > NEARLY_ALL and share > 2 * pair.truth.mean():
        said = f"{100 * share:.0f} % of all voxels of the image were predicted as {pair.label}"
        return [Fault(pair.label, "most", said, share)]
    displaced = [*_other(pair, truth, scored), *_mirrored(pair)]
    if displaced:
        return displaced[:1]
    near = pair.cut()
    moved = [*_moved(near)]
    if moved:
        return moved
    body = _touching(near)
    if not body.any():
        return []  # all of it lies apart, which is counted by scores
    loose = _loose(near, body)
    return [*_hanging(near, loose), *_hole(near), *_ends(near, body & ~loose)]


# --- right, but in the wrong place ---------------------------------------------------------


def dice_of(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the Dice of two masks of the same shape; NaN where both are empty."""
    size = np.count_nonzero(truth) + np.count_nonzero(prediction)
    return 2 * np.count_nonzero(truth & prediction) / size if size else float("nan")


def _is_cause(before: float, after: float) -> bool:
    return after - before >= max(GAIN, EXPLAINED * (1 - before))


def _other(pair: _Pair, truth: np.ndarray, scored: Mapping[str, Sequence[int]]) -> Iterator[Fault]:
    """Say that a prediction lies in another organ, where that organ was drawn."""
    there = truth[pair.prediction]
    for name, numbers in scored.items():
        share = float(np.isin(there, numbers).mean())
        # a region may hold another one
        if share > OTHER and not {*numbers} & {*scored[pair.label]}:
            said = f"{100 * share:.0f} % of what was predicted as {pair.label} is {name}"
            yield Fault(pair.label, "other", said, share)


def _mirrored(pair: _Pair) -> Iterator[Fault]:
    before = dice_of(pair.truth, pair.prediction)
    after = [dice_of(pair.truth, np.flip(pair.prediction, axis)) for axis in range(3)]
    axis = int(np.argmax(after))
    if _is_cause(before, after[axis]) and after[axis] - before > 10 * GAIN:
        ends = ENDS[axis]
        yield Fault(
            pair.label,
            f"mirrored {ends[0]} for {ends[1]}",
            f"the prediction of {pair.label} lies mirrored, {ends[0]} for {ends[1]}: mirrored "
            f"back, its Dice is {number(after[axis])} and not {number(before)}",
            float(after[axis] - before),
        )


def _moved(pair: _Pair) -> Iterator[Fault]:
    before = dice_of(pair.truth, pair.prediction)
    if before > 1 - GAIN:
        return
    tried = {
        (axis, by): dice_of(pair.truth, _shifted(pair.prediction, axis, -by))
        for axis in range(3)
        for by in (*range(-MOVES, 0), *range(1, MOVES + 1))
    }
    (axis, by), after = max(tried.items(), key=lambda each: each[1])
    if _is_cause(before, after):
        steps = plural(abs(by), "slice" if axis == pair.through else "voxel")
        side = ENDS[axis][int(by > 0)]
        yield Fault(
            pair.label,
            f"moved towards the {side}",
            f"the prediction of {pair.label} lies {steps} "
            f"({number(abs(by) * pair.spacing[axis], 1)} mm) too far towards the {side}: moved "
            f"back, its Dice is {number(after)} and not {number(before)}",
            after - before,
        )


def _shifted(mask: np.ndarray, axis: int, by: int) -> np.ndarray:
    """Move a mask along an axis; nothing comes in from the other side."""
    moved = np.roll(mask, by, axis)
    at = [slice(None)] * mask.ndim
    at[axis] = slice(0, by) if by > 0 else slice(by, None)
    moved[tuple(at)] = False
    return moved


# --- added, or left out --------------------------------------------------------------------


def _touching(pair: _Pair) -> np.ndarray:
    """Return the parts of the prediction that share a voxel with the organ."""
    return _holding(pair.prediction, pair.truth)


def _loose(pair: _Pair, body: np.ndarray) -> np.ndarray:
    """Return what was added to what touches the organ, is off its rim and reaches far from it."""
    off_rim = body & ~_grown(pair.truth, RIM_MM, pair.spacing)
    return _holding(off_rim, off_rim & ~_grown(pair.truth, FAR_MM, pair.spacing))


def _holding(mask: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the components of a mask that hold any of some places."""
    parts, count = ndimage.label(mask, TOUCHING)
    held = np.zeros(count + 1, bool)
    held[np.unique(parts[places])] = True
    held[0] = False
    kept: np.ndarray = held[parts]
    return kept


def _grown(mask: np.ndarray, by_mm: float, spacing: Sequence[float]) -> np.ndarray:
    """Return a mask and all within a box of so many mm to each side around its voxels."""
    grown = mask.view(np.uint8)
    for axis, step in enumerate(spacing):
        size = 2 * max(1, round(by_mm / step)) + 1
        grown = ndimage.maximum_filter1d(grown, size, axis, mode="constant")
    return grown.astype(bool)


def _hanging(pair: _Pair, loose: np.ndarray) -> Iterator[Fault]:
    ml = pair.ml(int(np.count_nonzero(loose)))
    if ml < NOTABLE_ML:
        return
    reach = number(_reach_mm(loose, pair), 0)
    yield Fault(
        pair.label,
        "hanging",
        f"{millilitres(ml)} that are no {pair.label} hang on it and reach {reach} mm away from it",
        ml,
    )


def _reach_mm(mask: np.ndarray, pair: _Pair) -> float:
    """Return how far the farthest of some voxels lies from the organ, in mm."""
    rim = pair.truth & ~ndimage.binary_erosion(pair.truth)
    places = np.argwhere(mask)
    step = max(1, len(places) // FARTHEST)
    tree = KDTree(np.argwhere(rim) * pair.spacing)
    return float(tree.query(places[::step] * pair.spacing)[0].max())


def _hole(pair: _Pair) -> Iterator[Fault]:
    """Say what is missing inside of what was found, all around."""
    filled = ndimage.binary_fill_holes(pair.prediction)
    ml = pair.ml(int(np.count_nonzero(filled & ~pair.prediction & pair.truth)))
    if ml >= NOTABLE_ML:
        yield Fault(
            pair.label,
            "hole",
            f"{millilitres(ml)} are missing inside of the predicted {pair.label}",
            ml,
        )


def _ends(pair: _Pair, body: np.ndarray) -> Iterator[Fault]:
    """Say how many slices there are too many, or too few, at the ends of an organ."""
    axis = pair.through
    others = tuple(other for other in range(3) if other != axis)
    true = pair.truth.sum(axis=others)
    guess = body.sum(axis=others)
    if not guess.any():
        return
    for end, (ours, theirs) in enumerate(((true, guess), (true[::-1], guess[::-1]))):
        side = ENDS[axis][end]
        many = _beyond(ours, theirs)
        few = _beyond(theirs, ours)
        ml = pair.ml(sum(many or few))
        if ml < NOTABLE_ML:
            continue
        slices = f"{plural(len(many or few), 'slice')} ({millilitres(ml)})"
        said = f"goes on for {slices} too many" if many else f"ends {slices} too early"
        sentence = f"the prediction of {pair.label} {said} towards the {side}"
        kind = f"ends {'late' if many else 'early'} towards the {side}"
        yield Fault(pair.label, kind, sentence, ml)


def _beyond(inside: np.ndarray, area: np.ndarray) -> list[int]:
    """Return the areas of whole slices that come before the first one of the other mask."""
    start = int(np.flatnonzero(inside)[0])
    least = END * inside[start]
    before = area[:start][::-1]
    whole_ones = int(np.argmin(np.append(before >= max(least, 1), False)))
    return [int(each) for each in before[:whole_ones]]
