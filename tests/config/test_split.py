"""The block `split`."""

import pytest

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
        ("split/strata", "t.tsv", ["split", "strata goes with stratify"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message
