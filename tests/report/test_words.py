"""Sentences that are made of numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.statistics import FAILURES
from slicewise.report.faults import Fault
from slicewise.report.words import bound, convention, drawn_in_part, failure_note, meaning
from tests import masks
from tests.masks import HIT, NOTHING, UNKNOWN, WRONG
from tests.pages import measured, pieces, table


def scored(dice: dict[str, float], hd95: float = 3.0, **columns) -> pd.DataFrame:
    rows = measured(table(dice), [hd95] * len(dice)).assign(precision=0.97)
    return pieces(rows, **columns)


def note(**columns) -> str:
    given = {name: [value] for name, value in columns.items()}
    row = pieces(table({"a": 0.9}), **given)
    known = {k: v for k, v in given.items() if k in ("volume_ml", "predicted_ml", "false_islands")}
    known |= {k: v for k, v in given.items() if k.endswith("_parts") or k.endswith("islands_ml")}
    return failure_note(row.assign(**known).to_dict("records"))


def test_the_meaning_of_several_patients():
    rows = scored({"a": 0.9, "b": 0.8, "c": 0.7}, largest_gap_ml=[0.0, 0.9, 30.0])
    rows["nsd"] = [0.95, 0.95, 0.5]
    rows["volume_error_percent"] = [1.0, -2.0, 30.0]
    assert meaning(rows, "test") == [
        "In 3 new patients, 80 % of the reference liver was found, and 97 % of what was "
        "predicted as liver is liver in the reference, on average.",
        "The volume was off by 2.0 % (median): too large by 30 % at most and too small by 2.0 % "
        "at most.",
        "In 1 of 3, more than a tenth of the outline is over 1.5 mm off.",
        "In 1 of 3, a whole piece of 1 ml or more was added or left out: up to 30.0 ml missing.",
    ]


def test_the_meaning_of_one_patient_is_no_average():
    said = meaning(scored({"a": 0.9}), "validation")
    assert said[0].startswith("In 1 validation patient, 90 %")
    assert "average" not in said[0]
    assert said[1:] == [
        "The volume was too small by 6.7 %.",
        "At most a tenth of the outline is over 1.5 mm off.",
        "No whole piece of 1 ml or more that lies apart or is 10 mm thick was added or left out.",
    ]


def test_at_most_is_of_any_label_and_scan():
    rows = scored({"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}).assign(patient=["p", "p", "q", "q"])
    rows["volume_error_percent"] = [1.0, -3.0, 4.0, 98.0]
    # of each patient the mean size of the error, then their median
    said = "The volume was off by 26 % (median): too large by 98 % at most and too small by 3.0 %"
    assert f"{said} at most." in meaning(rows, "test")


def test_the_meaning_says_only_what_was_measured():
    plain = table({"a": 0.9, "b": 0.8}).assign(precision=0.9)
    assert len(meaning(plain, "test")) == 2
    assert meaning(plain.iloc[:0], "test") == []
    assert meaning(table({"a": 0.9}), "test") == []  # precision is unknown


@pytest.mark.parametrize(
    ("share", "said"),
    [(1.0, "100 %"), (0.9999, "99.9 %"), (0.994, "99.4 %"), (0.99, "99 %"), (0.874, "87 %")],
)
def test_only_what_is_complete_is_a_hundred_per_cent(share, said):
    (first, *_) = meaning(scored({"a": 0.5}).assign(recall=share), "test")
    assert f", {said} of the reference liver" in first


def test_none_is_said_only_where_surfaces_are_near():
    rows = scored({"a": 0.9, "b": 0.8})
    assert meaning(rows, "test")[-1].startswith("In none of them was a whole piece of 1 ml")
    for worse in (scored({"a": 0.9, "b": 0.8}, hd95=40.0), rows.assign(nsd=[0.95, 0.7])):
        assert not any("whole piece" in each for each in meaning(worse, "test"))
    # nor where a look found what scores do not tell
    seen = {"b": [Fault("liver", "hole", "3.5 ml are missing inside", 3.5)]}
    said = meaning(rows, "test", seen)
    assert said[1] == "In b, 3.5 ml are missing inside."
    assert not any("whole piece" in each for each in said)


def test_an_equal_volume_is_no_praise_where_it_lies_elsewhere():
    rows = scored({"a": 0.2}).assign(volume_error_percent=0.0)
    assert "The volume was right, but most of it lies in the wrong place." in meaning(rows, "test")


def test_several_labels_are_organs():
    rows = table({"a": 0.9, "b": 0.8}, labels=("liver", "spleen")).assign(precision=0.9)
    assert "85 % of each organ of the reference was found" in meaning(rows, "test")[0]


def test_failures_in_a_sentence():
    assert note(largest_false_ml=12.3) == "Predicted an island of 12.3 ml, 41 mm from the liver."
    assert note(largest_missed_ml=8.1) == "Missed a part of 8.1 ml."
    assert note(largest_gap_ml=77.4, largest_bulge_ml=130.0) == (
        "Left a gap of 77.4 ml in what it found; added a bulge of 130 ml to what it found."
    )
    assert note(largest_false_ml=4.6, false_islands=6, false_islands_ml=4.7) == (
        "Predicted an island of 4.6 ml, 41 mm from the liver, the largest of 6 (4.7 ml together)."
    )
    assert note(largest_missed_ml=0.01, missed_parts=3) == "Missed 3 specks below 0.1 ml."
    assert note() == "Nothing wrong in whole pieces: what differs is the outline."
    assert failure_note(pieces(table({"a": 1.0})).to_dict("records")) == "Nothing differs."


def test_whole_organs_in_a_sentence():
    assert note(predicted_ml=0.0, largest_missed_ml=1500.0) == (
        "Missed the liver altogether, 1 500 ml."
    )
    assert note(volume_ml=0.0, predicted_ml=3.0) == (
        "Predicted 3.0 ml of liver where the reference has none."
    )
    assert note(volume_ml=0.0, predicted_ml=0.0) == "Rightly predicted no liver."


def test_labels_have_their_own_sentences_and_unknown_ones_none():
    both = pieces(table({"a": 0.9}, labels=("liver", "spleen")), largest_gap_ml=[5.0, 0.0])
    fault = Fault("spleen", "hole", "3.5 ml are missing inside", 3.5)
    assert failure_note(both.to_dict("records"), [fault]).endswith(
        "spleen: 3.5 ml are missing inside."
    )
    said = failure_note(both.to_dict("records"))
    assert said.startswith("liver: Left a gap of 5.0 ml")
    assert "spleen: Nothing wrong" in said
    assert failure_note(table({"a": 0.9}).to_dict("records")) == ""
    assert failure_note(both.assign(false_islands=np.nan).to_dict("records")) == ""


def test_what_the_slices_allow_is_said_and_warned_of():
    rows = table({"a": 0.9, "b": 0.8}).assign(recipe_dice=[0.99, 0.97])
    said = bound(rows)
    assert said["sentence"].startswith(
        "The pixels of the slices allow a mean Dice of 0.980 at most"
    )
    assert not said["notable"]
    rows["recipe_dice"] = [0.99, 0.5]
    said = bound(rows)
    assert said["notable"]
    assert "0.745 at most" in said["sentence"]
    assert "of b) 0.500" in said["sentence"]
    assert "lost before the network sees it" in said["sentence"]


def test_what_the_slices_allow_is_a_mean_over_patients():
    rows = table({"a": 0.9, "b": 0.8, "c": 0.7}).assign(recipe_dice=[1.0, 0.96, np.nan])
    rows["patient"] = ["p", "p", "q"]
    assert "0.980" in bound(rows)["sentence"]
    assert bound(rows.drop(columns="recipe_dice")) is None
    assert bound(rows.assign(recipe_dice=np.nan)) is None


def test_a_label_that_some_have_is_told_of_those_and_of_the_others():
    nobody = {f"n{k}": [(NOTHING, NOTHING)] for k in range(7)}
    rows = {"a": [(HIT, HIT)], "b": [(HIT, NOTHING)], "c": [(NOTHING, WRONG)]} | nobody
    assert meaning(masks.scored(rows), "test") == [
        "In the 2 of 10 new patients who have tumour, 50 % of the reference tumour was found, and "
        "100 % of what was predicted as tumour, in the 1 of them in whom any was, is tumour in the "
        "reference, on average.",
        "In b, nothing was predicted as tumour, of which there are 8.0 ml.",
        "tumour: 2 of 10 have it, found in 1 of 2, wrongly found in 1 of 8 (0.5 ml on average, "
        "4.0 ml at most).",
        "The volume was off by 50 % (median): too small by 100 % at most.",
        "In 1 of 2, more than a tenth of the outline is over 2 mm off.",
        "In 2 of 10, a whole piece of 1 ml or more was added or left out: up to 8.0 ml missing, up "
        "to 4.0 ml added.",
    ]


def test_nothing_predicted_and_nothing_there():
    silent = {"a": [(HIT, NOTHING)], "b": [(NOTHING, NOTHING)]}
    said = meaning(masks.scored(silent), "test")
    assert said[0] == (
        "In the 1 of 2 new patients who has tumour, 0 % of the reference tumour was found, and "
        "nothing was predicted as tumour."
    )
    healthy = {"a": [(NOTHING, WRONG)], "b": [(NOTHING, NOTHING)]}
    said = meaning(masks.scored(healthy), "test")
    assert said[0].startswith("None of 2 new patients has tumour, so that there is no Dice")
    assert said[1].startswith("tumour: 0 of 2 have it, wrongly found in 1 of 2")
    one = meaning(masks.scored({"a": [(NOTHING, NOTHING)]}), "validation")
    assert one[0].startswith("The validation patient lacks tumour")
    assert "In none" not in " ".join(said)


def test_of_many_labels_a_few_are_put_into_words():
    labels = tuple(f"l{k}" for k in range(1, 8))
    rows = masks.scored({"a": [(HIT, HIT)], "b": [(HIT, HIT)]}, labels=labels)
    said = meaning(rows, "test")
    assert said[0].startswith("In 2 new patients, 100 % of the reference l1 was found")
    assert [sentence[:3] for sentence in said[1:5]] == ["l2:", "l3:", "l4:", "l5:"]
    assert said[5] == "2 more labels are not in everybody, or were not found in somebody: see " + (
        "the table."
    )


def test_volume_errors_are_averaged_by_patient_and_label():
    # two scans with the second label, one without: a mean over rows would be 67 %
    part = HIT.copy()
    part[1, 1, 1] = part[1, 1, 2] = 0
    two = HIT + 2 * WRONG
    scans = {"a": [(two, HIT), (two, HIT), (HIT, HIT)]}
    said = meaning(masks.scored(scans, labels=("organ", "cyst")), "test")
    assert "The volume was off by 50 % (median): too small by 100 % at most." in said


def test_the_convention_of_challenges_is_told():
    patients = {"a": [(HIT, HIT)], "b": [(NOTHING, NOTHING)]}
    assert convention(masks.scored(patients)) == ""
    challenge = masks.scored(patients, absent_labels="challenge")
    assert "as some challenges have it" in convention(challenge)
    assert "Distances are 0 where none was predicted" in convention(challenge)
    unmeasured = challenge.assign(hd95_mm=np.nan, assd_mm=np.nan)
    assert "Distances" not in convention(unmeasured)
    # what was found is told of those who have it, whatever the convention
    assert meaning(challenge, "test") == meaning(masks.scored(patients), "test")


def test_what_the_slices_allow_is_of_labels_that_are_there():
    patients = {"a": [(HIT, HIT)], "b": [(NOTHING, NOTHING)]}
    for convention_of, said in (("challenge", True), ("exclude", False)):
        table = masks.scored(patients, absent_labels=convention_of)
        sentence = bound(table.assign(recipe_dice=[0.8, np.nan]))["sentence"]
        assert ("0.800 at most of labels that are there" in sentence) == said


def test_what_was_drawn_in_part_is_said():
    rows = scored({"a": 0.9, "b": 0.8})
    assert drawn_in_part(rows) == ""
    assert drawn_in_part(rows.assign(undrawn_percent=np.nan)) == ""
    said = drawn_in_part(rows.assign(undrawn_percent=[np.nan, 87.4]))
    assert said.startswith("The reference of 1 of 2 cases was drawn in part: 87 % of the voxels")


def test_whether_there_is_any_is_not_known_where_nothing_was_drawn():
    """It is neither that nobody has it nor that no model was trained on it."""
    nobody = masks.scored({"a": [(UNKNOWN, WRONG)], "b": [(NOTHING, NOTHING)]})
    first = "None of 2 new patients is known to have tumour, as not all was drawn, so that there is"
    assert meaning(nobody, "test")[0] == f"{first} no Dice."
    one = meaning(masks.scored({"a": [(UNKNOWN, NOTHING)]}), "held-out")
    assert one[0].startswith("The held-out patient is not known to have tumour")
    some = masks.scored({"a": [(UNKNOWN, HIT)], "b": [(HIT, HIT)]})
    assert meaning(some, "test")[0].startswith("In the 1 of 2 new patients who is known to have")


def test_a_model_that_was_not_asked_and_a_label_that_was_not_drawn_are_no_volume():
    row = masks.untrained(masks.scored({"a": [(UNKNOWN, NOTHING)]}))
    assert failure_note(row.to_dict("records")) == ""


def test_outlines_and_pieces_are_said_of_those_who_were_drawn_as_a_whole():
    rows = scored({"a": 0.9, "b": 0.8, "c": 0.7}, largest_gap_ml=[30.0, np.nan, np.nan])
    rows.loc[1:, ["nsd", *FAILURES]] = np.nan
    said = meaning(rows.assign(undrawn_percent=[np.nan, 40.0, 10.0]), "test")
    assert said[-3:] == [
        "What follows is of the 1 of 3 drawn as a whole.",
        "At most a tenth of the outline is over 1.5 mm off.",
        "A whole piece of 1 ml or more was added or left out: 30.0 ml missing.",
    ]
    nobody = rows.assign(undrawn_percent=40.0)
    nobody[["nsd", *FAILURES]] = np.nan
    assert not any(
        "outline" in sentence or "drawn" in sentence for sentence in meaning(nobody, "test")
    )
