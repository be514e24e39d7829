"""The network: sizes, names, variants."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from slicewise.config import Network
from slicewise.network.depth import Depth
from slicewise.network.layers import BatchNormalization, InstanceNormalization
from slicewise.network.unet import build_unet

RANDOM = np.random.default_rng(0)


def numpy_of(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def dress(layer: keras.Layer, channels: int) -> None:
    """Give a layer other scales and offsets than at the start."""
    layer.gamma.assign(np.linspace(0.5, 2, channels))
    layer.beta.assign(np.linspace(-1, 1, channels))


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
    st.sampled_from([("none", 1), ("batch", 3), ("instance", 1), ("group", 1)]),
    st.booleans(),
)
@settings(max_examples=10, deadline=None)
def test_any_size_goes_in_and_comes_out(
    size: tuple[int, int], kind: tuple[str, int], training: bool
) -> None:
    x = RANDOM.normal(size=(2, *size, kind[1])).astype(np.float32)
    out = variant(*kind)(x, training=training)
    half = [(side + -side % 8) // 2 for side in size]
    assert shapes(out) == [(2, *size, 3), (2, *half, 3)]
    for part in out:
        assert np.isfinite(numpy_of(part)).all()


@pytest.mark.parametrize("normalisation", ["none", "batch", "instance", "group"])
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


def block_network(normalisation: str, depth: Depth, **more: Any) -> keras.Model:
    network = Network.model_validate(
        {"filters": [3, 4, 4], "normalisation": normalisation, "residual": True, **more}
    )
    return build_unet(network, 2, channels=2 * depth.slices, supervise=True, depth=depth)


@pytest.mark.parametrize("normalisation", ["none", "batch", "instance", "group"])
@pytest.mark.parametrize(("flat", "coarse"), [(0, (4, 3)), (1, (8, 3)), (2, (8, 3))])
def test_blocks_of_any_size_go_in_and_come_out_and_gradients_flow(
    normalisation: str, flat: int, coarse: tuple[int, int]
) -> None:
    unet = block_network(normalisation, Depth(8, flat), deep_supervision=True)
    x = RANDOM.normal(size=(2, 9, 14, 16)).astype(np.float32)
    with tf.GradientTape() as tape:
        out = unet(x, training=True)
        loss = sum(ops.mean(part**2) for part in out)
    assert shapes(out) == [(2, 9, 14, 8, 3), (2, 6, 8, *coarse)]
    for slope in tape.gradient(loss, unet.trainable_variables):
        assert np.isfinite(slope.numpy()).all()
        assert slope.numpy().any()


def test_a_network_that_looks_at_each_slice_by_itself_is_the_one_of_two_dimensions() -> None:
    blocks = block_network("none", Depth(4, 3))
    flat = build_unet(
        Network(filters=[3, 4, 4], normalisation="none", residual=True), 2, channels=2
    )
    for layer in flat.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            blocks.get_layer(layer.name).set_weights([kernel[:, :, None], bias])
    x = RANDOM.normal(size=(2, 10, 8, 2, 4)).astype(np.float32)
    out = numpy_of(blocks(x.reshape(2, 10, 8, 8)))
    for number in range(4):
        alone = numpy_of(flat(x[..., number]))
        np.testing.assert_allclose(out[:, :, :, number], alone, atol=1e-5)


@pytest.mark.parametrize("layer", [BatchNormalization(), InstanceNormalization()])
def test_blocks_are_normalised_as_the_same_numbers_in_a_picture(layer: keras.Layer) -> None:
    x = RANDOM.normal(3, 2, size=(3, 5, 4, 6, 2)).astype(np.float32)
    out = numpy_of(layer(x, training=True))
    axes = (0, 1, 2, 3) if isinstance(layer, BatchNormalization) else (1, 2, 3)
    wanted = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, wanted, atol=2e-3)


def test_a_network_of_blocks_is_saved_and_loaded(tmp_path) -> None:
    unet = block_network("batch", Depth(8, 1))
    unet.save(tmp_path / "unet.keras")
    again = keras.saving.load_model(tmp_path / "unet.keras")
    x = RANDOM.normal(size=(1, 8, 8, 16)).astype(np.float32)
    np.testing.assert_array_equal(numpy_of(again(x)), numpy_of(unet(x)))


@pytest.mark.parametrize(("filters", "groups"), [([16, 12, 7], [8, 4, 1])])
def test_channels_share_groups_evenly(filters: list[int], groups: list[int]) -> None:
    unet = build_unet(Network(filters=filters, normalisation="group"), labels=1)
    for stage, wanted in enumerate(groups):
        assert unet.get_layer(f"down{stage}_norm1").groups == wanted
