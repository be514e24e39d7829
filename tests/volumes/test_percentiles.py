"""Percentiles by counting agree with numpy's, which sorts a copy."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.volumes.checks import count_values
from slicewise.volumes.percentiles import percentiles

WANTED = (0, 0.5, 5, 50, 95, 99.5, 100)
TYPES = ["uint8", "int8", "int16", "uint16", "int32", "float32", "bool"]


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(TYPES),
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    seed=st.integers(0, 1000),
    spread=st.sampled_from([1, 3, 100, 20_000, 3e8, 1e-30, 1e30]),
    order=st.sampled_from(["C", "F"]),
)
def test_as_numpy(kind, shape, seed, spread, order):
    drawn = np.random.default_rng(seed).normal(0, spread, shape)
    if kind == "float32":
        array = drawn.astype(np.float32)
    elif kind == "bool":
        array = drawn > 0
    else:
        limits = np.iinfo(kind)
        array = drawn.round().clip(limits.min, limits.max).astype(kind)
    array = np.asarray(array, order=order)
    for turned in (array, array[::-1], array.transpose(2, 0, 1)):
        found = percentiles(turned, WANTED)
        expected = np.percentile(turned.astype(np.float64), WANTED, method="nearest")
        assert found == expected.tolist()


@pytest.mark.parametrize("kind", ["int16", "uint8", "float32", "int32"])
def test_no_copy_is_made(kind):
    array = np.random.default_rng(0).integers(0, 200, (128, 128, 400)).astype(kind)
    tracemalloc.start()
    percentiles(array, WANTED)
    if kind == "uint8":
        count_values(array)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < min(8_000_000, 1.3 * array.nbytes)


def test_counts_of_a_mask():
    mask = np.random.default_rng(0).integers(0, 256, (9, 8, 7)).astype(np.uint8)
    for turned in (mask, np.asfortranarray(mask), mask[::-1].transpose(1, 2, 0)):
        assert np.array_equal(count_values(turned), np.bincount(mask.ravel(), minlength=256))
