"""The first layer of a finished model: intensities as its network takes them, and its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from slicewise.network.card import ModelCard
from slicewise.network.layers import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class Preprocess(keras.layers.Layer):
    """Window and normalise intensities; carries what the model is.

    Always float32: in bfloat16 neighbouring Hounsfield units would merge.

    Parameters
    ----------
    low, high : float or None
        Intensities are clipped to this window.
    mean, sd : float
        Subtracted and divided by, after the window.
    card : ModelCard or mapping
        What is needed to use the model on a volume.
    """

    def __init__(
        self,
        low: float | None,
        high: float | None,
        mean: float,
        sd: float,
        card: ModelCard | Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.low = low
        self.high = high
        self.mean = mean
        self.sd = sd
        # as plain values it comes from a file
        self.card = card if isinstance(card, ModelCard) else ModelCard(**card)

    def call(self, images: Any) -> Any:
        """Normalise images of any shape."""
        images = ops.cast(images, "float32")
        if self.low is not None:
            images = ops.clip(images, self.low, self.high)
        return (images - self.mean) / self.sd

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shape unchanged."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return everything needed to make the layer again."""
        mine = {name: getattr(self, name) for name in ("low", "high", "mean", "sd")}
        return {**super().get_config(), **mine, "card": self.card.dump()}
