"""The block `loss`."""

import pytest

from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        (
            "experiments/e/loss",
            {"dice": 0.0, "cross_entropy": 0.0},
            ["experiments.e.loss", "all 0"],
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message
