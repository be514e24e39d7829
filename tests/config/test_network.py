"""The block `network`."""

import pytest

from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("experiments/e/network/filters", [8, "16"], ["experiments.e.network.filters", '"16"']),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message
