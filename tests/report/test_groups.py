"""Groups as pages list them."""

import pandas as pd

from slicewise.evaluation.grouping import groupings
from slicewise.report.groups import comparison_groups, report_groups

ROWS = pd.DataFrame(
    [("a1", "a", "x", 0.9), ("a2", "a", "x", 0.7), ("b1", "b", "x", 0.6)],
    columns=["case", "patient", "label", "dice"],
).assign(subset="test", nsd=float("nan"))
SITES = {"site": {"a1": "Ulm", "a2": "Bonn", "b1": "Ulm"}}


def test_a_column_is_listed_with_how_it_was_grouped():
    (table,) = report_groups(ROWS, groupings(ROWS, SITES, {}))
    assert [group.name for group in table["groups"]] == ["Bonn", "Ulm"]
    assert table["metrics"] == [], "what nobody has a value of is no column"
    assert "Each value of the column is a group. 1 patient has scans in several" in table["how"]
    (table,) = report_groups(ROWS, groupings(ROWS, {"age": {"a1": "50"}}, {"age": [40]}))
    assert "evaluation.bins" in table["how"]
    assert [group.name for group in table["groups"]] == ["40 and above", "not given"]


def test_experiments_stand_side_by_side():
    tables = {"one": ROWS, "two": ROWS.assign(dice=0.5)}
    (table,) = comparison_groups(tables, groupings(ROWS, SITES, {}))
    bonn, ulm = table["groups"]
    assert [each["mean"] for each in bonn["dice"]] == [0.7, 0.5]
    assert [each["mean"] for each in ulm["dice"]] == [0.75, 0.5]
    assert ulm["patients"] == 2
