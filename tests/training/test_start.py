"""Starting from a model: what is taken of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from slicewise.config import Network
from slicewise.dataset.training_record import StartedFrom
from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.network.card import ModelCard
from slicewise.network.model import finished_model
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.slices.batches import SliceSet
from slicewise.training.start import Start
from tests.discs import CARD, card_with, disc_truth
from tests.training.runs import Stop, plain, stop_after, train_on

TWO = card_with(labels=["liver", "tumour"], values={"liver": [1], "tumour": [2]})
TURNED = card_with(
    labels=["tumour", "spleen", "liver"], values={"tumour": [1], "spleen": [2], "liver": [3]}
)
SMALL = Network(filters=[4, 8])


def network(card: ModelCard, seed: int, settings: Network = SMALL, **more: bool) -> keras.Model:
    """Build a network whose weights are all random, statistics too."""
    keras.utils.set_random_seed(seed)
    unet = build_unet(
        settings,
        len(card.labels),
        channels=card.depth,
        outputs=len(card.regions) or None,
        **more,
    )
    random = np.random.default_rng(seed)
    unet.set_weights([random.uniform(0.5, 1, each.shape) for each in unet.get_weights()])
    return unet


def start_of(folder: Path, card: ModelCard, settings: Network = SMALL) -> tuple[Start, keras.Model]:
    unet = network(card, 1, settings)
    channels = len(card.channels or [])
    numbers = ([-100.0] * channels, [200.0] * channels, [20.0] * channels, [50.0] * channels)
    layer = Preprocess(*numbers, card) if channels else Preprocess(-100.0, 200.0, 20.0, 50.0, card)
    path = folder / "start.keras"
    finished_model(layer, unet).save(path)
    told = StartedFrom(name="before", sha256=sha256(path), known=False, scans={})
    return Start(path, told), unet


def test_a_network_begins_as_the_model_was(tmp_path: Path) -> None:
    start, before = start_of(tmp_path, CARD)
    unet = network(CARD, 2)
    assert start.give(unet, CARD) == ["starts from before: its weights are taken"]
    for ours, theirs in zip(unet.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_labels_are_taken_by_their_names(tmp_path: Path) -> None:
    start, before = start_of(tmp_path, TWO)
    unet = network(TURNED, 2)
    own = unet.get_layer("logits").get_weights()
    (said,) = start.give(unet, TURNED)
    assert said.endswith("what finds spleen is new")
    given = before.get_layer("logits").get_weights()
    for now, theirs, fresh in zip(unet.get_layer("logits").get_weights(), given, own, strict=True):
        # background, tumour, spleen, liver
        np.testing.assert_array_equal(now[..., [0, 1, 3]], theirs[..., [0, 2, 1]])
        np.testing.assert_array_equal(now[..., 2], fresh[..., 2])


def test_a_softmax_takes_nothing_of_a_sigmoid(tmp_path: Path) -> None:
    start, before = start_of(tmp_path, CARD)
    unet = network(TWO, 2)
    own = unet.get_layer("logits").get_weights()
    assert start.give(unet, TWO)[0].endswith("what finds liver, tumour is new")
    np.testing.assert_array_equal(unet.get_layer("logits").get_weights()[0], own[0])
    layer = "up0_conv2"
    np.testing.assert_array_equal(
        unet.get_layer(layer).get_weights()[0], before.get_layer(layer).get_weights()[0]
    )


def test_channels_are_taken_by_their_names(tmp_path: Path) -> None:
    seen = {"context": {"slices": 3, "mm": 2.0}}
    start, before = start_of(tmp_path, card_with(channels=["t1", "t2"], **seen))
    card = card_with(channels=["flair", "t1"], **seen)
    unet = network(card, 2)
    assert start.give(unet, card)[0].endswith("channel flair is new")
    now, given = (each.get_layer("down0_conv1").get_weights()[0] for each in (unet, before))
    np.testing.assert_array_equal(now[:, :, 3:], given[:, :, :3])
    assert not now[:, :, :3].any(), "what is new counts for nothing"
    with pytest.raises(SlicewiseError, match="sees t1, t2, and images here have one channel"):
        start.give(network(card_with(**seen), 2), card_with(**seen))


def test_a_plane_that_is_told_now_counts_for_nothing_yet(tmp_path: Path) -> None:
    told = card_with(context={"slices": 1, "mm": 2.5, "plane": True})
    start, before = start_of(tmp_path, CARD)
    unet = network(told, 2)
    start.give(unet, told)
    now, given = (each.get_layer("down0_conv1").get_weights()[0] for each in (unet, before))
    np.testing.assert_array_equal(now[:, :, :1], given)
    assert not now[:, :, 1:].any()
    start, before = start_of(tmp_path, told)
    unet = network(told, 2)
    start.give(unet, told)
    for ours, theirs in zip(unet.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(SlicewiseError, match=r"is told which plane .* write input.plane: true"):
        start.give(network(CARD, 2), CARD)


def test_coarse_logits_begin_anew(tmp_path: Path) -> None:
    deep = Network(filters=[4, 4, 8], deep_supervision=True)
    start, _ = start_of(tmp_path, CARD, deep)
    unet = network(CARD, 2, deep, supervise=True)
    own = unet.get_layer("logits_2").get_weights()[0]
    start.give(unet, CARD)
    np.testing.assert_array_equal(unet.get_layer("logits_2").get_weights()[0], own)


@pytest.mark.parametrize(
    ("settings", "layer"),
    [
        ({"filters": [6, 8]}, "down0_conv1"),
        ({"filters": [4, 8, 16]}, "up1_|down2_"),
        ({"filters": [4, 8], "normalisation": "instance"}, "down0_norm1"),
        ({"filters": [4, 8], "activation": "relu"}, "down0_act1"),
        ({"filters": [4, 8], "residual": True}, "down0_"),
    ],
)
def test_another_network_is_refused_by_its_first_layer(
    tmp_path: Path, settings: dict[str, object], layer: str
) -> None:
    start, _ = start_of(tmp_path, CARD)
    other = Network.model_validate({**SMALL.model_dump(), **settings})
    unet = network(CARD, 2, other)
    own = [each.copy() for each in unet.get_weights()]
    with pytest.raises(SlicewiseError, match=f"first at layer ({layer})"):
        start.give(unet, CARD)
    assert all(map(np.array_equal, own, unet.get_weights()))


def test_models_of_another_kind_are_refused(tmp_path: Path) -> None:
    start, _ = start_of(tmp_path, CARD)
    other = card_with(intensity="arbitrary")
    with pytest.raises(SlicewiseError, match=r"dataset.intensity: hu, here arbitrary"):
        start.give(network(other, 2), other)
    other = card_with(context={"slices": 3, "mm": 2.0})
    with pytest.raises(SlicewiseError, match="slices at once: 1, here 3"):
        start.give(network(other, 2), other)
    lying = start.told.model_copy(update={"weights_sha256": "0"})
    with pytest.raises(SlicewiseError, match="other weights than its config"):
        Start(start.path, lying).give(network(CARD, 2), CARD)
    start.path.write_bytes(start.path.read_bytes() + b"more")
    with pytest.raises(SlicewiseError, match="not the model that was planned"):
        start.give(network(CARD, 2), CARD)


def test_a_training_that_was_killed_goes_on_to_the_same_bits(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    start, _ = start_of(tmp_path, CARD)
    data = slices, validation_slices, disc_truth
    settings = plain(training={"epochs": 2}, optimizer={"ema": 0.9})
    said: list[str] = []
    whole = train_on(*data, settings, CARD, tmp_path / "whole", start=start, log=said.append)
    assert sum(line.startswith("starts from before") for line in said) == 1
    halted = {"start": start, "on_epoch": stop_after(1)}
    with pytest.raises(Stop):
        train_on(*data, settings, CARD, tmp_path / "killed", **halted)
    said.clear()
    again = train_on(*data, settings, CARD, tmp_path / "killed", start=start, log=said.append)
    assert not any("starts from" in line for line in said)
    assert again.resolved.weights_sha256 == whole.resolved.weights_sha256
    fresh = train_on(*data, settings, CARD, tmp_path / "killed")
    assert fresh.resolved.weights_sha256 != whole.resolved.weights_sha256
