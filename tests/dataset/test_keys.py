"""Single places are known again by their voxels, wherever they lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.dataset.keys import LEAST, NUMBER, _shared, find_keys, how_laid, shared_by


def scan(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 900, (40, 50, 12)).astype(np.int16)


@pytest.mark.parametrize("turn", range(8))
@pytest.mark.parametrize("up", [1, -1])
def test_a_crop_laid_in_any_way_says_how(turn, up):
    whole = scan(0)
    part = whole[8:32, 10:40, 2:10]
    laid = part.swapaxes(0, 1) if turn & 4 else part
    laid = laid[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1, ::up]
    one, other = find_keys(whole, 0), find_keys(2000 - laid.astype(np.int32), 0)
    assert shared_by([one[0]], [other[0]]) == [(0, 0)]
    found = how_laid(one, other, whole.shape[:2])
    assert found is not None
    assert found[:2] == (turn, up)
    x, y, z = 20, 25, 6
    place = [y, x] if turn & 4 else [x, y]
    sides = whole.shape[:2][::-1] if turn & 4 else whole.shape[:2]
    place = [n - 1 - p if turn & bit else p for n, p, bit in zip(sides, place, (2, 1), strict=True)]
    at = np.array([*place, up * z]) + found[2]
    assert laid[tuple(at)] == whole[x, y, z]


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_names_do_not_depend_on_the_type_nor_on_a_number_added(dtype):
    whole = scan(1)
    keys, places = find_keys(whole, 0)
    again, there = find_keys(whole.astype(dtype) + dtype(1000), 0)
    assert len(keys) == NUMBER
    assert np.array_equal(keys, again)
    assert np.array_equal(places, there)


def test_other_scans_and_repeated_places_share_none():
    keys = [find_keys(scan(seed), 0)[0] for seed in range(4)]
    assert shared_by(keys, keys) == [(k, k) for k in range(4)]
    assert shared_by([], keys) == shared_by(keys, []) == []
    tiled = np.tile(scan(0)[:8, :8], (5, 5, 1))
    assert len(find_keys(tiled, 0)[0]) < NUMBER / 4


@pytest.mark.parametrize("shape", [(4, 9, 2), (1, 1, 1), (30, 30, 2)])
def test_where_there_is_nothing_to_name(shape):
    keys, places = find_keys(np.zeros(shape), 0)
    assert len(keys) == len(places) == 0
    assert how_laid((keys, places), find_keys(scan(0), 0), shape[:2]) is None


def test_places_that_lie_otherwise_do_not_meet():
    keys, places = find_keys(scan(2), 0)
    mixed = np.random.default_rng(0).permutation(places)
    assert how_laid((keys[: 4 * LEAST], places[: 4 * LEAST]), (keys, mixed), (40, 50)) is None


@given(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)))
def test_names_that_two_scans_share_are_found_in_both(one, other):
    mine, yours = (np.array(sorted(names), np.uint64) for names in (one, other))
    expected = np.intersect1d(mine, yours, return_indices=True)[1:]
    for place, known in zip(_shared(mine, yours), expected, strict=True):
        assert np.array_equal(place, known)
