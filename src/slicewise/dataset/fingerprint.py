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
from slicewise.config.slices import Cut
from slicewise.dataset.case_record import CaseRecord
from slicewise.errors import SlicewiseError

AXES = {"L": 0, "R": 0, "A": 1, "P": 1, "I": 2, "S": 2}
"""The canonical axis that the letter of an orientation stands for."""
NORMALS: tuple[Plane, Plane, Plane] = ("sagittal", "coronal", "axial")
"""The plane that is cut across each canonical axis."""
ALIKE = 1.25
"""Voxels whose longest side is at most so many times the next one have no plane of their own."""
EQUAL = 1.01
"""Spacings that differ by less are the same, as `plane: acquired` takes them."""
SIDE = 16
"""Sides of slices are rounded up to a multiple of so many pixels."""
BLOCK = 8
"""Sides of volumes are rounded up to a multiple of so many voxels."""


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
        Millilitres of each label; labels that were not looked at are left out, as are all of a mask
        that was drawn in part.
    lost : bool
        Whether it is known to have lost the size of its voxels.
    """

    shape: Sequence[int]
    spacing: Sequence[float]
    orientation: str
    ml: Mapping[str, float]
    lost: bool = False

    @classmethod
    def of(cls, record: CaseRecord) -> Self:
        """Return it from the record of a case."""
        ml = {} if record.undrawn else record.ml
        return cls(record.shape, record.spacing, record.orientation, ml, record.is_unsized)

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
    plane : {"axial", "coronal", "sagittal", "acquired"}
        Across the longest side of the voxels in all cases; ``acquired`` where it is another one in
        a twentieth of the cases or more, unless one is known to have lost the size of its voxels:
        then that of most; axial where voxels are nearly cubes.
    agreement : float
        Share of the cases that were acquired in the plane of most, or in none, in tenths.
    rows, columns : int
        Pixels of a slice in that plane: the median, rounded up to a multiple of 16; the longer
        one is `rows`.
    extent : float
        Millimetres of the longer side of a slice: the median, in steps of a tenth.
    spacing : float
        Millimetres of a pixel: the median, in steps of a tenth.
    thickness : float
        Millimetres from one slice to the next: the median, to two digits.
    spread : float
        How many times as large pixels are in the coarsest case as in the finest, without the
        outermost twentieths; in tenths.
    lost : bool
        Whether a case may have lost the size of its voxels, as it says 1 × 1 × 1 mm.
    cubes : bool
        Whether voxels are nearly cubes, in 19 of 20 cases.
    whole : tuple of int
        Voxels along left-right, back-front and down-up that hold 19 of 20 cases whole, as they
        are and in voxels of `spacing`; rounded up to a multiple of 8.
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
    plane: Cut
    agreement: float
    rows: int
    columns: int
    extent: float
    spacing: float
    thickness: float
    spread: float
    lost: bool
    cubes: bool
    whole: tuple[int, int, int]
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
    cuts = [_Cut.of(case, plane) for case in known]
    pixels = sorted(cut.pixel for cut in cuts)
    smallest = _smallest(known, cuts, contiguous)
    return Fingerprint(
        intensity=intensity,
        contiguous=contiguous,
        labels=labels,
        channels=channels,
        cases=_power_of_two(len(known)),
        slices=_power_of_two(sum(cut.slices for cut in cuts)),
        plane=plane,
        agreement=agreement,
        rows=_multiple(statistics.median(cut.longer for cut in cuts)),
        columns=_multiple(statistics.median(cut.shorter for cut in cuts)),
        extent=stepped(statistics.median(cut.longer_mm for cut in cuts)),
        spacing=stepped(statistics.median(pixels)),
        thickness=rounded(statistics.median(cut.thickness for cut in cuts), 2),
        spread=round(_inner(pixels, 0.95) / _inner(pixels, 0.05), 1),
        lost=any(set(case.spacing) == {1} for case in known),
        cubes=20 * sum(_acquired(case) is not None for case in known) <= len(known),
        whole=_whole(known, statistics.median(pixels)),
        smallest=None if smallest is None else rounded(smallest, 1),
        shown=_shown(known, cuts, contiguous),
    )


def rounded(value: float, digits: int) -> float:
    """Round a positive number to so many significant digits.

    >>> rounded(0.7421, 2), rounded(1283, 2)
    (0.74, 1300.0)
    """
    return float(f"{value:.{digits}g}")


@dataclass(frozen=True)
class _Cut:
    """How a case looks when it is cut: pixels and mm of sides, mm of a pixel, slices, mm of one."""

    longer: int
    shorter: int
    longer_mm: float
    pixel: float
    slices: int
    thickness: float

    @classmethod
    def of(cls, case: TrainingCase, plane: Cut) -> _Cut:
        """Cut a case along a plane, or along its own."""
        sides = case.canonical
        normal = _coarsest(case) if plane == "acquired" else NORMALS.index(plane)
        first, second = (side for axis, side in enumerate(sides) if axis != normal)
        return cls(
            max(first[0], second[0]),
            min(first[0], second[0]),
            max(math.prod(first), math.prod(second)),
            math.sqrt(first[1] * second[1]),
            *sides[normal],
        )

    @property
    def extent(self) -> float:
        """Millimetres from the first slice to the last."""
        return self.slices * self.thickness


def stepped(value: float, *, up: bool = False) -> float:
    """Round a positive number to one of 24 steps a decade, each a tenth above the one before.

    Steps have two digits; one that `up` rounds to is at most 2 % below the number.

    >>> stepped(0.74), stepped(1.45), stepped(1.45, up=True), stepped(371)
    (0.75, 1.5, 1.5, 380.0)
    >>> stepped(1.33), stepped(1.33, up=True)
    (1.3, 1.5)
    """
    place = 24 * math.log10(value)
    if not up:
        return rounded(10 ** (round(place) / 24), 2)
    step = math.ceil(place - 1e-9)
    # two digits of 1.33 take 2.5 % from it
    return next(
        size
        for size in (rounded(10 ** (each / 24), 2) for each in (step, step + 1))
        if size >= 0.98 * value
    )


def _plane_of(cases: Sequence[TrainingCase], contiguous: bool) -> tuple[Cut, float]:
    """Return the plane of the cases, and the share of those that have no other than most."""
    if not contiguous:
        return "axial", 1.0
    own = Counter(_acquired(case) for case in cases)
    # of equally many the first by name, so that the order of cases means nothing
    told = sorted((-number, plane) for plane, number in own.items() if plane is not None)
    others = sum(-number for number, _ in told[1:])
    agreement = round(1 - others / len(cases), 1)
    if agreement < 1 and not any(case.lost for case in cases):
        return "acquired", agreement
    if not told or own[None] > len(cases) / 2:
        return "axial", agreement
    return told[0][1], agreement


def _coarsest(case: TrainingCase) -> int:
    """Return the axis that a case is cut across by `plane: acquired`."""
    sides = [mm for _, mm in case.canonical]
    longest = [axis for axis, mm in enumerate(sides) if mm * EQUAL > max(sides)]
    return longest[0] if len(longest) == 1 else NORMALS.index("axial")


def _acquired(case: TrainingCase) -> Plane | None:
    """Return the plane across the longest side of the voxels; None where they are nearly cubes."""
    *_, next_one, longest = sorted(mm for _, mm in case.canonical)
    return NORMALS[_coarsest(case)] if longest > ALIKE * next_one else None


def _whole(cases: Sequence[TrainingCase], pixel: float) -> tuple[int, int, int]:
    """Return the sides of a volume that holds most cases, as stored and in pixels of this size."""
    sides = [
        # an even spacing is seldom exact
        sorted(max(voxels, math.ceil(voxels * mm / pixel - 0.01)) for voxels, mm in along)
        for along in zip(*(case.canonical for case in cases), strict=True)
    ]
    first, second, third = (BLOCK * math.ceil(_inner(each, 0.95) / BLOCK) for each in sides)
    return first, second, third


def _volumes(cases: Sequence[TrainingCase]) -> dict[str, float]:
    """Return the median millilitres of each label, over the cases that have it."""
    names = sorted({name for case in cases for name in case.ml})
    present = {name: [c.ml[name] for c in cases if c.ml.get(name, 0) > 0] for name in names}
    return {name: statistics.median(each) for name, each in present.items() if each}


def _smallest(
    cases: Sequence[TrainingCase], cuts: Sequence[_Cut], contiguous: bool
) -> float | None:
    """Return the diameter of the smallest label, in pixels."""
    volumes = _volumes(cases)
    if not volumes:
        return None
    mm3 = 1000 * min(volumes.values())
    pixel = statistics.median(cut.pixel for cut in cuts)
    if contiguous:
        return _ball(mm3) / pixel
    extent = statistics.median(cut.extent for cut in cuts)
    return math.sqrt(4 * mm3 / extent / math.pi) / pixel


def _shown(cases: Sequence[TrainingCase], cuts: Sequence[_Cut], contiguous: bool) -> float | None:
    """Return the share of slices that a ball of the volume of all labels would be seen in."""
    seen = [
        min(1.0, _ball(1000 * sum(case.ml.values())) / cut.extent)
        for case, cut in zip(cases, cuts, strict=True)
        if sum(case.ml.values()) > 0
    ]
    return round(5 * statistics.median(seen)) / 5 if seen and contiguous else None


def _ball(mm3: float) -> float:
    """Return the diameter in mm of a ball."""
    return 2 * (3 * mm3 / (4 * math.pi)) ** (1 / 3)


def _inner(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]


def _power_of_two(number: int) -> int:
    return 1 << round(math.log2(max(1, number)))


def _multiple(pixels: float) -> int:
    return SIDE * max(1, math.ceil(pixels / SIDE))
