"""The block `optimizer`."""

import math

import pytest

from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("experiments/e/optimizer/learning_rate", "1e-3x", ["learning_rate", '"1e-3x"']),
        ("experiments/e/optimizer/learning_rate", math.inf, ["learning_rate", "finite number"]),
        ("experiments/e/optimizer/learning_rate", "1e999", ["learning_rate", '"1e999"']),
        ("experiments/e/optimizer/ema", 1.0, ["experiments.e.optimizer.ema"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message
