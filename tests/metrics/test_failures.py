"""Islands, missed parts, bulges and gaps: masks made by hand, and a slow way to count them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.measure import label

from slicewise.metrics.failures import failures

UNIT = (1.0, 1.0, 1.0)


def boxes(*corners: tuple[int, int, int, int, int, int]) -> np.ndarray:
    """A mask of boxes: first corner, then the corner beyond."""
    mask = np.zeros((60, 40, 30), bool)
    for a, b, c, d, e, f in corners:
        mask[a:d, b:e, c:f] = True
    return mask


ORGAN = (5, 5, 5, 30, 30, 25)


def test_islands_are_counted_and_the_largest_is_measured() -> None:
    truth = boxes(ORGAN)
    guess = boxes(ORGAN, (40, 5, 5, 44, 9, 10), (50, 30, 20, 51, 31, 21))
    got = failures(truth, guess, 0.5, (2.0, 1.0, 1.0))
    assert got["false_islands"] == 2
    assert got["false_islands_ml"] == (80 + 1) * 0.5
    assert got["largest_false_ml"] == 40
    assert got["largest_false_mm"] == (40 - 29) * 2  # between centres of voxels
    assert got["missed_parts"] == got["largest_bulge_ml"] == got["largest_gap_ml"] == 0


def test_missed_parts_are_islands_the_other_way_round() -> None:
    truth = boxes(ORGAN, (40, 5, 5, 44, 9, 10), (50, 30, 20, 51, 31, 21))
    got = failures(truth, boxes(ORGAN), 0.5, UNIT)
    assert (got["missed_parts"], got["missed_parts_ml"]) == (2, 40.5)
    assert got["largest_missed_ml"] == 40
    assert got["false_islands"] == 0
    assert np.isnan(got["largest_false_mm"])


def test_what_touches_by_a_corner_is_one_piece() -> None:
    truth = boxes(ORGAN)
    corner = boxes(ORGAN, (30, 30, 25, 33, 33, 28))
    apart = boxes(ORGAN, (31, 31, 26, 33, 33, 28))
    assert failures(truth, corner, 1.0, UNIT)["false_islands"] == 0
    assert failures(truth, apart, 1.0, UNIT)["false_islands"] == 1


def test_thick_errors_of_what_was_found_are_gaps_and_bulges() -> None:
    truth = boxes(ORGAN)
    # 12 mm of one end are missing; on the other side 11 mm are too many, and a rim of 2 mm
    guess = boxes((17, 3, 3, 32, 32, 27), (30, 10, 10, 43, 25, 22))
    got = failures(truth, guess, 0.001, UNIT)
    assert got["largest_gap_ml"] == pytest.approx(12 * 25 * 20 * 0.001)
    # of the rim, what lies within a box of 10 mm that fits
    assert got["largest_bulge_ml"] == pytest.approx(13 * 15 * 12 * 0.001)
    assert got["missed_parts"] == got["false_islands"] == 0
    assert failures(truth, guess, 0.001, (0.7, 0.7, 0.7))["largest_gap_ml"] == 0


def test_empty_masks() -> None:
    empty, organ = boxes(), boxes(ORGAN)
    both = failures(empty, empty, 1.0, UNIT)
    assert np.isnan(both.pop("largest_false_mm"))
    assert not any(both.values())
    missed = failures(organ, empty, 1.0, UNIT)
    assert (missed["missed_parts"], missed["largest_missed_ml"]) == (1, organ.sum())
    assert missed["largest_gap_ml"] == 0
    false = failures(empty, organ, 1.0, UNIT)
    assert (false["false_islands"], false["largest_false_ml"]) == (1, organ.sum())
    assert np.isnan(false["largest_false_mm"])
    assert false["largest_bulge_ml"] == 0


masks = arrays.arrays(bool, (7, 6, 5), elements=st.booleans(), fill=st.just(False))


@settings(max_examples=80, deadline=None)
@given(masks, masks)
def test_memory_order_and_sides_do_not_matter(truth, guess) -> None:
    spacing = (1.0, 3.0, 0.5)
    got = failures(truth, guess, 2.0, spacing)
    fortran = failures(np.asfortranarray(truth), np.asfortranarray(guess), 2.0, spacing)
    assert got == pytest.approx(fortran, nan_ok=True)
    other = failures(guess, truth, 2.0, spacing)
    for false, missed in (
        ("false_islands", "missed_parts"),
        ("false_islands_ml", "missed_parts_ml"),
        ("largest_false_ml", "largest_missed_ml"),
        ("largest_bulge_ml", "largest_gap_ml"),
    ):
        assert (got[false], got[missed]) == (other[missed], other[false])
    parts = label(guess, connectivity=3)
    alone = [n for n in range(1, parts.max() + 1) if not truth[parts == n].any()]
    sizes = [int((parts == n).sum()) for n in alone]
    assert (got["false_islands"], got["false_islands_ml"]) == (len(sizes), 2 * sum(sizes))
    if sizes and truth.any():
        largest = [n for n, size in zip(alone, sizes, strict=True) if size == max(sizes)]
        step = np.array(spacing)
        apart = [
            np.linalg.norm(
                (np.argwhere(parts == n)[:, None] - np.argwhere(truth)[None]) * step, axis=2
            ).min()
            for n in largest
        ]
        assert got["largest_false_mm"] == pytest.approx(min(apart))


def test_where_a_voxel_is_thicker_than_the_box_one_is_enough() -> None:
    truth, guess = np.zeros((2, 12, 12, 4), bool)
    truth[2:8, 2:8, 1] = True
    guess[2:8, 2:8, 1:3] = True
    # slices of 25 mm: the box of 10 mm fits into a single one
    found = failures(truth, guess, 0.1, (2.5, 2.5, 25.0))
    assert found["largest_bulge_ml"] == pytest.approx(36 * 0.1)
