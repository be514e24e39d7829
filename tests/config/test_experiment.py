"""An experiment."""

import pytest

from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("experiments/e/optimiser", {}, ["experiments.e.optimiser", "did you mean optimizer?"]),
        ("experiments/e/slices", ..., ["experiments.e.slices is missing"]),
        (
            "experiments/e/inference",
            {"flip": "one"},
            ["experiments.e", "inference.flip", "augmentation.flip"],
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message
