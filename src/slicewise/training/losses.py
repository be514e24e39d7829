"""Losses on logits, computed in float32 whatever the network's precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from keras import ops

from slicewise.config import UNDRAWN, Loss


@dataclass(frozen=True)
class Target:
    """What a network is to find in masks.

    Attributes
    ----------
    partial : bool
        Whether masks may hold pixels that nobody drew (`UNDRAWN`): these count
        nowhere, and no gradient comes from them.
    regions : tuple of tuples of int
        The labels of each region, which has a sigmoid of its own; none: one
        output is a sigmoid, several are a softmax with the background first.
    """

    partial: bool = False
    regions: tuple[tuple[int, ...], ...] = ()

    def is_softmax(self, outputs: int) -> bool:
        """Whether of so many outputs one wins, the first being the background."""
        return not self.regions and outputs > 1

    def truth(self, masks: Any, outputs: int) -> Any:
        """Turn label indices (n, rows, columns, …) into (n, rows, columns, …, outputs) floats."""
        if not self.regions:
            return one_hot(masks, outputs)
        inside = np.zeros((UNDRAWN + 1, len(self.regions)), np.float32)
        for region, numbers in enumerate(self.regions):
            inside[list(numbers), region] = 1
        return ops.take(ops.convert_to_tensor(inside), ops.cast(masks, "int32"), axis=0)


WHOLE = Target()
"""All of each mask was drawn, and each label is found by itself."""


def one_hot(masks: Any, outputs: int) -> Any:
    """Turn label indices (n, rows, columns, …) into (n, rows, columns, …, outputs) floats."""
    masks = ops.cast(masks, "int32")
    if outputs == 1:
        return ops.cast(masks > 0, "float32")[..., None]
    return ops.one_hot(masks, outputs, dtype="float32")


def drawn_pixels(logits: Any, masks: Any, target: Target) -> tuple[Any, Any, Any]:
    """Take out what nobody drew.

    Parameters
    ----------
    logits : tensor, shape (n, rows, columns, outputs)
    masks : tensor of int, shape (n, rows, columns)
        Label indices, `UNDRAWN` where nobody drew.
    target : Target
        What is to be found.

    Returns
    -------
    logits, masks : tensors
        Where nobody drew 0 and background; the logits there have no gradient,
        whatever they are.
    drawn : tensor of float32, shape (n, rows, columns), or None
        1 where something was drawn, 0 elsewhere; None where all was.
    """
    if not target.partial:
        return logits, masks, None
    undrawn = masks == UNDRAWN
    logits = ops.where(undrawn[..., None], ops.zeros_like(logits), logits)
    masks = ops.where(undrawn, ops.zeros_like(masks), masks)
    return logits, masks, 1.0 - ops.cast(undrawn, "float32")


def segmentation_loss(logits: Any, masks: Any, settings: Loss, target: Target = WHOLE) -> Any:
    """Weighted sum of soft Dice, cross-entropy, focal and Tversky loss.

    Parameters
    ----------
    logits : tensor, shape (n, rows, columns, outputs), or list of such
        One output: sigmoid; several: softmax with the background first, or a
        sigmoid for each region of the target. Of blocks both have an axis of
        slices behind columns, and a block counts as a slice does below. A list,
        from deep supervision, starts with the full resolution; each next has
        half that of the one before, on the padded grid, and of slices half as
        many or as many.
    masks : tensor of int, shape (n, rows, columns)
        Label indices, `UNDRAWN` where nobody drew.
    settings : Loss
        Weights of the parts and what they depend on.
    target : Target
        Which regions are to be found, each as labels are below; and whether
        there are undrawn pixels: sums and means below are over the others. Of a
        block of deep supervision the pixel that is taken counts.

    Returns
    -------
    tensor, scalar
        Of each part its weight times:

        - ``1 - soft Dice``, averaged over labels without the background
          (Drozdzal et al., 2016). The Dice is over all pixels of the batch, or
          the mean of the Dice of its slices; 1 where truth and probability
          are empty.
        - the mean cross-entropy of the pixels.
        - the mean focal loss of the pixels, ``-(1 - p)^gamma log p`` with p the
          probability of the true label (Lin et al., 2017), without class weights.
        - ``1 - Tversky index`` of the batch, averaged over labels without the
          background, ``TP / (TP + alpha FP + beta FN)`` (Salehi et al., 2017).
          With alpha = beta = 0.5 it is the Dice of the batch.

        Of a list, the average with weights 1, 1/2, 1/4, ….
    """
    return _over_levels(logits, lambda each, at: _loss(each, at(masks), settings, target))


def taught_loss(logits: Any, taught: Any, settings: Loss, target: Target = WHOLE) -> Any:
    """Weighted sum of losses to the probabilities of another network.

    Parameters
    ----------
    logits : tensor, or list of such
        As of `segmentation_loss`.
    taught : tensor of float32, shape (n, rows, columns, labels or regions)
        Probability of each, without the background; of blocks (n, rows, columns,
        slices, labels or regions).
    settings, target
        As of `segmentation_loss`; all pixels count, drawn or not.

    Returns
    -------
    tensor, scalar
        The same parts. What probabilities share is the smaller of both, so that
        Dice and Tversky loss are least where both are the same, and what they
        were where one is 0 or 1 (Wang et al., MICCAI 2023: Dice semimetric
        losses). The focal loss is least elsewhere, so its weight is given to the
        cross-entropy.
    """
    return _over_levels(logits, lambda each, at: _taught(each, at(taught), settings, target))


def _taught(logits: Any, taught: Any, settings: Loss, target: Target) -> Any:
    logits = ops.cast(logits, "float32")
    softmax = target.is_softmax(logits.shape[-1])
    truth = taught
    if softmax:
        rest = ops.relu(1.0 - ops.sum(taught, axis=-1, keepdims=True))
        truth = ops.concatenate([rest, taught], axis=-1)
        # rounding may have made more than 1 of all together
        truth = truth / ops.sum(truth, axis=-1, keepdims=True)
    loss = ops.zeros((), "float32")
    if settings.dice or settings.tversky:
        loss = overlap_loss(overlaps(logits, truth, None, softmax, ops.minimum), settings)
    if weight := settings.cross_entropy + settings.focal:
        loss = loss + weight * ops.mean(cross_entropy(logits, truth, softmax))
    return loss


def _over_levels(logits: Any, loss_of: Callable[[Any, Callable[[Any], Any]], Any]) -> Any:
    """Return a loss, or the average of those of deep supervision with weights 1, 1/2, 1/4, ….

    `loss_of` takes the logits of a level, and what brings masks or the like to its size.
    """
    if not isinstance(logits, list | tuple):
        return loss_of(logits, lambda masks: masks)
    parts = [
        0.5**level * loss_of(each, partial(_coarsen, level=level, like=each))
        for level, each in enumerate(logits)
    ]
    return sum(parts) / sum(0.5**level for level in range(len(parts)))


def _coarsen(masks: Any, level: int, like: Any) -> Any:
    """Pad masks at the end with background and take the middle pixel of each cell.

    A cell has ``2^level`` rows and columns, and as many slices as became one; where
    its middle lies between pixels, the one before is taken. Probabilities have one
    axis more, which stays.
    """
    if level == 0:
        return masks
    cell = 2**level
    rows, columns = ops.shape(masks)[1:3]
    up, across = ops.shape(like)[1:3]
    padding = [[0, 0], [0, up * cell - rows], [0, across * cell - columns]]
    first = (cell - 1) // 2
    masks = ops.pad(masks, [*padding, *[[0, 0]] * (len(masks.shape) - 3)])
    masks = masks[:, first::cell, first::cell]
    if len(like.shape) == 4:
        return masks
    together = masks.shape[3] // like.shape[3]
    return masks[:, :, :, (together - 1) // 2 :: together]


def _loss(logits: Any, masks: Any, settings: Loss, target: Target) -> Any:
    logits, masks, drawn = drawn_pixels(ops.cast(logits, "float32"), masks, target)
    truth = target.truth(masks, logits.shape[-1])
    softmax = target.is_softmax(logits.shape[-1])
    loss = ops.zeros((), "float32")
    if settings.dice or settings.tversky:
        loss = overlap_loss(overlaps(logits, truth, drawn, softmax), settings)
    if settings.cross_entropy:
        entropy = cross_entropy(logits, truth, softmax)
        loss = loss + settings.cross_entropy * _mean(entropy, drawn)
    if settings.focal:
        focal = focal_loss(logits, truth, settings.focal_gamma, softmax)
        loss = loss + settings.focal * _mean(focal, drawn)
    return loss


def _mean(pixels: Any, drawn: Any) -> Any:
    """Mean over the pixels that were drawn; 0 where there are none."""
    if drawn is None:
        return ops.mean(pixels)
    return ops.sum(_weighted(pixels, drawn)) / ops.maximum(ops.sum(_weights(pixels, drawn)), 1.0)


def _weights(pixels: Any, drawn: Any) -> Any:
    """Give `drawn` the shape of a loss of pixels, which may have an axis of outputs."""
    same = drawn if len(pixels.shape) == len(drawn.shape) else drawn[..., None]
    return ops.broadcast_to(same, ops.shape(pixels))


def _weighted(pixels: Any, drawn: Any) -> Any:
    return pixels * _weights(pixels, drawn)


def overlap_loss(by_slice: tuple[Any, ...], settings: Loss) -> Any:
    """Weighted Dice and Tversky loss of a batch, from the `overlaps` of its slices."""
    whole = tuple(ops.sum(part, axis=0) for part in by_slice)
    loss = ops.zeros((), "float32")
    if settings.dice:
        sums = by_slice if settings.dice_over == "image" else whole
        dice = tversky_index(sums, 0.5, 0.5, settings.smooth)
        loss = loss + settings.dice * (1.0 - dice)
    if settings.tversky:
        index = tversky_index(whole, settings.tversky_alpha, settings.tversky_beta, settings.smooth)
        loss = loss + settings.tversky * (1.0 - index)
    return loss


class BatchLoss:
    """The `segmentation_loss` of a batch whose slices come a few at a time.

    What is kept of a slice are a few sums, so that memory does not grow with
    the batch; the loss differs from that of the whole by rounding.

    Parameters
    ----------
    settings : Loss
        Weights of the parts and what they depend on.
    target : Target
        Whether there are pixels that count nowhere.
    """

    def __init__(self, settings: Loss, target: Target = WHOLE) -> None:
        self.settings = settings
        self.target = target
        self._sums: list[tuple[Any, ...]] = []
        self._pixels: list[Any] = []
        self._drawn: list[Any] = []
        self.slices = 0

    def add(self, logits: Any, masks: Any) -> None:
        """Take slices: logits (n, rows, columns, outputs) and label indices."""
        settings = self.settings
        logits, masks, drawn = drawn_pixels(ops.cast(logits, "float32"), masks, self.target)
        truth = self.target.truth(masks, logits.shape[-1])
        softmax = self.target.is_softmax(logits.shape[-1])
        if settings.dice or settings.tversky:
            self._sums.append(overlaps(logits, truth, drawn, softmax))
        if drawn is not None:
            # a slice counts by as much of it as was drawn
            self._drawn.append(ops.mean(drawn, axis=(1, 2)))
        pixels = ops.zeros((), "float32")
        if settings.cross_entropy:
            entropy = cross_entropy(logits, truth, softmax)
            pixels = settings.cross_entropy * _by_slice(entropy, drawn)
        if settings.focal:
            focal = focal_loss(logits, truth, settings.focal_gamma, softmax)
            pixels = pixels + settings.focal * _by_slice(focal, drawn)
        self._pixels.append(pixels + ops.zeros((logits.shape[0],), "float32"))
        self.slices += int(logits.shape[0])

    def value(self) -> float:
        """Return the loss of all slices together."""
        loss = ops.mean(ops.concatenate(self._pixels))
        if self._drawn:
            loss = loss / ops.maximum(ops.mean(ops.concatenate(self._drawn)), 1e-12)
        if self._sums:
            by_slice = tuple(ops.concatenate(part) for part in zip(*self._sums, strict=True))
            loss = overlap_loss(by_slice, self.settings) + loss
        return float(loss)


def _by_slice(pixels: Any, drawn: Any) -> Any:
    """Mean over the pixels of each slice, of which undrawn ones are 0."""
    if drawn is not None:
        pixels = _weighted(pixels, drawn)
    return ops.mean(pixels, axis=tuple(range(1, len(pixels.shape))))


def probabilities(logits: Any, target: Target = WHOLE) -> Any:
    """Sigmoid of one output, or of each of those of regions; else softmax of several."""
    return _probabilities(logits, target.is_softmax(logits.shape[-1]))


def _probabilities(logits: Any, softmax: bool) -> Any:
    return ops.softmax(logits, axis=-1) if softmax else ops.sigmoid(logits)


def overlaps(
    logits: Any, truth: Any, drawn: Any, softmax: bool, shared: Callable[..., Any] = ops.multiply
) -> tuple[Any, ...]:
    """Sums of both, of probability and of truth, each (n, outputs without the background).

    Over all pixels, or those where `drawn`, of shape (n, rows, columns, …), is 1 and not 0. With a
    softmax the first output is the background. `shared` says what probability and truth share.
    """
    probability = _probabilities(logits, softmax)
    if drawn is not None:
        probability = probability * drawn[..., None]
    if softmax:
        probability = probability[..., 1:]
        truth = truth[..., 1:]
    pixels = tuple(range(1, len(truth.shape) - 1))
    both = shared(probability, truth)
    return tuple(ops.sum(v, axis=pixels) for v in (both, probability, truth))


def tversky_index(sums: tuple[Any, ...], alpha: float, beta: float, smooth: float) -> Any:
    """Mean Tversky index of `overlaps`; the Dice, smoothed as usual, if alpha = beta = 0.5."""
    both, predicted, true = sums
    wrong = alpha * (predicted - both) + beta * (true - both)
    return ops.mean((2.0 * both + smooth) / (2.0 * (both + wrong) + smooth))


def cross_entropy(logits: Any, truth: Any, softmax: bool) -> Any:
    """Cross-entropy of each pixel, or of each output of each pixel where these are sigmoids."""
    if not softmax:
        return ops.binary_crossentropy(truth, logits, from_logits=True)
    return ops.categorical_crossentropy(truth, logits, from_logits=True)


def focal_loss(logits: Any, truth: Any, gamma: float, softmax: bool) -> Any:
    """Focal loss of each pixel, or of each output of it.

    Finite, as its gradient, for any gamma and logits.
    """
    if not softmax:
        odds = ops.where(truth > 0, logits, -logits)
    else:
        rest = ops.where(truth > 0, -1e30, logits)
        odds = ops.sum(truth * logits, axis=-1) - ops.logsumexp(rest, axis=-1)
    # odds are log(p / (1 - p)), so these are -log p and -log(1 - p)
    return ops.softplus(-odds) * ops.exp(-gamma * ops.softplus(odds))


def hard_masks(logits: Any) -> Any:
    """Label indices that logits stand for, shape (n, rows, columns, …)."""
    if logits.shape[-1] == 1:
        return ops.cast(logits[..., 0] > 0, "int32")
    return ops.cast(ops.argmax(logits, axis=-1), "int32")
