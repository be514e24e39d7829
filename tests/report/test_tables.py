"""Tables of a report."""

from __future__ import annotations

import numpy as np
import pytest

from slicewise.evaluation.grouping import Grouping
from slicewise.evaluation.statistics import summarise
from slicewise.report.tables import (
    called,
    case_tables,
    failure_table,
    finite,
    summary_rows,
    tolerance_of,
    word,
)
from tests.pages import measured, pieces, table

SCORES = table({"a": 0.9, "b": 0.2, "c": 0.5})


def test_patients_that_folds_held_out_are_called_so():
    assert called("validation", crossed=False) == "validation"
    assert called("test", crossed=True) == "test"


def test_what_is_not_finite_does_not_count():
    assert list(finite(SCORES.assign(x=[1.0, np.inf, np.nan]), "x")) == [1.0]
    assert finite(SCORES, "nosuch").empty


def test_the_tolerance_is_told_where_distances_are():
    assert tolerance_of(SCORES) is None
    assert tolerance_of(measured(SCORES, [3.0, 4.0, 5.0])) == "1.5"


def test_means_have_titles_and_those_of_labels_are_fewer():
    metrics = measured(table({"a": 0.9, "b": 0.2}, labels=("x", "y")), [3.0] * 4)
    rows = summary_rows(summarise(metrics), "test", ["x", "y"], "1.5")
    mean = [row for row in rows if row["group"] == "Mean of the labels"]
    assert [row["name"] for row in mean][:2] == ["Dice", "Jaccard"]
    assert "Surface Dice (NSD) at 1.5 mm" in [row["name"] for row in mean]
    assert len([row for row in rows if row["group"] == "x"]) == 4
    without = summary_rows(summarise(metrics), "test", ["x", "y"], None)
    assert not any("mm" in row["name"] for row in without)


def test_cases_are_worst_first_under_their_headings():
    (shown,) = case_tables(SCORES, crossed=False)
    assert shown["title"] == "Test patients"
    assert [row["texts"][0] for row in shown["rows"]] == ["b", "c", "a"]
    assert len(shown["numbers"]) == len(shown["rows"][0]["numbers"])
    assert shown["numbers"][0] == "Dice"


def test_patients_of_no_group_have_no_column_of_it():
    both = SCORES.assign(subset=["test", "validation", "test"])
    sites = Grouping("site", "values", {"X": ["a"], "not given": ["c"]})
    tested, validated = case_tables(both, crossed=False, groupings=[sites])
    assert tested["texts"] == ["Patient", "site"]
    assert [row["texts"] for row in tested["rows"]] == [["c", "not given"], ["a", "X"]]
    # a dash would say that their site is not known
    assert validated["texts"] == ["Patient"]


def test_pieces_have_a_table_where_they_were_measured():
    assert failure_table(SCORES) is None
    shown = failure_table(pieces(SCORES))
    assert shown["numbers"][:2] == ["Dice", "False islands"]


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (np.nan, "–"), (1.0, "1"), ("x", "x"), (2, "2")]
)
def test_folds_are_whole_numbers(value, said):
    assert word(value) == said
