"""The block `augmentation`."""

import pytest

from slicewise.config import Augmentation
from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("rotation", 200.0, ["augmentation.rotation is 200.0", "less than or equal to 180"]),
        ("rotation_probability", 1.5, ["augmentation.rotation_probability", "equal to 1"]),
        ("gamma", 0.5, ["augmentation.gamma is 0.5", "greater than or equal to 1"]),
        ("flip", "rows", ["augmentation.flip", "both"]),
        ("rotations", 1.0, ["did you mean rotation?"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(f"experiments/e/augmentation/{key}", value))
    for part in parts:
        assert part in message


def test_each_change_has_a_range_and_a_probability():
    names = set(Augmentation.model_fields)
    ranges = {name for name in names if not name.endswith("_probability")}
    assert names == ranges | {f"{name}_probability" for name in ranges}
