"""A training step of jax does what Keras' own does, and does not wait for its numbers.

This file is also the program that trains on jax.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slicewise.network.backend
from slicewise.config import Augmentation, Experiment
from slicewise.network import backend
from slicewise.network.preprocessing import Preprocess
from slicewise.training import augmentation as augment
from slicewise.training.trainer import Trainer, make_trainer
from tests.discs import CARD

STEPS = 3


def trainer() -> Trainer:
    experiment = Experiment(
        slices="a",
        network={"filters": [2, 4], "dropout": 0.3},
        optimizer={"learning_rate": 1e-2},
        training={"seed": 3},
    )
    return make_trainer(experiment, Preprocess(None, None, 0.0, 1.0, CARD), 1, "float32")


def inputs(step: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(step)
    drawn = augment.draw(Augmentation(), augment.Moment(1, 0, step), 2, (8, 8))
    images = random.normal(size=(2, 8, 8, 1)).astype(np.float32)
    return {"images": images, "masks": (images[..., 0] > 0).astype(np.uint8), **drawn.arrays()}


def main() -> None:
    """Train twice from the same weights, and print how far apart both are and what steps gave."""
    ours = trainer()
    theirs = trainer()
    losses = []
    kinds = set()
    for step in range(STEPS):
        for each in (ours, theirs):
            each.seed(3, 0, 2, step)
        logs = backend.train_step(ours, inputs(step))
        kinds |= {type(value).__module__.split(".")[0] for value in logs.values()}
        kept: Any = theirs.train_on_batch(inputs(step), return_dict=True)
        losses.append([float(logs["loss"]), kept["loss"], float(logs["dice"]), kept["dice"]])
    pairs = [
        *zip(ours.variables, theirs.variables, strict=True),
        *zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True),
    ]
    others = [a.path for a, b in pairs if not a.path.startswith(("dice", "loss")) and differ(a, b)]
    print(json.dumps({"losses": losses, "kinds": sorted(kinds), "others": others}))


def differ(one: Any, other: Any) -> bool:
    return not np.array_equal(np.asarray(one.value), np.asarray(other.value))


@pytest.mark.slow
def test_a_step_of_jax_is_that_of_keras_to_the_bit_and_waits_for_nothing() -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    library = Path(slicewise.network.backend.__file__).parents[2]
    path = os.pathsep.join([str(library), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert len(said["losses"]) == STEPS
    for loss, theirs, dice, their_dice in said["losses"]:
        assert (loss, dice) == (theirs, their_dice)
    assert len({loss for loss, *_ in said["losses"]}) == STEPS, "something was learnt"
    assert said["others"] == []
    assert said["kinds"] != ["builtins"], "numbers were waited for"


if __name__ == "__main__":
    main()
