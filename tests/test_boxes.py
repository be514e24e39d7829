"""The bounding box, against what `scipy.ndimage.find_objects` finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from slicewise.boxes import bounding_box, centre_of, label_boxes, whole, widened

SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6)


@given(arrays.arrays(bool, SHAPES))
@settings(max_examples=60, deadline=None)
def test_a_box_holds_all_and_no_more(mask):
    assert bounding_box(mask) == ndimage.find_objects(mask.astype(np.uint8), 1)[0]


def test_a_box_is_one_of_plain_numbers():
    (side,) = bounding_box(np.array([False, True]))
    assert (type(side.start), type(side.stop)) == (int, int)


@given(arrays.arrays(np.uint8, SHAPES, elements=st.integers(0, 5)), st.sampled_from("CF"))
@settings(max_examples=60, deadline=None)
def test_each_label_has_its_own_box(labels, order):
    found = label_boxes(np.asarray(labels, order=order), 4)
    assert found == [bounding_box(labels == number) for number in (1, 2, 3, 4)]


@given(arrays.arrays(bool, SHAPES))
@settings(max_examples=60, deadline=None)
def test_the_centre_of_a_mask_is_that_of_scipy(mask):
    box = bounding_box(mask)
    if box is None:
        return
    wanted = (np.array(ndimage.center_of_mass(mask)) + 0.5) / mask.shape
    np.testing.assert_allclose(centre_of(mask[box], box, mask.shape), wanted, atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (2, 5), (4, 1, 2)])
def test_the_whole_is_all(shape):
    array = np.arange(np.prod(shape)).reshape(shape)
    np.testing.assert_array_equal(array[whole(shape)], array)
    assert whole(shape) == bounding_box(np.ones(shape, bool))


def test_a_margin_ends_where_the_array_does():
    box = (slice(2, 4), slice(0, 1), slice(5, 9))
    assert widened(box, (1, 2, 0), (10, 9, 9)) == (slice(1, 5), slice(0, 3), slice(5, 9))
    assert widened(box, (3, 0, 4), (6, 9, 10)) == (slice(0, 6), slice(0, 1), slice(1, 10))
