"""What the training cases have in common, in rounded numbers: what a plan follows from.

Medians and counts are rounded so coarsely that one more case of the kind that is there seldom
changes any of them.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from slicewise.config import Intensity, Plane
from slicewise.dataset.case_record import CaseRecord
from slicewise.errors import SlicewiseError

AXES = {"L": 0, "R": 0, "A": 1, "P": 1, "I": 2, "S": 2}
"""The canonical axis that the letter of an orientation stands for."""
NORMALS: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")
"""The plane that is cut across each canonical axis."""
ALIKE = 1.25
"""Voxels whose longest side is at most so many times the next one have no plane of their own."""
SIDE = 16
"""Sides of slices are rounded up to a multiple of so many pixels."""


@dataclass(frozen=True)
class TrainingCase:
    """What a plan asks of a case: nothing that the values of its voxels say.

    Attributes
    ----------
    shape : sequence of int
        Voxels along each axis, as stored.
    spacing : sequence of float
        Millimetres of a voxel along each axis.
    orientation : str
        Where the axes point, such as ``LPS``.
    ml : mapping of str to float
        Millilitres of each label; labels that were not looked at are left out.
    """

    shape: Sequence[int]
    spacing: Sequence[float]
    orientation: str
    ml: Mapping[str, float]

    @classmethod
    def of(cls, record: CaseRecord) -> Self:
        """Return it from the record of a case."""
        return cls(record.shape, record.spacing, record.orientation, record.ml)

    @property
    def canonical(self) -> list[tuple[int, float]]:
        """Voxels and millimetres along left-right, back-front and down-up."""
        along = zip(self.orientation, self.shape, self.spacing, strict=True)
        placed = {AXES[letter]: (int(n), float(mm)) for letter, n, mm in along}
        return [placed[axis] for axis in range(3)]


@dataclass(frozen=True)
class Fingerprint:
    """What the training cases have in common.

    Attributes
    ----------
    intensity : {"hu", "clipped_hu", "arbitrary"}
        What their voxels measure.
    contiguous : bool
        Whether the slices of a file are neighbours.
    labels : int
        How many there are.
    channels : int
        Of an image.
    cases, slices : int
        How many there are, to the nearest power of two.
    plane : {"axial", "coronal", "sagittal"}
        Across the longest side of the voxels in most cases; axial where voxels are nearly cubes.
    agreement : float
        Share of the cases that were acquired in that plane, or in none, in tenths.
    rows, columns : int
        Pixels of a slice in that plane: the median, rounded up to a multiple of 16; the longer
        one is `rows`.
    spacing : float
        Millimetres of a pixel: the median, to two digits.
    thickness : float
        Millimetres from one slice to the next: the median, to two digits.
    spread : float
        How many times as large pixels are in the coarsest case as in the finest, without the
        outermost twentieths; in tenths.
    smallest : float or None
        Diameter in pixels of a ball as large as the smallest label in the median case that has it
        (in piles of slices, of a disc as large as it is in the mean slice), to one digit; None
        where no label was measured.
    shown : float or None
        Estimated share of the slices that show a label, in fifths.
    """

    intensity: Intensity
    contiguous: bool
    labels: int
    channels: int
    cases: int
    slices: int
    plane: Plane
    agreement: float
    rows: int
    columns: int
    spacing: float
    thickness: float
    spread: float
    smallest: float | None
    shown: float | None

    def dump(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def fingerprint_of(
    cases: Iterable[TrainingCase],
    *,
    intensity: Intensity,
    contiguous: bool = True,
    labels: int,
    channels: int = 1,
) -> Fingerprint:
    """Return what training cases have in common.

    Parameters
    ----------
    cases : iterable of TrainingCase
        In any order. No test case should be among them.
    intensity, contiguous
        As the settings of the data set say.
    labels, channels : int
        How many there are.

    Raises
    ------
    SlicewiseError
        When there is no case.
    """
    known = list(cases)
    if not known:
        raise SlicewiseError("a plan follows from training cases, and there is none; lower split")
    plane, agreement = _plane_of(known, contiguous)
    normal = NORMALS.index(plane)
    across = [case.canonical[normal] for case in known]
    within = [[side for axis, side in enumerate(c.canonical) if axis != normal] for c in known]
    sides = [sorted((n for n, _ in pair), reverse=True) for pair in within]
    pixels = sorted(math.sqrt(pair[0][1] * pair[1][1]) for pair in within)
    smallest = _smallest(known, normal, contiguous)
    return Fingerprint(
        intensity=intensity,
        contiguous=contiguous,
        labels=labels,
        channels=channels,
        cases=_power_of_two(len(known)),
        slices=_power_of_two(sum(number for number, _ in across)),
        plane=plane,
        agreement=agreement,
        rows=_multiple(statistics.median(longer for longer, _ in sides)),
        columns=_multiple(statistics.median(shorter for _, shorter in sides)),
        spacing=rounded(statistics.median(pixels), 2),
        thickness=rounded(statistics.median(mm for _, mm in across), 2),
        spread=round(_inner(pixels, 0.95) / _inner(pixels, 0.05), 1),
        smallest=None if smallest is None else rounded(smallest, 1),
        shown=_shown(known, normal, contiguous),
    )


def rounded(value: float, digits: int) -> float:
    """Round a positive number to so many significant digits.

    >>> rounded(0.7421, 2), rounded(1283, 2)
    (0.74, 1300.0)
    """
    return float(f"{value:.{digits}g}")


def _plane_of(cases: Sequence[TrainingCase], contiguous: bool) -> tuple[Plane, float]:
    """Return the plane of most cases, and the share of those that have no other."""
    if not contiguous:
        return "axial", 1.0
    own = Counter(_acquired(case) for case in cases)
    # of equally many the first by name, so that the order of cases means nothing
    told = sorted((-number, plane) for plane, number in own.items() if plane is not None)
    if not told or own[None] > len(cases) / 2:
        plane: Plane = "axial"
    else:
        plane = told[0][1]
    others = sum(number for other, number in own.items() if other not in (plane, None))
    return plane, round(1 - others / len(cases), 1)


def _acquired(case: TrainingCase) -> Plane | None:
    """Return the plane across the longest side of the voxels; None where they are nearly cubes."""
    sides = [mm for _, mm in case.canonical]
    longest = max(range(3), key=sides.__getitem__)
    next_one = max(mm for axis, mm in enumerate(sides) if axis != longest)
    return NORMALS[longest] if sides[longest] > ALIKE * next_one else None


def _volumes(cases: Sequence[TrainingCase]) -> dict[str, float]:
    """Return the median millilitres of each label, over the cases that have it."""
    names = sorted({name for case in cases for name in case.ml})
    present = {name: [c.ml[name] for c in cases if c.ml.get(name, 0) > 0] for name in names}
    return {name: statistics.median(each) for name, each in present.items() if each}


def _smallest(cases: Sequence[TrainingCase], normal: int, contiguous: bool) -> float | None:
    """Return the diameter of the smallest label, in pixels."""
    volumes = _volumes(cases)
    if not volumes:
        return None
    mm3 = 1000 * min(volumes.values())
    pixel = statistics.median(_pixel(case, normal) for case in cases)
    if contiguous:
        return _ball(mm3) / pixel
    depth = statistics.median(math.prod(case.canonical[normal]) for case in cases)
    return math.sqrt(4 * mm3 / depth / math.pi) / pixel


def _shown(cases: Sequence[TrainingCase], normal: int, contiguous: bool) -> float | None:
    """Return the share of slices that a ball of the volume of all labels would be seen in."""
    told = [case for case in cases if sum(case.ml.values()) > 0]
    if not told or not contiguous:
        return None
    seen = [
        min(1.0, _ball(1000 * sum(case.ml.values())) / math.prod(case.canonical[normal]))
        for case in told
    ]
    return round(5 * statistics.median(seen)) / 5


def _pixel(case: TrainingCase, normal: int) -> float:
    sides = [mm for axis, (_, mm) in enumerate(case.canonical) if axis != normal]
    return math.sqrt(sides[0] * sides[1])


def _ball(mm3: float) -> float:
    """Return the diameter in mm of a ball."""
    return 2 * (3 * mm3 / (4 * math.pi)) ** (1 / 3)


def _inner(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]


def _power_of_two(number: int) -> int:
    return 1 << round(math.log2(max(1, number)))


def _multiple(pixels: float) -> int:
    return SIDE * max(1, math.ceil(pixels / SIDE))
