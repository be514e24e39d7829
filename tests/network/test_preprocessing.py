"""The layer that carries what a model is, and takes intensities as they are."""

from pathlib import Path

import numpy as np
import pytest

from slicewise.network.preprocessing import Preprocess  # isort: skip  (before keras)

import keras
from keras import ops

from tests.discs import CARD


def test_neighbouring_hounsfield_units_stay_apart() -> None:
    layer = Preprocess(-160.0, 240.0, 10.0, 80.0, CARD)
    values = ops.convert_to_numpy(layer(np.arange(190, 210, dtype=np.float32)))
    assert len(np.unique(values)) == 20


@pytest.mark.parametrize("window", [(-160.0, 240.0), (None, None)])
def test_the_window_comes_before_the_mean(window) -> None:
    low, high = window
    units = np.array([-1000, -160, 0, 240, 900], np.int16)
    clipped = units if low is None else units.clip(low, high)
    values = ops.convert_to_numpy(Preprocess(low, high, 10.0, 80.0, CARD)(units))
    np.testing.assert_allclose(values, (clipped - 10.0) / 80.0, rtol=1e-6)


def test_in_half_precision_it_stays_exact() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = Preprocess(-160.0, 240.0, 10.0, 80.0, CARD)
        values = layer(np.array([100.0, 101.0], np.float32))
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(values.dtype) == "float32"
    assert np.diff(ops.convert_to_numpy(values)) == pytest.approx(1 / 80, rel=1e-4)


def test_the_card_comes_back_from_a_file(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 1))
    outputs = Preprocess(-160.0, 240.0, 10.0, 80.0, CARD, name="preprocess")(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    layer = loaded.get_layer("preprocess")
    assert layer.card == CARD
    assert (layer.low, layer.high, layer.mean, layer.sd) == (-160.0, 240.0, 10.0, 80.0)
