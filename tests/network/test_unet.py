"""Layers and network against other implementations of the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from slicewise.config import Network
from slicewise.network import layers
from slicewise.network.layers import BatchNormalization, InstanceNormalization, Preprocess
from slicewise.network.model import copy_weights, finished_model
from slicewise.network.unet import build_unet
from tests.discs import CARD

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


# -- normalisation -----------------------------------------------------------------


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
        build_unet(Network(filters=[4, 8], normalisation=kind), 1) for kind in ("batch", "instance")
    ]
    x = RANDOM.normal(0, 1, (2, 8, 8, 1)).astype(np.float32)
    for unet in unets:
        unet(x, training=True)
        unet.save(tmp_path / "unet.keras")
        loaded = keras.saving.load_model(tmp_path / "unet.keras", safe_mode=True)
        np.testing.assert_array_equal(numpy_of(loaded(x)), numpy_of(unet(x)))
        kinds = [{type(layer) for layer in model.layers} for model in (loaded, unet)]
        assert kinds[0] == kinds[1]


def test_preprocess_keeps_neighbouring_hounsfield_units_apart() -> None:
    layer = Preprocess(-160.0, 240.0, 10.0, 80.0, CARD)
    values = ops.convert_to_numpy(layer(np.arange(190, 210, dtype=np.float32)))
    assert len(np.unique(values)) == 20


# -- network -----------------------------------------------------------------------


def shapes(outputs: Any) -> list[tuple[int, ...]]:
    return [tuple(v.shape) for v in (outputs if isinstance(outputs, list) else [outputs])]


@cache
def variant(normalisation: str, channels: int) -> keras.Model:
    """Return a network with everything there is."""
    network = Network.model_validate(
        {
            "filters": [4, 8, 8, 8],
            "normalisation": normalisation,
            "residual": True,
            "deep_supervision": True,
        }
    )
    return build_unet(network, labels=2, channels=channels, supervise=True)


@given(
    st.tuples(st.integers(1, 35), st.integers(1, 35)),
    st.sampled_from([("none", 1), ("batch", 3), ("instance", 1)]),
    st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_any_size_goes_in_and_comes_out(
    size: tuple[int, int], kind: tuple[str, int], training: bool
) -> None:
    x = RANDOM.normal(size=(2, *size, kind[1])).astype(np.float32)
    out = variant(*kind)(x, training=training)
    half = [(side + -side % 8) // 2 for side in size]
    assert shapes(out) == [(2, *size, 3), (2, *half, 3)]
    for part in out:
        assert np.isfinite(numpy_of(part)).all()


@pytest.mark.parametrize("normalisation", ["none", "batch", "instance"])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_logits_are_float32(normalisation: str, policy: str) -> None:
    network = Network.model_validate(
        {
            "filters": [4, 8, 8],
            "normalisation": normalisation,
            "residual": True,
            "deep_supervision": True,
        }
    )
    unet = build_unet(network, 1, policy, supervise=True)
    for out in unet(np.ones((1, 8, 8, 1), np.float32)):
        assert keras.backend.standardize_dtype(out.dtype) == "float32"
    assert unet.get_layer("up0_conv1").compute_dtype == policy.removeprefix("mixed_")
    assert {v.dtype for v in unet.variables} == {"float32"}


def test_tutorials_network_has_its_parameters() -> None:
    # the tutorial's U-net 32 to 512 has 7,759,521 weights
    tutorial = Network(normalisation="none", activation="relu")
    assert build_unet(tutorial, labels=1).count_params() == 7_759_521


def test_names_and_order_of_weights_stay() -> None:
    # models that were saved, and what is drawn for their first weights, depend on it
    def convolution(name: str) -> list[str]:
        norm = f"{name.replace('conv', 'norm')}"
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        return [f"{name}/kernel", *(f"{norm}/{part}" for part in parts)]

    unet = build_unet(Network(filters=[4, 8]), labels=1)
    wanted = [f"{part}_conv{k}" for part in ("down0", "down1", "up0") for k in (1, 2)]
    paths = [path for name in wanted for path in convolution(name)]
    paths[20:20] = ["up0_transpose/kernel", "up0_transpose/bias"]
    assert [v.path for v in unet.weights] == [*paths, "logits/kernel", "logits/bias"]


@pytest.mark.parametrize("filters", [[3, 5], [3, 3]])
def test_residual_stage_adds_its_input(filters: list[int]) -> None:
    network = Network(filters=filters, normalisation="none", residual=True)
    unet = build_unet(network, labels=1)
    last = unet.get_layer("down1_conv2")
    last.set_weights([np.zeros_like(w) for w in last.get_weights()])
    parts = [unet.get_layer(name).output for name in ("down1_pool", "down1_act2")]
    x = RANDOM.normal(size=(2, 8, 8, 1)).astype(np.float32)
    before, after = (numpy_of(v) for v in keras.Model(unet.input, parts)(x))
    if filters[0] != filters[1]:
        kernel, bias = unet.get_layer("down1_shortcut_conv").get_weights()
        before = before @ kernel[0, 0] + bias
    np.testing.assert_allclose(after, np.where(before > 0, before, 0.01 * before), atol=1e-5)
    assert "up0_add" not in {layer.name for layer in unet.layers}


def test_projected_input_is_normalised() -> None:
    unet = build_unet(Network(filters=[4, 8], residual=True), labels=1)
    assert isinstance(unet.get_layer("down1_shortcut_norm"), BatchNormalization)
    assert not unet.get_layer("down1_shortcut_conv").use_bias


@pytest.mark.parametrize(
    ("stages", "factors"), [(2, [1]), (3, [1, 2]), (4, [1, 2]), (5, [1, 2, 4])]
)
def test_deep_supervision_has_logits_at_coarser_stages(stages: int, factors: list[int]) -> None:
    network = Network(filters=[2] * stages, normalisation="none", deep_supervision=True)
    unet = build_unet(network, labels=1, supervise=True)
    out = unet(np.zeros((1, 32, 16, 1), np.float32))
    assert shapes(out) == [(1, 32 // factor, 16 // factor, 1) for factor in factors]
    names = {layer.name for layer in unet.layers if layer.name.startswith("logits")}
    assert names == {"logits", *(f"logits_{factor}" for factor in factors[1:])}


@pytest.mark.parametrize(("wanted", "supervise"), [(True, False), (False, True)])
def test_coarse_logits_are_for_training_only(wanted: bool, supervise: bool) -> None:
    network = Network(filters=[2, 2, 2, 2], deep_supervision=wanted)
    unet = build_unet(network, labels=1, supervise=supervise)
    assert shapes(unet.output) == [(None, None, None, 1)]


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
