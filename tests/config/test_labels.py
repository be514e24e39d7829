"""Names of labels."""

import pytest

from slicewise.config import load_settings
from slicewise.evaluation.statistics import COLUMNS
from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("dataset/labels", {"mean": 1}, ["labels.mean", "taken"]),
        ("dataset/labels", {"Background": 1}, ["labels.Background", "something else"]),
        ("dataset/labels", {"dice": 1}, ["labels.dice", "something else"]),
        ("dataset/labels", {"HD95-mm": 1}, ["labels.HD95-mm", "something else"]),
        ("dataset/labels", {"dice_mean": 1}, ["labels.dice_mean", "something else"]),
        ("dataset/labels", {"liver": 1, "LIVER": 2}, ["labels.LIVER", "differs from liver"]),
        ("dataset/labels", {"l-lung": 1, "l_lung": 2}, ["labels.l_lung", "differs from l-lung"]),
        ("dataset/labels", {"2": 1}, ["labels.2", "choose a word"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


# what people call a label, which is no score
SCORES = [name for name in COLUMNS if name != "lesions"]


@pytest.mark.parametrize("name", [*SCORES, "case", "patient", "subset", "fold", "label", "mean"])
def test_no_label_has_the_name_of_a_column_of_scores(name):
    for spelling in (name, name.upper()):
        assert f"labels.{spelling}" in fault(changed("dataset/labels", {spelling: 1}))


@pytest.mark.parametrize(
    "name", ["liver", "n", "1", "volume", "mean_organ", "diced", "foreground", "lesions"]
)
def test_other_names_of_labels_are_free(name):
    load_settings(changed("dataset/labels", {name: 1}))
