"""What is done to a mask, against scipy's own way to the same end."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from slicewise import components
from slicewise.config import Postprocessing
from slicewise.inference.postprocessing import (
    fill_holes,
    largest_components,
    postprocess,
    to_labels,
)


@st.composite
def masks(draw: st.DrawFn, labels: int = 2) -> np.ndarray:
    """Return small masks dense enough to have components and holes, in either memory order."""
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    share = draw(st.sampled_from([0.05, 0.3, 0.7, 0.9]))
    mask = random.integers(1, labels + 1, shape) * (random.random(shape) < share)
    return np.asarray(mask.astype(np.uint8), order=draw(st.sampled_from(["C", "F"])))


# -- deciding --------------------------------------------------------------------


def test_the_last_axis_holds_the_labels() -> None:
    probabilities = np.random.default_rng(1).random((3, 4, 5, 2))
    decided = to_labels(probabilities, 0.5)
    assert decided.shape == (3, 4, 5)
    np.testing.assert_array_equal(decided, probabilities[..., 1] > probabilities[..., 0])


def test_one_label_is_where_its_probability_is_above_the_threshold() -> None:
    probabilities = np.array([0.2, 0.3, 0.31, 0.9], np.float32)[:, None]
    assert to_labels(probabilities, np.float32(0.3)).tolist() == [0, 0, 1, 1]
    assert to_labels(probabilities, 0.5).dtype == np.uint8


def test_of_several_labels_the_likeliest_wins_whatever_the_threshold() -> None:
    probabilities = np.array([[0.4, 0.35, 0.25], [0.3, 0.3, 0.4], [0.1, 0.6, 0.3]], np.float32)
    for threshold in (0.1, 0.9):
        assert to_labels(probabilities, threshold).tolist() == [0, 2, 1]


# -- the largest component -------------------------------------------------------


@given(masks())
@settings(max_examples=60, deadline=None)
def test_one_component_is_kept_and_none_is_larger(mask: np.ndarray) -> None:
    before = mask.copy()
    kept = largest_components(mask, [1, 2])
    np.testing.assert_array_equal(mask, before)
    assert kept.dtype == mask.dtype
    for label in (1, 2):
        parts, number = ndimage.label(mask == label, np.ones((3, 3, 3)))
        sizes = np.bincount(parts.ravel(), minlength=number + 1)[1:]
        chosen = np.unique(parts[kept == label])
        assert len(chosen) == min(number, 1)
        if number:
            assert np.array_equal(kept == label, parts == chosen[0])
            assert sizes[chosen[0] - 1] == sizes.max()
    np.testing.assert_array_equal(largest_components(kept, [1, 2]), kept)


def test_parts_of_one_label_are_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large CT they are gigabytes."""
    monkeypatch.setattr(components, "BLOCK", 1 << 12)
    noise = np.random.default_rng(0).integers(0, 6, (64, 64, 64)).astype(np.uint8)

    def peak(labels: int) -> float:
        tracemalloc.start()
        try:
            largest_components(noise, range(1, labels + 1))
            return tracemalloc.get_traced_memory()[1] / noise.size
        finally:
            tracemalloc.stop()

    one = peak(1)
    # the copy, where the label is, four bytes of parts, and which of them go
    assert 6 < one < 7.5
    assert peak(5) < one + 1.5


def test_corners_join_components() -> None:
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[3, 3, 3] = 1
    assert np.argwhere(largest_components(mask, [1])).tolist() == [[0, 0, 0], [1, 1, 1]]


def test_each_label_keeps_its_own_component() -> None:
    mask = np.zeros((8, 8, 4), np.uint8)
    mask[1:4, 1:4] = 1
    mask[6, 6, 0] = 1
    mask[5:7, 1:3, 2] = 2
    kept = largest_components(mask, [1, 2])
    assert kept[6, 6, 0] == 0
    assert np.count_nonzero(kept == 1) == 36
    assert np.count_nonzero(kept == 2) == 4


@given(masks(labels=3), st.sets(st.integers(1, 3), min_size=1))
@settings(max_examples=40, deadline=None)
def test_labels_that_are_not_named_stay_as_they_are(mask: np.ndarray, chosen: set[int]) -> None:
    every = largest_components(mask, [1, 2, 3])
    kept = largest_components(mask, sorted(chosen))
    for label in (1, 2, 3):
        wanted = every if label in chosen else mask
        np.testing.assert_array_equal(kept == label, wanted == label)
    names = ["a", "b", "c"]
    listed = Postprocessing(largest_component=[names[label - 1] for label in chosen])
    np.testing.assert_array_equal(postprocess(mask, names, listed, contiguous=True), kept)
    # a list of all is what true says
    for whole in (True, names):
        done = postprocess(mask, names, Postprocessing(largest_component=whole), contiguous=True)
        np.testing.assert_array_equal(done, every)


# -- holes -----------------------------------------------------------------------


@given(masks(labels=1))
@settings(max_examples=60, deadline=None)
def test_holes_of_one_label_equal_scipys(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(
        fill_holes(mask, 1, slicewise=False), ndimage.binary_fill_holes(mask)
    )
    by_slice = [ndimage.binary_fill_holes(mask[..., z]) for z in range(mask.shape[2])]
    np.testing.assert_array_equal(fill_holes(mask, 1, slicewise=True), np.stack(by_slice, axis=-1))


@given(masks(labels=3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_each_hole_goes_to_a_label_that_encloses_it(mask: np.ndarray, slicewise: bool) -> None:
    before = mask.copy()
    filled = fill_holes(mask, 3, slicewise)
    np.testing.assert_array_equal(mask, before)
    np.testing.assert_array_equal(filled[mask > 0], mask[mask > 0])
    enclosed = {}
    for label in (1, 2, 3):
        own = mask == label
        if slicewise:
            layers = [ndimage.binary_fill_holes(own[..., z]) for z in range(mask.shape[2])]
            enclosed[label] = np.stack(layers, axis=-1)
        else:
            enclosed[label] = ndimage.binary_fill_holes(own)
        assert enclosed[label][filled == label].all()
    # nothing that any label encloses is left over
    np.testing.assert_array_equal(filled > 0, (mask > 0) | np.any(list(enclosed.values()), axis=0))
    np.testing.assert_array_equal(fill_holes(filled, 3, slicewise), filled)


@pytest.mark.parametrize(("outer", "inner"), [(1, 2), (2, 1)])
def test_a_hole_in_a_label_inside_another_is_the_inner_ones(outer: int, inner: int) -> None:
    mask = np.zeros((11, 11, 11), np.uint8)
    mask[1:10, 1:10, 1:10] = outer
    mask[2:9, 2:9, 2:9] = 0
    mask[4:7, 4:7, 4:7] = inner
    mask[5, 5, 5] = 0
    filled = fill_holes(mask, 2, slicewise=False)
    assert filled[5, 5, 5] == inner
    assert filled[2, 2, 2] == outer
    assert np.count_nonzero(filled == inner) == 27
    assert np.count_nonzero(filled) == 9**3


def test_what_reaches_the_border_is_no_hole() -> None:
    ring = np.ones((5, 5, 3), np.uint8)
    ring[2, 2] = 0  # a tunnel from the first slice to the last
    np.testing.assert_array_equal(fill_holes(ring, 1, slicewise=False), ring)
    assert fill_holes(ring, 1, slicewise=True).all()


# -- together --------------------------------------------------------------------


def test_a_hole_that_a_small_component_leaves_is_filled() -> None:
    mask = np.ones((9, 9, 9), np.uint8)
    mask[4, 4, 4] = 2
    mask[0, 0, :2] = 2
    both = Postprocessing(largest_component=True, fill_holes=True)
    done = postprocess(mask, ["a", "b"], both, contiguous=True)
    assert done[4, 4, 4] == 1
    assert (done[0, 0, :2] == 2).all()


def test_only_what_is_asked_for_is_done() -> None:
    mask = np.zeros((7, 7, 3), np.uint8)
    mask[1:5, 1:5, 1] = 1
    mask[2, 2, 1] = 0
    mask[6, 6, 2] = 1
    assert postprocess(mask, ["a"], Postprocessing(), contiguous=True) is mask
    alone = postprocess(mask, ["a"], Postprocessing(largest_component=True), contiguous=True)
    assert (alone[2, 2, 1], alone[6, 6, 2]) == (0, 0)
    holes = Postprocessing(fill_holes=True)
    # the hole is one of its slice only
    assert postprocess(mask, ["a"], holes, contiguous=True)[2, 2, 1] == 0
    assert postprocess(mask, ["a"], holes, contiguous=False)[2, 2, 1] == 1
