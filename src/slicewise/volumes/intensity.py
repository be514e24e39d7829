"""Intensities of no known scale: where the ordinary ones lie, whatever a few voxels hold.

Quantitative maps, bias-corrected MR and PET hold voxels that are a million
times too large, fills such as -9999, or hot organs. Mean and deviation of all
voxels would follow these, and the network would see a constant picture.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

logger = logging.getLogger(__name__)

PERCENTILES = (0.5, 2, 5, 10, 50, 90, 95, 98, 99.5)
OCTILES = (12.5, 25, 37.5, 50, 62.5, 75, 87.5)
REACH = 500.0
"""What lies so many times farther off than the others spread is none of them. It may not be less:
where a thin patient fills less than a tenth of a PET, tissue is a few hundred times as bright as
the noise of the air that all other voxels hold."""
FILLED = 20.0
"""A value that many voxels share is left out of the range if it is so many widths away: 0 around a
brain is not, -9999 around values from 0 to 1 is."""
SAID = 50.0
"""From here on a line says how many voxels lie how far off."""
MARGIN = 3.0
"""Beside values that are absurd, the ordinary ones are taken to reach so many of their widths."""
LINEAR = 8.0
"""Up to so many deviations from the mean, z-scores are linear; beyond, they grow by logarithm."""
SAMPLES = 1 << 24
"""So many voxels are enough for percentiles."""


@dataclass(frozen=True)
class Scale:
    """How the intensities of a volume become z-scores.

    Attributes
    ----------
    mean, deviation : float
        Of the voxels, once they are clipped to the ordinary range.
    """

    mean: float
    deviation: float

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return z-scores as float32, in the shape of the values.

        Beyond `LINEAR` deviations they grow by logarithm: monotonous, so that
        a hot organ stays apart from what is hotter, and never so large that
        16 bits cannot hold them.
        """
        scores = np.asarray(values, np.float64) - self.mean
        scores /= self.deviation
        size = np.abs(scores)
        far = size > LINEAR
        if far.any():
            beyond = LINEAR + np.log1p(size[far] - LINEAR)
            scores[far] = np.copysign(beyond, scores[far])
        return scores.astype(np.float32)


def ordinary_range(array: np.ndarray) -> tuple[float, float]:
    """Return the range of the intensities without those that are absurd.

    That is the 0.5 to 99.5 percentiles, as long as ever wider ranges of
    percentiles grow steadily. Where one is `REACH` times as wide as the one
    within (so up to a tenth of the voxels may be absurd), it is the median and
    `MARGIN` widths on either side. A value that a quarter
    of the voxels share (background that was set to 0) does not count, and is in
    the range unless it is absurdly far itself.

    Parameters
    ----------
    array : ndarray, shape (x, y, z)
        Finite intensities.

    Returns
    -------
    low, high : float
        Equal where all voxels are.
    """
    step = int(np.ceil((array.size / SAMPLES) ** (1 / 3)))
    values = array[::step, ::step, ::step].flatten("K")
    fill, number = Counter(_percentiles(values, OCTILES)).most_common(1)[0]
    rest = values[values != fill] if number > 1 else values[:0]
    shared = bool(rest.size) and rest.min() != rest.max()
    low, high = steady(_percentiles(rest if shared else values, PERCENTILES), REACH)
    outside = max(low - fill, fill - high, 0.0)
    if shared and (low == high or outside <= FILLED * (high - low)):
        low = min(low, fill)
        high = max(high, fill)
    if low == high:
        low = float(array.min())
        high = float(array.max())
    return low, high


def robust_scale(array: np.ndarray) -> Scale:
    """Return mean and deviation of the intensities, clipped to their ordinary range.

    Parameters
    ----------
    array : ndarray, shape (x, y, z)
        Finite intensities, in canonical orientation: then the result does not
        depend on how the volume is stored.
    """
    low, high = ordinary_range(array)
    centre = (low + high) / 2
    total = squares = 0.0
    for z in range(array.shape[2]):
        # a slice at a time, in double precision and one order: the same to the bit
        part = np.array(array[:, :, z], np.float64, order="C").clip(low, high) - centre
        total += float(part.sum())
        squares += float(np.square(part).sum())
    mean = total / array.size
    deviation = float(np.sqrt(max(0.0, squares / array.size - mean**2)))
    return Scale(centre + mean, deviation or 1.0)


def say_absurd(array: np.ndarray, path: str) -> None:
    """Say in a line that some voxels are absurdly far from all others."""
    low, high = ordinary_range(array)
    reach = SAID * (high - low)
    counts = [0, 0]
    for z in range(array.shape[2]):
        part = array[:, :, z]
        counts[0] += int(np.count_nonzero(part < low - reach))
        counts[1] += int(np.count_nonzero(part > high + reach))
    if sum(counts):
        logger.warning(
            "%s: %d of %d voxels hold absurd values, down to %g or up to %g, where all others lie "
            "within about %g to %g; mean and deviation are taken without them",
            path,
            sum(counts),
            array.size,
            array.min(),
            array.max(),
            low,
            high,
        )


def _percentiles(values: np.ndarray, wanted: Sequence[float]) -> list[float]:
    marks = np.percentile(values, wanted, method="nearest", overwrite_input=True)
    return [float(mark) for mark in marks]


def steady(marks: Sequence[float], reach: float) -> tuple[float, float]:
    """Return the widest range of percentiles that no absurd value has widened.

    Parameters
    ----------
    marks : sequence of float
        Values at `PERCENTILES`.
    reach : float
        A range so many times as wide as the one within it is not followed: the
        result is then the median and `MARGIN` widths on either side.
    """
    middle = len(marks) // 2
    low = high = marks[middle]
    for step in range(1, middle + 1):
        wider = marks[middle - step], marks[middle + step]
        width = high - low
        if width and wider[1] - wider[0] > reach * width:
            margin = MARGIN * width
            return max(wider[0], marks[middle] - margin), min(wider[1], marks[middle] + margin)
        low, high = wider
    return low, high
