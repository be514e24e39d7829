from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.grouping import groupings
from slicewise.evaluation.statistics import METRICS, summarise
from slicewise.report import experiment as report
from slicewise.report.cost import Cost
from slicewise.report.evidence import Evidence, Link
from slicewise.report.formats import themed
from slicewise.report.gallery import GALLERY_LIMIT, CaseFigures, gallery_cases
from slicewise.report.outlines import PREDICTION_COLOUR, TRUTH_COLOUR
from slicewise.report.undrawn import Undrawn
from slicewise.report.viewer import ShownCase, plane_views
from tests.case_records import case_record
from tests.masks import HIT, NOTHING, UNKNOWN, WRONG, scored, untrained
from tests.pages import Page, history, measured, pieces, summary, table

pytestmark = pytest.mark.usefixtures("each_figure_drawn_once")


def views(frames: int = 4):
    truth, prediction = np.zeros((2, 9, 8, 7), np.uint8)
    truth[2:7, 2:6, 2:6] = prediction[3:8, 2:6, 2:6] = 1
    planes = ("axial", "coronal", "sagittal")
    case = ShownCase(truth * 50.0, truth, prediction, (1.0, 1.0, 2.0), (0, 100), {"liver": [1]})
    return plane_views(case, planes, frames)


VIEWS = views()


def experiment(metrics: pd.DataFrame, **changed) -> str:
    cases = [CaseFigures(case, views=VIEWS) for case in metrics["case"].unique()]
    values = {
        "dataset": "ircad",
        "experiment": "baseline",
        "summary": summary(metrics),
        "metrics": metrics,
        "histories": {"fold-0": history()},
        "cases": cases,
        "settings": {"training": {"epochs": 4, "loss": {"dice": 1.0}, "seed": None}},
        "split": metrics[["case", "patient", "subset", "fold"]].drop_duplicates(),
        "provenance": {"git commit": "abc123"},
        "excluded": {"ircad-20": "no mask"},
    }
    return report.experiment_report(report.ReportedExperiment(**values | changed))


MIXED = {"a": 0.91, "b": 0.55, "c": 0.97, "d": 0.8}


def test_the_report_parses_and_needs_nothing_else():
    page = Page(experiment(table(MIXED)))
    assert page.images
    assert all(reference.startswith("data:") for reference in page.references)
    assert all(image.get("alt") for image in page.images)
    assert "https://" not in page.words
    for expected in ("abc123", "no mask", "training", "loss.dice", "95", "ircad"):
        assert expected in page.words


def test_what_stages_took_is_beside_what_they_asked_for():
    costs = [
        Cost("ingest", 3, 1.5, 0.75, None, None),
        Cost("train", 2, 200.0, 150.0, 1100.0, 1.8, 8000.0, 1440.0, 2.0),
    ]
    text = re.sub("<[^>]+>|\\s+", " ", experiment(table(MIXED), costs=costs))
    part = re.sub(" +", " ", text[text.index("Where time and memory went") :])
    assert "Reading and checking 3 1.5 0.8 – – " in part
    assert "Training 2 200.0 150.0 of 1 440 1 100 of 8 000 1.8 of 2 " in part
    assert "Together 5 201.5 " in part
    assert "Where time" not in experiment(table(MIXED))


def test_rows_and_gallery_are_worst_first():
    text = experiment(table(MIXED))
    page = Page(text)
    worst_first = ["b", "d", "a", "c"]
    assert page.first_cells(MIXED) == worst_first
    gallery = text[text.index('id="gallery"') :]
    places = [gallery.index(f"Slices of {case}") for case in worst_first]
    assert places == sorted(places)


def test_the_headline_is_the_mean_of_the_test_patients():
    both = pd.concat([table({"a": 0.9, "b": 0.8}), table({"c": 0.1}, "validation")])
    page = Page(experiment(both))
    assert "Mean Dice per test patient" in page.words
    assert "0.850" in page.words
    assert "With only 2 patients" in page.words
    assert page.words.index("Test patients") < page.words.index("Validation patients")


def test_the_headline_is_put_into_words():
    page = Page(experiment(table({"a": 0.9, "b": 0.8}).assign(precision=0.95)))
    assert "In 2 new patients, 85 % of the reference liver was found" in page.words
    assert "off by 6.7 % (median): too small by 6.7 % at most" in page.words


def test_without_test_patients_the_report_says_so():
    page = Page(experiment(table(MIXED, "validation")))
    assert "No test patients" in page.words
    assert "Mean Dice per validation patient" in page.words
    assert "never seen" not in page.words


def test_without_any_patient_there_is_no_number():
    nothing = table(MIXED).iloc[:0]
    split = table(MIXED, "train")[["case", "patient", "subset", "fold"]]
    page = Page(experiment(nothing, summary={}, split=split, histories={}))
    assert "No patient has been scored" in page.words


def test_names_are_escaped():
    hostile = "<script>alert(1)</script>"
    plain = Page(experiment(table({"a": 0.5, "x": 0.6})))
    text = experiment(
        table({hostile: 0.5, "x": 0.6}, labels=(hostile,)),
        provenance={hostile: hostile},
        settings={hostile: hostile},
        excluded={hostile: hostile},
        experiment=hostile,
    )
    assert hostile not in text
    page = Page(text)
    assert page.scripts == plain.scripts
    assert hostile in page.words


def test_missing_values_are_an_en_dash_and_come_last():
    page = Page(experiment(table({"a": np.nan, "b": 0.5})))
    assert page.first_cells("ab") == ["b", "a"]
    assert not {"nan", "None"} & set(page.words.split())
    row = next(row for row in page.rows if row and row[0] == "a")
    assert row[1] == "–"


def test_several_labels_are_told_apart():
    page = Page(experiment(table({"a": 0.9, "b": 0.8}, labels=("liver", "spleen"))))
    assert [cell for row in page.rows for cell in row if cell in ("Label", "Mean Dice")][:2] == [
        "Label",
        "Mean Dice",
    ]
    assert sum("spleen" in row for row in page.rows) >= 3


def test_only_the_worst_of_many_patients_are_pictured():
    many = table({f"case-{number:03d}": 0.5 + number / 500 for number in range(100)})
    wanted = gallery_cases(many)
    assert len(wanted) == GALLERY_LIMIT
    assert wanted[0] == "case-000"
    text = experiment(many)
    page = Page(text)
    assert text.count('class="case card"') == GALLERY_LIMIT
    assert "only the 30 worst of 100" in page.words
    assert len([row for row in page.rows if row and row[0].startswith("case-")]) == 100


def test_the_number_of_scored_runs_is_told():
    # others may be scored later, and need not make this page again
    alone = Page(experiment(table(MIXED), scored_runs=1)).words
    assert "When this page was made, this was the only run scored" in alone
    assert "5 runs had been scored" in Page(experiment(table(MIXED), scored_runs=5)).words


def held_out(dice: dict[str, float]) -> pd.DataFrame:
    return table(dice, "validation").assign(fold=[float(k % 2) for k in range(len(dice))])


def test_patients_that_folds_held_out_guided_no_choice():
    metrics = held_out(MIXED)
    words = Page(experiment(metrics, split=metrics.assign(subset="train"))).words
    assert "Mean Dice per held-out patient" in words
    assert "guided no choice" in words
    assert "may have guided" not in words
    assert "Training, each held out once" in words
    plain = Page(experiment(table(MIXED, "validation"))).words
    assert "may have guided" in plain
    assert "held-out" not in plain


def test_the_cross_validation_stands_beside_the_test():
    metrics = pd.concat([table({"x": 0.9, "y": 0.7}), held_out(MIXED)])
    page = Page(experiment(metrics))
    assert "Cross-validation: Dice 0.807, " in page.words
    assert "4 held-out patients" in page.words
    assert "Each was predicted by the model of the fold" in page.words
    assert "Cross-validation" not in Page(experiment(table(MIXED))).words


def test_a_seed_says_which_it_is_and_leads_to_the_others():
    page = Page(experiment(table(MIXED), experiment="one-seed2", seeds=["one", "one-seed2"]))
    assert "Seed 2 of 2. The same experiment with other seeds: one. The numbers" in page.words
    links = [reference for reference in page.references if not reference.startswith("data:")]
    assert links == ["../one/report.html", "../comparison.html"]
    assert "Seed " not in Page(experiment(table(MIXED))).words


def test_what_a_sweep_chose_says_so_and_leads_to_it():
    page = Page(experiment(table(MIXED), experiment="one-seed2", sweep="one", combinations=8))
    assert "Its settings are the best of 8 combinations by validation Dice" in page.words
    assert "../one/sweep.html" in page.references
    assert "combination" not in Page(experiment(table(MIXED))).words


def test_of_two_patients_there_is_no_interval():
    two = Page(experiment(table({"a": 0.9, "b": 0.7})))
    assert "95\xa0% interval 0." not in two.words
    assert "With only 2 patients there is no interval" in two.words
    three = Page(experiment(table({"a": 0.9, "b": 0.7, "c": 0.8})))
    assert "95\xa0% interval 0.700 to 0.810" in three.words


def test_figures_mean_what_their_heading_says():
    words = Page(experiment(table(MIXED))).words
    assert "Difference of the volumes, predicted − reference, over their mean" in words
    assert "That of validation (solid, where there is any) is the mean over patients" in words


def test_repeated_row_numbers_do_no_harm():
    metrics = table(MIXED)
    split = metrics[["case", "patient", "subset", "fold"]]
    train = split.assign(case="t", patient="t", subset="train", fold=1.0)
    page = Page(experiment(metrics, split=pd.concat([train, split])))
    assert "held out by fold 1" in page.words


def test_distances_are_told_with_their_tolerance_and_number_of_patients():
    metrics = measured(table({"a": 0.9, "b": 0.8, "c": 0.0}), [4.08, 6.0, np.nan])
    page = Page(experiment(metrics, summary=summarise(metrics)))
    rows = {row[0]: row[1:] for row in page.rows if row}
    assert rows["Surface Dice (NSD) at 1.5 mm"][0] == "0.600"
    assert rows["HD95, mm2 of 3 patients"][0] == "5.0"
    assert rows["ASSD, mm2 of 3 patients"][0] == "0.63"
    header = next(row for row in page.rows if "NSD" in row)
    assert header[5:8] == ["NSD", "HD95, mm", "ASSD, mm"]
    assert rows["a"][4:7] == ["0.900", "4.1", "0.51"]
    assert rows["c"][4:7] == ["0.000", "–", "–"]
    assert "within 1.5\xa0mm of the other" in page.words
    # the headline stays Dice
    assert page.words.index("Mean Dice per test patient") < page.words.index("HD95")


def test_a_set_whose_organs_were_all_missed_still_shows_its_distances():
    metrics = measured(table({"a": 0.0, "b": 0.0}), [np.nan, np.nan])
    page = Page(experiment(metrics, summary=summarise(metrics)))
    assert next(row for row in page.rows if row[0] == "HD95, mm0 of 2 patients")[1] == "–"


def test_without_neighbours_there_are_no_distances_and_the_report_says_why():
    metrics = table(MIXED).reindex(columns=[*table(MIXED).columns, *METRICS[-3:], "tolerance_mm"])
    page = Page(experiment(metrics, summary=summarise(metrics)))
    assert "slices of this data set are not neighbours" in page.words
    for word in ("HD95", "ASSD", "NSD"):
        assert word not in page.words


def test_every_row_of_a_table_has_the_columns_of_its_header():
    metrics = measured(table({"a": 0.9, "b": 0.8}), [4.0, 5.0])
    for part in experiment(metrics).split('<table class="sortable')[1:]:
        head, body = part.split("</tbody>")[0].split("<tbody>")
        for row in body.split("<tr")[1:]:
            assert row.count("data-value") == head.count("<button")


def test_the_legend_has_the_colours_of_the_outlines():
    text = experiment(table(MIXED))
    for name, colour in (
        ("truth", TRUTH_COLOUR),
        ("prediction", PREDICTION_COLOUR),
    ):
        assert f"--{name}: rgb({' '.join(map(str, colour))})" in text


def test_training_slices_are_shown_as_the_network_sees_them():
    shown = np.zeros((2, 8, 8), np.uint8)
    samples = {"images": shown + 90, "masks": shown}
    page = Page(experiment(table(MIXED), samples=samples, settings={"augmentation": {"flip": 1}}))
    (sheet,) = [i for i in page.images if "Contact sheet" in (i["alt"] or "")]
    assert sheet["src"].startswith("data:image/jpeg")
    assert "as the network sees them, augmented" in page.words
    plain = Page(experiment(table(MIXED), samples=samples, settings={"augmentation": None}))
    assert "augmented" not in plain.words
    assert "times as large" not in plain.words
    training = {"coarse": {"share": 0.4, "factor": 1.5}}
    begun = Page(experiment(table(MIXED), samples=samples, settings={"training": training}))
    assert "The first 40 % of the training saw them with pixels about 1.5 times" in begun.words
    assert "Contact sheet" not in experiment(table(MIXED))


def test_each_patient_has_three_planes_that_scroll():
    page = Page(experiment(table(MIXED)))
    text = experiment(table(MIXED))
    assert text.count('class="view"') == 3 * len(MIXED)
    assert text.count('type="range"') == 3 * len(MIXED)
    shown = [image for image in page.images if "slice: outlines" in (image["alt"] or "")]
    assert len(shown) == 3 * len(MIXED)
    assert all(image["src"].startswith("data:image/webp") for image in shown)


def test_a_single_frame_needs_no_slider():
    cases = [CaseFigures(case, views=views(frames=1)) for case in MIXED]
    text = experiment(table(MIXED), cases=cases)
    assert text.count('class="view"') == 3 * len(MIXED)
    assert 'type="range"' not in text
    assert "application/json" not in text


def test_failures_are_a_table_and_a_sentence():
    metrics = pieces(table({"a": 0.9, "b": 0.95}), largest_false_ml=[12.3, 0.0])
    text = experiment(metrics)
    page = Page(text)
    header = next(row for row in page.rows if "False islands" in row)
    found = [row for row in page.rows if row and row[0] == "a"][-1]
    assert found[header.index("Largest island, ml")] == "12.3"
    assert "Predicted an island of 12.3 ml, 41 mm from the liver." in page.words
    assert "Nothing wrong in whole pieces" in page.words
    assert "False islands" not in experiment(table(MIXED))


def test_agreement_is_drawn_for_each_label_of_two_patients_or_more():
    both = experiment(table(MIXED, labels=("liver", "spleen")))
    assert both.count("Bland-Altman plot of the volume of") == 2 * 2  # light and dark
    rows = {row[0]: row[1:] for row in Page(experiment(table(MIXED))).rows if row}
    assert rows["Bias"] == ["−100.0", "−100.0 to −100.0"]
    assert rows["Upper limit"][0] == "−100.0"
    assert "Bland-Altman" not in experiment(table({"a": 0.9}))


def test_evidence_leads_back_to_the_files():
    links = [Link("Scores", "f" * 64, "SHA-256 of metrics.tsv"), Link("Code", None, "git commit")]
    run = {"experiment": "slicewise/ircad", "name": "baseline", "run_id": "0123abcd"}
    page = Page(experiment(table(MIXED), evidence=Evidence(links, run)))
    assert "f" * 64 in page.words
    assert "not known" in page.words
    assert "slicewise reproduce 0123abcd" in page.words
    unsent = Page(
        experiment(table(MIXED), evidence=Evidence(links, {"name": "b", "experiment": "e"}))
    )
    assert "slicewise reproduce RUN_ID" in unsent.words
    assert "slicewise sync" in unsent.words


def test_what_the_slices_allow_is_on_every_page():
    rows = table(MIXED)
    page = Page(experiment(rows.assign(recipe_dice=0.991)))
    assert "allow a mean Dice of 0.991 at most" in page.words
    assert "lost before the network sees it" not in page.words
    page = Page(experiment(rows.assign(recipe_dice=[0.991, 0.4, 0.99, 0.99])))
    assert "lost before the network sees it" in page.words
    assert "at most: so good is" not in Page(experiment(rows)).words


def fail(*given, **named):
    raise OSError("broken data stream when writing image file")


def test_pictures_that_fail_hide_no_number(monkeypatch):
    whole = Page(experiment(table(MIXED)))
    monkeypatch.setattr("slicewise.report.formats.svg", fail)
    monkeypatch.setattr(report, "themed", themed)
    monkeypatch.setattr("slicewise.report.experiment.jpeg", fail)
    samples = {name: np.zeros((2, 8, 8), np.uint8) for name in ("images", "masks")}
    missing = CaseFigures("b", undrawn=Undrawn("b could not be drawn (x)."))
    cases = [missing, CaseFigures("a", views=VIEWS)]
    page = Page(experiment(table(MIXED), samples=samples, cases=cases))
    assert [row for row in page.rows if row in whole.rows] == whole.rows
    # both curves, the dots, the agreement of volumes, the sheet
    assert page.words.count("(OSError: broken data stream when writing image file)") == 5
    assert "b could not be drawn (x)." in page.words
    shown = [image["alt"] for image in page.images]
    assert shown == [alt for alt in shown if alt.startswith("a, ")]
    assert len(shown) == 3


# -- labels that many patients do not have --------------------------------------------

NOBODY = {f"n{k}": [(NOTHING, NOTHING)] for k in range(7)}
TUMOURS = {"a": [(HIT, HIT)], "b": [(HIT, NOTHING)], "c": [(NOTHING, WRONG)]} | NOBODY


def test_the_headline_says_who_has_the_label_and_a_table_in_whom_it_was_found():
    metrics = scored(TUMOURS)
    page = Page(experiment(metrics, summary=summarise(metrics)))
    words = " ".join(page.words.split())
    assert "0.500" in words
    assert "the 2 of 10 patients who have the label" in words
    assert "With only 2 patients there is no interval" in words
    assert "In the 2 of 10 new patients who have tumour, 50 % of the" in words
    row = next(row for row in page.rows if row[:2] == ["tumour", "2"])
    assert row[2] == "1"
    assert row[3].startswith("0.50")
    assert row[4:6] == ["8", "1"]
    assert row[6].startswith("0.88")
    assert row[7:] == ["0.5", "4.0"]
    assert "nothing has a value but the volumes" in words
    assert "Labels that are not there" not in words


def test_the_convention_of_challenges_is_on_the_page():
    metrics = scored(TUMOURS, absent_labels="challenge")
    words = " ".join(Page(experiment(metrics, summary=summarise(metrics))).words.split())
    assert "Labels that are not there count in the means." in words
    assert "ratios are 1 where nothing was predicted and 0 otherwise" in words
    assert "distances 0 where nothing was predicted and without a value otherwise" in words
    assert "those of ratios and distances as said above" in words
    assert "Means of Dice, distances and volumes are over those who" not in words


def test_labels_of_lesions_have_a_table_of_them():
    metrics = scored(TUMOURS, lesions=["tumour"])
    page = Page(experiment(metrics, summary=summarise(metrics)))
    row = next(row for row in page.rows if row[:3] == ["tumour", "2", "1"] and len(row) == 6)
    assert row[3].startswith("0.50")
    assert row[4] == "1"
    assert "overlaps it by 0.10 or more" in page.words
    assert "Lesions one by one" not in experiment(scored(TUMOURS))


def test_a_report_of_patients_without_any_label_is_made():
    for patients in ({"a": [(NOTHING, WRONG)]}, NOBODY):
        metrics = scored(patients)
        page = Page(experiment(metrics, summary=summarise(metrics)))
        assert not {"nan", "inf"} & set(page.words.split())
        who = "1 patient" if len(patients) == 1 else "7 patients"
        assert f"none of {who} has the label" in " ".join(page.words.split())
        assert "so that there is no Dice" in page.words


def test_volumes_are_compared_of_those_who_have_the_label():
    metrics = scored(TUMOURS)
    text = experiment(metrics, summary=summarise(metrics))
    rows = {row[0]: row[1:] for row in Page(text).rows if row}
    assert rows["Bias"][0] == "−4.0"
    assert "A dot is a test patient who has the label" in text


def test_a_label_that_was_not_trained_is_called_so_and_not_missed():
    metrics = untrained(scored(TUMOURS, labels=("tumour", "cyst")))
    page = Page(experiment(metrics, summary=summarise(metrics)))
    words = " ".join(page.words.split())
    assert (
        "No training slice showed tumour: its scores are empty (2 of 10 have it), neither" in words
    )
    row = next(row for row in page.rows if row[:2] == ["tumouruntrained", "2"])
    assert row[2:] == ["0", "–", "0", "0", "–", "–", "–"]
    assert "The 8.0 ml of tumour are neither scored nor drawn" in words
    assert "none of 10 patients has a label and a score of it" in words
    assert "There is no Dice of 10 new patients: no training slice showed a label" in words
    assert not {"nan", "None"} & set(page.words.split())
    # of a fold's patients only
    some = untrained(scored(TUMOURS), patients="bc")
    words = " ".join(Page(experiment(some, summary=summarise(some))).words.split())
    assert (
        "Of 2 of 10 patients, no training slice of their model showed tumour: its scores are"
        in words
    )
    assert "the 1 of 10 patients who has the label and a score of it" in words
    assert "In the 1 of 10 new patients who has tumour and a score of it, 100 % of the" in words
    assert "In none of the 8 was a whole piece" in words
    assert "untrained for 2" in words
    # of held-out patients beside test patients
    held = untrained(scored({"h": [(HIT, HIT)]}, "validation"))
    page = Page(experiment(pd.concat([scored(TUMOURS), held], ignore_index=True)))
    assert "Of 1 of 11 patients, no training slice of their model showed tumour" in page.words
    assert "Untrained labels" not in experiment(scored(TUMOURS))


def test_the_volume_error_of_a_patient_with_many_scans_counts_once():
    twice = scored({"a": [(HIT, HIT)] * 3, "b": [(HIT, NOTHING)]}, labels=("tumour", "cyst"))
    page = Page(experiment(twice, summary=summarise(twice)))
    assert "mean, with sign; median size 50.0 %" in page.words


def test_the_report_lists_resampled_masks_and_says_that_scores_rest_on_them():
    data = pd.DataFrame(
        {
            "case": ["a", "b", "elsewhere"],
            "mask_stored": ["resampled", "", "flipped"],
            "mask_outside": ["7", "", "0"],
            "mask_off_mm": ["1.25", "", "0.0"],
            "mask_off_voxels": ["0.5", "", "0.0"],
        }
    )
    text = re.sub("<[^>]+>|\\s+", " ", experiment(table(MIXED), data=data))
    text = re.sub(" +", " ", text)
    assert "The masks of 1 of 4 scored cases are not on the grid of their image" in text
    assert "Voxels left out a 1.25 0.5 7 These masks" in text
    for without in (None, data[["case"]]):
        assert "esampled" not in experiment(table(MIXED), data=without)


def test_millimetres_that_were_made_up_are_called_so():
    lost = {"a": case_record("a", lost=True), "b": case_record("b")}
    words = Page(experiment(table(MIXED), records=lost)).words
    assert "Size of voxels unknown. The headers of 1 of 4 scored cases" in words
    known = {"a": case_record("a", lost=True, content={"spacing": [0.8, 0.8, 5.0]})}
    assert "Size of voxels" not in Page(experiment(table(MIXED), records=known)).words


def test_a_case_scrolls_wherever_it_has_several_frames():
    one = np.ones((9, 8, 1), np.uint8)
    case = ShownCase(one * 50.0, one, one, (1.0, 1.0, 2.0), (0, 100), {"liver": [1]})
    slices = plane_views(case, ("axial", "coronal", "sagittal"), 4)
    assert [len(view.frames) > 1 for view in slices] == [False, True, True]
    text = experiment(table({"a": 0.9}), cases=[CaseFigures("a", views=slices)])
    assert text.count('type="range"') == 2
    assert '<script type="application/json">' in text


def test_groups_have_their_means_intervals_and_patients():
    metrics = table(MIXED)
    sites = {case: "Ulm" if case[0] in "abc" else "" for case in metrics["case"]}
    page = Page(experiment(metrics, groupings=groupings(metrics, {"site": sites}, {})))
    ulm, nobody = (
        next(row for row in page.rows if row[:1] == [name]) for name in ("Ulm", "not given")
    )
    assert ulm[1:3] == ["3", "0.810"]
    assert " to " in ulm[3]
    assert nobody[1:4] == ["1", "0.800", "–"]
    assert "Group by group" not in Page(experiment(metrics)).words


def test_folds_of_sites_are_named():
    metrics = table(MIXED, subset="validation").assign(fold="0")
    split = metrics[["case", "patient", "subset", "fold"]].drop_duplicates().assign(site="Ulm")
    text = experiment(metrics, split=split, leave_out="site")
    assert "fold 0: Ulm" in text
    assert "held out by fold 0: site Ulm" in text


def test_of_whom_it_is_not_known_whether_they_have_a_label_is_told():
    metrics = scored({"a": [(HIT, HIT)], "b": [(UNKNOWN, NOTHING)], "c": [(NOTHING, NOTHING)]})
    page = Page(experiment(metrics, summary=summarise(metrics)))
    assert "the 1 of 3 patients who is known to have the label" in " ".join(page.words.split())
    row = next(row for row in page.rows if row[0] == "tumournot known of 1")
    assert row[1:3] == ["1", "1"]
    assert "it is not known whether they have it" in page.words
    assert "known" not in experiment(scored({"a": [(HIT, HIT)]})).split("<main>")[1].split("<h2")[1]


def test_a_group_says_of_how_many_a_mean_is():
    rows = {"a": [(HIT, HIT)], "b": [(np.maximum(UNKNOWN, HIT), HIT)]}
    metrics = scored(rows)
    grouped = groupings(metrics, {"site": {"a": "Ulm", "b": "Ulm"}}, {})
    page = Page(experiment(metrics, summary=summarise(metrics), groupings=grouped))
    head = next(row for row in page.rows if row[:2] == ["site", "Patients"])
    row = next(row for row in page.rows if row[0] == "Ulm")
    assert dict(zip(head, row, strict=True))["NSD"] == "1.0001"
