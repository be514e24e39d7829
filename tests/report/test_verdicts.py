"""What comparisons come to, in sentences."""

from __future__ import annotations

import pytest

from slicewise.evaluation.comparison import compare, headline_rows
from slicewise.report.verdicts import verdict, verdicts
from tests.evaluation.test_comparison import REPEATS, SEVEN, raised, seeds, tumours
from tests.masks import HIT, NOTHING, WRONG, scored
from tests.pages import table


def said(second: dict[str, float], first: dict[str, float] = SEVEN) -> str:
    (sentence,) = verdicts(compare({"one": table(first), "two": table(second)}), "test")
    return sentence


def test_a_clear_difference_says_who_is_better() -> None:
    better = said(raised(0.05, 0.01))
    assert better.startswith("two is better than one by 0.080 [0.06")
    assert better.endswith("p = 0.016")
    worse = said(raised(-0.05, -0.01))
    assert worse.startswith("one is better than two by 0.080 [0.06")


def test_a_difference_by_chance_says_so() -> None:
    mixed = {name: value + (-1) ** k * 0.02 for k, (name, value) in enumerate(SEVEN.items())}
    assert said(mixed).startswith(
        "two and one cannot be told apart with 7 test patients: difference"
    )
    assert ", p = " in said(mixed)


def test_too_few_patients_are_named_however_clear() -> None:
    few = dict(list(SEVEN.items())[:5])
    text = said({name: value + 0.1 for name, value in few.items()}, few)
    needs = "which so few cannot prove: the test needs 6 patients, who all differ to the same side"
    assert text == (
        "two is ahead of one by 0.100 [0.100, 0.100], a large difference, in 5 of 5 test patients, "
        + needs
    )
    assert said({"a": 0.9}, {"a": 0.8}) == (
        f"two is ahead of one by 0.100, a large difference, in 1 of 1 test patient, {needs}"
    )
    # of two patients there is no interval, and a small difference is not called large
    assert said({"a": 0.85, "b": 0.83}, {"a": 0.86, "b": 0.85}) == (
        f"one is ahead of two by 0.015, in 2 of 2 test patients, {needs}"
    )
    three = said({"a": 0.70, "b": 0.60, "c": 0.53}, {"a": 0.27, "b": 0.20, "c": 0.25})
    assert three.startswith("two is ahead of one by 0.370 [0.280, 0.430], a large difference, in 3")
    tables = {name: table(raised(by)) for name, by in (("x", 0), ("y", 0.1), ("z", 0.3))}
    for name in tables:
        tables[name] = tables[name].head(6)
    assert all(
        text.endswith(
            "the test needs 7 patients for 3 comparisons, who all differ to the same side"
        )
        for text in verdicts(compare(tables), "test")
    )


def test_few_who_disagree_are_counted() -> None:
    text = said({"a": 0.9, "b": 0.9, "c": 0.6}, {"a": 0.8, "b": 0.7, "c": 0.7})
    assert text == (
        "two and one cannot be told apart with 3 test patients: difference +0.067 [−0.100, "
        "+0.200], to that side in 2 of 3; the test needs 6 patients to find any difference"
    )


def test_how_many_would_tell_is_said_where_enough_are_there_to_test() -> None:
    less = {"c": -0.04, "f": -0.04}
    text = said({name: value + less.get(name, 0.05) for name, value in SEVEN.items()})
    assert text.startswith("two and one cannot be told apart with 7 test patients")
    assert "; if more patients differ as these do, about " in text
    assert text.endswith(" would tell")
    # no number where nothing points to either side
    even = {name: value + (-1) ** k * 0.02 for k, (name, value) in enumerate(SEVEN.items())}
    even["a"] = SEVEN["a"]
    assert "would tell" not in said(even)


def test_a_verdict_is_read_beside_the_seeds() -> None:
    (row,) = [r for r in headline_rows(compare(seeds(), REPEATS), "test") if r["label"] == "mean"]
    assert verdict(row).endswith(
        "; that is more than seeds alone do (up to 0.065 in 95 % of cases)"
    )
    assert verdict(row | {"reach_seeds": 0.12}).endswith(
        "p = 0.016, but that is no more than seeds alone can do (up to 0.120 in 95 % of cases)"
    )


@pytest.mark.parametrize("absent", ["exclude", "challenge"])
def test_what_is_predicted_where_a_label_is_not_is_said(absent: str) -> None:
    silent = tumours(NOTHING, NOTHING, absent_labels=absent)
    tries = tumours(HIT, WRONG, absent_labels=absent)
    assert verdicts(compare({"silent": silent, "tries": tries}), "test") == [
        "tries is better than silent by 1.000 [1.000, 1.000], p = 0.031; in the 2 patients who "
        "lack a label, tries predicts 4.0 ml of it and silent 0.0 ml on average"
    ]


def test_the_best_of_a_sweep_is_not_compared_by_the_patients_who_chose_it() -> None:
    tables = {name: table(raised(by)) for name, by in (("one", 0.0), ("two", 0.1), ("best", 0.2))}
    compared = compare({name: one.assign(subset="validation") for name, one in tables.items()})
    swept = {"best": 20, "elsewhere": 3}
    pair, flattered = verdicts(compared, "validation", swept=swept)
    assert pair.startswith("two is better than one by 0.100")
    assert flattered == (
        "best is the best of 20 combinations by the Dice of these validation patients, which "
        "flatters it here, so that it is not compared by them"
    )
    # test patients chose nothing
    tested = compare(tables)
    assert verdicts(tested, "test", swept=swept) == verdicts(tested, "test")


def test_without_any_label_only_what_is_false_is_compared() -> None:
    tables = {
        name: scored({"a": [(NOTHING, guess)]}) for name, guess in (("x", NOTHING), ("y", WRONG))
    }
    table = compare(tables)
    assert verdicts(table, "test") == [
        "y and x have no Dice to be compared by, as no test patient has a label; in the 1 patient "
        "who lacks a label, y predicts 4.0 ml of it and x 0.0 ml"
    ]


def test_few_that_differ_are_named() -> None:
    many = {f"p{k:02d}": 0.5 + k / 100 for k in range(20)}
    few = {name: value + 0.01 * (k < 4) * (k + 1) for k, (name, value) in enumerate(many.items())}
    text = said(few, many)
    assert text.endswith("p = 0.12, as 4 of them differ")
    assert said(many, many).endswith("p = 1, as none of them differs")
