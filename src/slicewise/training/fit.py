"""What preprocessing learns from the training slices, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from slicewise.config import UNDRAWN, Input
from slicewise.errors import SlicewiseError
from slicewise.network.card import ModelCard
from slicewise.network.preprocessing import Preprocess
from slicewise.slices.batches import SliceSet
from slicewise.volumes.intensity import PERCENTILES, steady
from slicewise.wording import some

OFFSET = 1 << 15  # slices are stored in 16 bits
HALF = 0.002
"""Half the width of a window that would have none."""
JUMP = 20.0
"""As `intensity.REACH`, but inside the labels, and of z-scores, which grow by logarithm."""
SHOWN = 8


def fit_preprocess(
    slices: SliceSet, indices: np.ndarray, settings: Input, card: ModelCard
) -> Preprocess:
    """Fit window and normalisation on training slices.

    One pass over the slices, counting intensities, so memory does not grow
    with their number.

    Parameters
    ----------
    slices : SliceSet
        Training cases only.
    indices : ndarray of int
        The slices that training uses.
    settings : Input
        What to fit, or a window that is given.
    card : ModelCard
        What the model carries of labels, recipe, intensity, postprocessing.

    Returns
    -------
    Preprocess
        The layer.

    Raises
    ------
    SlicewiseError
        When all voxels that count have one value: there is nothing to tell
        apart, and no deviation to divide by.
    """
    if not slices.channels:
        window_and_scale = _fitted(slices, indices, settings, card, None)
        return Preprocess(*window_and_scale, card=card, name="preprocess")
    each = [
        _fitted(slices, indices, settings, card, channel) for channel in range(len(slices.channels))
    ]
    lows, highs, means, sds = (list(numbers) for numbers in zip(*each, strict=True))
    if None in lows:
        return Preprocess(None, None, means, sds, card, name="preprocess")
    return Preprocess(lows, highs, means, sds, card, name="preprocess")


def _fitted(
    slices: SliceSet, indices: np.ndarray, settings: Input, card: ModelCard, channel: int | None
) -> tuple[float | None, float | None, float, float]:
    """Return window, mean and deviation of one channel."""
    counted = _counted(slices, indices, card.intensity, channel)
    if channel is not None and not counted.inside.any():
        raise SlicewiseError(
            f"channel {slices.channels[channel]}: it is missing in all training cases that have "
            "a label; leave it out of dataset.channels, or change the split"
        )
    low, high = _window(counted, settings)
    mean = 0.0
    sd = 1.0
    if settings.normalisation != "none":
        mean, sd = _mean_and_sd(counted, low, high, settings)
        if not sd:
            raise _constant(slices, settings, mean)
    return low, high, mean, sd


@dataclass(frozen=True)
class _Counted:
    """How often each intensity is there.

    Attributes
    ----------
    intensity : str
        What images hold.
    values : ndarray, shape (bins,)
        The intensity of each bin, rising.
    everything, inside : ndarray of int64, shape (bins,)
        Pixels of all slices, drawn or not, and of those inside any label.
    """

    intensity: str
    values: np.ndarray
    everything: np.ndarray
    inside: np.ndarray


def _counted(
    slices: SliceSet, indices: np.ndarray, intensity: str, channel: int | None
) -> _Counted:
    """Count the intensities of slices, one slice at a time; not of channels that are missing."""
    bins, values = _bins(intensity)
    everything = np.zeros(len(values), np.int64)
    inside = np.zeros_like(everything)
    for index in indices:
        image, mask = slices.unpadded(index, channel or 0)
        if channel is not None and np.all(image == slices.padding_of(index)):
            continue
        numbers = bins(image)
        # counting from the lowest value on keeps the counts of a slice short
        first = int(numbers.min())
        for total, pixels in (
            (everything, numbers.ravel()),
            (inside, numbers[(mask > 0) & (mask != UNDRAWN)]),
        ):
            counts = np.bincount(pixels - first)
            total[first : first + len(counts)] += counts
    return _Counted(intensity, values, everything, inside)


def _window(counted: _Counted, settings: Input) -> tuple[float | None, float | None]:
    """Return the window that is given or fitted; nothing where there is none."""
    if isinstance(settings.window, list):
        low, high = settings.window
        return low, high
    if settings.window != "foreground":
        return None, None
    jump = JUMP if counted.intensity == "arbitrary" else np.inf
    low, high = _ordinary(counted.inside, counted.values, jump)
    if low == high:
        return low - HALF, high + HALF
    return low, high


def _mean_and_sd(
    counted: _Counted, low: float | None, high: float | None, settings: Input
) -> tuple[float, float]:
    """Return mean and deviation of the pixels that count, clipped to the window."""
    foreground = settings.normalisation == "foreground"
    counts = counted.inside if foreground else counted.everything
    seen = counted.values if low is None else np.clip(counted.values, low, high)
    if low is None and counted.intensity == "arbitrary":
        # only what is learnt is bounded, not what the network sees
        seen = np.clip(counted.values, *_ordinary(counts, counted.values, np.inf))
    mean = float(np.average(seen, weights=counts))
    sd = float(np.sqrt(np.average((seen - mean) ** 2, weights=counts)))
    return mean, sd


def _ordinary(counts: np.ndarray, values: np.ndarray, jump: float) -> tuple[float, float]:
    """Return the 0.5 and 99.5 percentiles, or less where they are beyond a jump."""
    share = np.cumsum(counts) / counts.sum()
    marks = [float(values[np.searchsorted(share, each / 100)]) for each in PERCENTILES]
    return steady(marks, jump)


def _bins(intensity: str) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]:
    """Return a function from stored slices to numbers of bins, and the value of each bin."""
    if intensity != "arbitrary":
        return (lambda image: image.astype(np.int64) + OFFSET), np.arange(2 * OFFSET) - OFFSET
    # z-scores are stored in 16 bits: each number that these can hold has a bin, in their order
    bits = np.arange(2 * OFFSET)
    ordered = np.where(bits < OFFSET, 2 * OFFSET - 1 - bits, bits - OFFSET).astype(np.uint16)
    values = ordered.view(np.float16).astype(np.float64)

    def place(image: np.ndarray) -> np.ndarray:
        code = image.astype(np.float16).view(np.uint16).astype(np.int64)
        return np.where(code < OFFSET, code + OFFSET, 2 * OFFSET - 1 - code)

    return place, np.where(np.isfinite(values), values, 0.0)


def _constant(slices: SliceSet, settings: Input, value: float) -> SlicewiseError:
    cases = list(dict.fromkeys(slices.cases))
    where = " inside the labels" if settings.normalisation == "foreground" else ""
    given = isinstance(settings.window, list)
    window = " once they are clipped to input.window" if given else ""
    change = "input.window" if given else "input.normalisation (to all, or to none)"
    return SlicewiseError(
        f"cases {some(cases, SHOWN)}: all voxels{where} of the training slices have one value "
        f"({value:g}){window}, so their deviation is 0 and the network would see no contrast; look "
        f"at the images and at dataset.labels, or change {change}"
    )
