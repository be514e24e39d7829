"""What a plan says, as it is stored and shown."""

import json

import pytest
import yaml

from slicewise.config import Recipe
from slicewise.dataset.proposal import (
    Choice,
    Plan,
    changes,
    former_proposal,
    planned_settings,
    read_proposal,
    recipe_told,
)
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


AUTO = {
    "dataset": {"name": "x", "layout": "msd", "root": "x", "labels": {"liver": 1}},
    "experiments": {"made": {"preset": "auto", "effort": "quick"}},
}


def stored(folder):
    path = folder / "plan-quick.json"
    path.write_text(json.dumps(SMALL.dump()))
    return path


def test_settings_are_those_of_stored_plans(tmp_path):
    settings = planned_settings(AUTO, [str(stored(tmp_path))])
    assert settings.slices["auto-quick"].size == 64
    assert settings.experiments["made"].network.filters == [8, 16]
    assert settings.experiments["made"].effort is None


def test_a_recipe_is_what_a_job_was_told_or_what_the_plan_says(tmp_path):
    told = Recipe(size=16)
    assert recipe_told(told, []) is told
    assert recipe_told(told, [str(stored(tmp_path))]) == Recipe(plane="axial", size=64)


def test_what_was_planned_before_is_known_if_it_can_be_read(tmp_path):
    path = stored(tmp_path)
    assert former_proposal(path) == SMALL
    path.write_text("{")
    assert former_proposal(path) is None
    assert former_proposal(tmp_path / "none.json") is None


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
