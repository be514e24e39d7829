"""Small pictures of slices, and the outlines of masks beside them as paths.

Paths stay crisp at any size and can be switched off.
"""

from __future__ import annotations

import io

import numpy as np
from contourpy import contour_generator
from PIL import Image
from skimage.measure import approximate_polygon

from slicewise.report.outlines import hatched

QUALITY = 55
"""Of WebP: what is lost is below the noise of a CT."""
LONGEST_PATH = 12_000
"""Characters of an outline at most: beyond, the smallest specks are left out."""


def webp(
    picture: np.ndarray,
    window: tuple[float, float],
    size: tuple[int, int],
    undrawn: np.ndarray | None = None,
) -> bytes:
    """Return a slice as a grey WebP file.

    Parameters
    ----------
    picture : ndarray, shape (rows, columns)
        Intensities, oriented for display.
    window : tuple of float
        The values shown black and white.
    size : tuple of int
        Width and height in pixels.
    undrawn : ndarray of bool, shape (rows, columns), optional
        Where nobody drew, which is hatched.
    """
    low, high = window
    grey = np.clip((np.nan_to_num(picture.astype(np.float32)) - low) / max(high - low, 1e-9), 0, 1)
    shown = Image.fromarray((grey * 255).round().astype(np.uint8))
    stream = io.BytesIO()
    shown = shown.resize(size, Image.Resampling.BICUBIC)
    if undrawn is not None and undrawn.any():
        where = Image.fromarray(undrawn).resize(size, Image.Resampling.NEAREST)
        shown = Image.fromarray(hatched(np.asarray(shown), np.asarray(where)))
    shown.save(stream, "webp", quality=QUALITY, method=4)
    return stream.getvalue()


def outline(labels: np.ndarray, blunt: float, longest: int = LONGEST_PATH) -> str:
    """Return the outlines of all labels of a slice as one SVG path.

    Parameters
    ----------
    labels : ndarray, shape (rows, columns)
        Label indices, 0 is background.
    blunt : float
        How far, in voxels, the line may leave the border of the mask to save
        corners (Douglas & Peucker, 1973).
    longest : int
        Characters at most: beyond, the smallest specks are left out.

    Returns
    -------
    str
        Closed lines in half voxels, from the upper left corner, to half a
        voxel; empty where there is no label. Of very many pieces the largest.
    """
    contours: list[np.ndarray] = []
    for label in range(1, int(labels.max()) + 1):
        # framed by background, so that every line is closed
        framed = np.pad(labels == label, 1).astype(np.float32)
        contours += contour_generator(z=framed).lines(0.5)
    lines: list[str] = []
    length = 0
    for points in sorted(contours, key=len, reverse=True):
        # of a speck there is little to save, and noise has thousands
        lines.append(_path(approximate_polygon(points, blunt) if len(points) > 40 else points))
        length += len(lines[-1])
        if length > longest:
            return "".join(lines[:-1]) or lines[0]
    return "".join(lines)


def _path(points: np.ndarray) -> str:
    """Write a closed line of (column, row), by its steps."""
    # pixels have their centres at whole numbers, and the frame is one pixel wide
    halves = np.rint(points * 2 - 1).astype(int)
    steps = np.diff(halves[:-1], axis=0)
    start = f"M{halves[0, 0]} {halves[0, 1]}"
    return f"{start}l{' '.join(f'{x} {y}' for x, y in steps)}z".replace(" -", "-")
