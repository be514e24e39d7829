"""Frames of a case for the viewer of the report: three planes, each with some of its slices.

A frame is a small picture and, beside it, the outlines of both masks as paths:
they stay crisp at any size and can be switched off.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from contourpy import contour_generator
from PIL import Image
from skimage.measure import approximate_polygon

from slicewise.boxes import Box, bounding_box, whole, widened
from slicewise.report.outlines import PLANE_AXES, Plane, display_slice
from slicewise.report.picked import slice_dice

MARGIN_MM = 15.0
"""How much of the image is shown around both masks."""
LONGEST = 288
"""Pixels of the longer side of a picture at most."""
QUALITY = 55
"""Of WebP: what is lost is below the noise of a CT."""
BUDGET = 330_000
"""Bytes of the frames of a plane at most, unless it has but one."""
LONGEST_PATH = 12_000
"""Characters of an outline at most: beyond, the smallest specks are left out."""


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
    """Number of the frame that is shown first: the slice with the most voxels wrong."""
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


def plane_views(
    image: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: Sequence[float],
    window: tuple[float, float],
    planes: Sequence[Plane],
    frames: int,
) -> list[View]:
    """Draw slices of a case in several planes, cut to what the masks fill and a margin.

    Parameters
    ----------
    image, truth, prediction : ndarray, shape (x, y, z)
        Intensities and label indices in canonical orientation (RAS+).
    spacing : sequence of float
        Distance of neighbouring voxels along each axis, in mm.
    window : tuple of float
        The values shown black and white.
    planes : sequence of {"axial", "coronal", "sagittal"}
        Which planes.
    frames : int
        About how many slices of each: evenly spaced, and always that with the
        most voxels wrong and that with the lowest Dice; 1 for the former alone.

    Returns
    -------
    list of View
    """
    filled = bounding_box((truth != 0) | (prediction != 0)) or whole(truth.shape)
    box = widened(filled, [math.ceil(MARGIN_MM / step) for step in spacing], truth.shape)
    masks = truth[filled], prediction[filled]
    return [
        _view(plane, image, truth, prediction, masks, filled, box, spacing, window, frames)
        for plane in planes
    ]


def _view(
    plane: Plane,
    image: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    masks: tuple[np.ndarray, np.ndarray],
    filled: Box,
    box: Box,
    spacing: Sequence[float],
    window: tuple[float, float],
    frames: int,
) -> View:
    across, up, normal = PLANE_AXES[plane]
    first, last = filled[normal].start, filled[normal].stop - 1
    dice = slice_dice(*masks, normal)
    # The lowest Dice is mostly that of a few voxels at an end, where there is little to see.
    wrong = (masks[0] != masks[1]).sum(axis=(across, up))
    worst = first + int(wrong.argmax() if wrong.any() else len(wrong) // 2)
    kept = {worst}
    if frames > 1 and not np.isnan(dice).all():
        kept.add(first + int(np.nanargmin(dice)))
    even = np.linspace(first, last, min(frames, last - first + 1)).round().astype(int)
    chosen = sorted({*even.tolist(), *kept}) if frames > 1 else [worst]
    extent = tuple(float((box[a].stop - box[a].start) * spacing[a]) for a in (across, up))
    voxels = box[across].stop - box[across].start, box[up].stop - box[up].start
    size = _pixels(extent, min(spacing[across], spacing[up]))
    blunt = min(max(voxels) / LONGEST, 1) / 2

    def frame(index: int) -> Frame:
        place = [*box]
        place[normal] = slice(index, index + 1)
        cut = tuple(place)
        picture, true, guess = (
            display_slice(array[cut], 0, plane) for array in (image, truth, prediction)
        )
        return Frame(
            index,
            float(dice[index - first]),
            _webp(picture, window, size),
            outline(true, blunt),
            outline(guess, blunt),
        )

    drawn = {index: frame(index) for index in chosen}
    while len(chosen) > len(kept) and sum(_bytes(drawn[k]) for k in chosen) > BUDGET:
        even = even[::2] if len(even) > 1 else even[:0]
        chosen = sorted({*even.tolist(), *kept})
    return View(
        plane,
        [drawn[index] for index in chosen],
        chosen.index(worst),
        truth.shape[normal],
        first,
        dice.tolist(),
        voxels,
        (extent[0], extent[1]),
        box[across].stop - 1,
        box[up].stop - 1,
    )


def _pixels(extent: tuple[float, ...], finest: float) -> tuple[int, int]:
    """Return width and height in square pixels, no finer than the voxels."""
    side = max(max(extent) / LONGEST, finest)
    width, height = (max(1, round(length / side)) for length in extent)
    return width, height


def _webp(picture: np.ndarray, window: tuple[float, float], size: tuple[int, int]) -> bytes:
    low, high = window
    grey = np.clip((np.nan_to_num(picture.astype(np.float32)) - low) / max(high - low, 1e-9), 0, 1)
    shown = Image.fromarray((grey * 255).round().astype(np.uint8))
    stream = io.BytesIO()
    shown.resize(size, Image.Resampling.BICUBIC).save(stream, "webp", quality=QUALITY, method=4)
    return stream.getvalue()


def outline(labels: np.ndarray, blunt: float) -> str:
    """Return the outlines of all labels of a slice as one SVG path.

    Parameters
    ----------
    labels : ndarray, shape (rows, columns)
        Label indices, 0 is background.
    blunt : float
        How far, in voxels, the line may leave the border of the mask to save
        corners (Douglas & Peucker, 1973).

    Returns
    -------
    str
        Closed lines in half voxels, from the upper left corner, to half a
        voxel; empty where there is no label. Of very many pieces the largest.
    """
    found: list[np.ndarray] = []
    for label in range(1, int(labels.max()) + 1):
        # framed by background, so that every line is closed
        framed = np.pad(labels == label, 1).astype(np.float32)
        found += contour_generator(z=framed).lines(0.5)
    lines: list[str] = []
    length = 0
    for points in sorted(found, key=len, reverse=True):
        # of a speck there is little to save, and noise has thousands
        lines.append(_path(approximate_polygon(points, blunt) if len(points) > 40 else points))
        length += len(lines[-1])
        if length > LONGEST_PATH:
            return "".join(lines[:-1]) or lines[0]
    return "".join(lines)


def _path(points: np.ndarray) -> str:
    """Write a closed line of (column, row), by its steps."""
    # pixels have their centres at whole numbers, and the frame is one pixel wide
    halves = np.rint(points * 2 - 1).astype(int)
    steps = np.diff(halves[:-1], axis=0)
    start = f"M{halves[0, 0]} {halves[0, 1]}"
    return f"{start}l{' '.join(f'{x} {y}' for x, y in steps)}z".replace(" -", "-")


def _bytes(frame: Frame) -> int:
    """Return how much a frame adds to the page, in which pictures are base64."""
    return len(frame.image) * 4 // 3 + len(frame.truth) + len(frame.prediction)
