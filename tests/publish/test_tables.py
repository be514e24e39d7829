"""Scores as tables of a paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.grouping import Grouping
from slicewise.evaluation.groups import groups_table
from slicewise.evaluation.statistics import read_metrics
from slicewise.files import write_text
from slicewise.publish import tables
from slicewise.publish.answers import groups
from slicewise.publish.gathered import gather
from tests.published import experiment, lacking, write_scores
from tests.test_compare import DICE


@pytest.fixture
def one(tmp_path):
    return gather(experiment(tmp_path / "results" / "tiny" / "baseline"))


def test_means_are_those_of_the_patients(one):
    told = tables.results([one]).set_index(["label", "metric"])
    dice = told.loc[("liver", "dice")]
    assert dice["mean"] == pytest.approx(np.mean(list(DICE.values())))
    assert dice["n"] == len(DICE)
    assert dice["ci_low"] < dice["mean"] < dice["ci_high"]


def test_a_single_label_is_shown_once(one):
    (table,) = tables.section([one], tables.results([one]), None, []).tables
    assert [row[1] for row in table.rows] == ["liver"]
    assert table.rows[0][3].startswith("0.767 [0.")
    assert table.caption.startswith("Mean over 6 test patients")


def test_a_mean_of_fewer_patients_says_of_how_many(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    metrics = read_metrics(str(folder / "metrics.tsv"))
    missed = metrics["case"].isin(["a", "b"])
    metrics.loc[missed, ["dice", "nsd"]] = 0.0
    metrics.loc[missed, "hd95_mm"] = np.nan
    write_scores(folder, metrics)
    one = gather(folder)
    (row,) = tables.section([one], tables.results([one]), None, []).tables[0].rows
    cells = dict(zip(("Dice", "NSD", "HD95"), row[3:], strict=False))
    assert row[2] == "6"
    assert cells["HD95"] == "3.0 [3.0, 3.0] (4 of 6)"
    assert "of 6" not in cells["Dice"] + cells["NSD"]


def test_in_whom_a_label_was_found_has_its_own_table(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    lacking(folder, ["a"], lesions=2.0, lesions_found=1.0, lesions_false=1.0, lesion_iou=0.1)
    one = gather(folder)
    told = tables.results([one])
    _, found, lesions = tables.section([one], told, None, []).tables
    assert found.head[2:] == [
        *("Found in", "Sensitivity", "Wrongly found in", "Specificity", "False volume, ml")
    ]
    assert found.rows == [
        [
            *("baseline", "liver", "5 of 5", "1.000 [0.566, 1.000]"),
            *("1 of 1", "0.000 [0.000, 0.793]", "3.0"),
        ]
    ]
    assert lesions.rows == [
        ["baseline", "liver", "6 of 12", "0.500 [0.170, 0.830]", "6", "1.0 [1.0, 1.0]"]
    ]
    values = told[told["label"] == "liver"].set_index("metric")
    assert list(values.loc[["sensitivity", "specificity", "false_ml"], "mean"]) == [1.0, 0.0, 3.0]
    assert list(values.loc[["lesion_sensitivity", "false_lesions"], "n"]) == [12, 6]
    # in ml nothing is said of slices that are no neighbours
    stack = experiment(tmp_path / "stack" / "tiny" / "baseline", content={"contiguous": False})
    lacking(stack, ["a"])
    one = gather(stack)
    _, found = tables.section([one], tables.results([one]), None, []).tables
    assert len(found.head) == len(found.rows[0]) == 6


def test_a_label_that_nobody_has_is_in_the_table_of_detection_alone(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    lacking(folder, DICE)
    one = gather(folder)
    means, found = tables.section([one], tables.results([one]), None, []).tables
    assert means.rows == []
    assert found.rows[0][2:5] == ["0 of 0", "–", "6 of 6"]


def test_every_case_is_there(one):
    rows = tables.patients([one])
    assert list(rows["dice"]) == list(DICE.values())
    assert set(rows["experiment"]) == {"baseline"}


def test_groups_have_their_own_table(tmp_path):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    assert tables.groups([gather(folder)]).empty
    sites = Grouping("site", "values", {"north": ["a", "b", "c", "d"], "south": ["e", "f"]})
    table = groups_table(read_metrics(folder / "metrics.tsv"), [sites])
    write_text(folder / "groups.tsv", table.to_csv(sep="\t", index=False))
    one = gather(folder)
    (_, by_site) = tables.section([one], tables.results([one]), None, []).tables
    assert by_site.head == ["Experiment", "site", "Patients", "Dice"]
    assert [row[1:3] for row in by_site.rows] == [["north", "4"], ["south", "2"]]
    assert by_site.rows[0][3].startswith("0.750 [")
    assert by_site.rows[1][3] == "0.800"  # of two patients there is no interval
    assert "Scores are broken down by site." in groups([one]).text


def test_a_probability_is_never_zero():
    row = {"first": "a", "second": "b", "label": "mean", "metric": "dice", "subset": "test"}
    row |= {"n": 30, "difference": 0.1, "ci_low": 0.05, "ci_high": 0.15, "p": 0.0002}
    table = tables._differences(pd.DataFrame([{**row, "p_holm": 0.0012}]), "test")
    assert table.rows[0][-2:] == ["< 0.001", "0.001"]
