"""Losses on logits, computed in float32 whatever the network's precision."""

from __future__ import annotations

from typing import Any

from keras import ops

from slicewise.config import Loss


def one_hot(masks: Any, outputs: int) -> Any:
    """Turn label indices (n, rows, columns) into (n, rows, columns, outputs) floats."""
    masks = ops.cast(masks, "int32")
    if outputs == 1:
        return ops.cast(masks > 0, "float32")[..., None]
    return ops.one_hot(masks, outputs, dtype="float32")


def segmentation_loss(logits: Any, masks: Any, settings: Loss) -> Any:
    """Sum of soft Dice loss and cross-entropy.

    Parameters
    ----------
    logits : tensor, shape (n, rows, columns, outputs)
        One output: sigmoid; several: softmax with the background first.
    masks : tensor of int, shape (n, rows, columns)
        Label indices.
    settings : Loss
        Weights of both parts and the smoothing term.

    Returns
    -------
    tensor, scalar
        ``dice * (1 - soft Dice) + cross_entropy * mean cross-entropy``. The soft
        Dice is over all pixels of the batch, averaged over labels without the
        background (Drozdzal et al., 2016); 1 where both are empty.
    """
    logits = ops.cast(logits, "float32")
    outputs = logits.shape[-1]
    truth = one_hot(masks, outputs)
    loss = ops.zeros((), "float32")
    if settings.dice:
        dice = soft_dice(probabilities(logits), truth, settings.smooth)
        loss = loss + settings.dice * (1.0 - dice)
    if settings.cross_entropy:
        if outputs == 1:
            entropy = ops.binary_crossentropy(truth, logits, from_logits=True)
        else:
            entropy = ops.categorical_crossentropy(truth, logits, from_logits=True)
        loss = loss + settings.cross_entropy * ops.mean(entropy)
    return loss


def probabilities(logits: Any) -> Any:
    """Sigmoid of one output, softmax of several."""
    return ops.sigmoid(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)


def soft_dice(probability: Any, truth: Any, smooth: float) -> Any:
    """Soft Dice of a batch, averaged over labels without the background."""
    if probability.shape[-1] > 1:
        probability, truth = probability[..., 1:], truth[..., 1:]
    both = ops.sum(probability * truth, axis=(0, 1, 2))
    total = ops.sum(probability, axis=(0, 1, 2)) + ops.sum(truth, axis=(0, 1, 2))
    return ops.mean((2.0 * both + smooth) / (total + smooth))


def hard_masks(logits: Any) -> Any:
    """Label indices that logits stand for, shape (n, rows, columns)."""
    if logits.shape[-1] == 1:
        return ops.cast(logits[..., 0] > 0, "int32")
    return ops.cast(ops.argmax(logits, axis=-1), "int32")
