"""An experiment."""

import pytest

from slicewise.config import json_schema, load_settings
from tests.settings import LEAST, changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("experiments/e/optimiser", {}, ["experiments.e.optimiser", "did you mean optimizer?"]),
        ("experiments/e/slices", ..., ["experiments.e.slices is missing"]),
        (
            "experiments/e/inference",
            {"flip": "one"},
            ["experiments.e", "inference.flip", "augmentation.flip"],
        ),
        (
            "experiments/e",
            {"slices": "r", "network": {"dimensions": 3, "block": 8}, "input": {"plane": True}},
            ["experiments.e", "input.plane goes with network.dimensions: 2 only"],
        ),
        (
            "experiments/e",
            {"slices": "r", "network": {"dimensions": 3, "block": 8}, "input": {"context": 3}},
            ["experiments.e", "input.context: 3", "leave context out"],
        ),
        ("experiments/e/effort", "laptop", ["experiments.e", "effort goes with preset: auto"]),
        (
            "experiments/e",
            {"preset": "auto"},
            ["experiments.e", "give effort: quick, laptop, workstation, gpu"],
        ),
        (
            "experiments/e",
            {"preset": "auto", "effort": "huge"},
            ["experiments.e.effort", "'laptop'"],
        ),
        (
            "experiments/e",
            {"preset": "auto", "effort": "gpu", "slices": "r"},
            ["experiments.e", "leave slices out"],
        ),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


def test_what_is_left_out_does_not_change_what_an_experiment_was_made_from():
    # keys of trainings and parameters of jobs are digests of this
    plain = load_settings(LEAST).experiments["e"]
    assert "effort" not in plain.model_dump()
    assert json_schema()["$defs"]["Experiment"].get("required") == []


def test_a_plan_needs_no_recipe_and_only_what_was_written_is_laid_over_it():
    config = changed("experiments/e", {"preset": "auto", "effort": "gpu", "training": {"batch": 4}})
    experiment = load_settings(config).experiments["e"]
    assert experiment.slices == "auto-gpu"
    assert experiment.written == {"training": {"batch": 4, "seed": 1, "seeds": []}}


def test_a_network_sees_a_slice_its_neighbours_or_a_block():
    def seen(**blocks):
        config = changed("experiments/e", {"slices": "r", **blocks})
        return load_settings(config).experiments["e"].seen.model_dump()

    assert seen() == {"slices": 1, "mm": 2.5}
    assert seen(input={"context": 3, "context_mm": 4.0}) == {"slices": 3, "mm": 4.0}
    told = {"slices": "r", "also": ["c"], "input": {"plane": True}}
    config = changed("experiments/e", told)
    config["slices"]["c"] = {"plane": "coronal"}
    assert load_settings(config).experiments["e"].seen.model_dump() == {
        **{"slices": 1, "mm": 2.5},
        "plane": True,
    }
    block = {"dimensions": 3, "block": 16}
    assert seen(network=block) == {"slices": 16, "mm": 2.5, "block": True}
