"""Masks of models whose outputs are regions: decided, postprocessed and written as labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from slicewise.config import Postprocessing, members, written
from slicewise.inference.postprocessing import postprocess, to_labels
from slicewise.network.card import ModelCard


def decider(card: ModelCard, threshold: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return what chooses a label for each pixel from probabilities.

    Parameters
    ----------
    card : ModelCard
        What the outputs are.
    threshold : float
        A single label, and each region, is where its probability is greater.

    Returns
    -------
    callable
        From probabilities (..., outputs) to label numbers (uint8): the
        likeliest label, or the one that stands for the regions that were
        found (see `slicewise.config.regions.written`).
    """
    if not card.regions:
        return partial(to_labels, threshold=threshold)
    table = np.array(written(card.regions), np.uint8)
    bits = np.array([1 << bit for bit in range(len(card.regions))], np.uint8)

    def decide(probabilities: np.ndarray) -> np.ndarray:
        combination = np.zeros(probabilities.shape[:-1], np.uint8)
        for output, bit in enumerate(bits):
            combination |= (probabilities[..., output] > threshold) * bit
        return table[combination]

    return decide


def postprocessed(mask: np.ndarray, card: ModelCard, settings: Postprocessing) -> np.ndarray:
    """Do to a mask what the settings say: to each label, or to each region as a whole.

    Parameters
    ----------
    mask : ndarray of uint8, shape (x, y, z)
        Label numbers in canonical orientation (RAS+).
    card : ModelCard
        What was found.
    settings : Postprocessing
        Which steps to take; none may be ``auto`` any more.

    Returns
    -------
    ndarray of uint8, shape (x, y, z)
        The mask itself where there is nothing to do. What is left of the
        regions of a voxel is written as a prediction is.
    """
    if not card.regions:
        return postprocess(mask, card.labels, settings, card.contiguous)
    if not (settings.largest_component or settings.fill_holes):
        return mask
    before = np.array(members(card.regions, len(card.labels)), np.uint8)[mask]
    after = np.zeros_like(before)
    for bit, name in enumerate(card.regions):
        own = np.asarray(before >> bit & 1, np.uint8)
        after |= postprocess(own, [name], settings, card.contiguous) << np.uint8(bit)
    table = np.array(written(card.regions), np.uint8)
    # what no step has touched keeps its label, of which several may stand for the same regions
    return np.where(after == before, mask, table[after])
