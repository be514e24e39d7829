"""Scores by site and age: by patient, and nobody is left out without a word."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.evaluation.groups import (
    FEW,
    NOT_GIVEN,
    groupings,
    groups_table,
    in_several,
    score_groups,
)
from slicewise.evaluation.intervals import interval


def rows_of(**dice):
    """A row a case; the first letter of its name is the patient."""
    return pd.DataFrame(
        [(case, case[0], "test", "liver", value) for case, value in dice.items()],
        columns=["case", "patient", "subset", "label", "dice"],
    )


ROWS = rows_of(a1=0.9, a2=0.7, b1=0.6, c1=0.5, d1=0.3)
SITES = {"a1": "Ulm", "a2": "Ulm", "b1": "Ulm", "c1": "Bonn", "d1": ""}


def grouped(values, bins=None, rows=ROWS):
    (made,) = groupings(rows, {"x": values}, {} if bins is None else {"x": bins})
    return made


def test_each_patient_counts_once_and_a_group_of_one_has_no_interval():
    sites = grouped(SITES)
    assert sites.cases == {"Bonn": ["c1"], "Ulm": ["a1", "a2", "b1"], NOT_GIVEN: ["d1"]}
    bonn, ulm, nobody = score_groups(ROWS, sites)
    assert (bonn.patients, bonn.means["dice"]["mean"]) == (1, 0.5)
    assert bonn.means["dice"]["ci_low"] is bonn.means["dice"]["ci_high"] is None
    # two scans of a, and one of b
    assert ulm.means["dice"]["n"] == ulm.patients == 2
    assert ulm.means["dice"]["mean"] == pytest.approx((0.8 + 0.6) / 2)
    expected = interval(np.array([0.8, 0.6]))
    assert (ulm.means["dice"]["ci_low"], ulm.means["dice"]["ci_high"]) == pytest.approx(expected)
    assert nobody.means["dice"]["mean"] == 0.3


def test_a_patient_with_scans_in_two_groups_counts_in_both():
    scanners = grouped(SITES | {"a2": "Bonn"})
    assert in_several(ROWS, scanners) == 1
    assert in_several(ROWS, grouped(SITES)) == 0
    bonn, ulm, _ = score_groups(ROWS, scanners)
    assert (bonn.means["dice"]["mean"], ulm.means["dice"]["mean"]) == pytest.approx((0.6, 0.75))


def test_edges_belong_to_the_group_above():
    ages = dict(zip(ROWS["case"], ("39.9", "40", "60", "61", ""), strict=True))
    assert grouped(ages, [40, 60]).cases == {
        "below 40": ["a1"],
        "40 to below 60": ["a2"],
        "60 and above": ["b1", "c1"],
        NOT_GIVEN: ["d1"],
    }


def test_few_numbers_are_groups_in_their_order_and_many_are_quartiles():
    few = grouped(dict(zip(ROWS["case"], ("10", "9", "10", "2", "9"), strict=True)))
    assert (few.how, list(few.cases)) == ("values", ["2", "9", "10"])
    rows = rows_of(**dict.fromkeys("abcdefghijkl", 0.5))
    ages = {case: str(40 + n) for n, case in enumerate(rows["case"])}
    many = grouped(ages, rows=rows)
    assert many.how == "quartiles"
    assert [len(cases) for cases in many.cases.values()] == [3, 3, 3, 3]
    assert next(iter(many.cases)) == "below 42.75"
    assert len(grouped(ages, "values", rows).cases) == len(ages) > FEW
    # one word among them, and they are no numbers
    assert grouped(ages | {"a": "old"}, rows=rows).how == "values"


@given(st.lists(st.integers(0, 5) | st.just(""), min_size=1, max_size=12), st.booleans())
def test_every_case_is_in_one_group(values, quartiles):
    rows = rows_of(**{chr(97 + n): 0.5 for n in range(len(values))})
    said = dict(zip(rows["case"], map(str, values), strict=True))
    made = grouped(said, "quartiles" if quartiles else [2.0, 4.0], rows)
    assert sorted(case for cases in made.cases.values() for case in cases) == sorted(rows["case"])
    assert all(made.cases.values())


def test_the_table_has_a_row_a_group_label_and_metric():
    table = groups_table(ROWS, [grouped(SITES)])
    assert list(table["group"].unique()) == ["Bonn", "Ulm", NOT_GIVEN]
    assert set(table["label"]) == {"mean", "liver"}
    ulm = table[(table["group"] == "Ulm") & (table["label"] == "liver")].iloc[0]
    assert (ulm["column"], ulm["subset"], ulm["metric"]) == ("x", "test", "dice")
    assert (ulm["patients"], ulm["n"], ulm["mean"]) == (2, 2, pytest.approx(0.7))
