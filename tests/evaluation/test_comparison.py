from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation import comparison as pages
from slicewise.evaluation.statistics import summarise
from tests.evaluation.pages import Page, history, measured, summary, table


def comparison(summarised=summary, **tables: pd.DataFrame) -> str:
    return pages.comparison_report(
        dataset="ircad",
        rows={name: summarised(metrics) for name, metrics in tables.items()},
        metrics=tables,
        histories={name: {"fold-0": history(), "fold-1": history()} for name in tables},
        links={name: f"{name}/report.html" for name in tables},
        provenance={"slicewise": "0.1.0"},
        parameters=dict.fromkeys(tables, 7_760_000),
    )


def test_the_comparison_lists_all_experiments_with_paired_differences():
    page = Page(
        comparison(
            tutorial=table({"a": 0.8, "b": 0.7}),
            baseline=table({"a": 0.9, "b": 0.65}),
            large=table({"a": 0.9, "b": 0.8}),
        )
    )
    links = [reference for reference in page.references if not reference.startswith("data:")]
    assert links == [f"{name}/report.html" for name in ("tutorial", "baseline", "large")]
    assert page.first_cells("ab") == ["b", "a"]
    row = next(row for row in page.rows if row and row[0] == "b")
    assert row == ["b", "0.700", "0.650", "0.800", "−0.050", "+0.100"]
    assert "1 / 1 of 2" in page.words
    assert "7 760 000" in page.words.replace("\u202f", " ")
    # Two folds of four epochs, half a minute each.
    assert next(row for row in page.rows if row and row[0] == "tutorial")[7] == "4.0"


def test_the_comparison_lists_distances():
    every = measured(table({"a": 0.8, "b": 0.7}), [3.0, 4.0])
    some = measured(table({"a": 0.9, "b": 0.0}), [2.5, np.nan])
    page = Page(comparison(summarise, every=every, some=some))
    header, *rows = [row for row in page.rows if row and row[0] in ("Experiment", "every", "some")]
    place = header.index("Mean NSD")
    assert [row[place : place + 2] for row in (header, *rows)] == [
        ["Mean NSD", "Mean HD95, mm"],
        ["0.900", "3.5"],
        ["0.450", "2.5 (1 of 2)"],
    ]


def test_the_comparison_of_one_experiment_and_of_unpaired_patients():
    assert "Differences are from" not in Page(comparison(only=table({"a": 0.8}))).words
    page = Page(comparison(one=table({"a": 0.8}), two=table({"b": 0.9})))
    assert next(row for row in page.rows if row and row[0] == "a")[-1] == "–"
    assert "Not all experiments were scored on the same patients" in page.words


def test_the_comparison_without_test_patients_says_so():
    assert "No test patients" in Page(comparison(one=table({"a": 0.8}, "validation"))).words


def test_minutes_ignore_a_night_between_two_epochs_and_read_any_clock():
    seconds = np.array([0.0, 60, 120, 40_000, 40_060])
    clock = 1.7e9 + seconds
    for stamps in (clock, clock * 1000, pd.to_datetime(clock, unit="s").astype(str)):
        table_ = pd.DataFrame({"epoch": range(5), "timestamp": stamps})
        assert pages._minutes([table_]) == pytest.approx(5.0)
    assert pages._minutes([table_.head(1)]) is None
