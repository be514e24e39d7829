"""The block `training`."""

import pytest

from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        (
            "experiments/e/training/epoch",
            3,
            ["experiments.e.training.epoch", "did you mean epochs?"],
        ),
        (
            "experiments/e/training",
            {"seed": 1, "seeds": [1, 2]},
            ["experiments.e.training", "give either seed or seeds"],
        ),
        ("experiments/e/training/seeds", [1, 1], ["a seed is there twice"]),
        ("experiments/e/training/seeds", [-1], ["experiments.e.training.seeds", "greater"]),
        ("experiments/e/training/epochs", "1e-2", ["training.epochs", "valid integer"]),
        ("experiments/e/training/missing_labels", True, ["training.missing_labels"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message
