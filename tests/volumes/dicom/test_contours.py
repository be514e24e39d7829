"""Which centres of pixels lie inside contours, held against scikit-image and matplotlib."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from skimage.draw import polygon2mask

from slicewise.volumes.dicom.contours import DIGITS, box_of, cross, inside

SIZE = (14, 17)
COORDINATE = st.floats(-3, 20).map(lambda value: round(value, 3) + 0.0004)
"""None of them on a centre, where rules differ."""
POLYGONS = st.lists(st.tuples(COORDINATE, COORDINATE), min_size=3, max_size=9).map(np.array)


def square(low: float, high: float) -> np.ndarray:
    return np.array([(low, low), (high, low), (high, high), (low, high)])


def by_crossings(polygon: np.ndarray) -> np.ndarray:
    """Count for each centre how often a ray from it crosses the polygon, one by one."""
    found = np.zeros(SIZE, bool)
    ends = np.roll(polygon, -1, axis=0)
    for x, y in np.ndindex(SIZE):
        for (x0, y0), (x1, y1) in zip(polygon, ends, strict=True):
            if (x0 > x) != (x1 > x):
                crossing = y0 + (x - x0) / (x1 - x0) * (y1 - y0)
                found[x, y] ^= bool(y >= round(crossing, DIGITS))
    return found


@settings(max_examples=60, deadline=None)
@given(POLYGONS)
def test_every_centre_is_where_a_ray_says(polygon):
    np.testing.assert_array_equal(inside(polygon, (0, 0), SIZE), by_crossings(polygon))


@pytest.mark.parametrize("seed", range(20))
def test_stars_are_as_others_fill_them(seed):
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, 21)[:-1]
    radius = rng.uniform(2, 6, 20)
    star = np.stack([6.3 + radius * np.cos(angles), 8.2 + radius * np.sin(angles)], axis=1)
    mine = inside(star, (0, 0), SIZE)
    np.testing.assert_array_equal(mine, polygon2mask(SIZE, star))
    centres = np.stack(np.meshgrid(*map(np.arange, SIZE), indexing="ij"), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(mine.ravel(), Outline(star).contains_points(centres))


def test_regions_that_share_an_edge_share_no_centre():
    # both along centres, where rounding would decide
    for shift in (0.0, 1e-9, -1e-9):
        left = np.array([(2, 2), (6 + shift, 2), (6 + shift, 9), (2, 9)])
        right = np.array([(6 - shift, 2), (11, 2), (11, 9), (6 - shift, 9)])
        both = [inside(polygon, (0, 0), SIZE) for polygon in (left, right)]
        assert not (both[0] & both[1]).any()
        assert [int(one.sum()) for one in both] == [4 * 7, 5 * 7]


def test_a_keyhole_is_a_hole():
    ring = np.concatenate([square(1.5, 9.5), [(1.5, 1.5)], square(3.5, 7.5)[::-1], [(3.5, 7.5)]])
    drawn = inside(ring, (0, 0), SIZE)
    expected = inside(square(1.5, 9.5), (0, 0), SIZE) ^ inside(square(3.5, 7.5), (0, 0), SIZE)
    np.testing.assert_array_equal(drawn, expected)
    assert drawn.sum() == 64 - 16


@settings(max_examples=40, deadline=None)
@given(POLYGONS, st.integers(-4, 4), st.integers(-4, 4))
def test_a_box_holds_the_same_wherever_it_begins(polygon, x, y):
    whole = inside(polygon, (-8, -8), (40, 40))
    part = inside(polygon, (x, y), SIZE)
    np.testing.assert_array_equal(part, whole[x + 8 : x + 22, y + 8 : y + 25])
    start, size = box_of(polygon)
    assert inside(polygon, start, size).sum() == whole.sum()


def test_holes_and_islands_do_not_cross():
    assert not cross(square(1, 9), square(3, 5))
    assert not cross(square(3, 5), square(1, 9))
    assert not cross(square(1, 3), square(6, 9))
    assert not cross(square(1, 4), square(4, 9))
    assert cross(square(1, 6), square(4, 9))
