"""Which intensities are shown."""

from __future__ import annotations

import numpy as np
import pytest

from slicewise.config import Content
from slicewise.report.window import ABDOMEN, display_window

CONTENT = Content(intensity="hu", contiguous=True, labels={"organ": [3]}, other_labels="refuse")


def test_pictures_show_tissue_whatever_a_few_voxels_hold():
    random = np.random.default_rng(0)
    content = CONTENT.model_copy(update={"intensity": "arbitrary"})
    array = random.normal(100, 20, (30, 30, 10))
    low, high = display_window(array, content)
    assert (low, high) == pytest.approx(np.percentile(array, (1, 99)), abs=1)
    array.ravel()[random.choice(array.size, 500, replace=False)] = 1e9
    assert display_window(array, content)[1] < 300
    low, high = display_window(random.normal(0, 1e-9, (9, 9, 9)), content)
    assert 1e-10 < high - low < 1e-8
    assert display_window(array, CONTENT) == ABDOMEN
