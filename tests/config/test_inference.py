"""The blocks `inference` and `prediction`."""

import pytest

from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("inference/planes", ["axial", "axial"], ["inference.planes", "a plane is there twice"]),
        ("inference/planes", ["oblique"], ["inference.planes.0", "'axial', 'coronal'"]),
        ("inference/shift", 65, ["inference.shift is 65", "less than or equal to 64"]),
        ("inference/flip", True, ["inference.flip", "'none', 'one' or 'both'"]),
        ("inference/tilt", 46, ["inference.tilt is 46", "less than or equal to 45"]),
        ("prediction/batch", 0, ["prediction.batch is 0"]),
        ("prediction/chunk", 0, ["prediction.chunk is 0"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(f"experiments/e/{key}", value))
    for part in parts:
        assert part in message
