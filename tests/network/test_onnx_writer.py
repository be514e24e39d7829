"""Models written as ONNX: every kind of network says what Keras says, on slices of any size."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import keras
import numpy as np
import onnx
import pytest

from slicewise.config import Network
from slicewise.errors import SlicewiseError
from slicewise.network import onnx_writer
from slicewise.network.depth import Depth
from slicewise.network.model import finished_model
from slicewise.network.onnx_model import read_onnx
from slicewise.network.onnx_writer import to_onnx
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from tests.discs import card_with


def spread(model: keras.Model, seed: int = 1) -> keras.Model:
    """Move all weights, and what batches had for mean and variance, away from the start."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "seed_generator" not in variable.path:
            now = np.asarray(variable.value, np.float32)
            moved = now + rng.normal(0, 0.1, now.shape)
            variable.assign(np.abs(moved) + 0.1 if "variance" in variable.path else moved)
    return model


def made(policy: str = "float32", outputs: int | None = None, **network: Any) -> keras.Model:
    """Return a finished model of two channels that are seen with their neighbours."""
    card = card_with(
        context={"slices": 3, "mm": 2.5},
        channels=["a", "b"],
        labels=["x", "y"],
        values={"x": [1], "y": [2]},
        regions={"whole": [1, 2], "part": [2]} if outputs else {},
    )
    settings = Network.model_validate({"filters": [4, 6, 8], **network})
    keras.utils.set_random_seed(3)
    unet = build_unet(settings, 2, policy, channels=6, outputs=outputs)
    preprocess = Preprocess([-100.0, 0.0], [200.0, 90.0], [20.0, 31.0], [50.0, 7.0], card)
    return spread(finished_model(preprocess, unet))


def apart(model: keras.Model, data: bytes, *shape: int, far: float = 0.0) -> float:
    """Return how far what Keras and onnxruntime say of slices is apart at most."""
    images = np.random.default_rng(0).normal(20, 60, (*shape, model.input_shape[-1])) + far
    said = read_onnx(data, "x").predict_on_batch(images.astype(np.float32))
    wanted = keras.ops.convert_to_numpy(model(images.astype(np.float32), training=False))
    assert said.shape == wanted.shape and said.dtype == np.float32
    assert wanted.std() > 0.01, "it says the same of everything"
    return float(np.abs(said - wanted).max())


VARIANTS = [
    {"normalisation": normalisation, "activation": activation, "residual": residual}
    for normalisation, activation, residual in itertools.product(
        ["none", "batch", "instance", "group"], ["relu", "leaky_relu"], [False, True]
    )
]


@pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda variant: "-".join(map(str, variant.values()))
)
def test_every_network_says_what_keras_says(variant: dict[str, Any]) -> None:
    model = made(dropout=0.4, deep_supervision=True, **variant)
    data = to_onnx(model, "x")
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    for shape in ((1, 8, 8), (3, 13, 22)):
        assert apart(model, data, *shape) < 1e-5


@pytest.mark.parametrize("normalisation", ["batch", "instance", "group"])
def test_networks_of_blocks_say_what_keras_says(normalisation: str) -> None:
    card = card_with(
        context={"slices": 8, "mm": 2.5, "block": True},
        channels=["a", "b"],
        labels=["x", "y"],
        values={"x": [1], "y": [2]},
    )
    settings = Network(
        filters=[4, 6, 8], dimensions=3, block=8, normalisation=normalisation, dropout=0.2
    )
    keras.utils.set_random_seed(3)
    unet = build_unet(settings, 2, channels=card.depth, depth=Depth(8, flat=1))
    preprocess = Preprocess([-100.0, 0.0], [200.0, 90.0], [20.0, 31.0], [50.0, 7.0], card)
    model = spread(finished_model(preprocess, unet))
    data = to_onnx(model, "x")
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    for shape in ((1, 8, 8), (3, 13, 22)):
        assert apart(model, data, *shape) < 1e-5
    assert read_onnx(data, "x").card == card


@pytest.mark.parametrize("channels", [None, ["a", "b"]])
def test_a_plane_that_is_told_goes_past_the_normalisation(channels: list[str] | None) -> None:
    card = card_with(context={"slices": 3, "mm": 2.5, "plane": True}, channels=channels)
    keras.utils.set_random_seed(3)
    unet = build_unet(Network(filters=[4, 6, 8]), 1, channels=card.depth)
    own = [-100.0, 200.0, 20.0, 50.0]
    preprocess = Preprocess(*([[each, each + 9] for each in own] if channels else own), card)
    model = spread(finished_model(preprocess, unet))
    data = to_onnx(model, "x")
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    # the noise here stands for planes, too, and is far larger than these
    assert apart(model, data, 3, 13, 22) < 1e-4
    written = read_onnx(data, "x")
    assert written.card == card
    images = np.random.default_rng(1).normal(20, 60, (1, 8, 8, card.depth)).astype(np.float32)
    said = []
    for axis in range(3):
        images[..., -3:] = np.eye(3)[axis]
        said.append(written.predict_on_batch(images))
    assert min(np.abs(said[0] - said[1]).max(), np.abs(said[1] - said[2]).max()) > 1e-3


def test_regions_and_large_means_and_slices_of_one_pixel() -> None:
    model = made(outputs=2, normalisation="instance")
    data = to_onnx(model, "x")
    assert apart(model, data, 2, 1, 33) < 1e-5
    # what lies far outside the window is the same everywhere but for the noise inside
    assert apart(model, data, 2, 16, 16, far=60.0) < 1e-5


@pytest.mark.parametrize("normalisation", ["batch", "instance", "group"])
def test_mixed_precision_is_written_in_float32(normalisation: str) -> None:
    mixed = made("mixed_bfloat16", normalisation=normalisation)
    wide = made(normalisation=normalisation)
    wide.set_weights(mixed.get_weights())
    data = to_onnx(mixed, "x")
    assert apart(wide, data, 2, 13, 10) < 1e-5 < apart(mixed, data, 2, 13, 10) < 0.1
    kinds = {array.data_type for array in onnx.load_from_string(data).graph.initializer}
    assert kinds == {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}


def test_the_same_model_gives_the_same_bytes() -> None:
    model = made()
    data = to_onnx(model, "x", {"more": "said"})
    assert data == to_onnx(model, "x", {"more": "said"})
    assert read_onnx(data, "x").facts["more"] == "said"
    model.layers[-1].activation = keras.activations.sigmoid
    assert data != to_onnx(model, "x", {"more": "said"})


def test_a_layer_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(onnx_writer._LAYERS)
    del known[keras.layers.LeakyReLU]
    monkeypatch.setattr(onnx_writer, "_LAYERS", known)
    with pytest.raises(SlicewiseError, match=r"^x: its layer down0_act1 is of a kind \(LeakyReLU"):
        to_onnx(made(), "x")


def test_what_is_written_is_compared_with_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**onnx_writer._LAYERS, keras.layers.LeakyReLU: lambda graph, layer, inputs: inputs[0]}
    monkeypatch.setattr(onnx_writer, "_LAYERS", wrong)
    with pytest.raises(SlicewiseError, match=r"^x: .*differs from it by up to .*nothing was"):
        to_onnx(made(), "x")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SlicewiseError, match="package onnx, which is not installed"):
        to_onnx(made(), "x")
