"""Who has a label and in whom it was found, against counts by hand."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from scipy import stats

from slicewise.evaluation.detection import counts_absent, detection
from tests.masks import HIT, NOTHING, WRONG, scored


def test_those_who_have_it_and_those_who_do_not_are_counted_apart():
    found = detection(
        scored(
            {"a": [(HIT, HIT)], "b": [(HIT, WRONG)], "c": [(NOTHING, WRONG)]}
            | {f"n{k}": [(NOTHING, NOTHING)] for k in range(7)}
        )
    )
    assert (found["patients"], found["with_label"], found["without_label"]) == (10, 2, 8)
    # something elsewhere is not the tumour
    assert (found["found"], found["wrongly_found"], found["unscored"]) == (1, 1, 0)
    assert found["sensitivity"]["value"] == 0.5
    assert found["specificity"]["value"] == 7 / 8
    low, high = stats.binomtest(7, 8).proportion_ci(method="wilson")
    assert found["specificity"]["ci_low"] == pytest.approx(low)
    assert found["specificity"]["ci_high"] == pytest.approx(high)
    assert found["false_ml"]["mean"] == pytest.approx(4.0 / 8)
    assert (found["false_ml_max"], found["false_ml"]["n"]) == (4.0, 8)
    assert found["in_words"] == (
        "2 of 10 have it, found in 1 of 2, wrongly found in 1 of 8 (0.5 ml on average, 4.0 ml at "
        "most)"
    )


def test_scans_of_a_patient_count_by_whether_they_have_it():
    rows = scored({"a": [(HIT, HIT), (NOTHING, WRONG)], "b": [(HIT, HIT), (HIT, NOTHING)]})
    found = detection(rows)
    # a is among both, and b was missed once
    assert (found["with_label"], found["found"]) == (2, 1)
    assert (found["without_label"], found["wrongly_found"]) == (1, 1)


def test_what_all_have_and_nobody_lacks():
    found = detection(scored({"a": [(HIT, HIT)], "b": [(HIT, HIT)]}))
    assert not found["notable"]
    assert found["specificity"] == {"value": None, "ci_low": None, "ci_high": None, "n": 0}
    assert found["in_words"] == "2 of 2 have it, found in 2 of 2"
    assert detection(scored({"a": [(HIT, NOTHING)]}))["notable"]


def test_what_nobody_has():
    found = detection(scored({"a": [(NOTHING, NOTHING)], "b": [(NOTHING, WRONG)]}))
    assert found["sensitivity"]["value"] is None
    assert found["in_words"].startswith("0 of 2 have it, wrongly found in 1 of 2 (2.0 ml on")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_of_a_label_that_was_not_trained_nothing_counts():
    table = scored({"a": [(HIT, HIT)], "b": [(NOTHING, HIT)]})
    blank = table.columns.difference(["case", "patient", "subset", "fold", "label", "volume_ml"])
    found = detection(table.assign(**dict.fromkeys(blank, None)))
    assert (found["unscored"], found["with_label"], found["without_label"]) == (1, 0, 0)
    assert (found["untrained"], found["notable"]) == (2, True)
    assert found["in_words"] == (
        "1 of 2 has it, untrained: no training slice showed it, so that it has no score"
    )


def test_lesions_are_counted_where_components_are_lesions():
    rows = scored(
        {"a": [(HIT, HIT + WRONG)], "b": [(HIT + WRONG, HIT)], "c": [(NOTHING, WRONG)]},
        lesions=["tumour"],
    )
    found = detection(rows)["lesions"]
    assert (found["lesions"], found["found"], found["false"]) == (3, 2, 2)
    assert found["iou"] == 0.1
    assert found["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert found["false_per_scan"]["mean"] == pytest.approx(2 / 3)
    assert detection(rows)["in_words"].endswith("2 of 3 lesions found, 0.7 false ones a scan")
    assert detection(scored({"a": [(HIT, HIT)]}))["lesions"] is None


def test_the_convention_of_challenges_is_seen_in_the_table():
    patients = {"a": [(HIT, HIT)], "b": [(NOTHING, NOTHING)], "c": [(NOTHING, WRONG)]}
    assert not counts_absent(scored(patients))
    challenge = scored(patients, absent_labels="challenge")
    assert counts_absent(challenge)
    assert challenge.set_index("case")["dice"].tolist() == [1, 1, 0]
    # in whom it was found does not depend on it
    assert detection(challenge) == detection(scored(patients))


def test_tables_read_from_a_file_say_the_same(tmp_path):
    table = scored({"a": [(HIT, WRONG)], "b": [(NOTHING, WRONG)]})
    table.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    assert detection(pd.read_csv(tmp_path / "t.tsv", sep="\t")) == detection(table)
