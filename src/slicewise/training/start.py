"""Starting from the weights of a finished model instead of from nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.network.card import ModelCard, model_card

from slicewise.network import backend  # noqa: F401  # isort: skip  (sets it up before keras)

import keras
import numpy as np

from slicewise.dataset.training_record import StartedFrom
from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.network.model import finished_parts, load_model, weights_digest
from slicewise.network.unet import FIRST

HEAD = "logits"
"""How the names of the layers begin that find labels."""
PLANE = "plane"
"""What is seen of a slice beside its image, where that is told."""
SAME = ("pool_size", "strides", "kernel_size", "negative_slope")
"""What a layer does by its settings, and not by its weights."""
AGAIN = "run snakemake again, which brings it anew"


@dataclass(frozen=True)
class Start:
    """A model whose weights a training starts from.

    Attributes
    ----------
    path : Path
        Its file.
    told : StartedFrom
        What is known of it.
    """

    path: Path
    told: StartedFrom

    def give(self, unet: keras.Model, card: ModelCard) -> list[str]:
        """Give its weights to a network, statistics of batch normalisation among them.

        What finds a label or region is taken by its name, if both models decide alike (a softmax
        over labels, or sigmoids); what sees a channel of the image, by the name of the channel,
        and channels that are new count for nothing at first. What finds other labels stays as
        it was initialised, as do the coarse logits of deep supervision, which no finished
        model has.

        Parameters
        ----------
        unet : keras.Model
            The network, which is changed.
        card : ModelCard
            Of the model that it is to become.

        Returns
        -------
        list of str
            Lines for people: what was taken.

        Raises
        ------
        SlicewiseError
            When the file is another one or no model, or its network, intensities or context
            differ.
        """
        name = self.told.name
        if sha256(self.path) != self.told.sha256:
            raise SlicewiseError(f"{self.path}: it is not the model that was planned with; {AGAIN}")
        model = load_model(self.path)
        weights = self.told.weights_sha256
        if weights is not None and weights_digest(model) != weights:
            raise SlicewiseError(
                f"training.start_from: {name} has other weights than its config.yaml tells of; "
                "train it again, or name a copy of the model that lies alone"
            )
        before = model_card(model)
        _check_cards(name, before, card)
        source = finished_parts(model)[1]
        _check_layers(name, source, unet)
        _copy(source, unet, before, card)
        return [f"starts from {name}: {_said(before, card)}"]


def _check_cards(name: str, before: ModelCard, card: ModelCard) -> None:
    """Refuse a model of other intensities, other slices at once, or none of the channels."""
    for what, other, own in (
        ("dataset.intensity", before.intensity, card.intensity),
        ("slices at once", before.context.slices, card.context.slices),
        ("network.dimensions", 2 + before.context.block, 2 + card.context.block),
    ):
        if other != own:
            raise SlicewiseError(
                f"training.start_from: {name} is of another kind ({what}: {other}, here {own}); "
                "make both the same, or train from nothing"
            )
    if before.context.plane and not card.context.plane:
        raise SlicewiseError(
            f"training.start_from: {name} is told which plane a slice lies in, and this training "
            "does not tell it; write input.plane: true, or train from nothing"
        )
    theirs = before.channels or [""]
    ours = card.channels or [""]
    if not set(theirs) & set(ours):
        raise SlicewiseError(
            f"training.start_from: {name} sees {_listed(theirs)}, and images here have "
            f"{_listed(ours)}; start from a model that shares a channel, or train from nothing"
        )


def _listed(channels: list[str]) -> str:
    return ", ".join(channels) if channels != [""] else "one channel without a name"


def _check_layers(name: str, source: keras.Model, target: keras.Model) -> None:
    """Refuse another architecture, by the first layer that differs."""
    theirs = _layers(source)
    ours = _layers(target)
    for layer in [*ours, *theirs]:
        if theirs.get(layer) != ours.get(layer):
            raise SlicewiseError(
                f"training.start_from: {name} has another network, first at layer {layer} "
                f"({_short(theirs.get(layer))}, here {_short(ours.get(layer))}); give the "
                "experiment the block network of that model, or train from nothing"
            )


def _layers(unet: keras.Model) -> dict[str, list[Any]]:
    """Return what each layer does, by its name, but of those that labels or training decide."""
    found = {}
    for layer in unet.layers:
        if not layer.name.startswith(("down", "up")) or layer.name.endswith("_dropout"):
            continue
        config = layer.get_config()
        does = [np.ravel(config[key]).tolist() for key in SAME if key in config]
        shapes = [list(weight.shape) for weight in layer.weights]
        if layer.name in FIRST:
            shapes[0][-2] = None  # channels are told apart by their names
        found[layer.name] = [type(layer).__name__, *does, *shapes]
    return found


def _short(layer: list[Any] | None) -> str:
    return "none" if layer is None else " ".join(str(part).replace(" ", "") for part in layer)


def _copy(source: keras.Model, target: keras.Model, before: ModelCard, card: ModelCard) -> None:
    for layer in target.layers:
        if not layer.weights:
            continue
        own = layer.get_weights()
        if layer.name.startswith(HEAD):
            if layer.name == HEAD and _decides(before) == _decides(card):
                given = source.get_layer(HEAD).get_weights()
                pairs = _pairs(_outputs(before), _outputs(card))
                layer.set_weights([_moved(a, b, pairs) for a, b in zip(given, own, strict=True)])
            continue
        given = source.get_layer(layer.name).get_weights()
        if layer.name in FIRST:
            seen = _pairs(_inputs(before), _inputs(card))
            blank = np.zeros_like(own[0])
            given[0] = np.moveaxis(
                _moved(np.moveaxis(given[0], -2, -1), np.moveaxis(blank, -2, -1), seen), -1, -2
            )
        layer.set_weights(given)


def _moved(given: np.ndarray, own: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Return `own` with parts along the last axis replaced by those of `given`."""
    moved = own.copy()
    for there, here in pairs:
        moved[..., here] = given[..., there]
    return moved


def _pairs(theirs: list[Any], ours: list[Any]) -> list[tuple[int, int]]:
    return [(theirs.index(name), here) for here, name in enumerate(ours) if name in theirs]


def _inputs(card: ModelCard) -> list[tuple[str, int]]:
    """Return what the first layer sees: of each channel the slices at once, and the plane."""
    slices = 1 if card.context.block else card.context.slices
    seen = [(channel, k) for channel in card.channels or [""] for k in range(slices)]
    return [*seen, *((PLANE, axis) for axis in range(card.context.told))]


def _decides(card: ModelCard) -> str:
    return "softmax" if len(card.labels) > 1 and not card.regions else "sigmoid"


def _outputs(card: ModelCard) -> list[str]:
    """Return what each output finds; the background has no name."""
    return [*([""] if _decides(card) == "softmax" else []), *card.found]


def _said(before: ModelCard, card: ModelCard) -> str:
    alike = _decides(before) == _decides(card)
    new = [found for found in card.found if not alike or found not in before.found]
    channels = [one for one in card.channels or [] if one not in (before.channels or [])]
    parts = ["its weights are taken"]
    if new:
        parts.append(f"what finds {', '.join(new)} is new")
    if channels:
        parts.append(f"channel {', '.join(channels)} is new")
    return ", ".join(parts)
