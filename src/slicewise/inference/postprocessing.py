"""From probabilities to a mask, and what is done to the mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from slicewise.boxes import Box, label_boxes
from slicewise.components import components, sizes_of
from slicewise.config import Postprocessing

FACES = ndimage.generate_binary_structure(3, 1)  # 6 neighbours
IN_SLICE = FACES & np.array([False, True, False])  # 4 neighbours: rows and columns only


def to_labels(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Choose a label for each pixel.

    Parameters
    ----------
    probabilities : ndarray, shape (..., outputs)
        One output is the probability of the only label; of several the first
        is that of the background.
    threshold : float
        The only label is where its probability is greater.

    Returns
    -------
    ndarray of uint8, shape (...)
        Label indices, 0 for background; of several outputs the likeliest.
    """
    if probabilities.shape[-1] == 1:
        return (probabilities[..., 0] > threshold).astype(np.uint8)
    return probabilities.argmax(axis=-1).astype(np.uint8)


def postprocess(
    mask: np.ndarray, labels: Sequence[str], settings: Postprocessing, contiguous: bool
) -> np.ndarray:
    """Do to a mask what the settings say.

    Components come first, so that a hole that a small component leaves in
    another label is filled.

    Parameters
    ----------
    mask : ndarray of uint8, shape (x, y, z)
        Label indices in canonical orientation (RAS+).
    labels : sequence of str
        Names of all labels, in the order of their indices.
    settings : Postprocessing
        Which steps to take; none may be ``auto`` any more.
    contiguous : bool
        Whether slices along z are neighbours.

    Returns
    -------
    ndarray of uint8, shape (x, y, z)
        The mask itself where there is nothing to do, else a copy.
    """
    if chosen := settings.largest_of(labels):
        mask = largest_components(mask, chosen)
    if settings.fill_holes:
        mask = fill_holes(mask, len(labels), slicewise=not contiguous)
    return mask


def largest_components(mask: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Keep the largest 3-D component of each of some labels (26 neighbours).

    Parameters
    ----------
    mask : ndarray of uint8, shape (x, y, z)
        Label indices.
    labels : sequence of int
        The labels that are looked at; others stay as they are.

    Returns
    -------
    ndarray of uint8
        A copy.
    """
    kept = mask.copy("K")
    for label, box in _boxes(mask, max(labels)):
        if label not in labels:
            continue
        smaller = _smaller(mask[box] == label)
        if smaller is not None:
            kept[box][smaller] = 0
    return kept


def _smaller(own: np.ndarray) -> np.ndarray | None:
    """Return all components of a label but the largest; None where there is one.

    By itself, as the parts take four times the memory of the mask, and go with this function.
    """
    parts, number = components(own)
    if number < 2:
        return None
    sizes = sizes_of(parts, number)
    sizes[0] = 0
    smaller = np.ones(number + 1, bool)
    smaller[0] = smaller[sizes.argmax()] = False
    return smaller[parts]


def fill_holes(mask: np.ndarray, labels: int, slicewise: bool) -> np.ndarray:
    """Give the background that a label encloses to this label.

    Enclosed is what has no way to the border of the volume (6 neighbours), or
    of its slice (4 neighbours), but through voxels of the label. Other labels
    that lie inside stay as they are; where a label encloses another one with a
    hole, the hole is the inner one's.

    Parameters
    ----------
    mask : ndarray of uint8, shape (x, y, z)
        Label indices.
    labels : int
        Number of labels.
    slicewise : bool
        Look at each slice along z by itself.

    Returns
    -------
    ndarray of uint8
        A copy.
    """
    filled = mask.copy("K")
    inner = np.zeros_like(mask, np.int32)  # size of the hole that a voxel was found in
    for label, box in _boxes(mask, labels):
        sizes = _holes(mask[box] == label, slicewise)
        if sizes is not None:
            mine = (sizes > 0) & (mask[box] == 0) & ((inner[box] == 0) | (sizes < inner[box]))
            filled[box][mine] = label
            inner[box][mine] = sizes[mine]
    return filled


def _holes(own: np.ndarray, slicewise: bool) -> np.ndarray | None:
    """Return the size of the hole that each voxel lies in, 0 outside of holes; None without any."""
    beside = (0, 0) if slicewise else (1, 1)
    # a frame of background joins all that reaches the border
    framed = np.pad(~own, [(1, 1), (1, 1), beside], constant_values=True)
    parts, number = components(framed, IN_SLICE if slicewise else FACES)
    sizes = sizes_of(parts, number)
    sizes[0] = 0
    sizes[parts[0, 0] if slicewise else parts[0, 0, 0]] = 0
    if not sizes.any():
        return None
    return sizes[parts[1:-1, 1:-1] if slicewise else parts[1:-1, 1:-1, 1:-1]]


def _boxes(mask: np.ndarray, labels: int) -> list[tuple[int, Box]]:
    """Return the bounding box of each label that occurs."""
    boxes = enumerate(label_boxes(mask, labels), start=1)
    return [(label, box) for label, box in boxes if box is not None]
