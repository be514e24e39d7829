"""What of a configuration is held against a proposal."""

from slicewise.config import load_settings
from slicewise.config.configured import UNASKED, Configured

SETTINGS = {
    "dataset": {"name": "x", "layout": "pairs", "root": ".", "labels": {"liver": 1}},
    "slices": {"fine": {"size": 64}, "coarse": {"size": 32}},
    "experiments": {
        "one": {"slices": "fine", "training": {"batch": 3}},
        "two": {"slices": "coarse"},
        "planned": {"preset": "auto", "effort": "quick"},
    },
}


def test_experiments_that_are_made_count_with_the_recipes_they_cut_by():
    found = Configured.of(load_settings({**SETTINGS, "run": ["one"]}))
    assert found.experiments.keys() == {"one"}
    assert found.experiments["one"]["training"]["batch"] == 3
    assert {name: recipe["size"] for name, recipe in found.recipes.items()} == {"fine": 64}
    assert found.effort == UNASKED


def test_who_takes_a_plan_says_what_it_may_cost_and_has_nothing_to_compare():
    found = Configured.of(load_settings(SETTINGS))
    assert found.effort == "quick"
    assert found.experiments.keys() == {"one", "two"}
