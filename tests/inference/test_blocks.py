"""Blocks that overlap: every slice is seen, and comes once, in its order."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal.windows import gaussian

from slicewise.config import Context
from slicewise.inference.blocks import PART, Joined, centres, together, weights
from slicewise.slices.context import block_start

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
SIZES = st.integers(4, 24)


def of(slices: int) -> Context:
    return Context(slices=slices, block=True)


def blocks_of(stack: np.ndarray, context: Context) -> np.ndarray:
    """Return the blocks of a stack (slices, rows, columns, outputs), with noise beyond it."""
    total, slices = len(stack), context.slices
    starts = block_start(centres(total, context), total, slices)
    out = np.full((len(starts), *stack.shape[1:3], slices, stack.shape[-1]), 1e6, np.float32)
    for block, start in zip(out, starts, strict=True):
        for position in range(slices):
            if 0 <= start + position < total:
                block[:, :, position] = stack[start + position]
    return out


@QUICK
@given(st.integers(1, 90), SIZES)
def test_blocks_cover_a_volume_and_overlap_by_half_at_least(total: int, slices: int) -> None:
    starts = block_start(centres(total, of(slices)), total, slices)
    if total <= slices:
        assert len(starts) == 1
        return
    assert starts[0] == 0 and starts[-1] == total - slices
    steps = np.diff(starts)
    assert (steps > 0).all() and (steps <= slices // 2).all()
    # no more than are needed
    assert len(starts) <= 1 + -(-(total - slices) // (slices // 2))


@QUICK
@given(st.lists(st.integers(1, 60), min_size=1, max_size=3), SIZES, st.integers(1, 4))
def test_what_is_the_same_in_all_blocks_comes_back_as_it_was(
    totals: list[int], slices: int, batch: int
) -> None:
    random = np.random.default_rng(0)
    context = of(slices)
    stacks = [random.random((total, 2, 3 + k, 2), np.float32) for k, total in enumerate(totals)]
    joined = Joined(totals, context)
    for stack in stacks:
        blocks = blocks_of(stack, context)
        pieces = [blocks[k : k + batch] for k in range(0, len(blocks), batch)]
        got = [part for piece in pieces for part in joined.add(piece)]
        assert max(map(len, got)) <= PART
        np.testing.assert_allclose(np.concatenate(got), stack, rtol=2e-5)


def test_a_block_that_holds_all_is_taken_as_it_is() -> None:
    stack = np.random.default_rng(0).random((5, 4, 4, 1), np.float32)
    (got,) = Joined([5], of(12)).add(blocks_of(stack, of(12)))
    np.testing.assert_array_equal(got, stack)


def test_the_middle_of_a_block_counts_most() -> None:
    np.testing.assert_allclose(weights(40), gaussian(40, 5), rtol=1e-5)
    # two blocks say 0 and 1: between their middles it goes from the one to the other
    outputs = np.zeros((2, 1, 1, 8, 1), np.float32)
    outputs[1] = 1
    got = np.concatenate([*Joined([12], of(8)).add(outputs)]).ravel()
    wanted = gaussian(8, 1)
    shared = wanted[:4] / (wanted[:4] + wanted[4:])
    np.testing.assert_allclose(got, [*[0] * 4, *shared, *[1] * 4], rtol=1e-5)
    assert got[4] < 0.1 and got[7] > 0.9


def test_slices_pass_as_they_come() -> None:
    outputs = np.ones((3, 2, 2, 1), np.float32)
    (got,) = Joined([3], Context(slices=5)).add(outputs)
    assert got is outputs
    assert centres(3, Context(slices=5)).tolist() == [0, 1, 2]


def test_memory_does_not_grow_with_the_volume() -> None:
    block = np.ones((1, 64, 64, 16, 1), np.float32)

    def peak(total: int) -> int:
        joined = Joined([total], of(16))
        tracemalloc.start()
        for _ in centres(total, of(16)):
            for _ in joined.add(block):
                pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(800) < 1.1 * peak(40)


@pytest.mark.parametrize(("batch", "number"), [(8, 1), (32, 2), (1, 1)])
def test_as_many_blocks_at_a_time_as_slices_were_asked_for(batch: int, number: int) -> None:
    assert together(batch, of(16)) == number
    assert together(batch, Context(slices=3)) == batch
