"""What images hold, as settings."""

from dataclasses import replace

import numpy as np

from slicewise.survey import content
from slicewise.survey.content import Grid
from slicewise.survey.glance import glance_at
from slicewise.volumes.header import Header
from slicewise.volumes.volume import Volume
from tests.imitated import scan

AFFINE = np.diag([1.5, 1.5, 4, 1.0])


def glances(kind="ct", change=lambda array: array, number=3):
    arrays = [change(scan(n, kind)[0]) for n in range(number)]
    return {f"c{n}": glance_at(Volume(array, AFFINE)) for n, array in enumerate(arrays)}


def intensity(found, told=()):
    return {one.path[-1]: one.value for one in content.intensity_of(found, told)}


def test_intensities():
    assert intensity(glances()) == {"intensity": "hu"}
    assert intensity(glances(change=lambda a: a + 1024)) == {"intensity": "hu", "offset": -1024}
    assert intensity(glances("mr")) == {"intensity": "arbitrary"}
    assert intensity(glances("pet")) == {"intensity": "arbitrary"}
    window = glances(change=lambda array: array.clip(-20, 150))
    assert intensity(window) == {"intensity": "clipped_hu"}
    assert intensity(window, {"mri"}) == {"intensity": "arbitrary"}


def test_some_ct_among_others_is_said_and_what_is_a_guess_is_asked():
    mixed = glances() | {f"m{n}": glance for n, glance in enumerate(glances("mr").values())}
    (said,) = content.intensity_of(mixed, ())
    assert said.value == "arbitrary"
    assert "3 of 6" in said.why
    assert "m0" in said.why
    (asked,) = content.intensity_of(glances(change=lambda array: array.clip(-20, 150)), ())
    assert asked.question
    (unread,) = content.intensity_of({}, ())
    assert unread.question


def test_piles_of_slices_are_told_where_headers_are_silent():
    found = glances()
    lost = Grid((32, 28, 8), (1, 1, 1), lost=True)
    known = replace(lost, lost=False)
    unlike = {name: replace(glance, likeness=0.5) for name, glance in found.items()}
    assert content.contiguous_of(found, [lost]).value is True
    assert content.contiguous_of(unlike, [lost]).value is False
    assert content.contiguous_of(unlike, [known]).value is True
    assert content.contiguous_of({}, [replace(known, shape=(9, 9, 1))]).value is False


def test_spacing_is_asked_of_ct_that_has_lost_it():
    lost = Grid((9, 9, 9), (1, 1, 1), lost=True)
    said = content.spacing_of([lost], "hu", contiguous=True)
    assert said.value == [1.0, 1.0, 1.0]
    assert said.question
    assert content.spacing_of([lost, replace(lost, lost=False)], "hu", contiguous=True) is None
    assert content.spacing_of([lost], "arbitrary", contiguous=True) is None


def test_a_grid_is_in_canonical_orientation():
    affine = np.array([[0, 0, 3, 0], [-1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1.0]])
    grid = Grid.of(Header((40, 50, 7), affine, lost=False))
    assert (grid.shape, grid.spacing) == ((7, 40, 50), (3, 1, 2))
