"""The block `evaluation`."""

import pytest

from slicewise.config import Evaluation
from slicewise.config.evaluation import PAGES
from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("evaluation/tolerance_mm", 0.0, ["evaluation.tolerance_mm", "greater than 0"]),
        ("evaluation/lesions", ["liver", "liver"], ["evaluation", "a label is there twice"]),
        ("evaluation/lesion_iou", 0.5, ["lesion_iou: no label is named in lesions"]),
        ("evaluation/absent_labels", "zero", ["evaluation.absent_labels", "challenge"]),
        ("evaluation/by", ["site", "site"], ["by: a column is there twice"]),
        ("evaluation/bins", {"age": [40.0]}, ["bins.age: by does not name this column"]),
        ("evaluation/tolerance", 1.0, ["did you mean tolerance_mm?"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


@pytest.mark.parametrize("edges", [[60, 40], [40, 40]])
def test_edges_rise(edges):
    with pytest.raises(ValueError, match="edges have to rise"):
        Evaluation(by=["age"], bins={"age": edges})
    for fine in ([40, 62.5], "quartiles", "values"):
        assert Evaluation(by=["age"], bins={"age": fine}).bins == {"age": fine}


def test_what_only_pages_show_is_told_to_no_scoring():
    told = Evaluation(by=["age"], bins={"age": [40]}).model_dump(exclude=PAGES)
    assert told == Evaluation().model_dump(exclude=PAGES)
    assert set(Evaluation.model_fields) - set(told) == PAGES
