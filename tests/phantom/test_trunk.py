"""Where the parts of the trunk lie: x to the right, y to the front, z to the head."""

import itertools

import numpy as np
import pytest

from slicewise.phantom.shapes import ellipsoid
from slicewise.phantom.trunk import (
    draw_chest,
    draw_diaphragm,
    draw_muscles,
    draw_ribs,
    draw_spine,
    draw_trunk,
)
from tests.phantom.places import at, centre, inside, lattice

SEEDS = range(4)
POINTS = lattice(160, 8)


@pytest.fixture(params=SEEDS)
def rng(request) -> np.random.Generator:
    return np.random.default_rng(request.param)


def test_skin_holds_fat_holds_muscle_holds_the_cavity(rng):
    trunk = draw_trunk(rng)
    layers = [inside(trunk[name], POINTS) for name in ("skin", "fat", "muscle", "cavity")]
    for outer, inner in itertools.pairwise(layers):
        assert not (inner & ~outer).any()
        assert inner.sum() < outer.sum()
    assert (inside(trunk["intermuscular fat"], POINTS) & ~layers[2]).sum() == 0


def test_the_spine_is_behind_and_holds_its_canal(rng):
    spine = draw_spine(rng)
    x, y, _ = centre(spine["vertebra"], POINTS)
    assert abs(x) < 1
    assert y < -50
    fine = lattice(20, 2)
    fine.y -= 83
    cord = inside(spine["cord"], fine)
    assert cord.any()
    assert inside(spine["canal"], fine)[cord].all()
    # discs are gaps between the bodies of vertebrae, one every 31 to 36 mm
    column = at(*((0, -58, z) for z in range(-150, 151)))
    discs = inside(spine["disc"], column)
    starts = np.flatnonzero(np.diff(discs.astype(int)) == 1)
    assert set(np.diff(starts)) <= set(range(30, 38))


def test_ribs_lie_in_the_wall_and_leave_the_belly_free(rng):
    trunk = draw_trunk(rng)
    ribs = draw_ribs(rng, trunk["muscle"])
    held = inside(ribs["rib"], POINTS)
    assert held.any()
    depth = -trunk["muscle"](POINTS)
    assert (depth[held] < 14).all()
    assert (depth[held] > 0).all()
    assert not (held & (POINTS.y > 60) & (POINTS.z < 0)).any()
    assert (POINTS.y[inside(ribs["rib cartilage"], POINTS)] > 50).all()


def test_the_diaphragm_has_two_domes_and_the_right_one_is_higher(rng):
    below = draw_diaphragm(rng)
    height = {}
    for x in (68, 0, -72):
        line = at(*((x, 10, z) for z in range(-20, 140)))
        height[x] = line.z[inside(below, line)].max()
    assert height[68] > height[0]
    assert height[-72] > height[0] - 12
    assert inside(below, at((0, 0, -150))).all()


def test_lungs_and_heart_are_above_the_diaphragm(rng):
    cavity = draw_trunk(rng)["cavity"]
    below = draw_diaphragm(rng)
    chest = draw_chest(rng, cavity, below)
    for name in ("lung", "heart", "thorax"):
        held = inside(chest[name], POINTS)
        assert held.any()
        assert not (held & inside(below, POINTS)).any()
    assert centre(chest["heart"], POINTS)[1] > 0
    assert not (inside(chest["lung"], POINTS) & ~inside(chest["thorax"], POINTS)).any()


def test_muscles_lie_on_both_sides_of_the_spine(rng):
    muscles = draw_muscles(rng, ellipsoid((0, 0, 0), (500, 500, 500)))
    x, y, _ = centre(muscles["psoas"], POINTS)
    assert abs(x) < 2
    assert -70 < y < -40
    assert inside(muscles["adrenals"], at((38, -50, 4), (-38, -50, 4))).all()
