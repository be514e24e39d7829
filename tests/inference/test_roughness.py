"""How rough a mask is: against a plain count, in blocks as in one piece."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from slicewise.inference import roughness as module
from slicewise.inference.roughness import roughness


def plainly(own: np.ndarray, window: tuple[int, int, int]) -> float:
    """Return the same by SciPy, of the whole volume at once."""
    share = ndimage.uniform_filter(own.astype(float), window, mode="nearest")
    return float(((share > 0.5) != own).sum() / own.sum())


@pytest.mark.parametrize(
    ("spacing", "contiguous", "window"),
    [
        ((1, 1, 1), True, (5, 5, 5)),
        ((1, 1, 1), False, (5, 5, 1)),
        ((0.7, 0.7, 1.6), True, (5, 5, 3)),
        ((0.7, 0.7, 5), True, (5, 5, 1)),
        ((3, 1, 1), True, (3, 5, 5)),
    ],
)
@pytest.mark.parametrize("block", [3, 32])
def test_it_is_what_a_plain_count_says(monkeypatch, spacing, contiguous, window, block) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    rng = np.random.default_rng(0)
    own = ndimage.gaussian_filter(rng.normal(size=(30, 26, 22)), 2) > 0
    own[:6] = False
    for array in (own, np.asfortranarray(own)):
        told = roughness(array, spacing, contiguous=contiguous)
        assert told == pytest.approx(plainly(own, window))


def test_a_ball_is_smooth_and_the_edge_of_the_scan_no_roughness() -> None:
    x, y, z = np.ogrid[:40, :40, :40]
    ball = (x - 20) ** 2 + (y - 20) ** 2 + (z - 20) ** 2 < 15**2
    smooth = roughness(ball, (1, 1, 1), contiguous=True)
    noisy = ball & (np.random.default_rng(1).random(ball.shape) > 0.2)
    assert smooth < 0.05 < 0.2 < roughness(noisy, (1, 1, 1), contiguous=True)
    slab = np.zeros((10, 10, 10), bool)
    slab[:, :, :5] = True
    assert roughness(slab, (1, 1, 1), contiguous=True) == 0


def test_of_nothing_there_is_none_and_of_a_dot_all() -> None:
    own = np.zeros((9, 9, 9), bool)
    assert roughness(own, (1, 1, 1), contiguous=True) == 0
    own[4, 4, 4] = True
    assert roughness(own, (1, 1, 1), contiguous=True) == 1
    assert roughness(np.ones((1, 1, 1), bool), (1, 1, 1), contiguous=True) == 0
