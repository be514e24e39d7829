"""What is measured in every case and compared with all others: robust z-scores.

The modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993): the distance
from the median over 1.4826 times the median absolute deviation, beyond 3.5 an outlier. Mean and
standard deviation would be moved by the very cases that are looked for.

Where cases come in groups far apart, as those of two scanners do, each is compared with its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from slicewise.report.seen import SeenCase, SeenData

FAR = 3.5
"""A robust z-score beyond this is an outlier."""
FEWEST = 3
"""Of fewer cases no spread is known."""
FEW = 8.0
"""The spread of n cases is taken for 1 + 8 / n times as large: the median absolute deviation of a
few is often small by chance. Of 12 normal numbers one in 75 would be beyond 3.5 without it, and of
a hundred quantities one is; with it, one in 600."""
RARE = 0.25
"""What more than this share of the cases have in common marks none of them."""
NORMAL = 1.4826
"""Times the median absolute deviation is the standard deviation of normal numbers."""
AXES = ("from left to right", "from back to front", "from foot to head")
"""Of a volume in canonical orientation."""
SPREAD_LENGTH = 0.05
SPREAD_VOLUME = 0.1
"""The least spread of lengths and volumes, as logarithms: most scans of a study may have the same
voxel size to the digit, and yet a hundredth more is none that anybody has to look at."""
SPREAD_PIECES = 0.5
"""The same of numbers of pieces: twice as many are none."""
SPREAD_APART = 0.02
"""The least spread of the share of a label that lies outside of its largest piece."""
SPREAD_HU = 5.0
SPREAD_SHARE = 0.02
SPREAD_PLACE = 0.05
"""The least spread of intensities, in HU; as a share of what lies between the 5th and the 95th
percentile of a body; and of places between these two."""
BETWEEN = "between the 5th (0 %) and the 95th percentile (100 %) of the body"
PERCENTILES = {0.05: "5th percentile", 0.5: "median", 0.95: "95th percentile"}


@dataclass(frozen=True)
class Quantity:
    """Something that is measured in every case.

    Attributes
    ----------
    kind : str
        What it is one of, such as the intensities of an image.
    name : str
        What a sentence calls it.
    unit : str
        Of its numbers; may be empty.
    digits : int
        Behind the point.
    of : callable
        Gives it of a case; None where the case has none.
    least : float
        The least spread that is taken for one.
    ratio : bool
        Whether what counts is how many times larger it is: logarithms are compared, also `least`.
    """

    kind: str
    name: str
    unit: str
    digits: int
    of: Callable[[SeenCase], float | None]
    least: float
    ratio: bool = False


@dataclass(frozen=True)
class Compared:
    """A quantity of a case beside that of all others.

    Attributes
    ----------
    quantity : Quantity
        Which.
    value, median : float
        Of the case, and of all, or of its group.
    z : float
        The robust z-score, with its sign.
    group : int or None
        How many cases its group has; None where there is one.
    """

    quantity: Quantity
    value: float
    median: float
    z: float
    group: int | None = None


@dataclass(frozen=True)
class Group:
    """Cases whose values lie together, far from those of all others.

    Attributes
    ----------
    cases : int
        How many.
    median : float
        Of their values.
    """

    cases: int
    median: float


def quantities(data: SeenData) -> list[Quantity]:
    """Return what is compared: voxels, field of view, intensities, and each label's.

    Across the slices of a pile nothing has a length.
    """
    axes = AXES if data.contiguous else AXES[:2]
    lengths = [
        Quantity(
            name,
            f"{name} {axis}",
            "mm",
            behind,
            partial(_length, kind, place),
            SPREAD_LENGTH,
            ratio=True,
        )
        for kind, name, behind in (("spacing", "spacing", 2), ("field", "field of view", 0))
        for place, axis in enumerate(axes)
    ]
    return [*lengths, *_intensities(data), *_of_labels(data)]


def _intensities(data: SeenData) -> Iterator[Quantity]:
    """Yield what is compared of intensities.

    Where they have no unit, scanners scale them at will, which means nothing:
    what counts is where they lie among those of the same body.
    """
    placed = data.intensity == "arbitrary"
    unit = {"hu": "HU", "arbitrary": "%"}.get(data.intensity, "")
    least = {"hu": SPREAD_HU, "arbitrary": 100 * SPREAD_PLACE}.get(data.intensity)
    if least is None:
        # where there is no other measure of it, any difference is one
        least = max(SPREAD_SHARE * _typical_range(data), float(np.finfo(np.float32).tiny))
    digits = 0 if placed else intensity_digits(data)
    grey = partial(Quantity, "intensity", unit=unit, digits=digits, least=least)
    for share, name in PERCENTILES.items():
        of = partial(percentile, share)
        if not placed:
            yield grey(f"{name} of the body", of=of)
        elif share == 0.5:
            yield grey(f"{name} of the body, {BETWEEN}", of=partial(_placed, of))
    for label in data.labels:
        name = f"median intensity in {label}"
        of = partial(_median_inside, label)
        yield grey(f"{name}, {BETWEEN}", of=partial(_placed, of)) if placed else grey(name, of=of)


def _of_labels(data: SeenData) -> Iterator[Quantity]:
    for label in data.labels:
        volume = partial(Quantity, "volume", f"volume of {label}", "ml", 1, ratio=True)
        yield volume(partial(_millilitres, label), SPREAD_VOLUME)
        kind = f"pieces of {label}"
        yield Quantity(kind, kind, "", 0, partial(_pieces, label), SPREAD_PIECES, ratio=True)
        name = f"share of {label} outside of its largest piece"
        yield Quantity(kind, name, "%", 0, partial(_apart, label), 100 * SPREAD_APART)


def _typical_range(data: SeenData) -> float:
    """Return what lies between the 5th and the 95th percentile of the body of the middle case."""
    ends = [[percentile(share, case) for share in (0.05, 0.95)] for case in data.cases]
    ranges = [high - low for low, high in ends if low is not None and high is not None]
    return float(np.median(ranges)) if ranges else 0.0


def intensity_digits(data: SeenData) -> int:
    """Return how many digits behind the point intensities are worth: three that count."""
    if data.intensity == "hu":
        return 0
    typical = _typical_range(data)
    return int(np.clip(2 - np.floor(np.log10(typical)), 0, 9)) if typical > 0 else 3


def _length(kind: str, axis: int, case: SeenCase) -> float:
    lengths: list[float] = getattr(case.look, kind)
    return lengths[axis]


def percentile(share: float, case: SeenCase) -> float | None:
    """Return a percentile of the body of a case; None where nothing of it is known."""
    return float(np.quantile(case.look.body, share)) if case.look.body else None


def _median_inside(label: str, case: SeenCase) -> float | None:
    seen = case.look.labels.get(label)
    return seen.median if seen else None


def _placed(of: Callable[[SeenCase], float | None], case: SeenCase) -> float | None:
    """Return where an intensity lies among those of the body, in per cent, see `BETWEEN`."""
    value = of(case)
    low = percentile(0.05, case)
    high = percentile(0.95, case)
    if value is None or low is None or high is None or low == high:
        return None
    return 100 * (value - low) / (high - low)


def _millilitres(label: str, case: SeenCase) -> float | None:
    """Return the volume of a label in a case that has it: where it is missing is another matter."""
    return case.whole_ml(label)


def _pieces(label: str, case: SeenCase) -> float | None:
    seen = case.look.labels.get(label)
    return float(seen.islands) if seen and seen.islands else None


def _apart(label: str, case: SeenCase) -> float | None:
    """Return the share of a label that lies outside of its largest piece, in per cent."""
    seen = case.look.labels.get(label)
    if seen is None or not seen.voxels or seen.islands_ml is None:
        return None
    return 100 * seen.islands_ml / seen.ml


def compared(cases: Sequence[SeenCase], quantity: Quantity) -> dict[str, Compared]:
    """Compare a quantity of each case with that of all, or of its group.

    Parameters
    ----------
    cases : sequence of SeenCase
        All of them.
    quantity : Quantity
        What is compared.

    Returns
    -------
    dict of str to Compared
        By case; nothing where fewer than `FEWEST` cases have it.
    """
    values, numbers = _values(cases, quantity)
    names = list(values)
    quantities = {}
    groups = apart(numbers, quantity.least)
    for group in groups if len(names) >= FEWEST else []:
        own = [values[names[place]] for place in group]
        scores = robust_z(numbers[group], quantity.least)
        size = len(group) if len(groups) > 1 else None
        for place, z in zip(group, scores, strict=True):
            each = Compared(quantity, values[names[place]], float(np.median(own)), float(z), size)
            quantities[names[place]] = each
    return quantities


def groups_of(cases: Sequence[SeenCase], quantity: Quantity) -> list[Group]:
    """Return the groups that cases come in, those of the least values first; no single one."""
    values, numbers = _values(cases, quantity)
    groups = apart(numbers, quantity.least)
    own = np.array([*values.values()], np.float64)
    return [Group(len(g), float(np.median(own[g]))) for g in groups] if len(groups) > 1 else []


def _values(cases: Sequence[SeenCase], quantity: Quantity) -> tuple[dict[str, float], np.ndarray]:
    """Return a quantity of those cases that have it, as it is and as it is compared."""
    known = {case.name: quantity.of(case) for case in cases}
    values = {name: value for name, value in known.items() if value is not None}
    numbers = np.array([*values.values()], np.float64)
    return values, np.log(numbers) if quantity.ratio else numbers


def is_rare(count: int, of: int) -> bool:
    """Tell whether so many of all cases are few enough to look at each.

    >>> is_rare(1, 2), is_rare(2, 2), is_rare(25, 100), is_rare(26, 100)
    (True, False, True, False)
    """
    return count <= most_rare(of)


def most_rare(of: int) -> int:
    """Return how many of all cases may stand out for one reason."""
    return max(1, math.floor(RARE * of))


def apart(numbers: np.ndarray, least: float) -> list[np.ndarray]:
    """Part numbers where a gap is so wide that each side is far from the other.

    Half of the cases may come from one scanner and half from another. Then
    the median is the number of none of them, and a third kind would lie no
    farther off than both.

    Parameters
    ----------
    numbers : ndarray of float
        One a case.
    least : float
        The least spread, see `robust_spread`.

    Returns
    -------
    list of ndarray of int
        The places of the numbers of each group, that of the least ones first; each is more than
        so many as may be outliers.
    """
    order = np.argsort(numbers, kind="stable")
    return _parted(order, numbers, least, most_rare(len(numbers)))


def _parted(order: np.ndarray, numbers: np.ndarray, least: float, rare: int) -> list[np.ndarray]:
    ordered = numbers[order]
    gaps = np.diff(ordered)
    wide = np.flatnonzero(gaps > FAR * least) + 1
    for place in wide[(wide > rare) & (wide < len(order) - rare)]:
        sides = ordered[:place], ordered[place:]
        spread = max(robust_spread(side - np.median(side), least) for side in sides)
        if gaps[place - 1] > FAR * spread:
            parts = order[:place], order[place:]
            return [group for part in parts for group in _parted(part, numbers, least, rare)]
    return [order]


def robust_z(numbers: np.ndarray, least: float) -> np.ndarray:
    """Return the robust z-score of each number among all.

    Parameters
    ----------
    numbers : ndarray of float
        At least one.
    least : float
        The least spread.

    Examples
    --------
    >>> robust_z(np.array([1.0, 2.0, 3.0, 4.0, 40.0]), 0.1).round(2).tolist()
    [-0.52, -0.26, 0.0, 0.26, 9.6]
    """
    away = numbers - np.median(numbers)
    return np.asarray(away / robust_spread(away, least))


def robust_spread(away: np.ndarray, least: float) -> float:
    """Return a standard deviation that a few numbers far off do not move.

    Parameters
    ----------
    away : ndarray of float
        Distances from the median, at least one.
    least : float
        The least that is taken for one: the median absolute deviation is 0
        where most numbers are the same.

    Returns
    -------
    float
        So large that no more than `most_rare` numbers are beyond `FAR`: what
        more have in common is no outlier.
    """
    distances = np.sort(np.abs(away))
    spread = max(NORMAL * float(np.median(distances)), least) * (1 + FEW / len(away))
    first = max(0, len(away) - 1 - most_rare(len(away)))
    # a hair more, so that rounding puts none beyond
    return max(spread, (1 + 1e-9) * float(distances[first]) / FAR)
