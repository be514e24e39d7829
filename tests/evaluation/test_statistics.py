"""The summary over patients."""

from __future__ import annotations

import io
import json
import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance

from slicewise.config import Evaluation
from slicewise.errors import SlicewiseError
from slicewise.evaluation.statistics import (
    COLUMNS,
    FAILURES,
    Masks,
    agreement,
    by_case,
    by_patient,
    case_rows,
    headline_subset,
    metrics_table,
    patient_volumes,
    read_metrics,
    read_summary,
    summarise,
)
from tests.masks import HIT, NOTHING, WRONG, scored


def table(dice: list[float], patients: list[str] | None = None, label: str = "liver"):
    patients = patients or [f"p{k}" for k in range(len(dice))]
    rows = [
        {
            "case": f"c{k}",
            "patient": patient,
            "subset": "test",
            "fold": None,
            "label": label,
            **dict.fromkeys(COLUMNS, value),
        }
        for k, (patient, value) in enumerate(zip(patients, dice, strict=True))
    ]
    return metrics_table(rows)


def test_rows_score_each_label() -> None:
    truth = np.array([[[0, 1, 1, 2]]], np.uint8)
    guess = np.array([[[0, 1, 2, 2]]], np.uint8)
    known = {"case": "c", "patient": "p", "subset": "test", "fold": None}
    one, two = case_rows(
        known, Masks(truth, guess, ["a", "b"], 2.0, (1.0, 1.0, 3.0)), Evaluation(tolerance_mm=2.5)
    )
    assert (one["label"], one["dice"]) == ("a", pytest.approx(2 / 3))
    assert (two["label"], two["volume_error_ml"]) == ("b", 2.0)
    # each has one end elsewhere, by a voxel of 3 mm
    assert (one["hd95_mm"], two["hd95_mm"]) == (3.0, 3.0)
    assert 0 < one["nsd"] < 1
    assert one["tolerance_mm"] == 2.5
    assert set(FAILURES) <= one.keys()
    assert one["false_islands"] == one["missed_parts"] == 0


def test_slices_that_are_no_neighbours_have_no_distances() -> None:
    mask = np.ones((2, 3, 4), np.uint8)
    known = {"case": "c", "patient": "p", "subset": "test", "fold": None}
    scored = metrics_table(case_rows(known, Masks(mask, mask, ["a"], 2.0, None), Evaluation()))
    assert scored["dice"].tolist() == [1]
    neighbourly = ["hd95_mm", "assd_mm", "nsd", "tolerance_mm", *FAILURES]
    assert scored[neighbourly].isna().all(axis=None)
    text = scored.to_csv(sep="\t", index=False)
    assert text.splitlines()[1].endswith("\t" * len(neighbourly))
    mean = summarise(read_metrics(io.StringIO(text)))["test"]["mean"]
    assert mean["hd95_mm"] == {**dict.fromkeys(mean["hd95_mm"]), "n": 0}


def test_a_missed_organ_counts_in_the_surface_dice_and_not_in_distances() -> None:
    found, missed = np.zeros((2, 6, 6, 6), np.uint8)
    found[1:5, 1:5, 1:5] = 1
    rows = []
    for patient, guess in (("a", found), ("b", found), ("c", missed)):
        known = {"case": patient, "patient": patient, "subset": "test", "fold": None}
        rows += case_rows(known, Masks(found, guess, ["liver"], 1.0, (1.0, 1.0, 1.0)), Evaluation())
    mean = summarise(metrics_table(rows))["test"]["mean"]
    assert (mean["nsd"]["n"], mean["nsd"]["mean"]) == (3, pytest.approx(2 / 3))
    for name in ("hd95_mm", "assd_mm"):
        assert (mean[name]["n"], mean[name]["mean"]) == (2, 0)
    assert "tolerance_mm" not in mean


def test_mean_median_sd() -> None:
    values = [0.5, 0.9, 0.95, 0.7]
    dice = summarise(table(values))["test"]["liver"]["dice"]
    assert dice["mean"] == pytest.approx(np.mean(values))
    assert dice["median"] == pytest.approx(np.median(values))
    assert dice["sd"] == pytest.approx(np.std(values, ddof=1))
    assert dice["n"] == 4
    assert dice["ci_low"] < dice["mean"] < dice["ci_high"]


def test_interval_is_the_percentile_bootstrap() -> None:
    values = np.random.default_rng(1).beta(8, 2, 25)
    dice = summarise(table(list(values)))["test"]["mean"]["dice"]
    # the same idea once more, without scipy
    random = np.random.default_rng(7)
    means = random.choice(values, (20_000, len(values))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    assert dice["ci_low"] == pytest.approx(low, abs=0.005)
    assert dice["ci_high"] == pytest.approx(high, abs=0.005)
    assert summarise(table(list(values))) == summarise(table(list(values)))


def test_patients_count_not_volumes() -> None:
    dice = summarise(table([0.0, 1.0, 1.0], ["a", "b", "b"]))["test"]["liver"]["dice"]
    assert dice["n"] == 2
    assert dice["mean"] == 0.5


def test_mean_over_labels_then_patients() -> None:
    both = pd.concat([table([0.8, 0.6], label="a"), table([0.4, 0.2], label="b")])
    summary = summarise(both)["test"]
    assert summary["mean"]["dice"]["mean"] == pytest.approx(0.5)
    assert summary["a"]["dice"]["mean"] == pytest.approx(0.7)


def test_one_patient_has_no_interval() -> None:
    dice = summarise(table([0.9]))["test"]["liver"]["dice"]
    assert (dice["mean"], dice["sd"], dice["ci_low"], dice["ci_high"]) == (0.9, None, None, None)


def test_undefined_values_are_left_out() -> None:
    dice = summarise(table([0.5, float("nan"), 0.7]))["test"]["liver"]["dice"]
    assert dice["n"] == 2
    assert dice["mean"] == pytest.approx(0.6)


def test_agreement_is_that_of_bland_and_altman() -> None:
    # Lancet 1986, table 1: the large and the mini Wright peak flow meter, first readings (l/min)
    large = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
    found = agreement(np.array(mini), np.array(large))
    # as they report it: mean -2.1, sd 38.8; their limits are the mean ± 2 sd, -79.7 and 75.5
    assert found["n"] == 17
    assert found["bias"] == pytest.approx(-2.1, abs=0.05)
    assert found["low"] == pytest.approx(-2.1 - 1.96 * 38.8, abs=0.15)
    assert found["high"] == pytest.approx(-2.1 + 1.96 * 38.8, abs=0.15)
    # -22.0 to 17.8; the limits -114.3 to -45.1 and 40.9 to 110.1, about -79.7 and 75.5
    assert found["bias_ci"] == pytest.approx((-22.0, 17.8), abs=0.15)
    width = (110.1 - 40.9) / 2
    assert found["high_ci"][1] - found["high"] == pytest.approx(width, abs=0.3)
    assert found["low"] - found["low_ci"][0] == pytest.approx(width, abs=0.3)


def test_three_pairs_are_enough_for_limits_of_agreement() -> None:
    found = agreement(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 9.0]))
    deviation = math.sqrt(7)  # of the differences 1, 2 and 6, whose mean is 3
    assert found["bias"] == 3
    assert found["low"] == pytest.approx(3 - 1.96 * deviation)
    assert found["high"] == pytest.approx(3 + 1.96 * deviation)


def test_agreement_of_few_says_less() -> None:
    assert agreement(np.array([]), np.array([]))["bias"] is None
    two = agreement(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    assert (two["bias"], two["low"], two["bias_ci"]) == (1.5, None, None)


def test_a_patient_has_one_volume() -> None:
    metrics = table([0.5, 0.7, 0.9], ["a", "b", "b"])
    metrics = metrics.assign(volume_ml=[100.0, 200, 300], predicted_ml=[90.0, 200, 320])
    volumes = patient_volumes(metrics, "liver")
    assert volumes.loc["b"].tolist() == [250, 260]
    assert len(volumes) == 2


# -- labels that many patients do not have -------------------------------------------


def test_a_label_that_is_never_found_scores_nothing_where_it_is():
    nobody = {f"n{k}": [(NOTHING, NOTHING)] for k in range(8)}
    found = summarise(scored({"a": [(HIT, NOTHING)], "b": [(HIT, NOTHING)]} | nobody))["test"]
    for place in ("tumour", "mean"):
        assert (found[place]["dice"]["mean"], found[place]["dice"]["n"]) == (0, 2)
        assert found[place]["predicted_ml"] == found[place]["predicted_ml"] | {"mean": 0, "n": 2}
        assert (found[place]["hd95_mm"]["mean"], found[place]["hd95_mm"]["n"]) == (None, 0)
    assert found["mean"]["detection"] == {
        "patients": 10,
        "with_label": 2,
        "unscored": 0,
        "absent_labels": "exclude",
    }


def test_silence_wins_nothing():
    healthy = {f"n{k}": [(NOTHING, NOTHING)] for k in range(20)}
    tries = healthy | {"n0": [(NOTHING, WRONG)], "n1": [(NOTHING, WRONG)]}
    silent = scored({"a": [(HIT, NOTHING)]} | healthy)
    other = scored({"a": [(HIT, HIT + WRONG)]} | tries)
    means = [summarise(each)["test"]["mean"]["dice"]["mean"] for each in (silent, other)]
    assert means[0] < means[1]


def test_a_label_that_nobody_has_lifts_no_mean():
    two = {"a": [(HIT, HIT + WRONG)], "b": [(HIT, HIT)]}
    found = summarise(scored(two, labels=("tumour", "cyst")))["test"]
    assert found["cyst"]["dice"] == {**dict.fromkeys(found["cyst"]["dice"]), "n": 0}
    assert found["cyst"]["hd95_mm"]["mean"] is None
    assert found["mean"]["dice"]["mean"] == pytest.approx((2 * 8 / 20 + 1) / 2)
    assert found["mean"]["dice"] == found["tumour"]["dice"]


def test_all_absent_is_null_in_the_file():
    found = summarise(scored({"a": [(NOTHING, NOTHING)], "b": [(NOTHING, WRONG)]}))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["test"]["mean"]["dice"]["mean"] is None
    assert found["test"]["mean"]["detection"]["with_label"] == 0


def test_a_challenge_counts_those_who_lack_it_and_says_so():
    rows = {"a": [(HIT, NOTHING)], "b": [(NOTHING, NOTHING)], "c": [(NOTHING, WRONG)]}
    found = summarise(scored(rows, absent_labels="challenge"))["test"]
    assert found["tumour"]["dice"]["mean"] == pytest.approx(1 / 3)
    assert found["tumour"]["nsd"]["mean"] == pytest.approx(1 / 3)
    assert found["mean"]["detection"]["absent_labels"] == "challenge"
    assert found["tumour"]["predicted_ml"]["n"] == 1


def test_an_organ_that_was_missed_does_not_better_the_distances_of_its_patient():
    both, one = HIT + 2 * WRONG, HIT
    found = summarise(scored({"a": [(both, both)], "b": [(both, one)]}, labels=("x", "y")))["test"]
    assert (found["x"]["hd95_mm"]["n"], found["y"]["hd95_mm"]["n"]) == (2, 1)
    # b's mean would be that of x alone
    assert found["mean"]["hd95_mm"]["n"] == 1
    assert found["mean"]["nsd"]["mean"] == pytest.approx(0.75)
    # nor does a scan in which it was missed
    twice = scored({"a": [(HIT, HIT), (HIT, NOTHING)]})
    assert math.isnan(by_patient(twice, "hd95_mm")["a"])
    assert by_patient(twice, "dice")["a"] == 0.5


@st.composite
def tables(draw) -> pd.DataFrame:
    """Draw cases of a few patients, two labels that some of them have."""
    kinds = st.sampled_from([(HIT, HIT), (HIT, WRONG + HIT), (HIT, NOTHING), (NOTHING, WRONG)])
    scans = st.lists(kinds | st.just((NOTHING, NOTHING)), min_size=1, max_size=3)
    patients = st.dictionaries(st.sampled_from("abcd"), scans, min_size=1)
    first, other = scored(draw(patients)), scored(draw(patients)).assign(label="cyst")
    other = other[other["case"].isin(first["case"])]
    return pd.concat([first, other], ignore_index=True)


@settings(max_examples=20, deadline=None)
@given(tables())
def test_means_are_those_of_plain_loops(rows: pd.DataFrame):
    """The same idea once more: of cases, then labels, then patients, without arrays."""
    patients = []
    for patient in sorted(set(rows["patient"])):
        labels = []
        for label in ("tumour", "cyst"):
            of = [
                row["dice"]
                for row in rows.to_dict("records")
                if (row["patient"], row["label"]) == (patient, label) and row["volume_ml"] > 0
            ]
            if of:
                labels.append(statistics.mean(of))
        if labels:
            patients.append(statistics.mean(labels))
    dice = summarise(rows)["test"]["mean"]["dice"]
    assert dice["n"] == len(patients)
    wanted = statistics.mean(patients) if patients else None
    assert dice["mean"] == (pytest.approx(wanted) if patients else None)


def test_volumes_agree_over_those_who_have_the_label():
    rows = scored({"a": [(HIT, HIT)], "b": [(NOTHING, NOTHING)], "c": [(NOTHING, WRONG)]})
    assert list(patient_volumes(rows, "tumour").index) == ["a"]


def test_validation_is_the_headline_where_nobody_was_tested() -> None:
    tested = table([0.5, 0.7])
    assert headline_subset(tested) == "test"
    assert headline_subset(tested.assign(subset="validation")) == "validation"
    mixed = tested.assign(subset=["test", "validation"])
    assert headline_subset(mixed) == "test"


def test_cases_are_not_patients() -> None:
    rows = table([0.5, 0.7, 0.9], ["anna", "anna", "bert"])
    assert by_patient(rows, "dice").to_dict() == pytest.approx({"anna": 0.6, "bert": 0.9})
    assert by_case(rows, "dice").to_dict() == {"c0": 0.5, "c1": 0.7, "c2": 0.9}
    assert by_case(rows, "dice").index.name == "case"


@pytest.mark.parametrize("missing", ["rows", "column"])
def test_of_nothing_there_is_nothing(missing) -> None:
    rows = table([0.5])
    part = rows.iloc[:0] if missing == "rows" else rows.drop(columns="dice")
    values = by_patient(part, "dice")
    assert values.empty
    assert (values.name, values.index.name) == ("dice", "patient")


def test_lesions_are_counted_of_the_labels_that_are_lesions() -> None:
    known = {"case": "c", "patient": "p", "subset": "test", "fold": None}
    both = np.where(HIT, 1, np.where(WRONG, 2, 0)).astype(np.uint8)
    masks = Masks(both, both, ["organ", "tumour"], 1.0, (1.0, 1.0, 1.0))
    organ, tumour = case_rows(known, masks, Evaluation(lesions=["tumour"]))
    assert "lesions" not in organ
    assert tumour["lesions"] == tumour["lesions_found"] == 1


def test_to_a_challenge_nothing_rightly_found_is_at_no_distance() -> None:
    rows = scored(
        {"a": [(NOTHING, NOTHING)], "b": [(NOTHING, WRONG)]}, absent_labels="challenge"
    ).set_index("case")
    assert rows.loc["a", ["dice", "nsd", "hd95_mm", "assd_mm"]].tolist() == [1, 1, 0, 0]
    assert rows.loc["b", ["dice", "nsd"]].tolist() == [0, 0]
    assert rows.loc["b", ["hd95_mm", "assd_mm"]].isna().all()


def test_rows_are_numbered_as_they_are_sorted() -> None:
    rows = [
        {"case": case, "patient": case, "subset": subset, "label": label}
        for case, subset, label in (
            *(("b", "validation", "l1"), ("b", "test", "z"), ("b", "test", "a")),
            ("a", "test", "l1"),
        )
    ]
    sorted_rows = metrics_table(rows)
    assert list(sorted_rows.index) == [0, 1, 2, 3]
    assert list(zip(sorted_rows["case"], sorted_rows["label"], strict=True)) == [
        *(("a", "l1"), ("b", "z"), ("b", "a")),
        ("b", "l1"),
    ]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"dice": 1.5}, "dice"),
        ({"dice": -0.1}, "dice"),
        ({"subset": "train"}, "its subsets are not test and validation, or a patient lacks"),
        ({"patient": None}, "its subsets are not test and validation, or a patient lacks"),
        ({"volume_ml": "much"}, "volume_ml"),
    ],
)
def test_a_table_that_holds_what_no_score_can_be_is_refused(tmp_path, changed, says) -> None:
    rows = table([0.5, 1.0, 0.0]).astype(object)
    path = tmp_path / "metrics.tsv"
    rows.to_csv(path, sep="\t", index=False)
    assert read_metrics(str(path))["dice"].tolist() == [0.5, 1.0, 0.0]
    rows.loc[1, list(changed)] = list(changed.values())
    rows.to_csv(path, sep="\t", index=False)
    with pytest.raises(SlicewiseError, match=says):
        read_metrics(str(path))


def test_a_case_may_be_called_as_a_number_or_as_nothing(tmp_path) -> None:
    rows = table([0.5, 0.6]).assign(case=["001", "NA"], patient=["01", "null"])
    rows.to_csv(tmp_path / "metrics.tsv", sep="\t", index=False)
    read = read_metrics(str(tmp_path / "metrics.tsv"))
    assert list(read["case"]) == ["001", "NA"]
    assert list(read["patient"]) == ["01", "null"]


def test_what_nobody_drew_is_no_part_of_a_score():
    """Overlaps and volumes are those of the arrays without these voxels."""
    random = np.random.default_rng(0)
    truth, guess = random.integers(0, 3, (2, 6, 7, 8)).astype(np.uint8)
    truth[random.random(truth.shape) < 0.4] = 255
    drawn = truth != 255
    known = {"case": "a", "patient": "a", "subset": "test", "fold": None}
    labels = ("liver", "tumour")
    rows = case_rows(known, Masks(truth, guess, labels, 2.0, (1.0, 1.0, 1.0)), Evaluation())
    deleted = Masks(truth[drawn], guess[drawn], labels, 2.0, None)
    assert [
        {name: value for name, value in row.items() if name != "undrawn_percent"} for row in rows
    ] == case_rows(known, deleted, Evaluation())
    assert rows[0]["undrawn_percent"] == pytest.approx(100 * (~drawn).mean())
    # by sums alone, too
    t, g = truth[drawn] == 1, guess[drawn] == 1
    assert rows[0]["dice"] == 2 * (t & g).sum() / (t.sum() + g.sum())
    assert rows[0]["predicted_ml"] == 2.0 * g.sum()
    told = metrics_table(rows)
    assert told["hd95_mm"].isna().all(), "a surface may go on where nobody drew"
    assert told["false_islands"].isna().all()


def test_a_label_of_which_nothing_was_drawn_may_be_elsewhere():
    part = np.where(np.arange(8) > 4, np.uint8(255), NOTHING)
    rows = scored({"a": [(part, WRONG[..., ::-1])], "b": [(HIT, HIT)]})
    assert math.isnan(rows["volume_ml"][0])
    assert rows["predicted_ml"][0] == 4.0
    summary = summarise(rows)["test"]["tumour"]
    assert summary["detection"]["unknown"] == 1
    assert summary["detection"]["without_label"] == 0
    assert summary["volume_ml"]["n"] == 1
    words = summary["detection"]["in_words"]
    assert words == "1 of 2 has it, not known of 1, in whom not all was drawn, found in 1 of 1"
    challenge = scored({"a": [(part, WRONG)]}, absent_labels="challenge")
    assert challenge["dice"].isna().all(), "nobody knows that it is not there"


def test_the_table_tells_of_undrawn_voxels_only_where_there_are_some(tmp_path):
    rows = scored({"b": [(HIT, HIT)]})
    assert "undrawn_percent" not in rows
    assert "unknown" not in summarise(rows)["test"]["tumour"]["detection"]
    part = np.where(np.arange(8) > 5, np.uint8(255), HIT)
    mixed = scored({"a": [(part, HIT)], "b": [(HIT, HIT)]})
    path = tmp_path / "metrics.tsv"
    mixed.to_csv(path, sep="\t", index=False)
    read = read_metrics(str(path))
    assert read["undrawn_percent"].tolist() == pytest.approx([25.0, math.nan], nan_ok=True)
    assert read["dice"].tolist() == [1, 1]


def test_regions_are_scored_as_their_labels_together():
    random = np.random.default_rng(0)
    truth, guess = random.integers(0, 4, (2, 6, 7, 8)).astype(np.uint8)
    known = {"case": "a", "patient": "a", "subset": "test", "fold": None}
    regions = {"whole": [1, 2, 3], "core": [2, 3]}
    spacing = (1.0, 1.0, 2.0)
    masks = Masks(truth, guess, ("edema", "necrosis", "rim"), 1.0, spacing, regions)
    rows = case_rows(known, masks, Evaluation(lesions=["core"]))
    assert [row["label"] for row in rows] == ["whole", "core"]
    for row, own in zip(rows, regions.values(), strict=True):
        t, g = (np.isin(each, own) for each in (truth, guess))
        assert row["dice"] == pytest.approx(1 - distance.dice(t.ravel(), g.ravel()))
        assert row["volume_ml"] == t.sum()
        alone = Masks(t.astype(np.uint8), g.astype(np.uint8), [row["label"]], 1.0, spacing)
        (one,) = case_rows(known, alone, Evaluation(lesions=["core"]))
        np.testing.assert_equal(row, one)
    assert "lesions" in rows[1]


def test_a_summary_is_read_as_it_was_written(tmp_path):
    summary = summarise(scored({"a": [(HIT, HIT)], "b": [(HIT, HIT + WRONG)]}))
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(summary))
    assert read_summary(path) == summary


def test_only_distances_are_lost_with_an_organ_that_was_missed():
    """How far an island lies away has no value where there is none, and that is no fault."""
    rows = table([0.5, 0.7, 0.9], ["a", "a", "b"])
    rows["largest_false_mm"] = rows["hd95_mm"] = [4.0, math.nan, 6.0]
    assert by_patient(rows, "largest_false_mm").to_dict() == {"a": 4.0, "b": 6.0}
    of_distance = by_patient(rows, "hd95_mm")
    assert (math.isnan(of_distance["a"]), of_distance["b"]) == (True, 6.0)
    # earlier tables do not say which were missed
    assert by_patient(rows.drop(columns="nsd"), "hd95_mm").to_dict() == {"a": 4.0, "b": 6.0}


def test_subsets_and_labels_are_summarised_in_one_order_whatever_the_table_has_first():
    rows = pd.concat([table([0.5], label="z"), table([0.7], label="a")], ignore_index=True)
    both = pd.concat([rows.assign(subset="validation"), rows], ignore_index=True)
    summary = summarise(both)
    assert list(summary) == ["test", "validation"]
    assert list(summary["test"]) == ["z", "a", "mean"]
