"""What a sweep may say, and what is said of what it may not."""

import pytest

from slicewise.config import load_settings
from slicewise.config.sweep import Range, Sweep
from tests.settings import changed, fault

KEY = "experiments/e/sweep"


def test_a_number_that_yaml_takes_for_text_is_one() -> None:
    tried = Sweep.model_validate(
        {
            "optimizer.learning_rate": ["1e-3", 0.01],
            "network.dropout": {"low": "1e-2", "high": 0.5, "scale": "log"},
            "sample": 2,
        }
    ).tried
    assert tried == {
        "optimizer.learning_rate": [0.001, 0.01],
        "network.dropout": Range(low=0.01, high=0.5, scale="log"),
    }


RATE = "optimizer.learning_rate"
WRONG = {
    "names no setting": {},
    "is a map of settings": [1],
    "names no value of optimizer.learning_rate": {RATE: []},
    "names 0.1 twice": {RATE: [0.1, 0.1]},
    "write a list of values": {RATE: 0.1},
    'tries "high", and should be a valid number': {RATE: ["high"]},
    "did you mean optimizer.learning_rate?": {"optimizer.learning_rat": [0.1]},
    "training.seed is no setting that can be tried": {"training.seed": [1, 2]},
    "training.epochs is no setting that can be tried": {"training.epochs": [1, 2]},
    "has no key slices": {"slices": ["r"]},
    "tries [8, 0], and should be greater than or equal to 1": {"network.filters": [[8, 8], [8, 0]]},
    "has no key budgets, did you mean budget?": {RATE: [0.1], "budgets": 3},
    "budget is 0": {RATE: [0.1], "budget": 0},
    "reduction is 1": {RATE: [0.1], "budget": 2, "reduction": 1},
    "reduction goes with budget only": {RATE: [0.1], "reduction": 2},
    "seed goes with sample only": {RATE: [0.1], "seed": 2},
    "is a range; say how many to draw": {RATE: {"low": 0.1, "high": 0.2}},
    "a range that is none (low: Field required)": {RATE: {"high": 0.2}, "sample": 1},
    "high is no more (0.1)": {RATE: {"low": 0.2, "high": 0.1}, "sample": 1},
    "begins above 0": {RATE: {"low": 0, "high": 0.1, "scale": "log"}, "sample": 1},
    "tries 1.5, and should be a valid integer": {
        "training.batch": {"low": 1.5, "high": 4},
        "sample": 1,
    },
    "sample is 101": {"training.batch": [1], "sample": 101},
    "199 combinations, and 100 are the most": {"training.batch": list(range(1, 200))},
    "no 9 different combinations": {"training.batch": {"low": 1, "high": 3}, "sample": 9},
    "budget: 60 epochs end": {RATE: [0.1], "budget": 60},
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_is_said(words: str) -> None:
    config = changed(KEY, WRONG[words])
    config["experiments"]["e"]["training"] = {"validate_every": 7}
    said = fault(config)
    assert words in said
    assert said.startswith("configuration: experiments.e.sweep")


def test_it_needs_patients_who_may_choose_and_epochs() -> None:
    config = changed(KEY, {RATE: [0.1, 0.2]})
    assert load_settings(config).sweeps
    assert "split.validation is 0" in fault({**config, "split": {"validation": 0}})
    assert "held-out patients are scored, so they may not choose" in fault(
        {**config, "split": {"folds": 3}}
    )
    config["experiments"]["e"]["training"] = {"minutes": 3.0, "epochs": None}
    assert "counts in epochs" in fault(config)
    auto = {"preset": "auto", "effort": "quick", "sweep": {RATE: [0.1, 0.2]}}
    assert "preset: auto is planned" in fault(changed("experiments/e", auto))


def test_what_does_nothing_in_all_combinations_is_said() -> None:
    of_sgd = {"optimizer.momentum": [0.5, 0.9]}
    assert "e.sweep.optimizer.momentum does nothing" in fault(changed(KEY, of_sgd))
    assert load_settings(changed(KEY, {**of_sgd, "optimizer.name": ["sgd", "adamw"]})).sweeps
    # what is written beside the sweep and only some combinations use is wanted
    config = changed(KEY, {"optimizer.name": ["sgd", "adamw"]})
    config["experiments"]["e"]["optimizer"] = {"momentum": 0.5}
    assert load_settings(config).sweeps
