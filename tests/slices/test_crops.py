"""Crops lie within the picture, anywhere in it, and hold what they have to show."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.slices.crops import Crop, drawn, drawn_pixel, middle, pixel_of

QUICK = settings(max_examples=80, deadline=None, derandomize=True)
SIDE = st.integers(1, 40)


@QUICK
@given(st.tuples(SIDE, SIDE), st.tuples(SIDE, SIDE), st.tuples(*[st.integers(-50, 50)] * 2))
def test_a_crop_is_what_padding_without_end_would_show(stored, size, corner):
    picture = np.arange(1, 1 + stored[0] * stored[1]).reshape(stored)
    endless = np.pad(picture, 100)
    row, column = corner[0] + 100, corner[1] + 100
    expected = endless[row : row + size[0], column : column + size[1]]
    crop = Crop.at(corner, size, stored)
    found = np.zeros(size, int)
    found[crop.target] = picture[crop.source]
    np.testing.assert_array_equal(found, expected)


@QUICK
@given(
    st.tuples(st.integers(0, 9), SIDE),
    st.tuples(st.integers(0, 9), SIDE),
    st.tuples(SIDE, SIDE),
    st.integers(0, 99),
)
def test_all_places_within_the_picture_are_drawn_and_no_other(rows, columns, size, seed):
    covered = tuple(slice(first, first + length) for first, length in (rows, columns))
    random = np.random.default_rng(seed)
    corners = np.array([drawn(covered, size, random) for _ in range(30)])
    centre = middle(covered, size)
    for axis, part in enumerate(covered):
        spare = part.stop - part.start - size[axis]
        if spare <= 0:
            # in the middle, to a pixel: as much padding before as after
            assert set(corners[:, axis]) == {centre[axis]}
            before = part.start - centre[axis]
            assert before == -spare // 2
        else:
            assert part.start <= corners[:, axis].min()
            assert corners[:, axis].max() <= part.stop - size[axis]


def test_places_are_drawn_alike():
    random = np.random.default_rng(0)
    covered = (slice(3, 13), slice(0, 4))
    rows = [drawn(covered, (7, 9), random)[0] for _ in range(4000)]
    counts = np.bincount(rows, minlength=7)[3:]
    assert len(counts) == 4
    assert counts.min() > 900
    shown = [drawn(covered, (4, 9), random, (4, 2))[0] for _ in range(400)]
    assert set(shown) == {3, 4}  # of 3 to 9, those that hold row 4


@QUICK
@given(st.integers(0, 9), st.integers(20, 40), st.integers(1, 40), st.data())
def test_what_has_to_be_shown_is_in_the_crop(first, length, size, data):
    covered = (slice(first, first + length),) * 2
    pixel = data.draw(st.tuples(*[st.integers(first, first + length - 1)] * 2))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    for _ in range(10):
        corner = drawn(covered, (size, size), random, pixel)
        for start, place in zip(corner, pixel, strict=True):
            assert start <= place < start + size
            if size <= length:
                assert first <= start <= first + length - size


def test_small_labels_are_drawn_as_often_as_large_ones():
    mask = np.zeros((20, 20), np.uint8)
    mask[2:18, 2:18] = 1
    mask[5, 7] = 4
    random = np.random.default_rng(1)
    pixels = [pixel_of(mask, random) for _ in range(600)]
    assert all(mask[pixel] for pixel in pixels)
    small = sum(pixel == (5, 7) for pixel in pixels)
    assert 240 < small < 360
    assert len({pixel for pixel in pixels if mask[pixel] == 1}) > 150


def test_a_pixel_that_nobody_drew_is_neither_label_nor_drawn():
    random = np.random.default_rng(0)
    mask = np.full((9, 12), 255, np.uint8)
    mask[3, 4:7] = 2
    mask[5, 5] = 0
    mask[:, :2] = 0  # padding
    covered = (slice(0, 9), slice(2, 12))
    found = {drawn_pixel(mask, covered, random) for _ in range(200)}
    assert found == {(3, 4), (3, 5), (3, 6), (5, 5)}
    assert {pixel_of(mask, random) for _ in range(200)} == {(3, 4), (3, 5), (3, 6)}
    assert drawn_pixel(np.zeros((9, 12), np.uint8), covered, random) is None
    assert drawn_pixel(np.full((9, 12), 255, np.uint8), covered, random) is None
