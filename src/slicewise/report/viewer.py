"""Frames of a case for the viewer of the report: three planes, each with some of its slices.

A frame is a small picture and, beside it, the outlines of both masks as paths:
they stay crisp at any size and can be switched off.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from slicewise.boxes import Box, bounding_box, whole, widened
from slicewise.config import UNDRAWN
from slicewise.report.outlines import PLANE_AXES, Plane, display_slice
from slicewise.report.picked import drawn_only, slice_dice, telling_slice
from slicewise.report.picture import outline, webp

MARGIN_MM = 15.0
"""How much of the image is shown around both masks."""
LONGEST = 288
"""Pixels of the longer side of a picture at most."""
BUDGET = 330_000
"""Bytes of the frames of a plane at most, unless it has but one."""


@dataclass(frozen=True)
class Frame:
    """A slice as it is shown."""

    index: int
    """In the volume, from 0, in canonical orientation."""
    dice: float
    """Of this slice alone; NaN where both masks are empty."""
    image: bytes
    """A WebP file."""
    truth: str
    prediction: str
    """Outlines as SVG paths, in half voxels from the upper left corner of the picture."""


@dataclass(frozen=True)
class View:
    """A plane of a case."""

    plane: Plane
    frames: list[Frame]
    """By index."""
    worst: int
    """Number of the frame that is shown first: where most is wrong and the organ is seen."""
    slices: int
    """Of the whole volume in this plane."""
    first: int
    dice: list[float]
    """Of each slice from the first that has anything in a mask to the last."""
    voxels: tuple[int, int]
    """Width and height of the picture."""
    extent_mm: tuple[float, float]
    """Width and height of the picture."""
    left: int
    top: int
    """Index of the voxels in its left column and its upper row; both count down."""


@dataclass(frozen=True)
class ShownCase:
    """A case in memory, as the viewer shows it.

    Attributes
    ----------
    image, truth, prediction : ndarray, shape (x, y, z)
        Intensities and label indices in canonical orientation (RAS+); where
        nobody drew, the truth is `UNDRAWN` and the picture hatched. Outlines are
        drawn, and voxels wrong, where indices differ: of regions see `told_apart`.
    spacing : sequence of float
        Distance of neighbouring voxels along each axis, in mm.
    window : tuple of float
        The values shown black and white.
    scored : mapping of str to sequence of int
        Labels or regions, each with its indices.
    """

    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    spacing: Sequence[float]
    window: tuple[float, float]
    scored: Mapping[str, Sequence[int]]

    @cached_property
    def filled(self) -> Box:
        """The part that any of the masks fills; all of it, where both are empty."""
        seen = (self.truth != 0) & (self.truth != UNDRAWN) | (self.prediction != 0)
        return bounding_box(seen) or whole(self.truth.shape)

    @cached_property
    def box(self) -> Box:
        """What the masks fill, and a margin: the part that is shown."""
        margins = [math.ceil(MARGIN_MM / step) for step in self.spacing]
        return widened(self.filled, margins, self.truth.shape)


def plane_views(case: ShownCase, planes: Sequence[Plane], frames: int) -> list[View]:
    """Draw slices of a case in several planes, cut to what the masks fill and a margin.

    Parameters
    ----------
    case : ShownCase
        Its image and masks.
    planes : sequence of {"axial", "coronal", "sagittal"}
        Which planes.
    frames : int
        About how many slices of each: evenly spaced, and always that of
        `telling_slice` and that with the lowest Dice; 1 for the former alone.

    Returns
    -------
    list of View
    """
    return [_view(plane, case, frames) for plane in planes]


def _view(plane: Plane, case: ShownCase, frames: int) -> View:
    across, up, normal = PLANE_AXES[plane]
    box = case.box
    first = case.filled[normal].start
    truth, prediction = drawn_only(case.truth[case.filled], case.prediction[case.filled])
    dice = slice_dice(truth, prediction, case.scored, normal)
    # The lowest Dice is mostly that of a few voxels at an end, where there is little to see.
    wrong = (truth != prediction).sum(axis=(across, up))
    worst = telling_slice((truth != 0).sum(axis=(across, up)), wrong)
    kept = {worst}
    if frames > 1 and not np.isnan(dice).all():
        kept.add(int(np.nanargmin(dice)))
    drawn = _drawn_frames(plane, case, dice, kept, frames)
    indices = [frame.index for frame in drawn]
    return View(
        plane,
        drawn,
        indices.index(first + worst),
        case.image.shape[normal],
        first,
        dice.tolist(),
        (box[across].stop - box[across].start, box[up].stop - box[up].start),
        (_length_mm(case, across), _length_mm(case, up)),
        box[across].stop - 1,
        box[up].stop - 1,
    )


def _length_mm(case: ShownCase, axis: int) -> float:
    """Return how long the part that is shown is along an axis, in mm."""
    return float((case.box[axis].stop - case.box[axis].start) * case.spacing[axis])


def _drawn_frames(
    plane: Plane, case: ShownCase, dice: np.ndarray, kept: Collection[int], frames: int
) -> list[Frame]:
    """Draw frames of a plane, by index: some that are kept, and evenly spaced ones as they fit.

    Slices count from the first that has anything in a mask, as those of `dice` do.
    """
    start = case.filled[PLANE_AXES[plane][2]].start
    # by the indices of the volume, as a half is rounded to an even one
    spaced = np.linspace(start, start + len(dice) - 1, min(frames, len(dice)))
    even = spaced.round().astype(int) - start
    chosen = sorted({*even.tolist(), *kept}) if frames > 1 else sorted(kept)
    drawn = {place: _frame(plane, case, place, float(dice[place])) for place in chosen}
    while len(chosen) > len(kept) and sum(_bytes(drawn[place]) for place in chosen) > BUDGET:
        even = even[::2] if len(even) > 1 else even[:0]
        chosen = sorted({*even.tolist(), *kept})
    return [drawn[place] for place in chosen]


def _frame(plane: Plane, case: ShownCase, place: int, dice: float) -> Frame:
    across, up, normal = PLANE_AXES[plane]
    index = case.filled[normal].start + place
    within = [*case.box]
    within[normal] = slice(index, index + 1)
    cut = tuple(within)
    truth = display_slice(case.truth[cut], 0, plane)
    prediction = display_slice(case.prediction[cut], 0, plane)
    extent = (_length_mm(case, across), _length_mm(case, up))
    size = _pixels(extent, min(case.spacing[across], case.spacing[up]))
    blunt = min(max(truth.shape) / LONGEST, 1) / 2
    undrawn = truth == UNDRAWN
    return Frame(
        index,
        dice,
        webp(display_slice(case.image[cut], 0, plane), case.window, size, undrawn),
        outline(np.where(undrawn, 0, truth), blunt),
        outline(prediction, blunt),
    )


def _pixels(extent: tuple[float, ...], finest: float) -> tuple[int, int]:
    """Return width and height in square pixels, no finer than the voxels."""
    side = max(max(extent) / LONGEST, finest)
    width, height = (max(1, round(length / side)) for length in extent)
    return width, height


def _bytes(frame: Frame) -> int:
    """Return how much a frame adds to the page, in which pictures are base64."""
    return len(frame.image) * 4 // 3 + len(frame.truth) + len(frame.prediction)
