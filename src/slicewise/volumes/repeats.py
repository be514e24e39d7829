"""A scan that was appended to itself: its slices come twice, but its labels often once."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)

ALIKE = 0.95  # of marks: slices so alike look the same

LEAST = 4
"""So many slices in a row have to come again: fewer may be chance in a phantom or a crop."""
PART = 0.25
"""So large a part of the slices has to come again."""
FEW = 0.5
"""At half the distance fewer slices are alike, or the body just looks the same all along."""
COARSE = 64  # pixels along a side that are looked at first
COMMON = 4  # a slice that comes more often than so is background


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
        found = _same(np.moveaxis(image.array, axis, 0))
        if found:
            raise SlicewiseError(
                f"{path}: {_named(*found)} hold the same voxels again, as if the scan had been "
                f"appended to itself (along axis {axis + 1}); {remedy}"
            )
    found = _alike(marks)
    if not found:
        return
    first, second, count = found
    axial = Volume(labels, image.affine).canonical().array
    held = [bool(axial[:, :, start : start + count].any()) for start in (first, second)]
    said = f"{path}: axial {_named(*found)} look the same"
    if held[0] != held[1]:
        raise SlicewiseError(
            f"{said}, and only {'the latter' if held[0] else 'the former'} have labels, as if the "
            f"scan had been appended to itself; {remedy}"
        )
    logger.warning("%s, as if the scan had been appended to itself; look at it", said)


def _named(first: int, second: int, count: int) -> str:
    return f"slices {second + 1} to {second + count} and slices {first + 1} to {first + count}"


def _same(slices: np.ndarray) -> tuple[int, int, int] | None:
    """Find slices that come again voxel by voxel: where they begin, where again, how many."""
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
    return pairs[0], pairs[0] + shift, pairs[-1] - pairs[0] + 1


def _key(part: np.ndarray) -> bytes | None:
    return None if part.min() == part.max() else part.tobytes()


def _alike(marks: np.ndarray) -> tuple[int, int, int] | None:
    """Find axial slices that look like others, in their order: begin, begin again, how many."""
    number = len(marks)
    seen = np.asarray(marks.any(axis=1))
    least = max(LEAST, round(PART * number))
    products = marks @ marks.T
    best, found = 0.0, None
    for shift in range(least, number - least + 1):
        both = seen[:-shift] & seen[shift:]
        score = np.diagonal(products, shift)[both]
        if len(score) < least or np.mean(score >= ALIKE) < 0.9 or score.mean() <= best:
            continue
        between = np.diagonal(products, shift // 2)[seen[: -(shift // 2)] & seen[shift // 2 :]]
        if np.mean(between >= ALIKE) < FEW:
            best, found = float(score.mean()), (0, shift, number - shift)
    return found
