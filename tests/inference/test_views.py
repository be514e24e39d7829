"""Views of a slice, and the mean over them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from slicewise.config import Inference
from slicewise.inference.views import View, averaged, views

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
