"""How scans lie: each way to turn one is told from all others."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.volumes.picture import SHAPE
from slicewise.volumes.pose import centred, lie, lies_of

MEAN = np.random.default_rng(3).normal(size=SHAPE)
MEAN = (MEAN - MEAN.mean()) / np.linalg.norm(MEAN - MEAN.mean())
FLIPS = [axes for number in range(4) for axes in combinations(range(3), number)]


def parts(array: np.ndarray) -> list[int]:
    """A picture as it is stored, of numbers of any size."""
    low, high = array.min(), array.max()
    return [int(value) for value in np.rint(255 * (array - low) / (high - low)).ravel()]


@pytest.mark.parametrize("flipped", FLIPS, ids=str)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_turned_picture_is_the_mean_once_it_is_turned_back(
    flipped: tuple[int, ...], swapped: bool
) -> None:
    turned = np.flip(MEAN, flipped)
    turned = turned.swapaxes(0, 1) if swapped else turned
    own = lie(centred(parts(turned), flat=False), MEAN)
    assert len(own.turned) == 15, "each way has its own words"
    if not flipped and not swapped:
        assert own.alike > 2.9 and min(own.upright.values()) > 2
        return
    said = max(own.turned, key=own.turned.__getitem__)
    assert own.turned[said] > 2.9 and own.upright[said] < -2
    assert ("a quarter turn" in said or "rows and columns" in said) == swapped
    assert ("a quarter turn" in said) == (swapped and (0 in flipped) != (1 in flipped))
    assert ("head and foot" in said) == (2 in flipped)
    if not swapped:
        assert ("left and right" in said) == (0 in flipped)
        assert ("back and front" in said) == (1 in flipped)


@given(st.floats(0.1, 1), st.floats(-50, 50), st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_it_is_the_correlation_by_numpy(scale: float, offset: float, seed: int) -> None:
    picture = MEAN + np.random.default_rng(seed).normal(0, 0.05, SHAPE)
    own = lie(centred(parts(picture), flat=False), scale * MEAN + offset)
    wanted = np.corrcoef(picture.ravel(), MEAN.ravel())[0, 1]
    assert np.tanh(own.alike) == pytest.approx(wanted, abs=0.01)


def test_piles_of_slices_have_no_order() -> None:
    shuffled = MEAN[..., np.random.default_rng(0).permutation(SHAPE[2])]
    low, high = MEAN.min(), MEAN.max()
    one, other = (
        centred(parts(np.append(array.ravel(), [low, high])[:-2].reshape(SHAPE)), flat=True)
        for array in (MEAN, shuffled)
    )
    assert one.shape == (8, 8, 1)
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert not any("head" in turn for turn in lie(one, one).turned)


def test_a_picture_without_contrast_is_like_nothing() -> None:
    own = lie(centred([7] * int(np.prod(SHAPE)), flat=False), MEAN)
    assert {own.alike, *own.turned.values()} == {0}


def test_a_patient_is_held_against_others_alone() -> None:
    random = np.random.default_rng(5)
    pictures = [centred(parts(MEAN + random.normal(0, 0.05, SHAPE)), flat=False) for _ in range(4)]
    mean, lies = lies_of(pictures, ["a", "b", "b", "c"])
    np.testing.assert_allclose(mean, np.mean(pictures, axis=0))
    for number, others in ((0, [1, 2, 3]), (1, [0, 3]), (2, [0, 3]), (3, [0, 1, 2])):
        wanted = lie(pictures[number], np.mean([pictures[k] for k in others], axis=0))
        assert lies[number].alike == pytest.approx(wanted.alike)
