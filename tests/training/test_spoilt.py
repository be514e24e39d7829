"""Scans that are spoilt on purpose: their truth goes with them, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.training.known import Drawn
from slicewise.training.spoilt import EACH, WAYS, ways_of
from slicewise.volumes.volume import Volume

MOVED = ("upside down", "part of the field of view", "mirrored", "thinned")
"""The voxels are others, or elsewhere; of the rest only the intensities change."""


def drawn(channels: int = 0, dtype: str = "int16") -> Drawn:
    """A scan whose voxels tell where they were: brighter by one in each."""
    rng = np.random.default_rng(3)
    shape = (26, 20, 18)
    array = rng.permutation(np.arange(np.prod(shape))).reshape(shape).astype(dtype)
    truth = (array % 7 == 0).astype(np.uint8)
    image = np.stack([array + k for k in range(channels)], -1) if channels else array
    return Drawn(Volume(image.astype(dtype), np.diag([1.0, 2.0, 3.0, 1.0])), truth)


@settings(max_examples=25, deadline=None)
@given(way=st.sampled_from(list(WAYS)), seed=st.integers(0, 99), channels=st.sampled_from([0, 2]))
def test_truth_goes_where_voxels_go(way: str, seed: int, channels: int) -> None:
    before = drawn(channels)
    kept = before.image.array.copy(), before.truth.copy()
    after = WAYS[way](before, np.random.default_rng(seed))
    assert np.array_equal(before.image.array, kept[0]) and np.array_equal(before.truth, kept[1])
    assert after.image.array.shape[:3] == after.truth.shape
    assert after.image.array.dtype == before.image.array.dtype
    assert after.image.array.ndim == before.image.array.ndim
    if way in MOVED:
        first = after.image.array[..., 0] if channels else after.image.array
        # each voxel tells whether it is of the label
        np.testing.assert_array_equal(after.truth, first % 7 == 0)
        assert first.size < before.truth.size or not np.array_equal(after.truth, before.truth)
    else:
        np.testing.assert_array_equal(after.truth, before.truth)
        assert not np.array_equal(after.image.array, before.image.array)


@pytest.mark.parametrize("way", WAYS)
def test_it_is_the_same_for_the_same_random_numbers(way: str) -> None:
    one, other = (WAYS[way](drawn(), np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.image.array, other.image.array)


def test_a_thinned_scan_has_larger_voxels_at_the_same_place() -> None:
    after = WAYS["thinned"](drawn(), np.random.default_rng(1))
    steps = [np.ceil(a / b) for a, b in zip((26, 20, 18), after.truth.shape, strict=True)]
    assert max(steps) >= 2
    assert after.image.spacing == tuple(s * mm for s, mm in zip(steps, (1, 2, 3), strict=True))
    np.testing.assert_allclose(after.image.affine[:3, 3], 0)


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32"])
def test_intensities_never_wrap(dtype: str) -> None:
    before = drawn(dtype=dtype)
    low, high = (float(f(before.image.array)) for f in (np.min, np.max))
    for way in ("intensities inverted", "windowed", "blurred"):
        array = WAYS[way](before, np.random.default_rng(2)).image.array
        assert low - 1 <= array.min() and array.max() <= high + 1, way


def test_an_image_of_one_value_stays_as_it_is() -> None:
    flat = Drawn(Volume(np.full((9, 9, 9), 7, np.int16), np.eye(4)), np.zeros((9, 9, 9), np.uint8))
    assert np.all(WAYS["noisy"](flat, np.random.default_rng(0)).image.array == 7)


def test_each_way_is_taken_by_as_many_patients() -> None:
    taken = [way for number in range(len(WAYS)) for way in ways_of(number)]
    assert {way: taken.count(way) for way in WAYS} == dict.fromkeys(WAYS, EACH)
    assert all(len(set(ways_of(number))) == EACH for number in range(30))
