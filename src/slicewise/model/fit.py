"""What preprocessing learns from the training slices, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from slicewise.config import Input
from slicewise.model.layers import Preprocess
from slicewise.slices.batches import SliceSet

FINE = {"arbitrary": 256}  # z-scores are counted in steps of 1/256, Hounsfield units of 1
OFFSET = 1 << 16


def fit_preprocess(
    slices: SliceSet, indices: np.ndarray, settings: Input, card: dict[str, Any]
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
    card : dict
        What the model carries of labels, recipe, intensity, postprocessing.

    Returns
    -------
    Preprocess
        The layer.
    """
    steps = FINE.get(card["intensity"], 1)
    everything = np.zeros(2 * OFFSET + 1, np.int64)
    inside = np.zeros_like(everything)
    for index in indices:
        image, mask = slices.unpadded(index)
        scaled = np.rint(image.astype(np.float32) * steps)
        bins = np.clip(scaled, -OFFSET, OFFSET).astype(np.int64) + OFFSET
        # counting from the lowest value on keeps the counts of a slice short
        first = int(bins.min())
        for total, counted in ((everything, bins.ravel()), (inside, bins[mask > 0])):
            counts = np.bincount(counted - first)
            total[first : first + len(counts)] += counts
    values = (np.arange(len(everything)) - OFFSET) / steps
    low: float | None
    high: float | None
    if isinstance(settings.window, list):
        low, high = settings.window
    elif settings.window == "foreground":
        share = np.cumsum(inside) / inside.sum()
        low = float(values[np.searchsorted(share, 0.005)])
        high = float(values[np.searchsorted(share, 0.995)])
        if low == high:
            low, high = low - 0.5 / steps, high + 0.5 / steps
    else:
        low = high = None
    mean, sd = 0.0, 1.0
    if settings.normalisation != "none":
        counts = inside if settings.normalisation == "foreground" else everything
        seen = values if low is None else np.clip(values, low, high)
        mean = float(np.average(seen, weights=counts))
        sd = float(np.sqrt(np.average((seen - mean) ** 2, weights=counts))) or 1.0
    return Preprocess(low, high, mean, sd, card, name="preprocess")
