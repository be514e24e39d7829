"""What a backend fuses wrongly, and how that is forbidden."""

from __future__ import annotations

import keras


def forbid_wrong_fusion(unet: keras.Model) -> None:
    """Forbid TensorFlow what gives other logits than the layers of a network say.

    On CPUs TensorFlow 2.21 and earlier make one kernel of a convolution with
    bias, a sum and a leaky ReLU wherever no gradient is asked for, and the
    kernel takes a slope of 0.2 whatever the layer has. So residual networks
    without normalisation would predict with another function than they were
    trained with. For the rest of the process no such kernels are made then;
    other networks keep theirs, and their speed.

    Parameters
    ----------
    unet : keras.Model
        Before any of its graphs is traced.
    """
    if keras.backend.backend() != "tensorflow" or not _has_leaky_sum(unet):
        return
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"remapping": False})


def _has_leaky_sum(unet: keras.Model) -> bool:
    """Whether a leaky ReLU follows a sum of a convolution with bias."""
    for layer in unet.layers:
        if not isinstance(layer, keras.layers.LeakyReLU):
            continue
        added = layer.input._keras_history.operation
        if isinstance(added, keras.layers.Add) and any(map(_is_biased, added.input)):
            return True
    return False


def _is_biased(tensor: keras.KerasTensor) -> bool:
    layer = tensor._keras_history.operation
    convolutions = (keras.layers.Conv2D, keras.layers.Conv3D)
    return isinstance(layer, convolutions) and bool(layer.use_bias)
