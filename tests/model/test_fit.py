"""What preprocessing learns, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from slicewise.config import Input
from slicewise.model.fit import fit_preprocess
from slicewise.slices.batches import SliceSet
from tests.model.conftest import CARD


def test_fit_equals_numpy(slices: SliceSet) -> None:
    everything = np.arange(len(slices))
    images, masks = slices.read(everything)
    inside = images[..., 0][masks > 0]
    fitted = fit_preprocess(slices, everything, Input(), CARD)
    low, high = np.percentile(inside, (0.5, 99.5), method="inverted_cdf")
    assert (fitted.low, fitted.high) == (low, high)
    clipped = np.clip(inside, low, high).astype(float)
    assert fitted.mean == pytest.approx(clipped.mean())
    assert fitted.sd == pytest.approx(clipped.std())
    plain = fit_preprocess(slices, everything, Input(window="none", normalisation="all"), CARD)
    assert plain.low is None
    assert plain.mean == pytest.approx(images.mean(dtype=float))
    assert plain.sd == pytest.approx(images.std(dtype=float))
