"""Components of masks, against scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage import measure

from slicewise import components
from slicewise.components import TOUCHING, component_sizes, sizes_of

IN_SLICE = TOUCHING & np.array([False, True, False])
MASKS = arrays.arrays(bool, st.tuples(*[st.integers(1, 7)] * 3))


@pytest.mark.parametrize("order", ["C", "F"])
@settings(deadline=None, max_examples=60)
@given(mask=MASKS)
def test_components_are_those_of_another_library(order, mask):
    parts, number = components.components(np.asarray(mask, order=order))
    known = measure.label(mask, connectivity=3)
    assert number == known.max()
    # the same voxels together, whatever their number
    pairs = {(int(a), int(b)) for a, b in zip(parts.ravel(), known.ravel(), strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    counted = np.bincount(known.ravel(), minlength=1)
    assert component_sizes(mask) == sorted(counted[1:].tolist(), reverse=True)


@settings(deadline=None, max_examples=40)
@given(MASKS)
def test_neighbours_may_be_of_one_slice_alone(mask):
    slices = [measure.label(mask[..., z], connectivity=2) for z in range(mask.shape[2])]
    counted = [n for one in slices for n in np.bincount(one.ravel())[1:].tolist()]
    for array in (mask, np.asfortranarray(mask)):
        assert component_sizes(array, IN_SLICE) == sorted(counted, reverse=True)


def test_a_box_of_an_array_is_as_good_as_the_array():
    whole = np.zeros((9, 8, 7), bool, order="F")
    whole[2:5, 3:6, 1:3] = whole[7, 7, 5] = True
    assert component_sizes(whole[1:8, 2:8, 1:6]) == component_sizes(whole) == [18, 1]
    assert component_sizes(np.zeros((3, 3, 3), bool)) == []


def test_parts_are_counted_in_blocks(monkeypatch):
    parts = np.random.default_rng(3).integers(0, 6, (13, 11, 7)).astype(np.int32)
    monkeypatch.setattr(components, "BLOCK", 64)
    assert sizes_of(parts, 7).tolist() == [*np.bincount(parts.ravel()), 0, 0]
