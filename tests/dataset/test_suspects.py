"""Suspects are those that a plain look at every pair of slices finds, however it is divided."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.dataset import duplicates, suspects
from slicewise.dataset.content import SIDE, Frame
from slicewise.dataset.marks import COEFFICIENTS, FREQUENCIES, USED, Scan


def scan(slices: int, rng: np.random.Generator) -> Scan:
    """Return a scan with marks alone."""
    return Scan(
        frame=Frame(40, 40, 0, 0, 40, 40),
        heights=np.arange(slices, dtype=np.int16),
        marks=rng.integers(-127, 128, (slices, 3, COEFFICIENTS)).astype(np.int8),
        thumbs=np.zeros((slices, SIDE, SIDE), np.uint8),
        keys=np.empty(0, np.uint64),
        places=np.empty((0, 3), np.int16),
    )


def plain_bounds(mark: np.ndarray) -> np.ndarray:
    """Return the lengths of the pairs (u, v), (v, u) of a mark, one after the other."""
    square = np.zeros((FREQUENCIES, FREQUENCIES))
    square[USED] = mark / np.linalg.norm(mark.astype(float))
    return np.array(
        [
            abs(square[u, u]) if u == v else np.hypot(square[u, v], square[v, u])
            for u in range(FREQUENCIES)
            for v in range(u, FREQUENCIES)
            if USED[u, v]
        ]
    )


def plain_scores(probed: list[Scan], searched: list[Scan]) -> np.ndarray:
    """Compare slice by slice, which takes long and is easy to read."""
    canvas, negative, content = range(3)
    scores = np.zeros((len(probed), len(searched)))
    for mine, yours in ((canvas, canvas), (negative, canvas), (content, content)):
        for row, one in enumerate(probed):
            few = one.marks[:, mine]
            if len(few) > 6:
                few = few[[int((k + 0.5) * (len(few) / 6)) for k in range(6)]]
            probes = [plain_bounds(mark) for mark in few]
            for column, other in enumerate(searched):
                slices = [plain_bounds(mark) for mark in other.marks[:, yours]]
                best = max(float(a @ b) for a in probes for b in slices)
                scores[row, column] = max(scores[row, column], best)
    return scores


@settings(max_examples=40, deadline=None)
@given(
    mine=st.lists(st.integers(1, 9), max_size=7),
    yours=st.lists(st.integers(1, 9), max_size=7),
    together=st.integers(1, 8),
    rows=st.integers(1, 20),
    described=st.integers(1, 8),
    most=st.integers(1, 4),
    near=st.floats(0.6, 0.9),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_suspects_are_the_same_however_the_work_is_divided(
    mine, yours, together, rows, described, most, near, threads, seed
):
    rng = np.random.default_rng(seed)
    probed = [scan(slices, rng) for slices in mine]
    searched = [scan(slices, rng) for slices in yours]
    scores = plain_scores(probed, searched)
    expected = {
        (row, int(column))
        for row in range(len(probed))
        for column in np.argsort(-scores[row])[:most]
        if scores[row, column] >= near
    }
    sizes = {"TOGETHER": together, "ROWS": rows, "DESCRIBED": described, "MOST": most}
    with mock.patch.multiple(suspects, NEAR=near, **sizes):
        assert suspects.find_suspects(probed, searched, threads) == expected


def test_the_bound_is_never_below_the_likeness():
    rows = scan(60, np.random.default_rng(3)).marks[:, 0]
    rows[30:] = rows[:30]
    rows[30:] += np.random.default_rng(4).integers(-1, 2, rows[30:].shape, np.int8)
    values = suspects.unit(rows)
    products = suspects.bounds(values) @ suspects.bounds(values).T
    assert np.allclose(np.diag(products), 1, atol=1e-5)
    for turned in duplicates._turns(values):
        assert np.all(turned @ values.T <= products + 1e-5)


@pytest.mark.parametrize("slices", range(1, 40))
def test_few_slices_are_all_and_of_many_every_part_has_one(slices):
    chosen = suspects._chosen(slices)
    assert len(chosen) == suspects.PROBES
    if slices <= suspects.PROBES:
        assert set(chosen) == set(range(slices))
    else:
        assert np.diff([-1, *chosen, slices]).max() <= slices / 4 + 1
