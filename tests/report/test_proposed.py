"""What is proposed for a data set, beside what its configuration says."""

import pytest

from slicewise.config import load_settings
from slicewise.config.configured import Configured
from slicewise.dataset.assignment import Assignment
from slicewise.report.proposed import proposals
from tests.case_records import case_record

CASES = {"a": "train", "b": "train", "c": "validation", "d": "test"}
SHAPE = [96, 96, 20]


def settings(**slices):
    recipes = slices or {"r": {"size": 32}}
    return load_settings(
        {
            "dataset": {"name": "x", "layout": "pairs", "root": ".", "labels": {"liver": 1}},
            "slices": recipes,
            "experiments": {name: {"slices": name, "training": {"batch": 3}} for name in recipes},
        }
    )


def proposed(configured, **shapes):
    cases = [Assignment(case, case, subset, None) for case, subset in CASES.items()]
    records = {
        case: case_record(case, shape=shapes.get(case, SHAPE), ml={"liver": 20.0})
        for case in CASES
        if shapes.get(case, SHAPE)
    }
    return proposals(Configured.of(configured), cases, records, configured.dataset.content)


def rows_of(found):
    return {row.setting: row for row in found}


def test_a_setting_that_is_not_as_proposed_has_both_values_and_the_reason():
    rows, warnings = proposed(settings())
    size = rows_of(rows)["slices.size"]
    assert (size.configured, warnings) == ("32", [])
    assert int(size.value) >= 96
    assert size.reason.endswith(".")
    assert rows_of(rows)["training.batch"].configured == "3"
    assert rows_of(rows)["slices.plane"].configured is None


def test_experiments_that_say_different_things_are_named():
    rows, _ = proposed(settings(r={"size": 32}, s={"size": 48}))
    assert rows_of(rows)["slices.size"].configured == "r: 32; s: 48"
    proposal = int(rows_of(rows)["slices.size"].value)
    rows, _ = proposed(settings(r={"size": 32}, s={"size": proposal}))
    assert rows_of(rows)["slices.size"].configured == "r: 32"


def test_what_is_proposed_follows_from_training_cases_alone():
    assert proposed(settings()) == proposed(settings(), c=[400, 400, 9], d=[512, 512, 200])
    assert proposed(settings()) != proposed(settings(), a=[400, 400, 9], b=[400, 400, 9])


@pytest.mark.parametrize("missing", ["a", "d"])
def test_cases_that_could_not_be_read_are_left_out(missing):
    rows, warnings = proposed(settings(), **{missing: []})
    assert rows
    assert warnings == []


def test_without_training_cases_a_sentence_says_why_nothing_is_proposed():
    rows, warnings = proposed(settings(), a=[], b=[])
    assert rows == []
    assert [warning[:32] for warning in warnings] == ["Nothing can be proposed for this"]


def test_a_recipe_that_does_not_suit_the_cases_is_a_warning():
    _, (warning,) = proposed(settings(r={"plane": "coronal", "size": 32}))
    assert warning.startswith("slices.r: of 4 cases cut coronal, 4 cases were acquired in another")
