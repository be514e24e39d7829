"""Layers against other implementations of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from slicewise.config import Network
from slicewise.network import layers
from slicewise.network.layers import BatchNormalization, InstanceNormalization
from slicewise.network.unet import build_unet

RANDOM = np.random.default_rng(0)


def numpy_of(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def step(layer: keras.Layer, x: np.ndarray, upstream: np.ndarray, **how: bool) -> list[np.ndarray]:
    """Return output and gradients: of the input, of scale and offset."""
    given = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = layer(given, **how)
        total = tf.reduce_sum(tf.cast(y, "float32") * upstream)
    sources = [given, layer.gamma.value, layer.beta.value]
    return [numpy_of(v) for v in (y, *tape.gradient(total, sources))]


def dress(layer: keras.Layer, channels: int) -> None:
    """Give a layer other scales and offsets than at the start."""
    layer.gamma.assign(np.linspace(0.5, 2, channels))
    layer.beta.assign(np.linspace(-1, 1, channels))


@pytest.mark.parametrize("shape", [(2, 3, 2, 4), (3, 16, 9, 8), (1, 1, 1, 3)])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_batch_norm_equals_that_of_keras(shape: tuple[int, ...], policy: str) -> None:
    ours, theirs = (
        kind(momentum=0.8, epsilon=1e-3, dtype=policy)
        for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    for layer in (ours, theirs):
        layer.build(shape)
        dress(layer, shape[-1])
    near = {"rtol": 1e-4, "atol": 1e-5} if policy == "float32" else {"rtol": 0.03, "atol": 0.05}
    for _ in range(3):
        x = RANDOM.normal(2, 3, shape).astype(np.float32)
        upstream = RANDOM.normal(0, 1, shape).astype(np.float32)
        for got, wanted in zip(
            step(ours, x, upstream, training=True),
            step(theirs, x, upstream, training=True),
            strict=True,
        ):
            np.testing.assert_allclose(got, wanted, **near)
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        assert mine.name == other.name
        assert mine.dtype == other.dtype == "float32"
        np.testing.assert_allclose(numpy_of(mine), numpy_of(other), rtol=1e-3, atol=1e-3)
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        mine.assign(other)
    np.testing.assert_array_equal(numpy_of(ours(x)), numpy_of(theirs(x)))


def test_frozen_batch_norm_uses_and_keeps_its_statistics() -> None:
    layer = BatchNormalization(trainable=False)
    x = RANDOM.normal(5, 1, (2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(numpy_of(layer(x, training=True)), x / np.sqrt(1.001), rtol=1e-5)
    assert numpy_of(layer.moving_mean).tolist() == [0, 0, 0]


def kernels(layer: keras.Layer, **how: bool) -> int:
    """How often a layer calls the fused kernel."""
    call = tf.function(lambda x: layer(x, **how)).get_concrete_function(
        tf.TensorSpec((None, 8, 8, 2))
    )
    return sum(op.type == "FusedBatchNormV3" for op in call.graph.get_operations())


def test_the_kernel_is_used_where_it_serves() -> None:
    assert kernels(BatchNormalization(), training=True) == 1
    assert kernels(BatchNormalization(), training=False) == 0
    assert kernels(InstanceNormalization()) == 1


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("shape", [(2, 7, 5, 4), (1, 1, 1, 3), (3, 16, 16, 8)])
def test_instance_norm_equals_that_of_keras(
    kernel: bool, policy: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernel:
        monkeypatch.setattr(layers, "_fits", lambda images: False)
    ours = InstanceNormalization(dtype=policy)
    theirs = keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)
    x = numpy_of(ops.cast(RANDOM.normal(3, 2, shape), "bfloat16"))
    upstream = RANDOM.normal(0, 1, shape).astype(np.float32)
    for layer in (ours, theirs):
        layer.build(shape)
        dress(layer, shape[-1])
    near = {"rtol": 1e-4, "atol": 1e-5} if policy == "float32" else {"rtol": 0.03, "atol": 0.05}
    for got, wanted in zip(step(ours, x, upstream), step(theirs, x, upstream), strict=True):
        np.testing.assert_allclose(got, wanted, **near)


@pytest.mark.parametrize("kernel", [True, False])
def test_instance_norm_keeps_a_small_spread_around_a_large_mean(
    kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernel:
        monkeypatch.setattr(layers, "_fits", lambda images: False)
    x = RANDOM.normal(1000, 0.5, (2, 32, 32, 3)).astype(np.float32)
    wide = x.astype(float)
    wanted = (wide - wide.mean((1, 2), keepdims=True)) / np.sqrt(
        wide.var((1, 2), keepdims=True) + 1e-5
    )
    np.testing.assert_allclose(numpy_of(InstanceNormalization()(x)), wanted, atol=2e-3)


def test_normalisations_are_saved_and_loaded(tmp_path: Path) -> None:
    unets = [
        build_unet(Network(filters=[4, 8], normalisation=kind), 1)
        for kind in ("batch", "instance", "group")
    ]
    x = RANDOM.normal(0, 1, (2, 8, 8, 1)).astype(np.float32)
    for unet in unets:
        unet(x, training=True)
        unet.save(tmp_path / "unet.keras")
        loaded = keras.saving.load_model(tmp_path / "unet.keras", safe_mode=True)
        np.testing.assert_array_equal(numpy_of(loaded(x)), numpy_of(unet(x)))
        kinds = [{type(layer) for layer in model.layers} for model in (loaded, unet)]
        assert kinds[0] == kinds[1]
