"""The U-net and the finished model around it."""

from __future__ import annotations

import hashlib
from typing import Any

import keras
import numpy as np

from slicewise.config import Network
from slicewise.model.layers import CropLike, InstanceNormalization, PadToMultiple, Preprocess


def build_unet(network: Network, labels: int, policy: str = "float32") -> keras.Model:
    """Build a U-net that gives logits.

    Parameters
    ----------
    network : Network
        Filters of each stage, normalisation, activation, dropout.
    labels : int
        One label gives one logit (for a sigmoid), several give one for the
        background and one for each (for a softmax).
    policy : str
        Keras dtype policy of the inner layers; input and logits are float32.

    Returns
    -------
    keras.Model
        From (n, rows, columns, 1) to (n, rows, columns, outputs), for any
        number of rows and columns: padded inside, and cropped back.

    References
    ----------
    Ronneberger, Fischer, Brox. U-Net: Convolutional Networks for Biomedical
    Image Segmentation. MICCAI 2015.
    """
    deepest = len(network.filters) - 1
    inputs = keras.Input((None, None, 1), dtype="float32", name="normalised")
    x = PadToMultiple(2**deepest, dtype=policy)(inputs)
    skips = []
    for stage, filters in enumerate(network.filters):
        if stage:
            x = keras.layers.MaxPooling2D(dtype=policy, name=f"down{stage}_pool")(x)
        x = _convolve_twice(x, filters, network, policy, f"down{stage}")
        if network.dropout and stage >= deepest - 1:
            x = keras.layers.SpatialDropout2D(
                network.dropout, dtype=policy, name=f"down{stage}_dropout", seed=stage
            )(x)
        skips.append(x)
    for stage in reversed(range(deepest)):
        filters = network.filters[stage]
        x = keras.layers.Conv2DTranspose(
            filters, 2, strides=2, padding="same", dtype=policy, name=f"up{stage}_transpose"
        )(x)
        x = keras.layers.Concatenate(dtype=policy, name=f"up{stage}_concat")([x, skips[stage]])
        x = _convolve_twice(x, filters, network, policy, f"up{stage}")
    outputs = labels + 1 if labels > 1 else 1
    x = keras.layers.Conv2D(outputs, 1, dtype="float32", name="logits")(x)
    x = CropLike(dtype="float32")([x, inputs])
    return keras.Model(inputs, x, name="unet")


def _convolve_twice(x: Any, filters: int, network: Network, policy: str, name: str) -> Any:
    for k in (1, 2):
        x = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            # what follows subtracts the mean, so a bias would be lost in it
            use_bias=network.normalisation == "none",
            kernel_initializer="he_normal",
            dtype=policy,
            name=f"{name}_conv{k}",
        )(x)
        if network.normalisation == "batch":
            x = keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, dtype=policy, name=f"{name}_norm{k}"
            )(x)
        elif network.normalisation == "instance":
            x = InstanceNormalization(dtype=policy, name=f"{name}_norm{k}")(x)
        if network.activation == "relu":
            x = keras.layers.ReLU(dtype=policy, name=f"{name}_act{k}")(x)
        else:
            x = keras.layers.LeakyReLU(0.01, dtype=policy, name=f"{name}_act{k}")(x)
    return x


def finished_model(preprocess: Preprocess, unet: keras.Model) -> keras.Model:
    """Put preprocessing, network and probabilities into the one model that is saved.

    Returns
    -------
    keras.Model
        From raw intensities (n, rows, columns, 1) to probabilities (n, rows,
        columns, labels), or (…, 1 + labels) with the background first.
    """
    inputs = keras.Input((None, None, 1), dtype="float32", name="intensities")
    logits = unet(preprocess(inputs))
    activation = "sigmoid" if logits.shape[-1] == 1 else "softmax"
    outputs = keras.layers.Activation(activation, dtype="float32", name="probabilities")(logits)
    return keras.Model(inputs, outputs, name="slicewise")


def model_card(model: keras.Model) -> dict[str, Any]:
    """Return what a finished model says of itself: labels, recipe, intensity, postprocessing."""
    for layer in model.layers:
        if isinstance(layer, Preprocess):
            return dict(layer.card)
    raise ValueError("not a slicewise model: it has no Preprocess layer")


def weights_digest(model: keras.Model) -> str:
    """Return the SHA-256 over all weights, in order: the same digest, the same model."""
    digest = hashlib.sha256()
    for variable in model.variables:
        if "seed_generator" in variable.path:
            continue
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable.value))
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
