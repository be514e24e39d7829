"""The layer that carries what a model is, and takes intensities as they are."""

from pathlib import Path

import numpy as np
import pytest

from slicewise.network.preprocessing import Preprocess  # isort: skip  (before keras)

import keras
from keras import ops

from tests.discs import CARD, card_with


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


@pytest.mark.parametrize("numbers", [(-160.0, 240.0, 10.0, 80.0), (None, None, 10.0, 80.0)])
@pytest.mark.parametrize("channels", [None, ["a", "b"]])
def test_what_tells_the_plane_stays_as_it_is(numbers, channels) -> None:
    seen = {"slices": 3, "mm": 2.0}
    own = [number if number is None else [number, number + 1] for number in numbers]
    own = own if channels else list(numbers)
    if own[0] is None:
        own[:2] = [None, None]
    plain = Preprocess(*own, card_with(channels=channels, context=seen))
    card = card_with(channels=channels, context={**seen, "plane": True})
    assert card.depth == plain.card.depth + 3
    images = np.random.default_rng(0).normal(0, 300, (2, 5, 4, card.depth)).astype(np.float32)
    images[..., -3:] = [0, 1, 0]
    values = ops.convert_to_numpy(Preprocess(*own, card)(images))
    np.testing.assert_array_equal(values[..., -3:], images[..., -3:])
    expected = ops.convert_to_numpy(plain(images[..., :-3]))
    np.testing.assert_array_equal(values[..., :-3], expected)


def test_each_channel_has_its_own_window_and_scale(tmp_path: Path) -> None:
    """Of two channels with a neighbour on either side, the first three are of the first."""
    card = card_with(channels=["a", "b"], context={"slices": 3, "mm": 2.0})
    assert card.depth == 6
    inputs = keras.Input((None, None, 6))
    layer = Preprocess([-100, -1], [200, 1], [10, 0.5], [50, 2], card, name="preprocess")
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    images = np.random.default_rng(0).normal(0, 300, (2, 4, 5, 6)).astype(np.float32)
    expected = np.concatenate(
        [(images[..., :3].clip(-100, 200) - 10) / 50, (images[..., 3:].clip(-1, 1) - 0.5) / 2], -1
    )
    for made in (model, loaded):
        np.testing.assert_allclose(made.predict_on_batch(images), expected, rtol=1e-5, atol=1e-6)
    assert loaded.get_layer("preprocess").card == card
    assert loaded.get_layer("preprocess").of_first("mean") == 10
    plain = Preprocess(None, None, [10, 0.5], [50, 2], card)
    np.testing.assert_allclose(
        ops.convert_to_numpy(plain(images))[..., 3:], (images[..., 3:] - 0.5) / 2, rtol=1e-5
    )
