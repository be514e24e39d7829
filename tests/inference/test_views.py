"""Views, batches across cases, and running ahead."""

from __future__ import annotations

import threading
from collections.abc import Generator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from slicewise.config import Inference
from slicewise.errors import SlicewiseError
from slicewise.inference.prefetch import prefetch
from slicewise.inference.views import View, averaged, batched, infer, views

RANDOM = np.random.default_rng(0)
FLIPS = ("none", "one", "both")


def pictures(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


# -- views -----------------------------------------------------------------------


def test_mirrors() -> None:
    x = pictures(2, 4, 5, 3)
    one, two, both = (view.apply(x) for view in views(Inference(flip="both"))[1:])
    np.testing.assert_array_equal(one, x[:, ::-1])
    np.testing.assert_array_equal(two, x[:, :, ::-1])
    np.testing.assert_array_equal(both, x[:, ::-1, ::-1])
    assert views(Inference(flip="one")) == views(Inference(flip="both"))[:2]
    assert views(Inference()) == [View()]


@pytest.mark.parametrize("by", [1, 3, 9])
def test_a_moved_picture_repeats_its_border(by: int) -> None:
    x = pictures(1, 7, 6, 1)
    shown = views(Inference(shift=by))
    assert len(shown) == 5
    for view in shown[1:]:
        wanted = ndimage.shift(x[0, ..., 0], view.moved, order=0, mode="nearest")
        np.testing.assert_array_equal(view.apply(x)[0, ..., 0], wanted)
    assert sorted(view.moved for view in shown) == [(-by, 0), (0, -by), (0, 0), (0, by), (by, 0)]


@given(
    st.sampled_from(FLIPS),
    st.integers(0, 12),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([(), (1,), (2,), (1, 2)]),
)
@settings(max_examples=60, deadline=None)
def test_undoing_a_view_gives_back_what_it_shows(
    flip: str, shift: int, size: tuple[int, int], also: tuple[int, ...]
) -> None:
    x = np.arange(2 * size[0] * size[1], dtype=np.float32).reshape(2, *size, 1)
    shown = views(Inference.model_validate({"flip": flip, "shift": shift}))
    for view in [*shown, *(View(also, view.moved) for view in shown)]:
        rows, columns = view.seen(*size)
        np.testing.assert_array_equal(view.undo(view.apply(x)), x[:, rows, columns])


def by_place(images: np.ndarray) -> np.ndarray:
    """A network that answers differently at each pixel, and shown at its neighbours."""
    rows, columns = images.shape[1:3]
    weight = np.arange(rows)[:, None] + 10 * np.arange(columns)
    blurred = ndimage.uniform_filter(images[..., 0], (0, 3, 3), mode="constant")
    return np.stack([blurred * weight, images[..., 0]], axis=-1).astype(np.float32)


def test_a_pixel_is_averaged_over_the_views_that_show_it() -> None:
    x = pictures(2, 6, 5, 1)
    seen = [by_place(x)]
    mirrored = by_place(x[:, ::-1])
    seen.append(mirrored[:, ::-1])
    for axis in (1, 2):
        for by in (-2, 2):
            # np.roll brings pixels in at the other side; they are not shown
            rolled = np.roll(x, by, axis)
            edge = [slice(None)] * 4
            edge[axis] = slice(0, by) if by > 0 else slice(by, None)
            rolled[tuple(edge)] = x.take([0 if by > 0 else -1], axis)
            back = by_place(rolled)
            back[tuple(edge)] = np.nan
            seen.append(np.roll(back, -by, axis))
    got = averaged([by_place], views(Inference(flip="one", shift=2)))(x)
    np.testing.assert_allclose(got, np.nanmean(seen, axis=0), rtol=1e-5, atol=1e-5)


def test_networks_are_averaged() -> None:
    x = pictures(3, 4, 4, 1)
    got = averaged([lambda v: v, lambda v: 4 * v, lambda v: v * 0], [View()])(x)
    np.testing.assert_allclose(got, x * 5 / 3, rtol=1e-6)
    np.testing.assert_array_equal(averaged([lambda v: v], [View()])(x), x)


# -- batches ---------------------------------------------------------------------


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


def test_cases_come_whole_and_as_soon_as_they_are_done() -> None:
    cases = {"a": pictures(5, 4, 4, 2), "b": pictures(1, 4, 4, 2), "c": pictures(6, 4, 4, 2)}
    read: list[str] = []

    def reader(key: str):
        def one(start: int, stop: int) -> np.ndarray:
            read.append(key)
            return cases[key][start:stop]

        return one

    network = Network()
    results = infer(((key, len(x), reader(key)) for key, x in cases.items()), 4, network)
    key, outputs = next(results)
    np.testing.assert_array_equal(outputs, 2 * cases["a"])
    assert (key, set(read)) == ("a", {"a", "b", "c"})
    assert [key for key, _ in results] == ["b", "c"]
    # 12 slices in three batches of four
    assert network.shapes == [(4, 4, 4, 2)] * 3


# -- running ahead ---------------------------------------------------------------


def test_ahead_gives_the_same_from_another_thread() -> None:
    threads = set()

    def count() -> Generator[int, None, None]:
        for k in range(20):
            threads.add(threading.get_ident())
            yield k

    assert list(prefetch(count(), 3)) == list(range(20))
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_an_error_comes_after_the_items_before_it() -> None:
    def fails() -> Generator[int, None, None]:
        yield 1
        yield 2
        raise SlicewiseError("case c: broken")

    got = []
    with pytest.raises(SlicewiseError, match="case c: broken"):
        for k in prefetch(fails(), 5):
            got.append(k)
    assert got == [1, 2]


def test_closing_stops_the_thread_and_what_runs_in_it() -> None:
    made: list[int] = []
    closed = []

    def endless() -> Generator[int, None, None]:
        try:
            while True:
                made.append(len(made))
                yield made[-1]
        finally:
            closed.append(True)

    before = threading.active_count()
    items = prefetch(endless(), 2)
    assert next(items) == 0
    items.close()
    assert closed == [True]
    assert len(made) <= 4  # one taken, two ahead and one begun
    assert threading.active_count() == before
