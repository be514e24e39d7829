"""Cases by site and age: nobody is left out without a word."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from slicewise.evaluation.grouping import FEW, NOT_GIVEN, groupings

CASES = ["a1", "a2", "b1", "c1", "d1"]


def grouped(values, bins=None):
    """Group cases; the first letter of a name is the patient."""
    rows = pd.DataFrame({"case": list(values), "patient": [case[0] for case in values]})
    (made,) = groupings(rows, {"x": values}, {} if bins is None else {"x": bins})
    return made


def test_edges_belong_to_the_group_above():
    ages = dict(zip(CASES, ("39.9", "40", "60", "61", ""), strict=True))
    assert grouped(ages, [40, 60]).cases == {
        "below 40": ["a1"],
        "40 to below 60": ["a2"],
        "60 and above": ["b1", "c1"],
        NOT_GIVEN: ["d1"],
    }


def test_few_numbers_are_groups_in_their_order_and_many_are_quartiles():
    few = grouped(dict(zip(CASES, ("10", "9", "10", "2", "9"), strict=True)))
    assert (few.how, list(few.cases)) == ("values", ["2", "9", "10"])
    ages = {case: str(40 + n) for n, case in enumerate("abcdefghijkl")}
    many = grouped(ages)
    assert many.how == "quartiles"
    assert [len(cases) for cases in many.cases.values()] == [3, 3, 3, 3]
    assert next(iter(many.cases)) == "below 42.75"
    assert len(grouped(ages, "values").cases) == len(ages) > FEW
    # one word among them, and they are no numbers
    assert grouped(ages | {"a": "old"}).how == "values"


@given(st.lists(st.integers(0, 5) | st.just(""), min_size=1, max_size=12), st.booleans())
def test_every_case_is_in_one_group(values, quartiles):
    said = {chr(97 + n): str(value) for n, value in enumerate(values)}
    made = grouped(said, "quartiles" if quartiles else [2.0, 4.0])
    assert sorted(case for cases in made.cases.values() for case in cases) == sorted(said)
    assert all(made.cases.values())


def test_groups_of_long_numbers_keep_their_names_and_their_cases():
    dates = {f"{chr(97 + n)}": str(20190301 + n) for n in range(16)}
    quarters = grouped(dates)
    assert [len(cases) for cases in quarters.cases.values()] == [4, 4, 4, 4]
    assert next(iter(quarters.cases)) == "below 20190304.75"
    halves = grouped(dates, [20190305, 20190310])
    assert {name: len(cases) for name, cases in halves.cases.items()} == {
        "below 20190305": 4,
        "20190305 to below 20190310": 5,
        "20190310 and above": 7,
    }


@given(
    st.lists(
        st.decimals(-(10**9), 10**9, places=3).map(float),
        min_size=FEW + 1,
        max_size=20,
        unique=True,
    )
)
def test_a_group_holds_who_its_name_says(values):
    cases = {f"{chr(97 + n)}": repr(value) for n, value in enumerate(values)}
    for name, members in grouped(cases, "quartiles").cases.items():
        words = name.split()
        numbers = [float(word) for word in words if word not in ("below", "to", "and", "above")]
        for case in members:
            value = float(cases[case])
            if words[0] == "below":
                assert value < numbers[0]
            elif words[-1] == "above":
                assert numbers[0] <= value
            else:
                assert numbers[0] <= value < numbers[1]


def test_what_a_mean_rounds_makes_no_edge():
    # the mean of the three is 0.10000000000000002
    cases = {"a1": "0.05", "b1": "0.1", "c1": "0.1", "c2": "0.1", "c3": "0.1", "d1": "0.3"}
    assert grouped(cases | {"e1": "0.4"}, "quartiles").cases == {
        "below 0.1": ["a1"],
        "0.1 to below 0.3": ["b1", "c1", "c2", "c3"],
        "0.3 and above": ["d1", "e1"],
    }
