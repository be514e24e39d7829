"""The summary over patients."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.statistics import (
    COLUMNS,
    FAILURES,
    agreement,
    case_rows,
    metrics_table,
    patient_volumes,
    read_metrics,
    summarise,
)


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
    one, two = case_rows(known, truth, guess, ["a", "b"], 2.0, (1.0, 1.0, 3.0), 2.5)
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
    scored = metrics_table(case_rows(known, mask, mask, ["a"], 2.0, None, 2.0))
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
        rows += case_rows(known, found, guess, ["liver"], 1.0, (1.0, 1.0, 1.0), 2.0)
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
