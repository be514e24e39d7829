"""Graphs say what their layers say, whatever the backend makes of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from slicewise.config import Experiment, Network
from slicewise.network.fusion import forbid_wrong_fusion
from slicewise.network.model import finished_model, load_model
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.training.trainer import make_trainer
from tests.discs import CARD

WRONG = {"normalisation": "none", "activation": "leaky_relu", "residual": True}
"""TensorFlow made a kernel of it that takes another slope."""
IMAGES = np.random.default_rng(0).normal(20, 60, (2, 32, 32, CARD.depth)).astype("float32")


@pytest.fixture(autouse=True)
def _as_tensorflow_starts() -> Iterator[None]:
    """Let it fuse what it likes, before and after."""
    tf.config.optimizer.set_experimental_options({"remapping": True})
    yield
    tf.config.optimizer.set_experimental_options({"remapping": True})


def preprocess() -> Preprocess:
    return Preprocess([-100], [200], [30], [80], CARD)


def network(**variant: Any) -> Network:
    return Network.model_validate({"filters": [4, 8, 8], **variant})


def apart(model: keras.Model, images: np.ndarray) -> float:
    """Return how far its graph is from its layers, run one by one."""
    layers = keras.ops.convert_to_numpy(model(images, training=False))
    assert layers.std() > 0.01, "it says the same of everything"
    return float(np.abs(model.predict_on_batch(images) - layers).max())


@pytest.mark.parametrize(
    "variant",
    [
        {"normalisation": normalisation, "activation": activation, "residual": residual}
        for normalisation, activation, residual in itertools.product(
            ["none", "batch", "instance", "group"], ["relu", "leaky_relu"], [False, True]
        )
    ],
    ids=lambda variant: "-".join(map(str, variant.values())),
)
def test_a_loaded_model_predicts_what_its_layers_say(
    tmp_path: Path, variant: dict[str, Any]
) -> None:
    keras.utils.set_random_seed(1)
    unet = build_unet(network(**variant), 1, channels=CARD.depth)
    path = tmp_path / "model.keras"
    finished_model(preprocess(), unet).save(path)
    assert apart(load_model(path), IMAGES) < 1e-5


def test_a_training_validates_by_what_it_trains() -> None:
    settings = Experiment.model_validate({"slices": "s", "network": {"filters": [4, 8], **WRONG}})
    trainer = make_trainer(settings, preprocess(), 1, "float32")
    assert apart(trainer.unet, IMAGES / 100) < 1e-5


def test_other_networks_keep_their_kernels() -> None:
    for change in ({"normalisation": "batch"}, {"activation": "relu"}, {"residual": False}):
        forbid_wrong_fusion(build_unet(network(**{**WRONG, **change}), 1))
        assert tf.config.optimizer.get_experimental_options()["remapping"]
    forbid_wrong_fusion(build_unet(network(**WRONG), 1))
    assert not tf.config.optimizer.get_experimental_options()["remapping"]
