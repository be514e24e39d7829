"""Assignments come out of the parameters of a rule as they went in."""

import json

import pytest

from slicewise.dataset.assignment import Assignment, assignments_of

TESTED = Assignment("t1", "t", "test", None)
HELD_OUT = Assignment("001", "NA", "train", 2)


def test_they_come_back_as_they_were_dumped():
    dumped = json.loads(json.dumps([each.dump() for each in (TESTED, HELD_OUT)]))
    assert assignments_of(dumped) == [TESTED, HELD_OUT]
    assert assignments_of(dumped) != [HELD_OUT, TESTED]


def test_columns_stand_in_the_order_of_the_split():
    assert list(TESTED.dump()) == ["case", "patient", "subset", "fold"]


def test_parameters_of_another_version_are_no_assignment():
    with pytest.raises(TypeError):
        assignments_of([["t1", "t", "test", None]])
    with pytest.raises(TypeError):
        assignments_of([{"case": "t1", "patient": "t", "subset": "test"}])
