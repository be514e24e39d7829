"""A scan that was appended to itself: its slices come twice, but its labels often once."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

ALIKE = 0.95
"""Of marks: slices so alike look the same."""

LEAST = 4
"""So many slices in a row have to come again: fewer may be chance in a phantom or a crop."""
PART = 0.25
"""So large a part of the slices has to come again."""
FEW = 0.5
"""At half the distance fewer slices are alike, or the body just looks the same all along."""
COARSE = 64
"""Pixels along a side that are looked at first."""
COMMON = 4
"""A slice that comes more often than so is background."""


def check_repeats(image: Volume, marks: np.ndarray, labels: np.ndarray, path: str) -> None:
    """Stop at a volume whose slices come twice.

    Slices without any contrast count for nothing. Slices that are the same in
    reverse order are no copy: many phantoms are mirrored.

    Parameters
    ----------
    image : Volume
        A volume of neighbouring slices.
    marks : ndarray, shape (n, coefficients)
        The mark of each axial slice (`all_marks`).
    labels : ndarray of uint8, shape (i, j, k)
        Label numbers on the grid of the image.
    path : str
        How messages name it.

    Raises
    ------
    SlicewiseError
        When a quarter of the slices, along any axis, has the very voxels of
        others, or axial slices look the same and one copy alone has labels.
        Where both or none have labels, a line says that they look the same.
    """
    remedy = "cut image and mask to one copy, or exclude the case"
    for axis in (2, 1, 0):
        same = _same(np.moveaxis(image.array, axis, 0))
        if same is not None:
            raise SlicewiseError(
                f"{path}: {same} hold the same voxels again, as if the scan had been "
                f"appended to itself (along axis {axis + 1}); {remedy}"
            )
    alike = _alike(marks)
    if alike is None:
        return
    axial = Volume(labels, image.affine).canonical().array
    starts = (alike.first, alike.second)
    held = [bool(axial[:, :, start : start + alike.count].any()) for start in starts]
    said = f"{path}: axial {alike} look the same"
    if held[0] != held[1]:
        raise SlicewiseError(
            f"{said}, and only {'the latter' if held[0] else 'the former'} have labels, as if the "
            f"scan had been appended to itself; {remedy}"
        )
    logger.warning("%s, as if the scan had been appended to itself; look at it", said)


@dataclass(frozen=True)
class _Repeat:
    """Slices that come again: the number of the first, from 0, where again, and how many."""

    first: int
    second: int
    count: int

    def __str__(self) -> str:
        """Name them as people count, from 1."""
        again = f"slices {self.second + 1} to {self.second + self.count}"
        return f"{again} and slices {self.first + 1} to {self.first + self.count}"


def _same(slices: np.ndarray) -> _Repeat | None:
    """Find slices that come again voxel by voxel."""
    steps = [-(-size // COARSE) for size in slices.shape[1:]]
    keys = [_key(part[:: steps[0], :: steps[1]]) for part in slices]
    places = defaultdict(list)
    for number, key in enumerate(keys):
        if key is not None and key not in (keys[number - 1 : number] or [None]):
            places[key].append(number)
    shifts = Counter(
        later - earlier
        for numbers in places.values()
        if len(numbers) <= COMMON
        for place, earlier in enumerate(numbers)
        for later in numbers[place + 1 :]
    )
    if not shifts:
        return None
    shift, number = shifts.most_common(1)[0]
    if number < max(LEAST, PART * len(keys) - 1):
        return None
    pairs = [
        start
        for start in range(len(keys) - shift)
        if keys[start] is not None and np.array_equal(slices[start], slices[start + shift])
    ]
    if len(pairs) < max(LEAST, PART * len(keys) - 1):
        return None
    return _Repeat(pairs[0], pairs[0] + shift, pairs[-1] - pairs[0] + 1)


def _key(part: np.ndarray) -> bytes | None:
    return None if part.min() == part.max() else part.tobytes()


def _alike(marks: np.ndarray) -> _Repeat | None:
    """Find axial slices that look like others, in their order."""
    number = len(marks)
    seen = np.asarray(marks.any(axis=1))
    least = max(LEAST, round(PART * number))
    products = marks @ marks.T
    best = 0.0
    repeat = None
    for shift in range(least, number - least + 1):
        both = seen[:-shift] & seen[shift:]
        score = np.diagonal(products, shift)[both]
        if len(score) < least or np.mean(score >= ALIKE) < 0.9 or score.mean() <= best:
            continue
        between = np.diagonal(products, shift // 2)[seen[: -(shift // 2)] & seen[shift // 2 :]]
        if np.mean(between >= ALIKE) < FEW:
            best = float(score.mean())
            repeat = _Repeat(0, shift, number - shift)
    return repeat
