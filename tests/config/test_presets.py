"""Presets of experiments."""

import copy

import pytest

from slicewise.config import load_settings, merge
from tests.settings import changed, fault


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("experiments/e/preset", "unet", ["experiments.e.preset", "'tutorial' or 'auto'"]),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(key, value, parts):
    message = fault(changed(key, value))
    for part in parts:
        assert part in message


def test_a_preset_fills_in_what_is_not_said_and_nothing_else():
    experiment = {"preset": "tutorial", "slices": "r", "training": {"epochs": 3}}
    settings = load_settings(changed("experiments/e", experiment)).experiments["e"]
    assert settings.training.epochs == 3
    assert settings.training.batch == 10
    loss = settings.loss
    assert (loss.dice, loss.cross_entropy, loss.focal, loss.tversky) == (1.0, 0.0, 0.0, 0.0)
    assert (loss.dice_over, loss.smooth) == ("batch", 1.0)
    assert settings.training.empty == 0.0
    assert settings.augmentation is None
    assert settings.optimizer.name == "adam"


def test_merging_leaves_its_arguments_alone():
    base = {"a": {"b": 1, "c": 2}, "d": {"e": 1}}
    over = {"a": {"b": 3}, "d": None}
    kept = copy.deepcopy((base, over))
    assert merge(base, over) == {"a": {"b": 3, "c": 2}, "d": None}
    assert (base, over) == kept
