"""Where settings of an experiment come from that are not said."""

from __future__ import annotations

from typing import Any

# What `preset: auto` says is no constant: see `slicewise.config.planned`.
# The tutorial's network, loss, optimiser, batch and epochs; its Dice loss is -Dice with smooth 1
# on one sigmoid, its input all Hounsfield units standardised by the training set.
PRESETS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "tutorial": {
        "input": {"window": "none", "normalisation": "all"},
        "network": {"normalisation": "none", "activation": "relu"},
        "loss": {"dice": 1.0, "cross_entropy": 0.0, "smooth": 1.0},
        "optimizer": {
            "name": "adam",
            "schedule": "constant",
            "warmup": 0.0,
            "clip_norm": None,
            "ema": None,
        },
        "augmentation": None,
        "training": {
            "epochs": 20,
            "empty": 0.0,
            "foreground": 0.0,
            "select": "loss",
            "precision": "float32",
        },
    },
}


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Merge nested maps; `over` wins."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = (
            merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return result


def planned_recipe(effort: str) -> str:
    """Return the name of the recipe of a plan.

    >>> planned_recipe("laptop")
    'auto-laptop'
    """
    return f"auto-{effort}"
