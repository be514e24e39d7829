"""How bright the body in an image is, how noisy and how cut off: by what scans are compared.

One definition for the cases that a model is trained on and for the scans that it is shown.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import ConfigDict, Field

from slicewise.config import Intensity
from slicewise.stored import Loose
from slicewise.volumes.checks import AIR, is_ct
from slicewise.volumes.intensity import ordinary_range, robust_scale
from slicewise.volumes.picture import picture_of
from slicewise.volumes.volume import Volume

SAMPLED = 1 << 20
"""Voxels that are looked at, in rows from left to right that lie evenly in the volume."""
FOREGROUND = 0.1
"""Of the ordinary range of intensities without a unit: what is not so much brighter than the
darkest is no body."""
PERCENTILES = (5.0, 50.0, 95.0)
DEVIATION = 0.6745 * math.sqrt(2)
"""The median of the difference of two normal numbers, in their standard deviations."""


class Tones(Loose):
    """Intensities of the body in one channel of an image.

    Hounsfield units are taken as they are. Intensities without a unit are
    z-scores, as the network sees them, so that the scale of a file means
    nothing.

    Attributes
    ----------
    low, middle, high : float
        5th, 50th and 95th percentile.
    noise : float
        Standard deviation of the noise, from the median difference of voxels
        beside each other (from left to right).
    topped : float
        Share of the body that holds the highest value: where a window cut it off.
    centre : list of float
        Where the centre of the body lies, from 0 to 1 from left to right, from
        back to front and from foot to head. Voxels without a unit count by how
        bright they are, as all of them may be body.
    ct : bool
        Whether the numbers are those of a CT in Hounsfield units.
    picture : list of int
        What lies where, see `slicewise.volumes.picture`; empty where nothing tells.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    middle: float
    high: float
    noise: float
    topped: float
    centre: list[float]
    ct: bool
    picture: list[int] = Field([])


def tones_of(image: Volume, intensity: Intensity) -> Tones | None:
    """Measure the body in one channel of an image.

    Parameters
    ----------
    image : Volume
        Finite intensities, of shape (i, j, k), in any orientation.
    intensity : {"hu", "clipped_hu", "arbitrary"}
        As in ``dataset.intensity``.

    Returns
    -------
    Tones or None
        None where nothing stands out from the air, as in an image of one value.
    """
    sample = sampled(image)
    values = sample.astype(np.float64)
    body = body_of(sample, intensity)
    weights = body.astype(np.float64)
    if intensity == "arbitrary":
        low, high = ordinary_range(sample)
        weights = values.clip(low, high) - low
        values = robust_scale(sample).apply(values).astype(np.float64)
    inside = values[body]
    if not inside.size:
        return None
    low, middle, high = (float(v) for v in np.percentile(inside, PERCENTILES))
    beside = body[1:] & body[:-1]
    steps = np.abs(np.diff(values, axis=0)[beside])
    return Tones(
        low=_rounded(low),
        middle=_rounded(middle),
        high=_rounded(high),
        noise=_rounded(float(np.median(steps)) / DEVIATION if steps.size else 0.0),
        topped=_rounded(float(np.mean(inside == inside.max()))),
        centre=_centre(weights),
        ct=is_ct(sample),
        picture=picture_of(sample, intensity),
    )


def body_of(values: np.ndarray, intensity: Intensity) -> np.ndarray:
    """Return which voxels are body and no air.

    Parameters
    ----------
    values : ndarray, shape (i, j, k)
        Finite intensities.
    intensity : {"hu", "clipped_hu", "arbitrary"}
        What they measure. In Hounsfield units what is above `AIR` is no air;
        of others, whose zero is anywhere and may be noisy, what is brighter
        than the darkest by `FOREGROUND` of the ordinary range.

    Returns
    -------
    ndarray of bool, shape (i, j, k)
        None is set where all voxels are alike.
    """
    if intensity == "hu":
        return values > max(AIR, float(values.min()))
    low, high = ordinary_range(values)
    return values > low + FOREGROUND * (high - low)


def _centre(weights: np.ndarray) -> list[float]:
    """Return the centre of mass, from 0 to 1 along each axis."""
    centre = []
    for axis, size in enumerate(weights.shape):
        others = tuple(other for other in range(3) if other != axis)
        along = weights.sum(axis=others, dtype=np.float64)
        centre.append(_rounded(float(np.average(np.arange(size) + 0.5, weights=along)) / size))
    return centre


def sampled(image: Volume) -> np.ndarray:
    """Return rows of voxels from left to right, evenly spaced, in canonical orientation."""
    array = image.canonical().array
    step = max(1, math.ceil(math.sqrt(array.size / SAMPLED)))
    return np.ascontiguousarray(array[:, ::step, ::step])


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
