"""The block `evaluation`."""

import pytest

from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("evaluation/tolerance_mm", 0.0, ["evaluation.tolerance_mm", "greater than 0"]),
        ("evaluation/lesions", ["liver", "liver"], ["evaluation", "a label is there twice"]),
        ("evaluation/lesion_iou", 0.5, ["lesion_iou: no label is named in lesions"]),
        ("evaluation/absent_labels", "zero", ["evaluation.absent_labels", "challenge"]),
        ("evaluation/tolerance", 1.0, ["did you mean tolerance_mm?"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message
