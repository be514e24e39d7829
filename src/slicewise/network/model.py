"""The finished model: put together, loaded, and known again by its weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from slicewise.network import backend  # noqa: F401  # isort: skip  (sets it up before keras)

import keras
import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.network.card import model_card
from slicewise.network.fusion import forbid_wrong_fusion
from slicewise.network.preprocessing import Preprocess


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy the weights of `target`'s layers from the layers of the same names in `source`.

    What only `source` has, such as the coarse logits of deep supervision, is
    left out; so the network that was trained goes into the plain one.

    Raises
    ------
    ValueError
        When `source` lacks a layer, or one has other shapes.
    """
    for layer in target.layers:
        if layer.weights:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def finished_model(preprocess: Preprocess, unet: keras.Model) -> keras.Model:
    """Put preprocessing, network and probabilities into the one model that is saved.

    Returns
    -------
    keras.Model
        From raw intensities (n, rows, columns, channels) to probabilities (n,
        rows, columns, labels), or (…, 1 + labels) with the background first, or
        (…, regions), as the card of `preprocess` says.
    """
    inputs = keras.Input(unet.input_shape[1:], dtype="float32", name="intensities")
    logits = unet(preprocess(inputs))
    # one output is of the only label, and those of regions each of its own
    several = logits.shape[-1] > 1 and not preprocess.card.regions
    activation = "softmax" if several else "sigmoid"
    outputs = keras.layers.Activation(activation, dtype="float32", name="probabilities")(logits)
    return keras.Model(inputs, outputs, name="slicewise")


def finished_parts(model: keras.Model) -> tuple[Preprocess, keras.Model, str]:
    """Return what `finished_model` put together: preprocessing, network, and name of activation."""
    _, preprocess, unet, probabilities = model.layers
    return preprocess, unet, keras.activations.serialize(probabilities.activation)


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


def load_model(path: Path) -> keras.Model:
    """Load a finished model in Keras' safe mode: no code in the file is run.

    Raises
    ------
    SlicewiseError
        When the file is no model of slicewise.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        model_card(model)
        forbid_wrong_fusion(finished_parts(model)[1])
    except (OSError, ValueError, TypeError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else "unreadable"
        raise SlicewiseError(
            f"{path}: not a model of slicewise ({first}); train it again"
        ) from None
    return model
