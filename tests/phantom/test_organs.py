"""Organs keep to their places and out of each other."""

import itertools

import numpy as np
import pytest

from slicewise.phantom.anatomy import draw_anatomy
from slicewise.phantom.organs import draw_great_vessels, draw_kidneys, draw_lesions
from slicewise.phantom.shapes import ellipsoid
from tests.phantom.places import centre, inside, lattice

POINTS = lattice(150, 6)
CAVITY = ellipsoid((0, 0, 0), (150, 118, float("inf")))
PATIENTS = {seed: draw_anatomy(np.random.default_rng(seed)) for seed in range(3)}
SOLID = ("liver", "kidneys", "spleen", "stomach")


@pytest.mark.parametrize("seed", PATIENTS)
def test_organs_make_room_for_each_other(seed):
    held = {name: inside(PATIENTS[seed][name], POINTS) for name in (*SOLID, "aorta", "colon")}
    for one, other in itertools.combinations(held, 2):
        assert not (held[one] & held[other]).any(), (one, other)
        assert held[one].any()
    # the stomach is painted over what it has of the gallbladder
    assert not (held["liver"] & inside(PATIENTS[seed]["gallbladder"], POINTS)).any()


@pytest.mark.parametrize("seed", PATIENTS)
def test_contents_lie_in_what_holds_them(seed):
    shapes = PATIENTS[seed]
    for content, holder in {
        "stomach contents": "stomach",
        "stomach gas": "stomach contents",
        "gallbladder bile": "gallbladder",
        "portal tree": "liver",
        "hepatic veins": "liver",
        "kidney medulla": "kidneys",
        "small bowel contents": "small bowel",
        "colon contents": "colon",
        "colon gas": "colon contents",
    }.items():
        outside = inside(shapes[content], POINTS) & ~inside(shapes[holder], POINTS)
        assert not outside.any(), content


@pytest.mark.parametrize("seed", PATIENTS)
def test_organs_lie_on_their_sides(seed):
    shapes = PATIENTS[seed]
    assert centre(shapes["liver"], POINTS)[0] > 30
    assert centre(shapes["spleen"], POINTS)[0] < -60
    assert centre(shapes["stomach"], POINTS)[0] < 0
    assert centre(shapes["pancreas"], POINTS)[2] < centre(shapes["heart"], POINTS)[2]


@pytest.mark.parametrize("seed", range(4))
def test_there_are_two_kidneys_of_common_size(seed):
    kidneys = draw_kidneys(np.random.default_rng(seed), CAVITY)["kidneys"]
    held = inside(kidneys, POINTS)
    for side in (POINTS.x > 0, POINTS.x < 0):
        ml = (held & side).sum() * 6**3 / 1000
        assert 80 < ml < 280
    assert not held[np.abs(POINTS.x) < 20].any()


@pytest.mark.parametrize("seed", range(4))
def test_the_aorta_is_left_of_the_cava(seed):
    vessels = draw_great_vessels(np.random.default_rng(seed))
    assert centre(vessels["aorta"], POINTS)[0] < centre(vessels["cava"], POINTS)[0] - 15


def test_lesions_are_of_all_kinds_and_lie_in_the_liver():
    liver = ellipsoid((40, 0, 0), (90, 80, 80))
    kinds = set()
    for seed in range(12):
        for name, shape in draw_lesions(np.random.default_rng(seed), liver).items():
            kinds.add(name)
            assert not (inside(shape, POINTS) & ~inside(liver, POINTS)).any()
    assert kinds == {"lesion", "lesion rim", "necrosis", "cyst"}
