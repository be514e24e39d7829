"""A patient has all that is painted, and depends on the draws alone."""

import numpy as np

from slicewise.phantom.anatomy import draw_anatomy
from slicewise.phantom.tissues import PARTS
from tests.phantom.places import lattice

POINTS = lattice(120, 24)
SOME = {"lesion rim", "lesion", "necrosis", "cyst"}


def test_all_that_is_painted_has_a_shape():
    painted = {part.shape for part in PARTS}
    shapes = draw_anatomy(np.random.default_rng(5)).keys()
    assert painted - SOME <= shapes


def test_the_same_draws_make_the_same_body():
    first = draw_anatomy(np.random.default_rng(3))
    second = draw_anatomy(np.random.default_rng(3))
    other = draw_anatomy(np.random.default_rng(4))
    assert first.keys() == second.keys()
    for name, shape in first.items():
        np.testing.assert_array_equal(shape(POINTS), second[name](POINTS))
    assert (first["liver"](POINTS) != other["liver"](POINTS)).any()
