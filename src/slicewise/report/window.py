"""Which intensities pictures show as black and as white."""

from __future__ import annotations

import numpy as np

from slicewise.config import Content
from slicewise.volumes.intensity import ordinary_range

ABDOMEN = (-160.0, 240.0)
"""Hounsfield units between which the soft tissue of an abdomen lies."""


def display_window(array: np.ndarray, content: Content) -> tuple[float, float]:
    """Return the intensities shown as black and white: an abdominal window for CT."""
    if content.intensity == "hu":
        return ABDOMEN
    low, high = np.percentile(array, (1, 99))
    if content.intensity == "arbitrary":
        bounds = ordinary_range(array)
        low, high = (float(np.clip(value, *bounds)) for value in (low, high))
        if low == high:
            low, high = bounds
    # whatever the unit: values of 1e-9 have a contrast, too
    return float(low), float(high if high > low else low + (abs(low) or 1) * 1e-6)
