"""Distances of known shapes, and what combining shapes means for them."""

import numpy as np
import pytest

from slicewise.phantom.shapes import (
    FAR,
    Once,
    Waves,
    above,
    ellipsoid,
    grown,
    near,
    repeated,
    rippled,
    sized,
    smooth_min,
    tube,
    union,
    within,
    without,
)
from tests.phantom.places import at, inside, lattice

BALL = ellipsoid((0, 0, 0), (8, 8, 8))
BESIDE = ellipsoid((10, 0, 0), (8, 8, 8))
POINTS = lattice(15, 2.5)


def test_a_ball_has_its_radius():
    np.testing.assert_allclose(BALL(at((8, 0, 0), (0, 11, 0), (0, 0, -6))), [0, 3, -2], atol=1e-4)


@pytest.mark.parametrize(("tilt", "end"), [(0, (20, 0, 0)), (90, (0, 0, 20)), (-90, (0, 0, -20))])
def test_an_ellipsoid_is_turned_from_x_to_z(tilt, end):
    long = ellipsoid((0, 0, 0), (20, 5, 5), tilt)
    assert long(at(end)) == pytest.approx(0, abs=1e-3)
    assert long(at((0, 5, 0))) == pytest.approx(0, abs=1e-3)


def test_a_turned_ellipsoid_reaches_as_far_as_it_is_high():
    # along z it is as high as it is long, so nothing of it may be taken for out of reach
    long = ellipsoid((0, 0, 0), (60, 5, 5), 90)
    assert long(at((0, 0, 59))) < 0
    assert long(at((0, 0, 100))) is FAR


def test_infinite_radii_make_a_cylinder():
    rod = ellipsoid((1, 2, 0), (4, 4, float("inf")))
    np.testing.assert_allclose(rod(at((5, 2, 900), (1, 9, -900))), [0, 3], atol=1e-4)


def test_a_tube_has_a_radius_at_each_corner():
    bent = tube([(0, 0, 0), (10, 0, 0), (10, 10, 0)], (2, 4, 3))
    places = at((0, 2, 0), (5, 0, 3), (10, 0, 4), (13, 10, 0), (10, 12, 0), (10, 15, 0))
    np.testing.assert_allclose(bent(places), [0, 0, 0, 0, -1, 2], atol=0.1)


def test_far_shapes_are_not_computed():
    assert tube([(0, 0, 0), (0, 0, 10)], (2, 2))(at((0, 0, 30))) is FAR
    assert BALL(at((0, 0, -30))) is FAR
    assert BALL(at((0, 0, -20))) is not FAR


def test_shapes_combine_as_sets():
    a = inside(BALL, POINTS)
    b = inside(BESIDE, POINTS)
    assert (inside(union(BALL, BESIDE), POINTS) == (a | b)).all()
    assert (inside(within(BALL, BESIDE), POINTS) == (a & b)).all()
    assert (inside(without(BALL, BESIDE), POINTS) == (a & ~b)).all()
    assert (a & b).any()


def test_a_gap_is_kept():
    apart = without(BALL, BESIDE, gap=3)
    assert (BESIDE(POINTS)[inside(apart, POINTS)] > 3 - 1e-3).all()
    assert (inside(without(BALL, BESIDE), POINTS) & ~inside(apart, POINTS)).any()


def test_a_blend_fills_the_joint_and_nothing_far_from_it():
    sharp = union(BALL, BESIDE)(POINTS)
    soft = union(BALL, BESIDE, blend=4)(POINTS)
    assert (soft <= sharp).all()
    apart = np.abs(BALL(POINTS) - BESIDE(POINTS)) >= 4
    np.testing.assert_array_equal(soft[apart], sharp[apart])
    # a quarter of the blend, where both are equally far
    assert float(smooth_min(np.float32(2), np.float32(2), 4)) == 1


def test_grown_shapes_reach_further():
    np.testing.assert_allclose(grown(BALL, 2.5)(POINTS), BALL(POINTS) - 2.5)


def test_repeated_shapes_are_a_period_apart():
    column = repeated(ellipsoid((0, 0, 0), (3, 3, 3)), 10, 2)
    where = at((0, 0, 7), (0, 0, 17), (0, 0, -3), (0, 0, 2), (0, 0, 12))
    assert inside(column, at((1, 0, 7), (1, 0, 17), (1, 0, -3))).all()
    assert not inside(column, at((1, 0, 2), (1, 0, 12))).any()
    assert column(where)[0] == column(where)[1] == column(where)[2]


def test_gas_lies_above_its_level():
    assert inside(above(5), at((0, 4.9, 0), (0, 5.1, 0))).tolist() == [False, True]


def test_waves_have_their_amplitude():
    waves = Waves(np.random.default_rng(0), 2.0, (8, 20), 6)
    points = lattice(40, 2)
    heights = waves(points.x, points.y, points.z)
    assert heights.dtype == np.float32
    assert np.std(heights) == pytest.approx(2, rel=0.1)
    assert abs(np.mean(heights)) < 0.3


def test_a_ripple_moves_the_surface_and_costs_nothing_far_away():
    waves = Waves(np.random.default_rng(0), 1.0, (8, 20), 4)
    moved = rippled(BALL, waves)(POINTS) - BALL(POINTS)
    np.testing.assert_allclose(moved, waves(POINTS.x, POINTS.y, POINTS.z), atol=1e-5)
    assert rippled(BALL, waves)(at((0, 0, 40))) is FAR


def test_a_shape_is_asked_once_for_the_same_points():
    asked = []

    def shape(points):
        asked.append(points)
        return points.x

    once = Once(shape)
    first = at((1, 0, 0))
    other = at((1, 0, 0))
    for points in (first, first, other, first):
        assert once(points) is points.x
    assert asked == [first, other, first]


def test_places_and_sizes_differ_within_their_limits():
    rng = np.random.default_rng(1)
    places = np.array([near(rng, (10, 20, 30), 4) for _ in range(200)]) - (10, 20, 30)
    assert np.abs(places).max() <= 4
    assert np.abs(places).max(axis=0).min() > 3.5
    sizes = np.array([sized(rng, (10, 20, 30), 0.2) for _ in range(200)]) / (10, 20, 30)
    assert sizes.min() >= 0.8
    assert sizes.max() <= 1.2
    assert sizes.std() > 0.05
