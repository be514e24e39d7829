"""The table of metrics: consistent, and all there is to add a metric."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from slicewise.metrics.table import (
    FALSE_ML,
    METRICS,
    Pair,
    measured,
    metric,
    names,
    names_of,
    shown_in,
)

HIT, ELSEWHERE = np.zeros((2, 6, 6, 6), bool)
HIT[1:3, 1:3, 1:3] = True
ELSEWHERE[2:5, 1:3, 1:3] = True


def test_names_are_there_once_and_ranks_too():
    assert len({each.name for each in METRICS}) == len(METRICS)
    for place in ("summary", "cases", "failures", "comparison"):
        ranks = [each.rank for each in shown_in(place)]
        assert len(set(ranks)) == len(ranks)


def test_what_is_shown_has_a_title():
    pages = {"summary", "labels", "cases", "failures", "comparison"}
    assert [each.name for each in METRICS if each.shown & pages and not each.title] == []


def test_what_is_compared_is_better_in_one_direction():
    for each in shown_in("comparison"):
        assert each.higher_is_better is not None, each.name
    assert shown_in("comparison")[-1] is FALSE_ML


def test_everything_that_is_measured_has_an_entry_and_the_other_way_round():
    pair = Pair(HIT, ELSEWHERE, 1.0, (1.0, 1.0, 2.0), 2.0, lesion_iou=0.1)
    assert set(measured(pair)) == {each.name for each in METRICS if each.measure is not None}


def test_without_neighbours_only_overlap_and_volumes_are_measured():
    row = measured(Pair(HIT, ELSEWHERE, 1.0, None, 2.0, lesion_iou=0.1))
    assert set(row) == {*names_of("overlap"), *names_of("volume"), *names_of("error")} - {"nsd"}


def test_lesions_are_counted_where_a_label_is_one():
    spacing = (1.0, 1.0, 1.0)
    assert measured(Pair(HIT, HIT, 1.0, spacing, 2.0, lesion_iou=0.5))["lesions_found"] == 1
    assert "lesions" not in measured(Pair(HIT, HIT, 1.0, spacing, 2.0))


def test_the_columns_and_means_are_those_that_tables_have_had():
    assert names("means") == (
        *("dice", "jaccard", "precision", "recall", "volume_ml", "predicted_ml"),
        *("volume_error_ml", "volume_error_percent", "hd95_mm", "assd_mm", "nsd"),
    )
    others = set(names("means")) - {"volume_ml", "predicted_ml"}
    assert set(names("mlflow")) == others
    assert names_of("distance") == ("hd95_mm", "assd_mm")


def test_headings_have_units():
    assert metric("volume_error_percent").column_heading == "Error, %"
    assert metric("volume_error_percent").comparison_heading == "Size of the volume error, %"
    assert metric("nsd").mean_heading("2") == "Surface Dice (NSD) at 2 mm"
    assert metric("hd95_mm").mean_heading("2") == "HD95, mm"
    with pytest.raises(KeyError):
        metric("nosuch")


ADDED = """
from slicewise.metrics import table

def halves(pair):
    return {"half_dice": 0.5 * table._overlap(pair)["dice"]}

table.METRICS += (
    table.Metric(
        "half_dice", "half of it", "overlap", title="Half Dice", higher_is_better=True,
        shown=table._places("means", "summary", "cases", "comparison", "mlflow"), measure=halves,
    ),
)

from slicewise.evaluation.comparison import compare
from slicewise.evaluation.statistics import summarise
from slicewise.report.comparison import _other_metrics
from slicewise.report.experiment import ReportedExperiment, experiment_report
from slicewise.tracking.scores import summary_metrics
from tests.masks import HIT, WRONG, scored
from tests.pages import Page, history

rows = scored({"a": [(HIT, HIT)], "b": [(HIT, WRONG)]})
assert rows["half_dice"].tolist() == [0.5, 0.0]
summary = summarise(rows)
assert summary["test"]["mean"]["half_dice"]["mean"] == 0.25
assert summary_metrics(summary)["test/half_dice_mean"] == 0.25
compared = compare({"one": rows, "two": rows})
assert "half_dice" in set(compared["metric"])
assert "Half Dice" in [row["title"] for row in _other_metrics(compared, "test")]
page = Page(experiment_report(ReportedExperiment(
    dataset="d", experiment="e", summary=summary, metrics=rows,
    histories={"fold-0": history()}, cases=[], settings={},
    split=rows[["case", "patient", "subset", "fold"]], provenance={},
)))
assert ["Half Dice", "0.250"] in [row[:2] for row in page.rows]
assert any("Half Dice" in row and "Jaccard" in row for row in page.rows)
print("seen everywhere")
"""


def test_a_metric_is_one_entry_and_one_function():
    done = subprocess.run([sys.executable, "-c", ADDED], capture_output=True, text=True)
    assert done.stdout.endswith("seen everywhere\n"), done.stderr
