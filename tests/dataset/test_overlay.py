"""What two thumbnails agree in, wherever they lie on each other."""

import numpy as np
import pytest
from scipy import ndimage

from slicewise.dataset.content import SIDE
from slicewise.dataset.overlay import agreement, laid

SAME = ((1.0, 0.0), (1.0, 0.0))


def picture(seed: int) -> np.ndarray:
    rough = ndimage.gaussian_filter(
        np.random.default_rng(seed).normal(0, 1, (3, 96, 96)), (0, 3, 3)
    )
    return 128 + 100 * rough / np.abs(rough).max()


def shown(part: np.ndarray) -> np.ndarray:
    sides = SIDE / part.shape[1], SIDE / part.shape[2]
    return np.clip(ndimage.zoom(part, (1, *sides), order=1), 1, 255).astype(np.uint8)


def test_the_same_agrees_however_strong_or_inverted():
    one = shown(picture(0))
    assert agreement(one, one, SAME) > 0.99
    assert agreement(one, 255 - one, SAME) > 0.99
    assert agreement(one, (40 + one // 2).astype(np.uint8), SAME) > 0.97


def test_a_part_agrees_where_it_lies_and_small_errors_are_mended():
    whole = picture(1)
    part = whole[:, 20:80, 30:90]
    axes = ((60 / 96, 20 / 96), (60 / 96, 30 / 96))
    back = ((96 / 60, -20 / 60), (96 / 60, -30 / 60))
    assert agreement(shown(whole), shown(part), axes) > 0.9
    assert agreement(shown(part), shown(whole), back) > 0.9
    near = ((60 / 96, 21 / 96), (61 / 96, 29 / 96))
    assert agreement(shown(whole), shown(part), near) > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_others_do_not_agree_even_within_one_outline(seed):
    inside = np.hypot(*np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]) < 0.8
    one, other = shown(picture(10 + seed)) * inside, shown(picture(20 + seed)) * inside
    assert agreement(one.astype(np.uint8), other.astype(np.uint8), SAME) < 0.5


def test_without_an_overlap_nothing_agrees():
    one = shown(picture(2))
    assert agreement(one, one, ((1.0, 0.98), (1.0, 0.0))) == 0
    assert agreement(one, np.zeros_like(one), SAME) == 0
    assert agreement(one, np.full_like(one, 9), SAME) == 0


@pytest.mark.parametrize("turn", range(8))
def test_turns_are_those_of_the_marks(turn):
    array = np.arange(9).reshape(1, 3, 3)
    other = array[0].T if turn & 4 else array[0]
    assert np.array_equal(
        laid(array, turn)[0], other[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]
    )
