"""Layers of our own, all in backend-agnostic operations."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

PACKAGE = "slicewise"


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
    card : dict
        What is needed to use the model on a volume: ``labels`` (names),
        ``recipe`` (slices), ``intensity``, ``postprocessing``.
    """

    def __init__(
        self,
        low: float | None,
        high: float | None,
        mean: float,
        sd: float,
        card: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.low, self.high, self.mean, self.sd, self.card = low, high, mean, sd, card

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
        mine = {name: getattr(self, name) for name in ("low", "high", "mean", "sd", "card")}
        return {**super().get_config(), **mine}


@keras.saving.register_keras_serializable(package=PACKAGE)
class PadToMultiple(keras.layers.Layer):
    """Pad rows and columns with zeros at the end up to a multiple."""

    def __init__(self, multiple: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, images: Any) -> Any:
        """Pad images of shape (n, rows, columns, channels)."""
        rows, columns = ops.shape(images)[1:3]
        return ops.pad(
            images,
            [[0, 0], [0, -rows % self.multiple], [0, -columns % self.multiple], [0, 0]],
        )

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the padded shape, unknown where it was."""
        n, rows, columns, channels = shape
        up = [None if v is None else v + -v % self.multiple for v in (rows, columns)]
        return (n, *up, channels)

    def get_config(self) -> dict[str, Any]:
        """Return everything needed to make the layer again."""
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable(package=PACKAGE)
class CropLike(keras.layers.Layer):
    """Cut the first input to the rows and columns of the second."""

    def call(self, inputs: Any) -> Any:
        """Cut (n, rows, columns, channels)."""
        image, like = inputs
        rows, columns = ops.shape(like)[1:3]
        return image[:, :rows, :columns, :]

    def compute_output_shape(self, shapes: Any) -> Any:
        """Return the cut shape."""
        (n, _, _, channels), (_, rows, columns, _) = shapes
        return (n, rows, columns, channels)


@keras.saving.register_keras_serializable(package=PACKAGE)
class InstanceNormalization(keras.layers.Layer):
    """Normalise each channel of each image by itself (Ulyanov et al., 2016)."""

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, shape: Any) -> None:
        """Make scale and offset."""
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, images: Any) -> Any:
        """Normalise (n, rows, columns, channels) in float32."""
        wide = ops.cast(images, "float32")
        mean, variance = ops.moments(wide, axes=(1, 2), keepdims=True)
        wide = (wide - mean) * ops.rsqrt(variance + self.epsilon)
        wide = wide * ops.cast(self.gamma, "float32") + ops.cast(self.beta, "float32")
        return ops.cast(wide, self.compute_dtype)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shape unchanged."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return everything needed to make the layer again."""
        return {**super().get_config(), "epsilon": self.epsilon}
