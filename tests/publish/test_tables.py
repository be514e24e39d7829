"""Scores as tables of a paper."""

from __future__ import annotations

import numpy as np
import pytest

from slicewise.publish import tables
from slicewise.publish.gathered import gather
from tests.published import experiment
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


def test_every_case_is_there(one):
    rows = tables.patients([one])
    assert list(rows["dice"]) == list(DICE.values())
    assert set(rows["experiment"]) == {"baseline"}
