"""Where cases go, as a rule tells its script and as the table of the split says it."""

import json
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from slicewise.dataset.assignment import Assignment, split_table
from slicewise.jobs import Split

TESTED = Assignment("t1", "t", "test", None)
HELD_OUT = Assignment("001", "NA", "train", 2)


def told(cfg: object) -> SimpleNamespace:
    return SimpleNamespace(params=SimpleNamespace(cfg=cfg))


def test_they_come_back_as_they_were_dumped():
    dumped = json.loads(json.dumps(Split(cases=[TESTED, HELD_OUT]).dump()))
    assert Split.of(told(dumped)).cases == [TESTED, HELD_OUT]
    # columns stand in the order of the table
    assert list(dumped["cases"][0]) == ["case", "patient", "subset", "fold"]


@pytest.mark.parametrize(
    "row", [["t1", "t", "test", None], {"case": "t1", "patient": "t", "subset": "test"}]
)
def test_parameters_of_another_version_are_no_assignment(row):
    with pytest.raises(ValidationError):
        Split.of(told({"cases": [row]}))


def test_a_column_of_sites_stands_beside_the_folds():
    text = split_table([TESTED, HELD_OUT], {"site": {"001": "Ulm", "t1": "Bonn"}})
    rows = [line.split("\t") for line in text.splitlines()]
    assert rows[0] == ["case", "patient", "subset", "fold", "site"]
    assert rows[1:] == [["t1", "t", "test", "", "Bonn"], ["001", "NA", "train", "2", "Ulm"]]
