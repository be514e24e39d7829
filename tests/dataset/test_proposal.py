"""What a plan says, as it is stored and shown."""

import json

import pytest
import yaml

from slicewise.dataset.proposal import Choice, Plan, changes, read_proposal
from slicewise.errors import SlicewiseError

SMALL = Plan(
    "quick",
    (
        Choice("slices.plane", "axial", "Pixels are finest in it."),
        Choice("slices.size", 64, "All fit."),
        Choice("network.filters", [8, 16], "Few."),
        Choice("input.window", "none", "No scale: nothing is cut # off."),
        Choice("augmentation.flip", False, "Organs have a side."),
        Choice("optimizer.learning_rate", 0.003, "It is stable."),
    ),
)


def test_settings_are_nested():
    assert SMALL.settings("mine") == {
        "slices": {"axial64": {"plane": "axial", "size": 64}},
        "experiments": {
            "mine": {
                "slices": "axial64",
                "network": {"filters": [8, 16]},
                "input": {"window": "none"},
                "augmentation": {"flip": False},
                "optimizer": {"learning_rate": 0.003},
            }
        },
    }


def test_text_is_the_same_settings_with_a_reason_behind_each():
    text = SMALL.text("mine", "other")
    assert yaml.safe_load(text) == SMALL.settings("mine", "other")
    for choice in SMALL.choices:
        (line,) = [each for each in text.splitlines() if each.endswith(f"# {choice.reason}")]
        assert choice.setting.split(".")[-1] in line


def test_it_is_read_as_it_was_stored(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(SMALL.dump()))
    assert read_proposal(path) == SMALL


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: stored | {"effort": "huge"},
        lambda stored: stored | {"choices": []},
        lambda stored: stored | {"choices": [{"setting": "slices.size"}]},
        lambda stored: [],
    ],
)
def test_a_damaged_file_is_a_sentence(tmp_path, damage):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(damage(SMALL.dump())))
    with pytest.raises(SlicewiseError, match=r"plan.json: the file is damaged or was edited"):
        read_proposal(path)


def test_what_changed_is_said_by_its_name():
    old = Plan("quick", (Choice("a.b", 1, "One."), Choice("c", 2, "Two.")))
    new = Plan("laptop", (Choice("a.b", 3, "Three."), Choice("d", 4, "Four.")))
    assert changes(old, new) == [
        "effort: quick becomes laptop.",
        "a.b: 1 becomes 3. Three.",
        "c: 2 is said no more.",
        "d: 4 is new. Four.",
    ]
    assert changes(old, old) == []
