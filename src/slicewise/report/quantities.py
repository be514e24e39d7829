"""What is measured in every case and compared with all others: robust z-scores.

The modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993): the distance
from the median over 1.4826 times the median absolute deviation, beyond 3.5 an outlier. Mean and
standard deviation would be moved by the very cases that are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from slicewise.report.seen import SeenCase, SeenData

FAR = 3.5
"""A robust z-score beyond this is an outlier."""
FEWEST = 5
"""Of fewer cases no spread is known."""
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
SPREAD_HU = 5.0
SPREAD_SHARE = 0.02
"""The least spread of intensities, in HU, or as a share of what lies between the 5th and the 95th
percentile of an image."""
PERCENTILES = {"p5": "5th percentile", "p50": "median", "p95": "95th percentile"}


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
        Of the case, and of all.
    z : float
        The robust z-score, with its sign.
    """

    quantity: Quantity
    value: float
    median: float
    z: float


def quantities(data: SeenData) -> list[Quantity]:
    """Return what is compared: voxels, field of view, intensities, and each label's."""
    unit = "HU" if data.intensity == "hu" else ""
    least = SPREAD_HU if unit else SPREAD_SHARE * _typical_range(data)
    digits = intensity_digits(data)
    # where there is no other measure of it, any difference is one
    least = max(least, float(np.finfo(np.float32).tiny))
    found = [
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
        for place, axis in enumerate(AXES)
    ]
    grey = partial(Quantity, "intensity", unit=unit, digits=digits, least=least)
    for key, name in PERCENTILES.items():
        found.append(grey(f"{name} of the image", of=partial(_percentile, key)))
    for label in data.labels:
        found.append(grey(f"median intensity in {label}", of=partial(_median_inside, label)))
        volume = partial(Quantity, "volume", f"volume of {label}", "ml", 1, ratio=True)
        found.append(volume(partial(_millilitres, label), SPREAD_VOLUME))
        pieces = partial(Quantity, f"pieces of {label}", f"pieces of {label}", "", 0, ratio=True)
        found.append(pieces(partial(_pieces, label), SPREAD_PIECES))
    return found


def _typical_range(data: SeenData) -> float:
    """Return what lies between the 5th and the 95th percentile of the middle case."""
    known = [case.record.intensity for case in data.cases]
    ranges = [each["p95"] - each["p5"] for each in known if {"p5", "p95"} <= each.keys()]
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


def _percentile(key: str, case: SeenCase) -> float | None:
    return case.record.intensity.get(key)


def _median_inside(label: str, case: SeenCase) -> float | None:
    seen = case.look.labels.get(label)
    return seen.median if seen else None


def _millilitres(label: str, case: SeenCase) -> float | None:
    """Return the volume of a label in a case that has it: where it is missing is another matter."""
    return case.record.ml.get(label) or None


def _pieces(label: str, case: SeenCase) -> float | None:
    seen = case.look.labels.get(label)
    return float(seen.islands) if seen and seen.islands else None


def compared(cases: Sequence[SeenCase], quantity: Quantity) -> dict[str, Compared]:
    """Compare a quantity of each case with that of all.

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
    known = {case.name: quantity.of(case) for case in cases}
    values = {name: value for name, value in known.items() if value is not None}
    if len(values) < FEWEST:
        return {}
    numbers = np.array([*values.values()], np.float64)
    scores = robust_z(np.log(numbers) if quantity.ratio else numbers, quantity.least)
    median = float(np.median(numbers))
    return {
        name: Compared(quantity, value, median, float(z))
        for (name, value), z in zip(values.items(), scores, strict=True)
    }


def robust_z(numbers: np.ndarray, least: float) -> np.ndarray:
    """Return the robust z-score of each number among all.

    Parameters
    ----------
    numbers : ndarray of float
        At least one.
    least : float
        The least spread, in the place of a standard deviation: the median
        absolute deviation is 0 where most numbers are the same.

    Examples
    --------
    >>> robust_z(np.array([1.0, 2.0, 3.0, 4.0, 40.0]), 0.1).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 24.96]
    """
    away = numbers - np.median(numbers)
    spread = NORMAL * float(np.median(np.abs(away)))
    return np.asarray(away / max(spread, least))
