"""Scores by site and age: by patient, and nobody is left out without a word."""

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.grouping import NOT_GIVEN, groupings
from slicewise.evaluation.groups import groups_table, in_several, read_groups, score_groups
from slicewise.evaluation.intervals import interval


def rows_of(**dice):
    """A row a case; the first letter of its name is the patient."""
    return pd.DataFrame(
        [(case, case[0], "test", "liver", value) for case, value in dice.items()],
        columns=["case", "patient", "subset", "label", "dice"],
    )


ROWS = rows_of(a1=0.9, a2=0.7, b1=0.6, c1=0.5, d1=0.3)
SITES = {"a1": "Ulm", "a2": "Ulm", "b1": "Ulm", "c1": "Bonn", "d1": ""}


def grouped(values):
    (made,) = groupings(ROWS, {"x": values}, {})
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


def test_the_table_has_a_row_a_group_label_and_metric():
    table = groups_table(ROWS, [grouped(SITES)])
    assert list(table["group"].unique()) == ["Bonn", "Ulm", NOT_GIVEN]
    assert set(table["label"]) == {"mean", "liver"}
    ulm = table[(table["group"] == "Ulm") & (table["label"] == "liver")].iloc[0]
    assert (ulm["column"], ulm["subset"], ulm["metric"]) == ("x", "test", "dice")
    assert (ulm["patients"], ulm["n"], ulm["mean"]) == (2, 2, pytest.approx(0.7))


@pytest.mark.parametrize("site", ["NA", "None", "null", "n/a", "nan"])
def test_a_site_may_be_called_as_if_it_was_none(tmp_path, site):
    made = groups_table(ROWS, [grouped(dict.fromkeys(SITES, site))])
    path = tmp_path / "groups.tsv"
    made.to_csv(path, sep="\t", index=False)
    read = read_groups(path)
    assert read["group"].tolist() == made["group"].tolist() == [site] * len(made)
    assert read["ci_low"].isna().tolist() == made["ci_low"].isna().tolist()
