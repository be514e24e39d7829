"""The block `input`."""

import pytest

from slicewise.config import load_settings
from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("experiments/e/input/window", [10, 1], ["experiments.e.input.window", "low below high"]),
        ("experiments/e/input", {"context": 2}, ["experiments.e.input.context", "1, 3 or 5"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


@pytest.mark.parametrize("window", ["foreground", "none", [-100.0, 200.0]])
def test_a_window_is_fitted_or_said(window):
    settings = load_settings(changed("experiments/e/input/window", window))
    assert settings.experiments["e"].input.window == window
