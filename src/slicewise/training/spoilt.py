"""Scans that are spoilt on purpose, with their truth: so that a calibration sees failures, too.

Validation patients are few and mostly well segmented. What a model does to scans unlike those that
it was trained on shows only on such scans, and of these the truth is known without anybody drawing
it: it is turned, cut and thinned as the scan is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy import ndimage

from slicewise.training.known import Drawn
from slicewise.volumes.volume import Volume

ENDS = (1.0, 99.0)
"""Percentiles between which the contrast of a channel lies."""
EACH = 2
"""How many ways each patient's scan is spoilt in."""


def turned(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Lie on the other side: back and front, and left and right, change places."""
    return _on_both(drawn, lambda array: array[::-1, ::-1])


def mirrored(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Be reversed along one axis."""
    axis = int(rng.integers(3))
    return _on_both(drawn, lambda array: np.flip(array, axis))


def halved(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Lose a third to a half of the field of view at one end of an axis."""
    axis = int(rng.integers(3))
    size = drawn.truth.shape[axis]
    kept = max(1, round(size * rng.uniform(0.5, 0.67)))
    start = 0 if rng.random() < 0.5 else size - kept
    here = tuple(slice(start, start + kept) if each == axis else slice(None) for each in range(3))
    return _on_both(drawn, lambda array: array[here])


def windowed(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Keep a part of the contrast alone."""
    width = rng.uniform(0.15, 0.6)
    start = rng.uniform(0, 1 - width)

    def cut(channel: np.ndarray, low: float, high: float) -> np.ndarray:
        ends = low + start * (high - low), low + (start + width) * (high - low)
        return channel.clip(*ends)

    return _of_channels(drawn, cut)


def noisy(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Gain noise of a tenth of the contrast, up to all of it."""
    sd = 10 ** rng.uniform(-1, 0)

    def add(channel: np.ndarray, low: float, high: float) -> np.ndarray:
        return channel + rng.normal(0, sd * (high - low), channel.shape)

    return _of_channels(drawn, add)


def inverted(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Turn bright into dark between the ends of the contrast, as another modality may."""
    return _of_channels(
        drawn,
        lambda channel, low, high: np.where(
            (channel >= low) & (channel <= high), low + high - channel, channel
        ),
    )


def shifted(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Become brighter or darker, and of a contrast that is not in proportion."""
    by = rng.uniform(0.05, 0.4) * rng.choice([-1, 1])
    power = 2 ** rng.uniform(-1, 1)

    def move(channel: np.ndarray, low: float, high: float) -> np.ndarray:
        share = ((channel - low) / (high - low)).clip(0, 1)
        inside = low + (share**power + by) * (high - low)
        return np.where((channel >= low) & (channel <= high), inside, channel)

    return _of_channels(drawn, move)


def blurred(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Lose what is finer than some voxels."""
    sigma = rng.uniform(1, 4)
    return _of_channels(drawn, lambda channel, low, high: ndimage.gaussian_filter(channel, sigma))


def thinned(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Keep every second or third voxel along each axis that has enough of them."""
    step = int(rng.integers(2, 4))
    steps = [step if size >= 8 * step else 1 for size in drawn.truth.shape]
    here = tuple(slice(None, None, each) for each in steps)
    thin = _on_both(drawn, lambda array: array[here])
    affine = drawn.image.affine @ np.diag([*steps, 1.0])
    return Drawn(Volume(thin.image.array, affine), thin.truth)


Way = Callable[[Drawn, np.random.Generator], Drawn]
WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "upside down": turned,
        "intensities inverted": inverted,
        "noisy": noisy,
        "part of the field of view": halved,
        "windowed": windowed,
        "mirrored": mirrored,
        "intensities shifted": shifted,
        "blurred": blurred,
        "thinned": thinned,
    }
)
"""How scans are spoilt, in an order in which patients after each other get different ones."""


def ways_of(number: int) -> list[str]:
    """Return the ways in which the scan of a patient is spoilt.

    Parameters
    ----------
    number : int
        Of the patient: each way is taken by as many.

    Examples
    --------
    >>> ways_of(0), ways_of(4)
    (['upside down', 'intensities inverted'], ['thinned', 'upside down'])
    """
    names = list(WAYS)
    return [names[(EACH * number + k) % len(names)] for k in range(EACH)]


def _on_both(drawn: Drawn, change: Callable[[np.ndarray], np.ndarray]) -> Drawn:
    """Do the same to voxels of image and truth; where they lie in the room makes no difference."""
    image = Volume(change(drawn.image.array), drawn.image.affine)
    return Drawn(image, change(drawn.truth))


def _of_channels(drawn: Drawn, change: Callable[[np.ndarray, float, float], np.ndarray]) -> Drawn:
    """Change the intensities of each channel, told the ends of its contrast; the truth stays."""
    array = drawn.image.array
    channels = [array] if array.ndim == 3 else [array[..., k] for k in range(array.shape[-1])]
    changed = []
    for channel in channels:
        low, high = (float(value) for value in np.percentile(channel[::2, ::2], ENDS))
        if low == high:
            changed.append(channel)
            continue
        new = change(channel.astype(np.float32), low, high)
        if array.dtype.kind in "iu":
            limits = np.iinfo(array.dtype)
            new = np.rint(new).clip(limits.min, limits.max)
        changed.append(new.astype(array.dtype))
    new = changed[0] if array.ndim == 3 else np.stack(changed, axis=-1)
    return Drawn(Volume(new, drawn.image.affine), drawn.truth)
