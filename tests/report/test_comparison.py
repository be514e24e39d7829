"""The page that sets experiments side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.comparison import compare
from slicewise.evaluation.grouping import groupings
from slicewise.evaluation.statistics import summarise
from slicewise.report import comparison as report
from slicewise.report.changed import Changed
from slicewise.report.comparison import ComparedExperiments, comparison_report
from slicewise.report.dots import DotRow, difference_plot
from slicewise.report.formats import svg, themed
from slicewise.report.undrawn import Undrawn
from tests.masks import HIT, NOTHING, UNKNOWN, WRONG, scored, untrained
from tests.pages import Page, history, measured, summary, table

pytestmark = pytest.mark.usefixtures("each_figure_drawn_once")
SEVEN = dict(zip("abcdefg", (0.80, 0.70, 0.90, 0.60, 0.75, 0.85, 0.82), strict=True))


def comparison(tables: dict[str, pd.DataFrame], summarised=summary, **more) -> Page:
    return Page(
        comparison_report(
            ComparedExperiments(
                dataset="ircad",
                rows={name: summarised(metrics) for name, metrics in tables.items()},
                metrics=tables,
                table=compare(tables, more.get("repeats")),
                histories={name: {"fold-0": history(), "fold-1": history()} for name in tables},
                links={name: f"{name}/report.html" for name in tables},
                provenance={"slicewise": "0.1.0"},
                parameters=dict.fromkeys(tables, 7_760_000),
                **more,
            )
        )
    )


def cells(page: Page, name: str, header: str = "Experiment") -> dict[str, str]:
    """Return a row of a table by the titles of its columns."""
    head = next(row for row in page.rows if row and row[0] == header)
    found = next(row for row in page.rows if row and row[0] == name and len(row) == len(head))
    return dict(zip(head, found, strict=True))


def test_all_experiments_are_listed_with_paired_differences():
    page = comparison(
        {
            "tutorial": table({"a": 0.8, "b": 0.7}),
            "baseline": table({"a": 0.9, "b": 0.65}),
            "large": table({"a": 0.9, "b": 0.8}),
        }
    )
    links = [reference for reference in page.references if not reference.startswith("data:")]
    assert links == [f"{name}/report.html" for name in ("tutorial", "baseline", "large")]
    assert page.first_cells("ab") == ["b", "a"]
    row = next(row for row in page.rows if row and row[0] == "b")
    assert row == ["b", "0.700", "0.650", "0.800", "−0.050", "+0.100"]
    assert "1 / 1 of 2" in page.words
    assert cells(page, "tutorial")["Parameters"] == "7 760 000"
    pairs = [row for row in page.rows if row and "−" in row[0]]
    assert [row[0] for row in pairs] == [
        "baseline−tutorial",
        "large−tutorial",
        "large−baseline",
    ]
    assert pairs[1][1:3] == ["0.850 − 0.750", "+0.100"]
    assert "baseline and tutorial cannot be told apart with 2 test patients" in page.words


def test_the_verdict_comes_first():
    better = table({name: value + 0.05 for name, value in SEVEN.items()})
    page = comparison({"one": table(SEVEN), "two": better}, scored_runs=3)
    assert "two is better than one by 0.050 [0.050, 0.050], p\u00a0=\u00a00.016." in page.words
    assert "3 runs have been scored on this test set so far" in page.words
    assert page.words.index("is better than") < page.words.index("Mean Dice")
    # light and dark: dots, differences, curves
    assert len(page.images) == 6
    alone = comparison({"one": table(SEVEN), "two": better}, scored_runs=1)
    assert "1 run has been scored on this test set so far." in alone.words


def test_distances_are_listed():
    every = measured(table({"a": 0.8, "b": 0.7}), [3.0, 4.0])
    some = measured(table({"a": 0.9, "b": 0.0}), [2.5, np.nan])
    page = comparison({"every": every, "some": some}, summarise)
    for name, wanted in (("every", ["0.900", "3.5"]), ("some", ["0.450", "2.5 (1 of 2)"])):
        row = cells(page, name)
        assert [row["Mean NSD"], row["Mean HD95, mm"]] == wanted
    row = cells(page, "HD95, mm", "Metric")
    assert (row["Means"], row["Patients"]) == ("2.5 − 3.0", "1")


def test_distances_of_voxels_of_unknown_size_are_warned_of():
    tables = {name: measured(table({"a": 0.8, "b": 0.7}), [3.0, 4.0]) for name in ("one", "two")}
    page = comparison(tables, summarise, unsized=["a", "of another subset"])
    assert "Size of voxels unknown. The headers of 1 of 2 scored cases" in page.words
    assert "Size of voxels" not in comparison(tables, summarise).words


def test_costs_are_beside_accuracy_where_they_are_known():
    tables = {"one": table(SEVEN), "two": table(SEVEN)}
    costs = {
        "one": {"minutes": 4.0, "memory_mb": 2100.0, "energy_wh": 12.5},
        "two": {"minutes": 8.0, "memory_mb": None, "energy_wh": None},
    }
    row = cells(comparison(tables, costs=costs), "one")
    assert (row["Training, min"], row["Memory, MB"], row["GPU energy, Wh"]) == (
        "4.0",
        "2 100",
        "12.5",
    )
    assert cells(comparison(tables, costs=costs), "two")["GPU energy, Wh"] == "–"
    unknown = cells(comparison(tables), "one")
    assert unknown["Training, min"] == "–"
    assert not {"Memory, MB", "GPU energy, Wh"} & unknown.keys()


def test_a_mean_curve_ends_where_the_first_training_ends():
    """What goes on alone is no mean: of a bad one that ends first it would leap."""
    long = pd.DataFrame({"epoch": range(1, 7), "val_dice": [0.5, 0.6, 0.7, 0.75, 0.78, 0.8]})
    short = pd.DataFrame({"epoch": [1, 2, 3], "val_dice": [0.2, 0.25, 0.3]})
    mean = report._mean_history({"fold-0": long, "fold-1": short})
    assert list(mean["epoch"]) == [1, 2, 3]
    np.testing.assert_allclose(mean["val_dice"], [0.35, 0.425, 0.5])


def test_seeds_are_one_row_with_their_scatter():
    tables = {name: measured(table(SEVEN), [4.0] * 7) for name in ("one", "one-seed2", "two")}
    tables["one-seed2"]["dice"] += 0.01
    costs = {"one": {"minutes": 4.0}, "one-seed2": {"minutes": 6.0}, "two": {"minutes": 1.0}}
    page = comparison(tables, summarise, repeats={"one": ["one", "one-seed2"]}, costs=costs)
    assert page.first_cells(tables) == ["one", "two"] * 2
    assert cells(page, "one")["Mean Dice"] == "0.779"
    assert cells(page, "one")["Training, min"] == "5.0"
    row = next(row for row in page.rows if row[0] == "one" and len(row) == 3)
    assert row == ["one", "0.774,0.784", "0.0071"]
    assert "one-seed2/report.html" in page.references
    assert "so its number is not that of any seed's report, to which the table below" in page.words
    # one number, one link: the mean leads to no page that says another
    assert page.references.count("one/report.html") == 1
    assert next(row for row in page.rows if "−" in row[0])[-2] == "one seed"


def test_the_patients_that_changed_most_are_shown():
    picture = b"\xff\xd8 a JPEG"
    shown = Changed(
        "c1", "a", "slice 3 of 9", 0.12, [("one", 0.7, picture), ("two", 0.82, picture)]
    )
    page = comparison({"one": table(SEVEN), "two": table(SEVEN)}, changed=[shown])
    alts = [image["alt"] for image in page.images if image["src"].startswith("data:image/jpeg")]
    assert alts == [f"c1, slice 3 of 9, as {name} has it" for name in ("one", "two")]
    assert "Dice differs by 0.120" in page.words


def test_one_experiment_is_not_compared():
    page = comparison({"only": table({"a": 0.8})})
    assert "Differences are from" not in page.words
    assert "Two by two" not in page.words
    assert cells(page, "only")["Mean Dice"] == "0.800"


def test_nothing_scored_is_a_page_too():
    page = comparison({name: table({"a": 0.8}).iloc[:0] for name in ("one", "two")})
    assert cells(page, "one")["Mean Dice"] == "–"


def test_without_test_patients_the_page_says_so():
    assert "No test patients" in comparison({"one": table({"a": 0.8}, "validation")}).words


def test_differences_are_drawn_with_the_farthest_patient_named():
    values = pd.Series({"near": 0.01, "far": -0.2, "mid": 0.05})
    row = DotRow("large − baseline", values, -0.05, -0.1, 0.02)
    text = svg(difference_plot([row])).decode()
    for word in ("large", "− baseline", "far", "Difference in Dice"):
        assert f">{word}<" in text
    assert ">near<" not in text
    assert svg(difference_plot([])) != svg(difference_plot([row]))
    # one patient, and no difference at all
    assert b"<svg" in svg(difference_plot([DotRow("a − b", pd.Series({"x": 0.0}), 0.0)]))


def test_pictures_that_fail_hide_no_number(monkeypatch):
    tables = {"one": table(SEVEN), "two": table({k: v + 0.05 for k, v in SEVEN.items()})}
    whole = comparison(tables)

    def fail(*given, **named):
        raise ValueError("no such font")

    monkeypatch.setattr("slicewise.report.formats.svg", fail)
    monkeypatch.setattr("slicewise.report.comparison.themed", themed)
    page = comparison(tables, changed=[Undrawn("c1 could not be drawn (x).")])
    assert [row for row in page.rows if row in whole.rows] == whole.rows
    assert page.words.count("(ValueError: no such font)") == 3
    assert "c1 could not be drawn (x)." in page.words


# -- labels that many patients do not have --------------------------------------------


def tumours(found: np.ndarray, elsewhere: np.ndarray, **how) -> pd.DataFrame:
    rows = {"a": [(HIT, found)], "b": [(HIT, found)]}
    return scored(rows | {f"h{k}": [(NOTHING, elsewhere)] for k in range(3)}, **how)


def test_who_has_a_label_and_in_whom_it_was_found_is_told():
    tables = {"silent": tumours(NOTHING, NOTHING), "tries": tumours(HIT, WRONG)}
    page = comparison(tables, summarise)
    assert "on the same 5 test patients, of whom 2 have the label" in page.words
    row = cells(page, "tries")
    assert (row["Mean Dice"], row["Found"], row["Wrongly found"]) == ("1.000", "2 of 2", "3 of 3")
    assert cells(page, "silent")["Found"] == "0 of 2"
    assert "Predicted where a label is not, ml" in page.words


def test_what_one_of_several_seeds_found_is_not_found_by_all_of_them():
    def seed(number: int) -> pd.DataFrame:
        rows = {f"p{k}": [(HIT, HIT if k == number else NOTHING)] for k in range(4)}
        return scored(rows | {"h": [(NOTHING, WRONG if number == 0 else NOTHING)]})

    tables = {"one": seed(0), "one-seed2": seed(1), "other": seed(2)}
    page = comparison(tables, summarise, repeats={"one": ["one", "one-seed2"]})
    row = cells(page, "one")
    assert (row["Found"], row["Wrongly found"]) == ("1 of 4", "0.5 of 1")
    assert "of several seeds both are the mean" in page.words


def test_the_convention_of_challenges_makes_no_silent_experiment_the_best():
    how = {"absent_labels": "challenge"}
    tables = {"silent": tumours(NOTHING, NOTHING, **how), "tries": tumours(HIT, WRONG, **how)}
    page = comparison(tables, summarise)
    assert cells(page, "silent")["Mean Dice"] == "0.600"
    assert cells(page, "tries")["Mean Dice"] == "0.400"
    assert "Labels that are not there count in the means" in page.words
    # the mean difference of the table of patients is to the other side
    apart = "Labels that are not there count in them, other than where experiments are compared"
    assert apart in page.words
    plain = {"silent": tumours(NOTHING, NOTHING), "tries": tumours(HIT, WRONG)}
    assert apart not in comparison(plain, summarise).words
    text = comparison_report(
        ComparedExperiments(
            dataset="d",
            rows={name: summarise(metrics) for name, metrics in tables.items()},
            metrics=tables,
            table=compare(tables),
            histories={},
            links={},
            provenance={},
        )
    )
    assert text.split('class="best"')[1].split("</th>")[0].endswith("tries")


def test_pages_of_patients_without_any_label_are_made():
    tables = {
        name: scored({"a": [(NOTHING, guess)]}) for name, guess in (("x", NOTHING), ("y", WRONG))
    }
    page = comparison(tables, summarise)
    assert "y and x have no Dice to be compared by" in page.words
    assert "1 test patient, of whom none has the label" in page.words
    assert not {"nan", "None"} & set(page.words.split())


def test_no_experiment_is_the_better_for_a_label_it_was_trained_without():
    both = HIT + 2 * WRONG
    rows = {k: [(both, HIT)] for k in "abcdefg"} | {"h": [(HIT, HIT)]}
    tries = scored(rows, labels=("organ", "tumour"))
    tables = {"tries": tries, "without": untrained(tries)}
    page = comparison(tables, summarise)
    # alone it has 1.000 for the organ
    assert summarise(tables["without"])["test"]["mean"]["dice"]["mean"] == 1
    assert cells(page, "without")["Mean Dice"] == cells(page, "tries")["Mean Dice"] == "0.562"
    assert cells(page, "without")["Found"] == "8 of 8"
    assert cells(page, "tries")["Found"] == "8 of 15"
    assert cells(page, "a", "Patient")["Δ without"] == "0.000"
    assert "without: No training slice showed tumour: its scores are empty (7 of 8" in page.words
    # what none was trained on is empty on both sides
    page = comparison({name: untrained(tries) for name in tables}, summarise)
    assert cells(page, "without")["Mean Dice"] == "1.000"


def test_experiments_stand_side_by_side_in_each_group():
    tables = {
        "one": table({"a": 0.8, "b": 0.6, "c": 0.5}),
        "two": table({"a": 0.9, "b": 0.7, "c": 0.5}),
    }
    sites = {case: "Ulm" if case[0] in "ab" else "Bonn" for case in tables["one"]["case"]}
    page = comparison(tables, groupings=groupings(tables["one"], {"site": sites}, {}))
    assert cells(page, "Bonn", "site") == {
        "site": "Bonn",
        "Patients": "1",
        "one": "0.500",
        "two": "0.500",
    }
    ulm = cells(page, "Ulm", "site")["two"]
    assert ulm == "0.800", "of two patients there is no interval"
    assert "Group by group" not in comparison(tables).words


def test_patients_that_folds_held_out_guided_no_choice_and_are_called_so():
    tables = {
        name: table(SEVEN, "validation").assign(fold=[0, 1, 0, 1, 0, 1, 0]) for name in ("x", "y")
    }
    page = comparison(tables)
    assert "2 experiments on the same 7 held-out patients." in page.words
    assert "All numbers are of the cross-validation" in page.words
    assert "y and x cannot be told apart with 7 held-out patients" in page.words
    assert "Dice of each held-out patient" in page.words
    assert "may have guided choices" not in page.words and "validation patient" not in page.words


def test_it_is_told_that_not_all_was_drawn():
    both = {"a": [(HIT, HIT)], "b": [(UNKNOWN, NOTHING)]}
    tables = {"one": scored(both), "two": scored(both)}
    page = comparison(tables, summarise, repeats={"one": ["one"]})
    assert "The reference of 1 of 2 cases was drawn in part: 50 %" in page.words
    assert "on the same 2 test patients, of whom 1 is known to have the label" in page.words
    assert "drawn in part" not in comparison({"one": scored({"a": [(HIT, HIT)]})}, summarise).words


def test_what_is_said_of_seeds_and_of_choosing_is_said_only_where_it_is_so():
    tables = {name: table(SEVEN) for name in ("one", "one-seed2", "two", "two-seed2")}
    tables["two-seed2"]["dice"] += 0.01
    above = "The sentences above say how far the seeds alone go"
    one = comparison(tables, repeats={"one": ["one", "one-seed2"]})
    assert above not in one.words
    both = comparison(tables, repeats={n: [n, f"{n}-seed2"] for n in ("one", "two")})
    assert above in both.words
    assert "Choose an experiment by its validation Dice" in both.words
    validated = {name: each.assign(subset="validation") for name, each in tables.items()}
    assert "Choose an experiment by" not in comparison(validated).words


def test_of_how_many_a_mean_is_stands_beside_it():
    rows = {"a": [(HIT, HIT)], "b": [(np.maximum(UNKNOWN, HIT), HIT)]}
    page = comparison({"one": scored(rows)}, summarise)
    row = cells(page, "one")
    assert (row["Mean Dice"], row["Mean NSD"]) == ("1.000", "1.000 (1 of 2)")
    assert "In who was drawn in part, neither is measured." in page.words


def test_other_validation_patients_and_other_tolerances_stand_not_side_by_side():
    def tested(validated: str, tolerance: float) -> pd.DataFrame:
        rows = dict.fromkeys((validated, f"{validated}2"), 0.6)
        parts = [measured(table(SEVEN), [3.0] * 7), measured(table(rows, "validation"), [3.0] * 2)]
        return pd.concat(parts, ignore_index=True).assign(tolerance_mm=tolerance)

    page = comparison({"one": tested("x", 5.0), "two": tested("y", 2.0)}, summarise)
    words = " ".join(page.words.split())
    assert not {"Validation Dice", "Mean NSD"} & cells(page, "one").keys()
    assert "Choose an experiment by its validation Dice" not in words
    assert "as their validation cases differ (only one has cases x, x2" in words
    assert "NSD is left out, as it is of different tolerances (2 mm and 5 mm)." in words
    assert "these are not the same patients" in words
    page = comparison({"one": tested("x", 2.0), "two": tested("x", 2.0)}, summarise)
    assert {"Validation Dice", "Mean NSD"} <= cells(page, "one").keys()
    assert "is left out" not in page.words and "these are not" not in page.words
