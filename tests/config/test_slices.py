"""Slice recipes."""

import pytest

from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("slices/r/sise", 3, ["slices.r.sise", "did you mean size?", "plane"]),
        ("slices/r/size", 4, ["slices.r.size is 4", "greater than or equal to 16"]),
        ("slices/r/every", 0, ["slices.r.every is 0"]),
        ("slices/r/plane", "oblique", ["slices.r.plane", "'coronal', 'sagittal' or 'acquired'"]),
        ("slices/r/every", 2, ["slices.r", "either size or every"]),
        ("slices/r/tilt", [10.0], ["slices.r.tilt"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message
