"""Ranges: widened the more the fewer patients they are of, and of several models together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.network.ranges import LabelRanges, Range, Ranges, joined

NUMBERS = st.floats(-1e3, 1e3)


@given(values=st.lists(NUMBERS, min_size=1, max_size=5), patients=st.integers(1, 100))
def test_a_range_holds_what_it_is_of(values: list[float], patients: int) -> None:
    wide = Range.of(values).widened(patients, 1.0)
    assert all(value in wide for value in values)
    assert wide.high - max(values) >= 1 - 1e-2


@pytest.mark.parametrize("patients", [2, 3, 5, 10, 30, 100])
def test_of_normal_numbers_hardly_one_is_outside(patients: int) -> None:
    rng = np.random.default_rng(patients)
    outside = 0
    for _ in range(2000):
        known = rng.normal(size=patients)
        outside += rng.normal() not in Range.of(known).widened(patients, 1.0)
    assert outside / 2000 < 0.05 if patients < 10 else outside / 2000 < 0.02


def test_factors_are_widened_by_ratio() -> None:
    one = Range(low=10, high=40).widened(5, 0.1, factor=True)
    tenfold = Range(low=100, high=400).widened(5, 0.1, factor=True)
    assert (tenfold.low, tenfold.high) == pytest.approx((10 * one.low, 10 * one.high))
    assert one.low > 0


def ranges(low: float, patients: int = 3, ml: Range | None = None, field: bool = True) -> Ranges:
    side = Range(low=low, high=low + 1)
    label = LabelRanges(ml=ml, centre=[side] if ml else [], lacking=0.0 if ml else 1.0)
    return Ranges(
        patients=patients,
        spacing=[side] * 3,
        field=[side] * 3 if field else [],
        channels=[None],
        labels={"a": label},
    )


def test_several_are_joined() -> None:
    ml = Range(low=5, high=6)
    both = joined([ranges(1, 3, ml), ranges(7, 4, field=False)])
    assert both.patients == 4
    assert both.spacing == [Range(low=1, high=8)] * 3
    assert both.field == [], "of one nothing is known"
    assert both.labels["a"] == LabelRanges(ml=ml, centre=[Range(low=1, high=2)], lacking=1.0)
    assert joined([ranges(1)]) == ranges(1)
    assert joined([ranges(1), None]) is None and joined([]) is None
