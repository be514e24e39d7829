"""Robust z-scores of what is measured in every case."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from slicewise.dataset.looked import QUANTILES
from slicewise.report import quantities
from slicewise.report.quantities import (
    FAR,
    Group,
    apart,
    compared,
    groups_of,
    intensity_digits,
    is_rare,
    most_rare,
    robust_z,
)
from tests.looks import label_look, seen, seen_case

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=40)


def named(data, name: str) -> quantities.Quantity:
    return next(each for each in quantities.quantities(data) if each.name == name)


@given(NUMBERS)
def test_the_score_is_that_of_scipy(values):
    numbers = np.array(values)
    spread = median_abs_deviation(numbers, scale="normal")
    assume(spread > 1e-3)
    expected = (numbers - np.median(numbers)) / spread / (1 + quantities.FEW / len(numbers))
    assume(np.sum(np.abs(expected) > FAR) <= most_rare(len(numbers)))
    assert robust_z(numbers, 1e-9) == pytest.approx(expected, rel=1e-3, abs=1e-9)


@given(NUMBERS, st.floats(1e-6, 1e3))
def test_no_more_stand_out_than_are_rare(values, least):
    assert np.sum(np.abs(robust_z(np.array(values), least)) > FAR) <= most_rare(len(values))


@given(NUMBERS, st.floats(1e-3, 1e3))
def test_groups_hold_each_number_once_in_order_and_none_is_small(values, least):
    numbers = np.array(values)
    groups = apart(numbers, least)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(numbers)))
    assert len(groups) == 1 or min(map(len, groups)) > most_rare(len(numbers))
    for one, other in itertools.pairwise(groups):
        assert numbers[one].max() < numbers[other].min()


@pytest.mark.parametrize("count", [5, 8, 12, 20, pytest.param(60, marks=pytest.mark.slow)])
def test_of_normal_numbers_next_to_none_stand_out(count):
    random = np.random.default_rng(count)
    draws = [robust_z(random.normal(100, 10, count), 1e-6) for _ in range(2000)]
    assert np.mean(np.abs(draws) > FAR) < 0.01 if count < 8 else 0.003
    parted = [len(apart(random.normal(100, 10, count), 1e-6)) > 1 for _ in range(2000)]
    assert np.mean(parted) < 0.02


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


def far(volumes, name: str = "volume of liver") -> list[float]:
    """Which volumes stand out."""
    cases = [seen_case(f"a{n}", record={"ml": {"liver": ml}}) for n, ml in enumerate(volumes)]
    found = compared(cases, named(seen(cases), name))
    return [each.value for each in found.values() if abs(each.z) > FAR]


def test_of_two_cases_no_spread_is_known_and_of_three_that_of_the_middle_one():
    assert far([1000.0]) == []
    assert far([1.0, 1000.0]) == []
    assert far([900.0, 1000.0, 2000.0]) == []
    assert far([1.0, 10.0, 100.0]) == []
    assert far([900.0, 1000.0, 60.0]) == [60.0]
    assert far([1000.0, 1000.0, 60.0]) == [60.0]


def test_where_most_are_the_same_those_of_another_scanner_are_no_outliers():
    assert far([1000.0] * 7 + [3000.0] * 5) == []
    assert far([1000.0] * 6 + [3000.0] * 6) == []
    assert far([1000.0] * 9 + [3000.0] * 3) == [3000.0] * 3


@pytest.mark.parametrize("others", [5, 4, 3])
def test_a_third_kind_is_found_beside_two(others):
    numbers = np.log([*[1000.0] * (11 - others), *[3000.0] * others, 9000.0])
    found = [numbers[group] for group in apart(numbers, 0.1)]
    far_off = [
        value
        for group in found
        for value, z in zip(group, robust_z(group, 0.1), strict=True)
        if abs(z) > FAR
    ]
    assert np.log(9000.0) in far_off
    assert far([1000.0] * (11 - others) + [3000.0] * others + [9000.0])[-1] == 9000.0


def test_groups_are_told_with_their_medians():
    volumes = [1000.0, 1100.0, 900.0, 1000.0, 5000.0, 5200.0, 4900.0, 5000.0]
    cases = [seen_case(f"a{n}", record={"ml": {"liver": ml}}) for n, ml in enumerate(volumes)]
    quantity = named(seen(cases), "volume of liver")
    assert groups_of(cases, quantity) == [Group(4, 1000.0), Group(4, 5000.0)]
    assert {each.group for each in compared(cases, quantity).values()} == {4}
    assert groups_of(cases[:5], quantity) == []


def test_few_cases_are_rare():
    assert is_rare(1, 1)
    assert not is_rare(2, 3)
    assert is_rare(2, 8)


def test_across_the_slices_of_a_pile_nothing_has_a_length():
    names = {each.name for each in quantities.quantities(seen([seen_case()], contiguous=False))}
    assert "spacing from back to front" in names
    assert not any("foot" in name for name in names)


def test_a_label_in_two_where_others_have_it_in_one_piece_is_told_by_its_share():
    shares = [0.0, 1.0, 0.0, 2.0, 0.0, 0.5, 700.0]
    cases = [
        seen_case(f"a{n}", look={"labels": {"liver": label_look(islands=2, islands_ml=ml)}})
        for n, ml in enumerate(shares)
    ]
    found = compared(cases, named(seen(cases), "share of liver outside of its largest piece"))
    assert [name for name, each in found.items() if abs(each.z) > FAR] == ["a6"]


def test_without_a_unit_the_gain_of_a_scanner_is_none_and_another_contrast_is():
    def case(name: str, gain: float, inside: float):
        body = np.linspace(100 * gain, 200 * gain, QUANTILES).tolist()
        labels = {"liver": label_look(quantiles=[inside * gain] * QUANTILES)}
        return seen_case(name, look={"body": body, "labels": labels})

    cases = [case(f"a{n}", 1 + n / 4, 180) for n in range(7)]
    cases.append(case("inverted", 1.3, 110))
    data = seen(cases, intensity="arbitrary")
    odd = [
        (name, each.quantity.name)
        for quantity in quantities.quantities(data)
        for name, each in compared(cases, quantity).items()
        if abs(each.z) > FAR
    ]
    assert [name for name, _ in odd] == ["inverted"]
    assert odd[0][1].startswith("median intensity in liver, between the 5th (0 %)")


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
        body = np.linspace(0, high, QUANTILES).tolist()
        return seen([seen_case("a", look={"body": body})], intensity="arbitrary")

    assert [intensity_digits(data(high)) for high in (20_000.0, 5.0, 0.003)] == [0, 2, 5]
    assert intensity_digits(data(0.0)) == 3
    assert intensity_digits(seen([seen_case()])) == 0
    assert all(each.least > 0 for each in quantities.quantities(data(0.0)))


def test_what_was_drawn_in_part_has_no_volume_to_compare():
    cases = [seen_case(f"a{n}") for n in range(6)]
    cases.append(seen_case("slices", record={"ml": {"liver": 40.0}, "undrawn": 0.9}))
    data = seen(cases)
    assert set(compared(cases, named(data, "volume of liver"))) == {f"a{n}" for n in range(6)}
