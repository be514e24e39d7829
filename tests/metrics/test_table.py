"""The table of metrics: consistent, and all there is to add a metric."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.statistics import UNSCORED, metrics_table, read_metrics
from slicewise.metrics.measures import Pair, measured
from slicewise.metrics.table import (
    FALSE_ML,
    METRICS,
    ON_PAGES,
    metric,
    names,
    names_of,
    shown_in,
)

PAGES = ("summary", "labels", "cases", "failures", "comparison", "experiments")
CHECKOUT = Path(__file__).parents[2]


def test_names_are_there_once_and_on_pages_too():
    assert len({each.name for each in METRICS}) == len(METRICS)
    assert len(set(ON_PAGES)) == len(ON_PAGES)
    on_a_page = {each.name for place in PAGES for each in shown_in(place)}
    assert on_a_page == {*ON_PAGES, FALSE_ML.name}


def test_what_is_shown_has_a_title():
    pages = {"summary", "labels", "cases", "failures", "comparison"}
    assert [each.name for each in METRICS if each.shown & pages and not each.title] == []


def test_what_is_compared_is_better_in_one_direction():
    for each in shown_in("comparison"):
        assert each.higher_is_better is not None, each.name
    assert shown_in("comparison")[-1] is FALSE_ML
    # the less, the better: how far off, and what was predicted of what is not there
    less = [each.name for each in shown_in("comparison") if not each.higher_is_better]
    assert less == ["hd95_mm", "assd_mm", "volume_error_percent", "false_ml"]


def test_the_columns_and_means_are_those_that_tables_have_had():
    assert names("means") == (
        *("dice", "jaccard", "precision", "recall", "volume_ml", "predicted_ml"),
        *("volume_error_ml", "volume_error_percent", "hd95_mm", "assd_mm", "nsd"),
    )
    others = set(names("means")) - {"volume_ml", "predicted_ml"}
    assert set(names("mlflow")) == others
    assert names_of("distance") == ("hd95_mm", "assd_mm")


def test_settings_read_names_without_what_measures():
    line = "import slicewise.config, sys; print('scipy' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_headings_have_units():
    assert metric("volume_error_percent").column_heading == "Error, %"
    assert metric("volume_error_percent").comparison_heading == "Size of the volume error, %"
    assert metric("hd95_mm").experiments_heading == "Mean HD95, mm"
    assert metric("nsd").mean_heading("2") == "Surface Dice (NSD) at 2 mm"
    assert metric("hd95_mm").mean_heading("2") == "HD95, mm"
    with pytest.raises(KeyError):
        metric("nosuch")


ADDED = """
import runpy

from slicewise.metrics import measures, table
from slicewise.metrics.overlap import overlap

def halves(pair):
    return {"half_dice": 0.5 * overlap(pair.truth, pair.prediction, pair.voxel_ml)["dice"]}

measures.MEASURES["halves"] = halves

table.METRICS += (
    table.Metric(
        "half_dice", "half of it", "overlap", title="Half Dice", higher_is_better=True,
        shown=table._places("means", "summary", "cases", "comparison", "experiments", "mlflow"),
        measure="halves",
    ),
)

from slicewise.evaluation.comparison import compare
from slicewise.evaluation.statistics import summarise
from slicewise.report.comparison import ComparedExperiments, comparison_report
from slicewise.report.experiment import ReportedExperiment, experiment_report
from slicewise.tracking.scores import summary_metrics
from tests.masks import HIT, WRONG, scored
from tests.pages import Page, history
from tests.settings import changed, fault

docs_rows = runpy.run_path("docs/make_metrics.py")["rows"]
rows = scored({"a": [(HIT, HIT)], "b": [(HIT, WRONG)]})
assert rows["half_dice"].tolist() == [0.5, 0.0]
summary = summarise(rows)
assert summary["test"]["mean"]["half_dice"]["mean"] == 0.25
assert summary_metrics(summary)["test/half_dice_mean"] == 0.25
compared = compare({"one": rows, "two": rows})
assert "half_dice" in set(compared["metric"])
page = Page(comparison_report(ComparedExperiments(
    dataset="d", rows={"one": summary, "two": summary}, metrics={"one": rows, "two": rows},
    table=compared, histories={}, links={}, provenance={},
)))
# the table of experiments, the first of the page, and that of the other metrics
heads = next(row for row in page.rows if "Mean NSD" in row)
one = next(row for row in page.rows if row[0] == "one" and len(row) == len(heads))
assert one[heads.index("Mean Half Dice")] == "0.250"
assert "Half Dice" in [row[0] for row in page.rows]
assert "Of NSD and Half Dice more is better" in page.words
page = Page(experiment_report(ReportedExperiment(
    dataset="d", experiment="e", summary=summary, metrics=rows,
    histories={"fold-0": history()}, cases=[], settings={},
    split=rows[["case", "patient", "subset", "fold"]], provenance={},
)))
assert ["Half Dice", "0.250"] in [row[:2] for row in page.rows]
assert any("Half Dice" in row and "Jaccard" in row for row in page.rows)
assert "labels.half_dice" in fault(changed("dataset/labels", {"half_dice": 1}))
assert "| `half_dice` | half of it |" in docs_rows()
print("seen everywhere")
"""


def test_a_metric_is_one_entry_and_one_function():
    done = subprocess.run(
        [sys.executable, "-c", ADDED], capture_output=True, text=True, cwd=CHECKOUT
    )
    assert done.stdout.endswith("seen everywhere\n"), done.stderr


WRITTEN = {
    **dict.fromkeys(("Dice", "Jaccard", "Precision", "Recall", "NSD"), 3),
    **dict.fromkeys(("Volume, ml", "Predicted, ml", "Volume error, ml", "Volume error, %"), 1),
    **dict.fromkeys(("HD95, mm", "Largest island, ml", "Largest part, ml"), 1),
    **dict.fromkeys(("Bulge, ml", "Gap, ml"), 1),
    **dict.fromkeys(("False islands", "Missed parts", "Off by, mm"), 0),
    "ASSD, mm": 2,
    "Predicted where a label is not, ml": 1,
}
"""Decimals that readers see: what a voxel more or less changes."""


def test_numbers_are_written_as_finely_as_they_mean_something():
    shown = {each.heading(): each.digits for each in (*METRICS, FALSE_ML) if each.title}
    assert shown == WRITTEN
    # what no page shows yet would be shown like a ratio
    assert {each.digits for each in METRICS if not each.title} == {3}


def test_pages_show_what_matters_first():
    assert [each.name for each in shown_in("labels")] == [
        *("dice", "nsd", "hd95_mm", "volume_error_percent"),
    ]
    pairs = [(each.kind, each.name) for each in shown_in("cases")]
    # overlaps of voxels, of surfaces, distances, then volumes and how far they are off
    assert pairs[:4] == [("overlap", n) for n in ("dice", "jaccard", "precision", "recall")]
    assert [kind for kind, _ in pairs[4:]] == [
        *("overlap", "distance", "distance", "volume", "volume", "volume", "error"),
    ]
    # what is too much before what is too little
    assert [each.title for each in shown_in("failures")] == [
        *("False islands", "Largest island", "Off by"),
        *("Missed parts", "Largest part", "Gap", "Bulge"),
    ]
    assert shown_in("cases")[0].name == shown_in("summary")[0].name == "dice"
    assert shown_in("failures")[0].name == "false_islands"


GOOD, POOR = np.zeros((2, 10, 10, 10), bool)
GOOD[2:6, 2:6, 2:6] = True
POOR[4:7, 3:6, 2:5] = True


def scores(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    return measured(Pair(truth, prediction, 0.5, (1.0, 1.0, 2.0), 1.0, lesion_iou=0.1))


def test_what_needs_neighbours_is_what_is_left_out_without():
    flat = measured(Pair(GOOD, POOR, 0.5, None, 1.0, lesion_iou=0.1))
    needing = {each.name for each in METRICS if each.needs_neighbours}
    assert scores(GOOD, POOR).keys() - flat.keys() == needing


def test_the_direction_that_the_table_calls_better_is():
    right, wrong = scores(GOOD, GOOD), scores(GOOD, POOR)
    for each in METRICS:
        if each.higher_is_better is not None:
            # experiments are compared by the size of what has a sign
            better, worse = abs(right[each.name]), abs(wrong[each.name])
            assert (better > worse) == each.higher_is_better, each.name


def test_what_has_a_sign_is_below_zero_where_too_little_was_found():
    less = scores(GOOD, POOR)
    signed = {each.name for each in METRICS if each.signed}
    assert {name for name in less if isinstance(less[name], float) and less[name] < 0} == signed


def test_what_is_of_the_truth_alone_does_not_depend_on_the_prediction():
    one, other = scores(GOOD, GOOD), scores(GOOD, POOR)
    for each in METRICS:
        if each.of_truth and each.name in one:
            assert one[each.name] == other[each.name], each.name


def test_what_nobody_measures_on_masks_is_no_score_of_a_prediction():
    unmeasured = {each.name for each in METRICS if each.measure is None}
    assert {each.kind for each in METRICS if each.name in unmeasured} == {"note"}
    # and of what is measured, the volume of the truth and what it was measured by
    assert set(UNSCORED) == unmeasured | {"volume_ml", "tolerance_mm"}


def test_a_file_has_all_columns_but_those_of_which_it_has_no_value(tmp_path):
    row = {"case": "c", "patient": "p", "subset": "test", "fold": 0, "label": "l"}
    row |= scores(GOOD, POOR) | {"recipe_dice": 0.5, "truth_sha256": "0012"}
    rows = metrics_table([row])
    assert {each.name for each in METRICS} - set(rows) == {"undrawn_percent"}
    assert metrics_table([row | {"undrawn_percent": 2.0}])["undrawn_percent"].tolist() == [2]
    bare = metrics_table([{"case": "c"}])
    assert {each.name for each in METRICS} - set(bare) == {"undrawn_percent"}
    rows.to_csv(tmp_path / "metrics.tsv", sep="\t", index=False)
    read = read_metrics(str(tmp_path / "metrics.tsv"))
    assert read["truth_sha256"].tolist() == ["0012"]
    for each in METRICS:
        if each.name in read:
            assert pd.api.types.is_numeric_dtype(read[each.name]) != each.is_text, each.name
