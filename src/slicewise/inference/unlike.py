"""How a scan, and what was found in it, differ from what a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slicewise.config import Intensity
from slicewise.inference.lying import flag_of
from slicewise.inference.trust import Flag, FoundLabel, flags_of
from slicewise.network.card import ModelCard
from slicewise.network.ranges import LEAST, Range, Ranges, ToneRanges
from slicewise.volumes.channels import split
from slicewise.volumes.tones import Tones, tones_of
from slicewise.volumes.volume import Volume

ALONG = ("from left to right", "from back to front", "from foot to head")
PLACES = (
    ("further to the left", "further to the right"),
    ("further back", "further to the front"),
    ("further towards the feet", "further towards the head"),
)
TOPPED = 0.01
"""More of the body than that, and than twice as much as in training, holds one highest value."""
UNSIZED = Flag(
    "size of voxels unknown",
    "Its header has lost the size of its voxels (it has no place, and 1 × 1 × 1 mm), so "
    "millilitres are right only if they measure that.",
)
QUIETEST = {"hu": 1.0, "clipped_hu": 1.0, "arbitrary": 0.02}
"""Noise that is taken as at least so much: less is due to how numbers are rounded."""


@dataclass(frozen=True)
class Seen:
    """What is measured of a scan before it is segmented.

    Attributes
    ----------
    spacing, field : list of float
        Millimetres of a voxel and of the whole from left to right, from back to
        front and from foot to head.
    tones : list of Tones or None
        Of each channel.
    lost : bool
        Whether its header has lost the size of its voxels.
    """

    spacing: list[float]
    field: list[float]
    tones: list[Tones | None]
    lost: bool = False


def seen_of(image: Volume, card: ModelCard) -> Seen:
    """Measure a scan as the training cases were measured.

    Parameters
    ----------
    image : Volume
        As `slicewise.inference.fits.checked` returns it.
    card : ModelCard
    """
    names = card.channels
    channels = [image] if names is None else split(image, names, "the image")
    first = channels[0].canonical()
    spacing = [float(mm) for mm in first.spacing]
    field = [mm * number for mm, number in zip(spacing, first.array.shape, strict=True)]
    return Seen(spacing, field, [tones_of(one, card.intensity) for one in channels], image.lost)


def all_flags(seen: Seen, labels: Sequence[FoundLabel], card: ModelCard) -> list[Flag]:
    """Say all that is odd about a scan and what was found in it."""
    # of slices that make no volume nobody reads millilitres
    lost = [UNSIZED] if seen.lost and card.contiguous else []
    return [*flags_of(labels, card.ranges), *lost, *unlike(seen, labels, card)]


def unlike(seen: Seen, labels: Sequence[FoundLabel], card: ModelCard) -> list[Flag]:
    """Say what of a scan is outside of what was trained on; nothing where no range is known.

    Parameters
    ----------
    seen : Seen
    labels : sequence of FoundLabel
        What was found in it.
    card : ModelCard
        With its ranges.

    Returns
    -------
    list of Flag
    """
    ranges = card.ranges
    if ranges is None:
        return []
    return [
        *_of_tones(seen, card, ranges),
        *_of_sides(seen, ranges),
        *(flag for one in labels for flag in _of_label(one, ranges)),
    ]


def _of_tones(seen: Seen, card: ModelCard, ranges: Ranges) -> Iterator[Flag]:
    names = card.channels or [""]
    for name, tones, known in zip(names, seen.tones, ranges.channels, strict=False):
        if tones is None or known is None:
            continue
        of = f" of {name}" if name else ""
        sides = _off(tones.centre, known.centre, ranges.patients, "body")
        if sides:
            yield Flag(
                "body in an unusual place",
                f"The body{of} lies {sides} in the field of view than in any training scan, as "
                "where a scan is upside down, mirrored, or of another part.",
            )
        flag = flag_of(tones, known, ranges.patients, of)
        if flag is not None:
            yield flag
        odd = _odd_tones(tones, known, ranges.patients, card.intensity)
        if odd:
            yield Flag(
                "intensities unlike training",
                f"The intensities{of} are unlike those of training: {'; '.join(odd)}.",
            )


def _odd_tones(tones: Tones, known: ToneRanges, patients: int, intensity: Intensity) -> list[str]:
    """Return what is odd about a channel, in parts of a sentence."""
    arbitrary = intensity == "arbitrary"
    least = LEAST["scores" if arbitrary else "hounsfield"]
    unit = " standard deviations from the mean" if arbitrary else " HU"
    digits = 1 if arbitrary else 0
    odd = []
    for share, name in (("5 %", "low"), ("half", "middle"), ("95 %", "high")):
        value = getattr(tones, name)
        range = getattr(known, name)
        if value not in range.widened(patients, least):
            odd.append(
                f"{share} of the body lies below {value:.{digits}f}{unit}, in training below "
                f"{_said(range, digits)}"
            )
    quiet = QUIETEST[intensity]
    noise = Range(low=max(known.noise.low, quiet), high=max(known.noise.high, quiet))
    if tones.noise > noise.widened(patients, LEAST["noise"], factor=True).high:
        shown = f"{tones.noise:.{digits + 1}f}{unit.partition(' from')[0]}"
        odd.append(
            f"its noise has a standard deviation of {shown}, in training of "
            f"{_said(known.noise, digits + 1)}"
        )
    if tones.topped > max(TOPPED, 2 * known.topped.high):
        odd.append(
            f"{tones.topped:.0%} of the body holds the highest value, as if a window had cut it off"
        )
    return odd


def _of_sides(seen: Seen, ranges: Ranges) -> Iterator[Flag]:
    for kind, verb, values, known, least in (
        ("spacing", "Its voxels measure", seen.spacing, ranges.spacing, LEAST["spacing"]),
        ("field of view", "It covers", seen.field, ranges.field, LEAST["field"]),
    ):
        odd = [
            f"{_mm(value)} mm {along}, in training {_mm(range.low)} to {_mm(range.high)} mm"
            for value, range, along in zip(values, known, ALONG, strict=False)
            if value not in range.widened(ranges.patients, least, factor=True)
        ]
        if odd:
            yield Flag(f"{kind} outside training", f"{verb} {'; '.join(odd)}.")


def _of_label(one: FoundLabel, ranges: Ranges) -> Iterator[Flag]:
    known = ranges.labels.get(one.label)
    if known is None or known.ml is None or not one.ml:
        return
    if one.ml not in known.ml.widened(ranges.patients, LEAST["ml"], factor=True):
        yield Flag(
            "volume outside training",
            f"{one.label} has {_mm(one.ml)} ml, in training {_mm(known.ml.low)} to "
            f"{_mm(known.ml.high)} ml.",
        )
    sides = _off(one.centre, known.centre, ranges.patients, "centre")
    if sides:
        yield Flag(
            "in an unusual place",
            f"{one.label} lies {sides} in the field of view than in any training scan.",
        )


def _off(centre: Sequence[float], known: Sequence[Range], patients: int, least: str) -> str:
    """Say where a centre lies that is outside of its ranges; nothing of one within."""
    sides = []
    for value, range, side in zip(centre, known, PLACES, strict=False):
        wide = range.widened(patients, LEAST[least])
        if value not in wide:
            sides.append(side[value > wide.high])
    return " and ".join(sides)


def _said(range: Range, digits: int) -> str:
    low = f"{range.low:.{digits}f}"
    high = f"{range.high:.{digits}f}"
    return low if low == high else f"{low} to {high}"


def _mm(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.2g}"
