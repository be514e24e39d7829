"""Every two experiments, patient by patient: numbers, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slicewise.errors import SlicewiseError
from slicewise.evaluation.comparison import (
    case_table,
    compare,
    fewest,
    grouped,
    headline_rows,
    holm,
    is_told_apart,
    over_seeds,
)
from tests.masks import HIT, NOTHING, WRONG, scored
from tests.pages import measured, table

SEVEN = dict(zip("abcdefg", (0.80, 0.70, 0.90, 0.60, 0.75, 0.85, 0.82), strict=True))


def raised(by: float, scatter: float = 0.0) -> dict[str, float]:
    return {name: value + by + scatter * k for k, (name, value) in enumerate(SEVEN.items())}


def dice_row(found: pd.DataFrame, second: str = "two", label: str = "mean") -> pd.Series:
    of = found[(found["metric"] == "dice") & (found["label"] == label)]
    (row,) = of[of["second"] == second].to_dict("records")
    return row


# -- numbers ----------------------------------------------------------------------


def test_the_difference_is_the_second_minus_the_first() -> None:
    found = dice_row(compare({"one": table(SEVEN), "two": table(raised(0.05, 0.01))}))
    assert (found["first"], found["subset"], found["n"]) == ("one", "test", 7)
    assert found["difference"] == pytest.approx(0.08)
    assert found["mean_second"] - found["mean_first"] == pytest.approx(0.08)
    assert 0.05 <= found["ci_low"] < 0.08 < found["ci_high"] <= 0.11
    assert found["p"] == pytest.approx(2 / 2**7)
    assert found["p_holm"] == found["p"]
    assert math.isnan(found["sd_seeds"])


def test_volumes_of_a_patient_count_as_one() -> None:
    one, two = table({"a": 0.5, "b": 0.5, "c": 0.5}), table({"a": 0.6, "b": 0.6, "c": 0.9})
    for each in (one, two):
        each.loc[each["case"].isin(["a", "b"]), "patient"] = "x"
    found = dice_row(compare({"one": one, "two": two}))
    assert (found["n"], found["difference"]) == (2, pytest.approx(0.25))


def test_labels_are_compared_each_and_as_their_mean() -> None:
    one = table(SEVEN, labels=("liver", "tumour"))
    two = one.assign(dice=one["dice"] + np.where(one["label"] == "tumour", 0.1, 0.02))
    found = compare({"one": one, "two": two})
    shown = {label: dice_row(found, label=label)["difference"] for label in found["label"].unique()}
    assert shown == {
        "mean": pytest.approx(0.06),
        "liver": pytest.approx(0.02),
        "tumour": pytest.approx(0.1),
    }


def test_a_missed_organ_is_left_out_of_both() -> None:
    one = measured(table({"a": 0.8, "b": 0.7, "c": 0.6}), [3.0, 4.0, 5.0])
    two = measured(table({"a": 0.9, "b": 0.0, "c": 0.7}), [2.0, math.nan, 3.0])
    found = compare({"one": one, "two": two}).set_index("metric")
    assert (found.loc["hd95_mm", "n"], found.loc["dice", "n"]) == (2, 3)
    assert found.loc["hd95_mm", "mean_first"] == 4.0
    assert found.loc["hd95_mm", "difference"] == -1.5
    assert math.isnan(found.loc["hd95_mm", "p_holm"])


def test_surfaces_at_different_tolerances_are_not_compared() -> None:
    one = measured(table({"a": 0.8}), [3.0])
    found = compare({"one": one, "two": one.assign(tolerance_mm=3.0)})
    assert set(found["metric"]) == {"dice", "hd95_mm", "assd_mm", "volume_error_percent"}


def test_of_the_volume_error_the_size_counts() -> None:
    one, two = table({"a": 0.8}), table({"a": 0.8}).assign(volume_error_percent=4.0)
    found = compare({"one": one, "two": two}).set_index("metric").loc["volume_error_percent"]
    assert (found["mean_first"], found["difference"]) == (6.7, pytest.approx(-2.7))


def test_validation_patients_are_compared_apart() -> None:
    tables = [pd.concat([table(SEVEN), table({"v": value}, "validation")]) for value in (0.5, 0.75)]
    found = compare(dict(zip(("one", "two"), tables, strict=True)))
    dice = found[found["metric"] == "dice"].set_index("subset")["difference"]
    assert dice.to_dict() == {"test": 0.0, "validation": 0.25}
    # other validation patients are no reason to refuse
    others = {"one": tables[0], "two": pd.concat([table(SEVEN), table({"w": 0.5}, "validation")])}
    assert set(compare(others)["subset"]) == {"test"}


def test_one_experiment_has_nothing_to_be_compared_with() -> None:
    assert compare({"one": table(SEVEN)}).empty
    assert compare({"one": table(SEVEN).iloc[:0], "two": table(SEVEN).iloc[:0]}).empty


# -- Holm ----------------------------------------------------------------------------


def test_holm_gives_known_values() -> None:
    # as p.adjust(method = "holm") of R
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_its_steps_reject(p: list[float]) -> None:
    order, rejected = np.argsort(p, kind="stable"), set()
    for step, k in enumerate(order):
        if p[k] * (len(p) - step) >= 0.05:
            break
        rejected.add(int(k))
    assert {k for k, corrected in enumerate(holm(p)) if corrected < 0.05} == rejected


def test_all_comparisons_of_dice_are_corrected_together() -> None:
    found = compare({"one": table(SEVEN), "two": table(raised(0.1, 0.01)), "three": table(SEVEN)})
    dice = found[found["metric"] == "dice"]
    assert list(zip(dice["first"], dice["second"], strict=True)) == [
        ("one", "two"),
        ("one", "three"),
        ("two", "three"),
    ]
    assert dice["p_holm"].tolist() == pytest.approx([3 / 64, 1, 3 / 64])


@pytest.mark.parametrize("comparisons", [1, 2, 3, 6, 10])
def test_fewest_is_where_the_test_can_find_something(comparisons: int) -> None:
    n = fewest(comparisons)
    least = [stats.wilcoxon(np.arange(1.0, k + 1)).pvalue * comparisons for k in (n - 1, n)]
    assert least[1] < 0.05 <= least[0]
    assert fewest(1) == 6


# -- seeds -----------------------------------------------------------------------------

REPEATS = {"one": ["one", "one-seed2", "one-seed3"], "two": ["two", "two-seed2"]}
SEEDS = {"one": 0.0, "one-seed2": 0.03, "one-seed3": -0.03, "two": 0.10, "two-seed2": 0.12}


def seeds() -> dict[str, pd.DataFrame]:
    return {name: table(raised(by)) for name, by in SEEDS.items()}


def test_seeds_count_as_one_experiment_with_their_scatter_beside() -> None:
    found = dice_row(compare(seeds(), REPEATS))
    assert (found["first"], found["n"]) == ("one", 7)
    assert found["difference"] == pytest.approx(0.11)
    assert found["sd_seeds"] == pytest.approx(math.hypot(0.03, np.std([0.1, 0.12], ddof=1)))
    one_seed = compare(seeds(), {"one": REPEATS["one"]})
    assert one_seed["sd_seeds"].isna().all()
    assert list(grouped(seeds(), REPEATS)) == ["one", "two"]
    # of an experiment that is not made its repeats stand for themselves
    assert list(grouped(["one-seed2", "two"], REPEATS)) == ["one-seed2", "two"]


def test_the_interval_holds_patients_and_seeds() -> None:
    found = dice_row(compare(seeds(), REPEATS))
    means = {name: over_seeds(seeds(), REPEATS)[name] for name in ("one", "two")}
    alone = dice_row(compare(means))
    for end in ("ci_low", "ci_high"):
        apart = abs(alone[end] - alone["difference"])
        both = abs(found[end] - found["difference"])
        assert both == pytest.approx(math.hypot(apart, found["reach_seeds"]))
    # seeds that scatter as far as the difference leave nothing to be told apart
    wide = seeds()
    wide["two-seed2"] = table(raised(-0.2))
    row = dice_row(compare(wide, REPEATS))
    assert row["ci_low"] < 0 < row["ci_high"]
    assert not is_told_apart(row)


def test_who_agrees_and_how_many_are_needed_stand_in_the_table() -> None:
    few = {name: SEVEN[name] for name in "abc"}
    better = {name: value + 0.1 for name, value in few.items()}
    row = dice_row(compare({"one": table(few), "two": table(better)}))
    assert (row["agree"], row["n"], row["needed"]) == (3, 3, 6)
    told = dice_row(compare({"one": table(SEVEN), "two": table(raised(0.1))}))
    assert (told["agree"], math.isnan(told["needed"])) == (7, True)


def test_a_table_over_seeds_holds_their_means() -> None:
    first = measured(table({"a": 0.8, "b": 0.7}), [3.0, 4.0])
    other = measured(table({"a": 0.9, "b": 0.0}), [5.0, math.nan])
    both = over_seeds({"x": first, "y": other}, {"x": ["x", "y"]})["x"].set_index("case")
    assert both["dice"].to_dict() == pytest.approx({"a": 0.85, "b": 0.35})
    assert both.loc["a", "hd95_mm"] == 4.0
    assert math.isnan(both.loc["b", "hd95_mm"])
    assert set(both["subset"]) == {"test"}


# -- seeds --------------------------------------------------------------------------------


def test_what_seeds_reach_is_the_interval_of_welch() -> None:
    tables, means = {}, {"one": [0.80, 0.83, 0.79], "two": [0.90, 0.905, 0.91, 0.93]}
    for name, values in means.items():
        for k, mean in enumerate(values):
            tables[f"{name}{k}"] = table(dict.fromkeys(SEVEN, mean))
    repeats = {f"{n}0": [f"{n}{k}" for k in range(len(v))] for n, v in means.items()}
    (row,) = [r for r in headline_rows(compare(tables, repeats), "test") if r["label"] == "mean"]
    theirs = stats.ttest_ind(means["two"], means["one"], equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert row["reach_seeds"] == pytest.approx((interval.high - interval.low) / 2)
    assert row["difference"] == pytest.approx((interval.high + interval.low) / 2)


# -- labels that many patients do not have ------------------------------------------------


def tumours(found: np.ndarray, elsewhere: np.ndarray, **how) -> pd.DataFrame:
    """Score six patients with a tumour and two without."""
    rows = {f"p{k}": [(HIT, found)] for k in range(6)}
    return scored(rows | {f"h{k}": [(NOTHING, elsewhere)] for k in range(2)}, **how)


@pytest.mark.parametrize("absent", ["exclude", "challenge"])
def test_finding_nothing_wins_nothing(absent: str) -> None:
    silent = tumours(NOTHING, NOTHING, absent_labels=absent)
    tries = tumours(HIT, WRONG, absent_labels=absent)
    table = compare({"silent": silent, "tries": tries})
    found = dice_row(table, "tries")
    assert (found["n"], found["mean_first"], found["mean_second"]) == (6, 0, 1)
    (false,) = table[table["metric"] == "false_ml"].to_dict("records")
    assert (false["n"], false["mean_first"], false["mean_second"]) == (2, 0, 4)


def test_without_any_label_only_what_is_false_is_compared() -> None:
    tables = {
        name: scored({"a": [(NOTHING, guess)]}) for name, guess in (("x", NOTHING), ("y", WRONG))
    }
    assert set(compare(tables)["metric"]) == {"false_ml"}


def test_tables_of_different_conventions_are_refused() -> None:
    text = refused(tumours(HIT, WRONG), tumours(HIT, WRONG, absent_labels="challenge"))
    assert "baseline scores labels that a patient does not have and tutorial does not" in text


def test_labels_count_alike_whatever_scans_have_them() -> None:
    # of two scans one has both labels: the mean is over labels, not over scans and labels
    truths = [HIT + 2 * WRONG, HIT]
    one = scored({"a": [(truth, truth) for truth in truths]}, labels=("x", "y"))
    two = scored({"a": [(HIT, HIT), (HIT, NOTHING)]}, labels=("x", "y"))
    two["volume_ml"] = one["volume_ml"]
    two.loc[two["label"] == "y", "dice"] = [0.0, math.nan]
    found = dice_row(compare({"one": one, "two": two}))
    assert (found["mean_first"], found["mean_second"]) == (1, 0.25)


def test_a_score_that_one_left_empty_is_nothing() -> None:
    empty = table(SEVEN).assign(dice=[math.nan, *list(SEVEN.values())[1:]])
    found = dice_row(compare({"one": table(SEVEN), "two": empty}))
    assert (found["n"], found["changed"]) == (7, 1)
    assert found["difference"] == pytest.approx(-SEVEN["a"] / 7)


def test_a_patient_whose_organ_was_missed_has_no_distance_by_the_others() -> None:
    both = HIT + 2 * WRONG
    full = scored({"a": [(both, both)], "b": [(both, both)]}, labels=("x", "y"))
    part = scored({"a": [(both, both)], "b": [(both, HIT)]}, labels=("x", "y"))
    found = compare({"one": full, "two": part}).set_index(["label", "metric"])["n"]
    assert (found["mean", "hd95_mm"], found["x", "hd95_mm"], found["y", "hd95_mm"]) == (1, 2, 1)


# -- refused ---------------------------------------------------------------------------


def refused(one: pd.DataFrame, two: pd.DataFrame) -> str:
    with pytest.raises(SlicewiseError) as stop:
        compare({"tutorial": one, "baseline": two})
    text = str(stop.value)
    assert text.startswith("tutorial and baseline: they cannot be compared, as ")
    assert "\n" not in text
    return text


def test_other_patients_are_refused_by_name() -> None:
    text = refused(table({"a": 0.8, "b": 0.7, "c": 0.5}), table({"a": 0.8, "d": 0.7}))
    assert "only tutorial has cases b, c, only baseline has case d" in text
    many = refused(table({f"p{k}": 0.5 for k in range(9)}), table({"p0": 0.5}))
    assert "cases p1, p2, p3, p4, p5 and 3 more" in many
    # the case is there, of another patient
    assert "case b" in refused(table(SEVEN), table(SEVEN).replace({"patient": {"b": "x"}}))


def test_another_ground_truth_is_refused_by_its_digest_and_by_volume() -> None:
    known = table(SEVEN).assign(truth_sha256=list("1234567"))
    other = known.assign(truth_sha256=list("1x34y67"))
    assert "the ground truth of test cases b, e differs" in refused(known, other)
    # the order of rows means nothing, and other volumes of the same truth neither
    same = known.iloc[::-1].assign(volume_ml=7.0)
    assert not compare({"one": known, "two": same}).empty
    # older tables have no digest
    old = table(SEVEN)
    assert not compare({"one": old, "two": known}).empty
    # not known, as nothing of it was drawn
    part = table({"u": math.nan}).assign(volume_ml=math.nan)
    assert not compare({"one": pd.concat([old, part]), "two": pd.concat([known, part])}).empty
    old.loc[2, "volume_ml"] += 1
    assert "the ground truth of test case c differs" in refused(known, old)


def test_other_labels_are_refused() -> None:
    text = refused(table(SEVEN), table(SEVEN, labels=("liver", "tumour")))
    assert "their labels differ (liver against liver, tumour)" in text


# -- every case ----------------------------------------------------------------------------


def test_cases_are_side_by_side() -> None:
    side = case_table({"one": table({"a": 0.5, "b": 0.6}), "two": table({"a": 0.7, "b": 0.4})})
    assert list(side.columns) == ["subset", "case", "patient", "label", "one", "two"]
    assert side["two"].tolist() == [0.7, 0.4]
