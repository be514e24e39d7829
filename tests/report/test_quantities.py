"""Robust z-scores of what is measured in every case."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from slicewise.report import quantities
from slicewise.report.quantities import FAR, compared, intensity_digits, robust_z
from tests.looks import label_look, seen, seen_case

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=40)


def named(data, name: str) -> quantities.Quantity:
    return next(each for each in quantities.quantities(data) if each.name == name)


@given(NUMBERS)
def test_the_score_is_that_of_scipy(values):
    numbers = np.array(values)
    spread = median_abs_deviation(numbers, scale="normal")
    assume(spread > 1e-3)
    expected = (numbers - np.median(numbers)) / spread
    assert robust_z(numbers, 1e-9) == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_an_outlier_hides_neither_itself_nor_another():
    numbers = np.array([*np.linspace(99, 101, 20), 300, 310])
    far = np.abs(robust_z(numbers, 0.01)) > FAR
    assert far.tolist() == [False] * 20 + [True] * 2


def test_what_is_the_same_in_most_cases_makes_no_small_difference_an_outlier():
    spacings = [0.75] * 9 + [0.76, 1.5]
    cases = [
        seen_case(f"a{n}", look={"spacing": [0.75, step, 2.5]}) for n, step in enumerate(spacings)
    ]
    data = seen(cases)
    found = compared(cases, named(data, "spacing from back to front"))
    assert [name for name, each in found.items() if abs(each.z) > FAR] == ["a10"]
    assert found["a10"].value == 1.5
    assert found["a10"].median == 0.75


def test_of_four_cases_no_spread_is_known():
    cases = [seen_case(f"a{n}", record={"ml": {"liver": 10.0**n}}) for n in range(4)]
    assert compared(cases, named(seen(cases), "volume of liver")) == {}


def test_a_missing_label_has_no_volume_and_no_intensity():
    cases = [seen_case(f"a{n}") for n in range(6)]
    empty = {"liver": label_look(voxels=0, ml=0.0, islands=0, quantiles=[])}
    cases.append(seen_case("b", record={"ml": {"liver": 0.0}}, look={"labels": empty}))
    data = seen(cases)
    for name in ("volume of liver", "median intensity in liver", "pieces of liver"):
        assert set(compared(cases, named(data, name))) == {f"a{n}" for n in range(6)}


def test_volumes_are_compared_by_their_ratio():
    volumes = [1000.0, 1100.0, 900.0, 1200.0, 800.0, 10.0]
    cases = [seen_case(f"a{n}", record={"ml": {"liver": ml}}) for n, ml in enumerate(volumes)]
    found = compared(cases, named(seen(cases), "volume of liver"))
    assert [name for name, each in found.items() if abs(each.z) > FAR] == ["a5"]


def test_intensities_of_other_units_have_digits_that_count():
    def data(high: float):
        record = {"intensity": {"p5": 0.0, "p50": high / 2, "p95": high}}
        return seen([seen_case("a", record=record)], intensity="arbitrary")

    assert [intensity_digits(data(high)) for high in (20_000.0, 5.0, 0.003)] == [0, 2, 5]
    assert intensity_digits(data(0.0)) == 3
    assert intensity_digits(seen([seen_case()])) == 0
    assert all(each.least > 0 for each in quantities.quantities(data(0.0)))
