"""What a canvas holds: the box of what differs from its border, and small pictures of it.

Skull-stripped and cropped images lie on canvases of one size, filled up with one value. Whatever
compares scans has to look at what is inside, or all of them are alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from slicewise.boxes import bounding_box, whole

SIDE = 48
"""Pixels along a side of a thumbnail."""


class Frame(NamedTuple):
    """The canvas of axial slices, and the box in it that holds content (in pixels)."""

    width: int
    height: int
    left: int
    top: int
    across: int
    along: int

    def turned(self, turn: int) -> Frame:
        """Return the frame of the slices laid another way: swapped (4), then mirrored (2, 1)."""
        width, height, left, top, across, along = self
        if turn & 4:
            width, height, left, top, across, along = height, width, top, left, along, across
        if turn & 2:
            left = width - left - across
        if turn & 1:
            top = height - top - along
        return Frame(width, height, left, top, across, along)


def border_value(array: np.ndarray) -> float:
    """Return the value that is most frequent on the faces of a volume."""
    faces = [array[side] for side in (0, -1)] + [array[:, side] for side in (0, -1)]
    values, counts = np.unique(np.concatenate([face.ravel() for face in faces]), return_counts=True)
    return float(values[counts.argmax()])


def find_content(array: np.ndarray) -> tuple[Frame, float]:
    """Find the box of the content in all slices.

    Parameters
    ----------
    array : ndarray, shape (x, y, z)
        Intensities in canonical orientation.

    Returns
    -------
    Frame
        The smallest box, across all slices, outside of which there is but one
        value; the whole canvas where there is nothing else in it.
    float
        The value of the background.
    """
    value = border_value(array)
    seen = np.zeros(array.shape[:2], bool)
    for k in range(array.shape[2]):
        seen |= array[:, :, k] != value
    across, along = bounding_box(seen) or whole(seen.shape)
    return (
        Frame(
            width=array.shape[0],
            height=array.shape[1],
            left=across.start,
            top=along.start,
            across=across.stop - across.start,
            along=along.stop - along.start,
        ),
        value,
    )


def weights(centres: np.ndarray, size: int, reach: float) -> np.ndarray:
    """Return how samples at `centres` mix `size` pixels, shape (centres, size); none outside."""
    away = np.abs(np.arange(size) - centres[:, None]) / max(1.0, reach)
    shares = np.maximum(0, 1 - away).astype(np.float32)
    shares[(centres < -0.5) | (centres > size - 0.5)] = 0
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-6)


def mixed(
    pictures: np.ndarray, masks: np.ndarray, across: np.ndarray, along: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Resample pictures of which only what is in the masks counts; return them and the masks."""
    share = across @ masks @ along.T
    values = (across @ (pictures * masks) @ along.T) / np.maximum(share, 1e-6)
    seen = share > 0.5
    return np.where(seen, values, 0), seen.astype(np.float32)


def thumbnail(pixels: np.ndarray, background: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a small picture of the content of a slice, and where it is, both (SIDE, SIDE)."""
    sides = [
        weights((np.arange(SIDE) + 0.5) * (size / SIDE) - 0.5, size, size / SIDE)
        for size in pixels.shape
    ]
    return mixed(pixels.astype(np.float32), (pixels != background).astype(np.float32), *sides)


def evened(pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Store pictures by the ranks of their values, 64 greys, and 0 where there is no content."""
    inside = masks > 0
    values = pictures[inside]
    order = np.sort(values)
    middle = (np.searchsorted(order, values) + np.searchsorted(order, values, "right")) / 2
    stored = np.zeros(pictures.shape, np.uint8)
    stored[inside] = 1 + 4 * np.rint(63 * middle / max(1, len(values)))
    return stored
