"""The first layer of a finished model: intensities as its network takes them, and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from slicewise.network.card import ModelCard
from slicewise.network.layers import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Preprocess(keras.layers.Layer):
    """Window and normalise intensities; carries what the model is.

    Always float32: in bfloat16 neighbouring Hounsfield units would merge.

    Parameters
    ----------
    low, high : float, list of float, or None
        Intensities are clipped to this window.
    mean, sd : float, or list of float
        Subtracted and divided by, after the window. Lists have a number for each
        channel of the image, in their order: each is seen with its neighbours,
        so a number counts for as many channels of the network.
    card : ModelCard or mapping
        What is needed to use the model on a volume.
    """

    def __init__(
        self,
        low: float | Sequence[float] | None,
        high: float | Sequence[float] | None,
        mean: float | Sequence[float],
        sd: float | Sequence[float],
        card: ModelCard | Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.low = _kept(low)
        self.high = _kept(high)
        self.mean = _kept(mean)
        self.sd = _kept(sd)
        # as plain values it comes from a file
        self.card = card if isinstance(card, ModelCard) else ModelCard(**card)

    def call(self, images: Any) -> Any:
        """Normalise images of any shape; what tells their plane stays as it is."""
        images = ops.cast(images, "float32")
        told = self.card.context.told
        if not told:
            return self._normalised(images)
        normalised = self._normalised(images[..., :-told])
        return ops.concatenate([normalised, images[..., -told:]], axis=-1)

    def _normalised(self, images: Any) -> Any:
        if isinstance(self.mean, Sequence):
            low, high, mean, sd = (_repeated(each, images) for each in self.fitted)
            if low is not None:
                images = ops.minimum(ops.maximum(images, low), high)
            return (images - mean) / sd
        if self.low is not None:
            images = ops.clip(images, self.low, self.high)
        return (images - self.mean) / self.sd

    def of_first(self, name: str) -> Any:
        """Return `low`, `high`, `mean` or `sd` of the first channel of images."""
        value = getattr(self, name)
        return value[0] if isinstance(value, Sequence) else value

    @property
    def fitted(self) -> tuple[Any, Any, Any, Any]:
        """Window, mean and standard deviation."""
        return self.low, self.high, self.mean, self.sd

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shape unchanged."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return everything needed to make the layer again."""
        mine = {name: getattr(self, name) for name in ("low", "high", "mean", "sd")}
        mine = {k: list(v) if isinstance(v, tuple) else v for k, v in mine.items()}
        return {**super().get_config(), **mine, "card": self.card.dump()}


def _kept(numbers: float | Sequence[float] | None) -> Any:
    """Return numbers of all channels as a tuple, which a layer keeps as it is."""
    return tuple(numbers) if isinstance(numbers, Sequence) else numbers


def _repeated(numbers: Sequence[float] | None, images: Any) -> Any:
    """Return a number for each channel of the network, from one for each of the image."""
    if numbers is None:
        return None
    each = images.shape[-1] // len(numbers)
    return ops.convert_to_tensor(np.repeat(np.asarray(numbers, np.float32), each), "float32")
