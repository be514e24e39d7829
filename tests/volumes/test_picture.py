"""The coarse picture of a scan, against plain means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.volumes.picture import SHAPE, picture_of


def test_parts_are_means_of_their_voxels() -> None:
    sample = np.random.default_rng(0).normal(size=(16, 24, 12))
    low, high = np.percentile(sample, (1, 99))
    share = ((sample - low) / (high - low)).clip(0, 1)
    wanted = share.reshape(8, 2, 8, 3, 6, 2).mean(axis=(1, 3, 5))
    found = np.reshape(picture_of(sample, "arbitrary"), SHAPE)
    np.testing.assert_allclose(found / 255, wanted, atol=0.003)


@given(st.tuples(*[st.integers(1, 20)] * 3), st.floats(0.01, 100), st.floats(-1000, 1000))
@settings(deadline=None, max_examples=40)
def test_any_size_and_any_unit_give_as_many_parts(
    shape: tuple[int, int, int], scale: float, offset: float
) -> None:
    sample = np.random.default_rng(1).permutation(np.arange(float(np.prod(shape)))).reshape(shape)
    found = picture_of(sample, "arbitrary")
    if sample.size == 1:
        assert found == []
        return
    assert len(found) == np.prod(SHAPE) and min(found) >= 0 and max(found) <= 255
    assert picture_of(sample * scale + offset, "arbitrary") == pytest.approx(found, abs=1)


def test_an_image_without_contrast_has_none() -> None:
    assert picture_of(np.full((9, 9, 9), 7, np.int16), "hu") == []
    speck = np.zeros((20, 20, 20), np.int16)
    speck[3, 4, 5] = 1000
    assert picture_of(speck, "clipped_hu") == []


def test_hounsfield_units_are_soft_tissues() -> None:
    sample = np.full((8, 8, 6), -1000, np.int16)
    sample[:, :4] = 50
    sample[:, :2] = 3000
    found = np.reshape(picture_of(sample, "hu"), SHAPE)
    assert set(found[:, :2].ravel()) == {255} and set(found[:, 4:].ravel()) == {0}
    assert set(found[:, 2:4].ravel()) == {128}
    assert picture_of(np.full((9, 9, 9), -1000, np.int16), "hu") == []
