"""The finished model: put together, stored, loaded."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from slicewise.config import Network
from slicewise.errors import SlicewiseError
from slicewise.network.model import (
    copy_weights,
    finished_model,
    finished_parts,
    load_model,
    model_card,
    weights_digest,
)
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from tests.discs import CARD
from tests.inference.test_predict import built, finished

RANDOM = np.random.default_rng(0)


def numpy_of(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def dress(layer: keras.Layer, channels: int) -> None:
    """Give a layer other scales and offsets than at the start."""
    layer.gamma.assign(np.linspace(0.5, 2, channels))
    layer.beta.assign(np.linspace(-1, 1, channels))


@pytest.mark.parametrize("normalisation", ["none", "batch", "instance"])
def test_weights_go_into_the_plain_network_by_name(normalisation: str) -> None:
    network = Network.model_validate(
        {
            "filters": [4, 8, 8],
            "normalisation": normalisation,
            "dropout": 0.5,
            "residual": True,
            "deep_supervision": True,
        }
    )
    supervised = build_unet(network, 2, "mixed_bfloat16", channels=3, supervise=True)
    for variable in supervised.weights:
        variable.assign(RANDOM.uniform(0.5, 1.5, variable.shape))
    plain = build_unet(network, 2, channels=3)
    copy_weights(supervised, plain)
    theirs = {v.path: numpy_of(v) for v in supervised.weights}
    for variable in plain.weights:
        np.testing.assert_array_equal(numpy_of(variable), theirs[variable.path])
    assert set(theirs) - {v.path for v in plain.weights} == {"logits_2/kernel", "logits_2/bias"}
    wide = build_unet(network, 2, channels=3, supervise=True)
    copy_weights(supervised, wide)
    x = RANDOM.normal(size=(2, 9, 7, 3)).astype(np.float32)
    np.testing.assert_array_equal(numpy_of(plain(x)), numpy_of(wide(x)[0]))
    with pytest.raises(ValueError, match="logits_2"):
        copy_weights(plain, supervised)


def test_finished_model_takes_what_its_network_takes() -> None:
    unet = build_unet(Network(filters=[4, 8]), labels=2, channels=5)
    model = finished_model(Preprocess(-100.0, 200.0, 20.0, 50.0, CARD), unet)
    assert model.input_shape == (None, None, None, 5)
    x = RANDOM.normal(50, 100, (2, 9, 6, 5)).astype(np.float32)
    logits = numpy_of(unet((np.clip(x, -100, 200) - 20) / 50)).astype(float)
    wanted = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(numpy_of(model(x)), wanted, atol=1e-5)


def test_model_file_is_all_there_is(tmp_path: Path) -> None:
    model = finished(2)
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert weights_digest(loaded) == weights_digest(model)
    assert model_card(loaded) == model_card(model)
    x = RANDOM.normal(0, 100, (2, 17, 16, 1)).astype(np.float32)
    np.testing.assert_array_equal(model.predict_on_batch(x), loaded.predict_on_batch(x))
    np.testing.assert_allclose(loaded.predict_on_batch(x).sum(-1), 1, atol=1e-5)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"nothing")
    with pytest.raises(SlicewiseError, match=r"m\.keras: not a model of slicewise"):
        load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("module", ["slicewise.model.layers", "slicewise.network.layers"])
def test_a_file_of_an_earlier_version_loads(tmp_path: Path, module: str) -> None:
    """Its layers lay in other modules: Keras finds them by their registered names."""
    model = finished()
    model.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new:
        parts = {name: new.read(name) for name in new.namelist()}
    config = json.loads(parts["config.json"])
    (layer,) = [one for one in config["config"]["layers"] if one["class_name"] == "Preprocess"]
    assert layer["registered_name"] == "slicewise>Preprocess"
    text = json.dumps(config)
    for now in ("slicewise.network.preprocessing", "slicewise.network.layers"):
        assert now in text
        text = text.replace(now, module)
    parts["config.json"] = text.encode()
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for name, content in parts.items():
            old.writestr(name, content)
    loaded = load_model(tmp_path / "old.keras")
    assert weights_digest(loaded) == weights_digest(model)
    assert model_card(loaded) == model_card(model)
    x = RANDOM.normal(0, 100, (2, 17, 16, 1)).astype(np.float32)
    np.testing.assert_array_equal(model.predict_on_batch(x), loaded.predict_on_batch(x))


def test_the_digest_tells_weights_apart() -> None:
    assert weights_digest(built()) == weights_digest(built())
    assert weights_digest(built()) != weights_digest(built(seed=4))


def test_a_finished_model_comes_apart_again() -> None:
    for labels, activation in ((1, "sigmoid"), (2, "softmax")):
        preprocess, unet, named = finished_parts(finished(labels))
        assert isinstance(preprocess, Preprocess) and unet.name == "unet" and named == activation
