"""How a summary is called in MLflow, and what its page says first."""

from __future__ import annotations

from slicewise.evaluation.statistics import summarise
from slicewise.tracking.scores import headline, patients_table, summary_metrics
from tests.masks import HIT, NOTHING, UNKNOWN, WRONG, scored, untrained

TUMOURS = {
    "a": [(HIT, HIT)],
    "b": [(HIT, NOTHING)],
    "c": [(NOTHING, WRONG)],
    "d": [(NOTHING, NOTHING)],
}


def test_a_label_that_some_have_has_its_numbers() -> None:
    named = summary_metrics(summarise(scored(TUMOURS)))
    assert named["test/dice_mean"] == 0.5
    assert named["test/patients"] == 2
    assert (named["test/sensitivity"], named["test/specificity"]) == (0.5, 0.5)
    assert named["test/false_ml"] == 2.0
    assert "test/tumour/dice_mean" not in named


def test_a_label_that_nobody_has_has_none() -> None:
    named = summary_metrics(summarise(scored(TUMOURS, labels=("tumour", "cyst"))))
    assert named["test/cyst/dice_mean"] is None
    assert named["test/cyst/specificity"] == 1
    assert named["test/dice_mean"] == named["test/tumour/dice_mean"] == 0.5


def test_what_all_have_and_was_found_has_no_more_than_its_means() -> None:
    named = summary_metrics(summarise(scored({"a": [(HIT, HIT)]})))
    assert not [name for name in named if "sensitivity" in name or "false" in name]


def test_lesions_have_their_numbers() -> None:
    named = summary_metrics(summarise(scored(TUMOURS, lesions=["tumour"])))
    assert (named["test/lesion_sensitivity"], named["test/false_lesions"]) == (0.5, 0.25)


def test_a_mean_of_fewer_patients_says_of_how_many() -> None:
    missed = {"a": [(HIT, HIT)], "b": [(HIT, HIT)], "c": [(HIT, NOTHING)]}
    named = summary_metrics(summarise(scored(missed)))
    assert (named["test/patients"], named["test/hd95_mm_patients"]) == (3, 2)
    assert "test/nsd_patients" not in named
    # of whom nobody has a distance, there is no mean to count for
    assert "test/hd95_mm_patients" not in summary_metrics(
        summarise(scored({"a": [(HIT, NOTHING)]}))
    )


def test_the_page_begins_with_whom_the_dice_is_of() -> None:
    text = headline(summarise(scored(TUMOURS)))
    assert text.startswith("**Dice 0.500** per patient in 3-D over the 2 of 4 test patients")
    assert "tumour, test patients: 2 of 4 have it, found in 1 of 2, wrongly found in 1 of" in text
    nobody = headline(summarise(scored({"a": [(NOTHING, WRONG)]})))
    assert nobody.startswith("**Dice: none**, as none of 1 test patients has any label")
    challenge = headline(summarise(scored(TUMOURS, absent_labels="challenge")))
    assert "`absent_labels: challenge`" in challenge
    several = headline(summarise(scored(TUMOURS, labels=("tumour", "cyst"))))
    assert "**Dice of cyst: none**, as none of 4 test patients has it (0 of 4 have it" in several
    plain = headline(summarise(scored({"a": [(HIT, HIT)], "b": [(HIT, HIT)]})))
    assert "per patient in 3-D over 2 test patients\n" in plain
    assert "found" not in plain


def test_the_page_says_no_interval_of_two_patients() -> None:
    three = {name: [(HIT, HIT)] for name in "abc"}
    assert "**Dice 1.000** [1.000, 1.000] per" in headline(summarise(scored(three)))
    two = headline(summarise(scored(three | {"c": [(NOTHING, NOTHING)]})))
    assert "**Dice 1.000** per" in two


def test_the_table_of_patients_is_json() -> None:
    assert "NaN" not in patients_table(scored(TUMOURS))
    assert "null" in patients_table(scored(TUMOURS))


def test_a_label_that_was_not_trained_is_called_so() -> None:
    summary = summarise(untrained(scored(TUMOURS)))
    assert headline(summary).startswith(
        "**Dice: none**, as no training slice showed what 2 of 4 test patients have"
    )
    assert "tumour, test patients: 2 of 4 have it, untrained:" in headline(summary)
    assert summary_metrics(summary)["test/sensitivity"] is None


def test_who_was_not_drawn_is_not_said_to_lack_a_label() -> None:
    nobody = headline(summarise(scored({"a": [(UNKNOWN, WRONG)]})))
    assert nobody.startswith("**Dice: none**, as none of 1 test patients is known to have any")
    some = headline(summarise(scored({"a": [(UNKNOWN, WRONG)], "b": [(HIT, HIT)]})))
    assert "over the 1 of 2 test patients who are known to have a label" in some
