"""Full batches across blocks and cases."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.inference.batching import batched

RANDOM = np.random.default_rng(0)


def pictures(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


class Network:
    """Doubles, and notes the shapes that it was given."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.shapes.append(images.shape)
        return 2 * images


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from([2, 3])), max_size=8), st.integers(1, 6)
)
@settings(max_examples=80, deadline=None)
def test_batches_are_full_and_in_order(lengths: list[tuple[int, int]], batch: int) -> None:
    blocks = [(key, pictures(n, side, 2, 1)) for key, (n, side) in enumerate(lengths)]
    network = Network()
    got: dict[int, list[np.ndarray]] = {}
    order = []
    for key, outputs in batched(blocks, batch, network):
        assert len(outputs)
        got.setdefault(key, []).append(outputs)
        order.append(key)
    assert order == sorted(order)
    for key, images in blocks:
        if len(images):
            np.testing.assert_array_equal(np.concatenate(got[key]), 2 * images)
    assert {shape[0] for shape in network.shapes} <= {batch}
    # a batch that is not full ends only a run of one size
    runs: list[list[int]] = []
    for n, side in (one for one in lengths if one[0]):
        if not runs or runs[-1][1] != side:
            runs.append([0, side])
        runs[-1][0] += n
    assert len(network.shapes) == sum(-(-n // batch) for n, _ in runs)


def test_the_last_batch_is_filled_with_its_last_slice() -> None:
    seen = []
    x = pictures(2, 3, 3, 1)
    list(batched([("a", x)], 4, lambda images: seen.append(images) or images))
    np.testing.assert_array_equal(seen[0], x[[0, 1, 1, 1]])
