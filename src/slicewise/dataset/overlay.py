"""Laying thumbnails of two scans over each other, to see whether they show the same.

Only what both hold is compared, and there only what differs from its surroundings: a body's outline
and its coarse shades are alike in all patients. Windows and inverted contrast change the strength
and the sign of such detail, not its place.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from slicewise.dataset.content import SIDE, mixed, weights

AROUND = 1.5  # pixels over which surroundings are averaged
FAINT = 3.0  # detail below so many of 255 grey levels is noise
LEAST = 90  # pixels of each slice that both have to hold
HOPELESS = 0.3  # not worth a closer look
SURE = 0.9  # nor is what agrees so well

Axes = tuple[tuple[float, float], tuple[float, float]]
"""For each axis a and b: what lies at u of the second's width is at a·u + b of the first's."""


def laid(pictures: np.ndarray, turn: int) -> np.ndarray:
    """Return pictures swapped (4), then mirrored (2, 1)."""
    pictures = pictures.swapaxes(1, 2) if turn & 4 else pictures
    return pictures[:, :: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]


def detail(pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return what differs from its surroundings, by how much these differ; 0 off the masks."""
    spread = (0, AROUND, AROUND)
    share = np.maximum(ndimage.gaussian_filter(masks, spread, mode="constant"), 1e-3)
    mean = ndimage.gaussian_filter(pictures * masks, spread, mode="constant") / share
    rest = (pictures - mean) * masks
    power = ndimage.gaussian_filter(rest * rest, spread, mode="constant") / share
    return rest / np.sqrt(power + FAINT**2)


def agreement(one: np.ndarray, other: np.ndarray, axes: Axes) -> float:
    """Say how well the detail of thumbnails agrees.

    Parameters
    ----------
    one, other : ndarray of uint8, shape (n, SIDE, SIDE)
        Slices that may be the same, laid the same way; 0 is background.
    axes : Axes
        Where they would lie on each other; it is searched nearby.

    Returns
    -------
    float
        The absolute correlation of the detail in what both hold, 0 where that
        is too little.
    """
    mine = []
    yours = []
    for a, b in axes:
        size = int(np.clip(round(SIDE * min(1.0, a)), 8, SIDE))
        places = (np.arange(size) + 0.5) / size
        mine.append(weights((a * places + b) * SIDE - 0.5, SIDE, a * SIDE / size))
        yours.append(weights(places * SIDE - 0.5, SIDE, SIDE / size))
    first, held = mixed(one.astype(np.float32), (one > 0).astype(np.float32), *mine)
    second, kept = mixed(other.astype(np.float32), (other > 0).astype(np.float32), *yours)
    both = held * kept  # surroundings that only one has would change its detail alone
    enough = both.sum(axis=(1, 2)) >= LEAST
    if not enough.any():
        return 0.0
    both = both[enough]
    return _nearby(detail(first[enough], both), both, detail(second[enough], both), both)


def _nearby(first: np.ndarray, held: np.ndarray, second: np.ndarray, kept: np.ndarray) -> float:
    """Return the best correlation over small shifts and scales of the first."""
    sizes = np.array(first.shape[1:])

    def score(change: np.ndarray) -> float:
        sides = []
        for size, scale, shift in zip(sizes, change[:2], change[2:], strict=True):
            middle = (size - 1) / 2
            sides.append(weights((np.arange(size) - middle) * scale + middle + shift, size, 1.0))
        moved, seen = mixed(first, held, *sides)
        both = seen * kept
        top = (moved * second * both).sum()
        below = (moved**2 * both).sum() * (second**2 * both).sum()
        if both.sum() < LEAST * len(first) / 2 or below < 1e-6:
            return 0.0
        return abs(float(top / np.sqrt(below)))

    place = np.array([1.0, 1.0, 0.0, 0.0])
    best = score(place)
    if best < HOPELESS or best >= SURE:
        return best
    step = np.array([0.02, 0.02, 0.5, 0.5])
    for _ in range(12):
        tries = [place + sign * part for part in np.diag(step) for sign in (1, -1)]
        scores = [score(change) for change in tries]
        if max(scores) > best + 0.002:
            best = max(scores)
            place = tries[int(np.argmax(scores))]
        else:
            step = step / 2
            if step[2] < 0.12:
                break
        if best >= SURE:
            break
    return best
