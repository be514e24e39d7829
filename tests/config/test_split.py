"""The block `split`."""

import pytest

from slicewise.config import Split
from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("split/zzzzzz", 3, ["split.zzzzzz is no known key", "Allowed here: test, validation"]),
        ("split/seed", "13", ['split.seed is "13"', "valid integer"]),
        ("split/folds", 2.0, ["split.folds is 2.0", "valid integer"]),
        ("split/test", True, ["split.test is true"]),
        ("split/check_against", "a.tsv", ["split.check_against", "valid list"]),
        ("split/test", 1.5, ["split.test is 1.5", "less than 1"]),
        ("split/test", -1, ["split.test is -1", "greater than or equal to 0"]),
        ("split/folds", 0, ["split.folds is 0"]),
        ("split/strata", "t.tsv", ["split", "strata goes with split.stratify"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


def test_sites_as_folds_test_nobody_unless_said():
    assert Split(leave_out="site").test == 0
    assert Split(leave_out="site", test=0.2).test == 0.2
    assert Split(**Split(leave_out="site").model_dump()) == Split(leave_out="site")
    assert Split(leave_out="site").crossed == "split.leave_out: site"
    assert [Split(folds=n).crossed for n in (1, 3)] == [None, "split.folds: 3"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [({"folds": 3}, "leave_out makes a fold of each value"), ({"stratify": "sex"}, "does nothing")],
)
def test_what_sites_as_folds_leave_nothing_to_do(keys, said):
    with pytest.raises(ValueError, match=said):
        Split(leave_out="site", **keys)
