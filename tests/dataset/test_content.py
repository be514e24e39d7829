"""The box of what a canvas holds, and small pictures of it."""

import numpy as np
import pytest

from slicewise.dataset.content import SIDE, Frame, evened, find_content, mixed, thumbnail, weights


@pytest.mark.parametrize("value", [0, -1024, 7.5])
def test_the_box_is_the_smallest_around_what_differs(value):
    array = np.full((20, 30, 4), value, np.float32)
    array[3, 5:9, 1] = 100
    array[11, 24, 2] = 101
    assert find_content(array) == (Frame(20, 30, 3, 5, 9, 20), value)


def test_without_a_border_it_is_the_canvas():
    array = np.random.default_rng(0).normal(0, 1, (9, 8, 3))
    assert find_content(array)[0] == Frame(9, 8, 0, 0, 9, 8)
    assert find_content(np.zeros((9, 8, 3)))[0] == Frame(9, 8, 0, 0, 9, 8)


@pytest.mark.parametrize("turn", range(8))
def test_a_frame_turns_as_its_pixels_do(turn):
    array = np.zeros((20, 30, 1))
    array[3:9, 5:7] = 1
    laid = array.swapaxes(0, 1) if turn & 4 else array
    laid = laid[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]
    assert find_content(array)[0].turned(turn) == find_content(laid)[0]


def test_a_thumbnail_knows_nothing_of_the_background():
    pixels = np.zeros((200, 120), np.int16)
    pixels[50:150, 30:90] = 400
    picture, mask = thumbnail(pixels, 0)
    assert picture.shape == mask.shape == (SIDE, SIDE)
    assert np.allclose(picture[mask > 0], 400)  # no pixel is half of what is around it
    assert mask.mean() == pytest.approx(0.25, abs=0.03)


def test_ranks_do_not_depend_on_the_scale():
    pictures = np.random.default_rng(0).normal(0, 1, (2, 8, 8))
    masks = np.ones((2, 8, 8))
    masks[0, 0] = 0
    stored = evened(pictures, masks)
    assert np.array_equal(stored, evened(np.exp(pictures), masks))
    assert (stored[0, 0] == 0).all()
    assert stored[masks > 0].min() >= 1


def test_weights_take_means_and_nothing_outside():
    found = weights(np.array([-2.0, 1.0, 2.5, 9.0]), 5, 1.0)
    assert np.allclose(found[[0, 3]], 0)
    assert np.allclose(found[1:3] @ np.arange(5), [1, 2.5])
    values, seen = mixed(np.ones((1, 5, 5)), np.ones((1, 5, 5)), found, np.eye(5))
    assert np.array_equal(seen[0].sum(axis=1), [0, 5, 5, 0])
    assert np.array_equal(values, seen)
