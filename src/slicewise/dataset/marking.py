"""Describing a scan so that it is known again: marks of its slices, thumbnails, single places."""

from __future__ import annotations

from functools import cache

import numpy as np

from slicewise.dataset.content import SIDE, Frame, evened, find_content, thumbnail
from slicewise.dataset.keys import find_keys
from slicewise.dataset.marks import CANVAS, COEFFICIENTS, CONTENT, FREQUENCIES, RADIUS, USED, Scan
from slicewise.volumes.volume import Volume

RANKS = (0.8, 0.97)
INVERTED = (0.03, 0.2)
INSIDE = (0.02, 0.98)
FINEST = 320  # pixels along a side that are enough for so low frequencies
STEADY = 0.97  # slices more alike than this to the last one kept are left out
PLAIN = 1e-3  # amplitudes below this share of the contrast are rounding


def slice_marks(image: Volume, canvas: np.ndarray | None = None) -> Scan:
    """Describe a scan.

    Parameters
    ----------
    image : Volume
        Any intensities; slices lie across the last axis in canonical orientation.
    canvas : ndarray, optional
        What `all_marks` returns, where it is known already.

    Returns
    -------
    Scan
        With the slices that differ from the last one kept and have any contrast.
    """
    array = image.canonical().array
    canvas = all_marks(image) if canvas is None else canvas
    frame, background = find_content(array)
    heights: list[int] = []
    marks: list[np.ndarray] = []
    pictures = []
    for k in range(array.shape[2]):
        content = _content_mark(array[:, :, k], frame, background)
        if content is None:
            continue
        if marks and _steady(marks[-1], canvas[k], content):
            continue
        negative = _mark(array[:, :, k], INVERTED)
        marks.append(
            np.stack([canvas[k], -negative if negative is not None else 0 * content, content])
        )
        heights.append(k)
        pictures.append(thumbnail(_inside(array[:, :, k], frame), background))
    keys, places = find_keys(array, background)
    images, masks = np.array(pictures, np.float32).reshape(-1, 2, SIDE, SIDE).swapaxes(0, 1)
    return Scan(
        frame=frame,
        heights=np.array(heights, np.int16),
        marks=_stored(np.array(marks, np.float32).reshape(-1, 3, COEFFICIENTS)),
        thumbs=evened(images, masks),
        keys=keys,
        places=places,
    )


def _steady(last: np.ndarray, canvas: np.ndarray, content: np.ndarray) -> bool:
    return bool(min(canvas @ last[CANVAS], content @ last[CONTENT]) >= STEADY)


def _stored(marks: np.ndarray) -> np.ndarray:
    highest = np.abs(marks).max(axis=-1, keepdims=True)
    return np.rint(marks * (127 / np.maximum(highest, 1e-9))).astype(np.int8)


def _inside(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    return pixels[frame.left : frame.left + frame.across, frame.top : frame.top + frame.along]


def _content_mark(pixels: np.ndarray, frame: Frame, background: float) -> np.ndarray | None:
    """Return the mark of what is inside the content; the outline of the background is no sign."""
    pixels = _coarser(_inside(pixels, frame))
    held = pixels != background
    if not held.any():
        return None
    if not held.all():
        pixels = np.where(held, pixels, np.median(pixels[held]).astype(pixels.dtype))
    return _mark(pixels, INSIDE)


def all_marks(image: Volume) -> np.ndarray:
    """Return the mark of every axial slice's canvas, float32; zeros where it has no contrast."""
    array = image.canonical().array
    marks = np.zeros((array.shape[2], COEFFICIENTS), np.float32)
    for k in range(array.shape[2]):
        mark = _mark(array[:, :, k])
        if mark is not None:
            marks[k] = mark
    return marks


@cache
def _cosines(size: int) -> np.ndarray:
    """Return the lowest cosines over `size` pixels, of shape (FREQUENCIES, size)."""
    places = (np.arange(size) + 0.5) / size
    waves = np.cos(np.pi * np.arange(FREQUENCIES)[:, None] * places)
    return (waves * (2 / size)).astype(np.float32)


def _coarser(pixels: np.ndarray) -> np.ndarray:
    steps = [-(-size // FINEST) for size in pixels.shape]
    return pixels[:: steps[0], :: steps[1]]


def _mark(pixels: np.ndarray, between: tuple[float, float] = RANKS) -> np.ndarray | None:
    """Return the weighted coefficients of a slice as a vector of length 1, if it has any."""
    pixels = _coarser(pixels).astype(np.float32)
    ranks = [int(rank * pixels.size) for rank in between]
    low, high = np.partition(pixels.ravel(), ranks)[ranks]
    if low == high:
        return None
    across = _cosines(pixels.shape[0])
    along = _cosines(pixels.shape[1])
    bounded = (np.clip(pixels, low, high) - low) / (high - low)
    values = ((across @ bounded @ along.T) * RADIUS)[USED]
    length = np.linalg.norm(values)
    return values / length if length > PLAIN else None
