from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation import figures, report
from slicewise.evaluation.statistics import METRICS, summarise

VOID = {"meta", "link", "img", "br", "hr", "input", "source"}


class Page(HTMLParser):
    """Collects what the tests ask for and fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.scripts = 0
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.references += [given[name] for name in ("src", "href") if name in given]
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(given)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            return
        self.words += data
        if self.open and "tr" in self.open and self.rows[-1]:
            self.rows[-1][-1] += data.strip()

    def first_cells(self, names) -> list[str]:
        return [row[0] for row in self.rows if row and row[0] in names]


def table(dice: dict[str, float], subset: str = "test", labels=("liver",)) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": case,
            "patient": case,
            "subset": subset,
            "fold": None,
            "label": label,
            "dice": value,
            "jaccard": value / (2 - value),
            "precision": np.nan,
            "recall": value,
            "volume_ml": 1500.0,
            "predicted_ml": 1400.0,
            "volume_error_ml": -100.0,
            "volume_error_percent": -6.7,
        }
        for case, value in dice.items()
        for label in labels
    )


def summary(metrics: pd.DataFrame) -> dict:
    found: dict = {}
    for subset, part in metrics.groupby("subset"):
        for label in [*part["label"].unique(), "mean"]:
            values = part if label == "mean" else part[part["label"] == label]
            mean = float(values["dice"].mean())
            found.setdefault(subset, {})[label] = {
                "dice": {"mean": mean, "median": mean, "sd": None, "ci_low": mean - 0.1}
                | {"ci_high": mean + 0.01, "n": len(values)}
            }
    return found


def history() -> pd.DataFrame:
    epochs = np.arange(4)
    return pd.DataFrame(
        {"epoch": epochs, "timestamp": 1.7e9 + 30 * epochs, "train/loss": 0.5, "train/dice": 0.5}
    )


def experiment(metrics: pd.DataFrame, **changed) -> str:
    picture = figures.jpeg(np.zeros((8, 8, 3), np.uint8))
    cases = [
        report.CaseFigures(case, [("Worst slice", picture)]) for case in metrics["case"].unique()
    ]
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
    return report.experiment_report(**values | changed)


MIXED = {"a": 0.91, "b": 0.55, "c": 0.97, "d": 0.8}


def test_the_report_parses_and_needs_nothing_else():
    page = Page(experiment(table(MIXED)))
    assert page.images
    assert all(reference.startswith("data:") for reference in page.references)
    assert all(image.get("alt") for image in page.images)
    assert "https://" not in page.words
    for expected in ("abc123", "no mask", "training", "loss.dice", "95", "ircad"):
        assert expected in page.words


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
    plain = Page(experiment(table(MIXED)))
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
    wanted = report.gallery_cases(many)
    assert len(wanted) == report.GALLERY_LIMIT
    assert wanted[0] == "case-000"
    text = experiment(many)
    page = Page(text)
    assert text.count('class="case card"') == report.GALLERY_LIMIT
    assert "Only the 30 worst of 100" in page.words
    assert len([row for row in page.rows if row and row[0].startswith("case-")]) == 100


def test_the_number_of_scored_runs_is_told():
    assert "only run" in Page(experiment(table(MIXED), scored_runs=1)).words
    assert "5 runs have been scored" in Page(experiment(table(MIXED), scored_runs=5)).words


def test_repeated_row_numbers_do_no_harm():
    metrics = table(MIXED)
    split = metrics[["case", "patient", "subset", "fold"]]
    train = split.assign(case="t", patient="t", subset="train", fold=1.0)
    page = Page(experiment(metrics, split=pd.concat([train, split])))
    assert "held out by fold 1" in page.words


def measured(metrics: pd.DataFrame, hd95: list[float]) -> pd.DataFrame:
    """Add distances; NaN is a missed organ."""
    missed = np.isnan(hd95)
    return metrics.assign(
        hd95_mm=hd95, assd_mm=np.array(hd95) / 8, nsd=np.where(missed, 0, 0.9), tolerance_mm=1.5
    )


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
    assert "HD95" not in Page(comparison(summarise, one=metrics)).words


def test_every_row_of_a_table_has_the_columns_of_its_header():
    metrics = measured(table({"a": 0.9, "b": 0.8}), [4.0, 5.0])
    for text in (experiment(metrics), comparison(summarise, one=metrics, two=metrics)):
        for part in text.split('<table class="sortable')[1:]:
            head, body = part.split("</tbody>")[0].split("<tbody>")
            for row in body.split("<tr")[1:]:
                assert row.count("data-value") == head.count("<button")


def comparison(summarised=summary, **tables: pd.DataFrame) -> str:
    return report.comparison_report(
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


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (float("nan"), "–"), (float("inf"), "–"), (-0.0001, "0.000"), (-1.5, "−1.500")],
)
def test_numbers_as_text(value, expected):
    assert report._number(value) == expected


def test_minutes_ignore_a_night_between_two_epochs_and_read_any_clock():
    seconds = np.array([0.0, 60, 120, 40_000, 40_060])
    clock = 1.7e9 + seconds
    for stamps in (clock, clock * 1000, pd.to_datetime(clock, unit="s").astype(str)):
        table_ = pd.DataFrame({"epoch": range(5), "timestamp": stamps})
        assert report._minutes([table_]) == pytest.approx(5.0)
    assert report._minutes([table_.head(1)]) is None


def test_the_legend_has_the_colours_of_the_outlines():
    text = experiment(table(MIXED))
    for name, colour in (
        ("truth", figures.TRUTH_COLOUR),
        ("prediction", figures.PREDICTION_COLOUR),
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
    assert "Contact sheet" not in experiment(table(MIXED))
