"""How a network of three dimensions goes through the slices of a block."""

from __future__ import annotations

import pytest

from slicewise.config.network import halvings
from slicewise.network.depth import Depth


@pytest.mark.parametrize(
    ("slices", "stages", "often"), [(4, 5, 0), (8, 5, 1), (16, 5, 2), (32, 5, 3), (40, 4, 3)]
)
def test_a_block_is_halved_until_four_slices_are_left(slices: int, stages: int, often: int) -> None:
    pools = [Depth(slices).pool(stage) for stage in range(stages - 1)]
    assert pools == [2] * often + [1] * (stages - 1 - often)
    # as settings are checked
    assert halvings(slices, stages) == often


def test_slices_far_apart_are_looked_at_by_themselves_until_pixels_are_as_far() -> None:
    # 5 mm between slices, pixels of 1, 2 and 4 mm: the third stage is the first of cubes
    depth = Depth.of(16, 5, 5.0)
    assert [depth.kernel(stage) for stage in range(5)] == [1, 1, 3, 3, 3]
    assert [depth.pool(stage) for stage in range(4)] == [1, 1, 2, 2]


def test_thin_slices_are_taken_as_cubes_and_the_deepest_stage_always_sees_neighbours() -> None:
    assert Depth.of(16, 3, 0.3).flat == 0
    assert [Depth.of(16, 3, 100.0).kernel(stage) for stage in range(3)] == [1, 1, 3]
