"""Slices as radiologists look at them, with the outlines of masks.

Plain arrays come in; nothing here reads an image or knows a model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from skimage.morphology import dilation, erosion
from skimage.segmentation import mark_boundaries
from skimage.transform import resize

from slicewise.config import UNDRAWN, Plane

# Yellow against blue differ in lightness as well as in hue, so the pair holds
# for every common colour blindness, on grey tissue and in a grey print.
PREDICTION_COLOUR = (255, 221, 0)

TRUTH_COLOUR = (0, 180, 255)

_SMALLEST_SIDE = 384
_LARGEST_SIDE = 512
"""The longer side of an overlay in pixels: thin lines need the one, small reports the other."""


HATCH = 8
"""Pixels from one line to the next where nobody drew."""
DIMMED = 0.55
"""How bright a picture is left under these lines."""


def hatched(picture: np.ndarray, undrawn: np.ndarray) -> np.ndarray:
    """Lay dark slanted lines over what nobody drew.

    Parameters
    ----------
    picture : ndarray, shape (rows, columns) or (rows, columns, channels)
        Brightness.
    undrawn : ndarray of bool, shape (rows, columns)
        Where to.

    Returns
    -------
    ndarray
        A copy of the same type.
    """
    slant = np.add.outer(np.arange(undrawn.shape[0]), np.arange(undrawn.shape[1]))
    lines = undrawn & (slant % HATCH < HATCH // 4)
    out = picture.copy()
    out[lines] = (picture[lines] * DIMMED).astype(picture.dtype)
    return out


def contact_sheet(samples: Mapping[str, np.ndarray], columns: int = 8) -> np.ndarray:
    """Lay augmented training slices side by side, the labels outlined.

    Parameters
    ----------
    samples : mapping of str to ndarray of uint8
        ``images`` and ``masks``, each (n, rows, columns), rows running right
        and columns forward as in the slices' files. What nobody drew is hatched.
    columns : int
        Slices in a row of the sheet.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Turned as a radiologist sees an axial slice: right on the left, front on top.
    """
    tiles = []
    for image, mask in zip(samples["images"], samples["masks"], strict=True):
        grey, labels = (
            _resized(np.flip(each.T), _tile_shape(each.T.shape), order)
            for each, order in ((image, 1), (mask, 0))
        )
        undrawn = labels == UNDRAWN
        labels = np.where(undrawn, 0, labels)
        outlined = mark_boundaries(
            hatched(grey, undrawn) / 255,
            labels,
            color=tuple(np.divide(TRUTH_COLOUR, 255)),
            mode="inner",
        )
        tiles.append((outlined * 255).round().astype(np.uint8))
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[k : k + columns], 1) for k in range(0, len(tiles), columns)]
    return np.concatenate(rows)


def _tile_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns of a slice in a sheet: not more than a page can show."""
    scale = min(_LARGEST_SIDE / max(shape), 1.0)
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def overlay(
    image: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    *,
    window: tuple[float, float],
    aspect: float = 1.0,
) -> np.ndarray:
    """Draw the outlines of both masks on a slice.

    The truth is outlined just outside its pixels and the prediction just
    inside its own: where the two agree the lines run side by side, and neither
    hides the other.

    Parameters
    ----------
    image : numpy.ndarray
        Two-dimensional, already oriented for display.
    truth, prediction : numpy.ndarray
        Label arrays of the same shape, 0 is background. Where nobody drew
        (`UNDRAWN` in the truth), the picture is hatched, and the prediction whole.
    window : tuple of float
        The values shown black and white.
    aspect : float
        Height of a pixel over its width, in millimetres.

    Returns
    -------
    numpy.ndarray
        8-bit RGB, with square pixels, the longer side between 384 and 512.
    """
    shape = _display_shape(image.shape, aspect)
    low, high = window
    grey = np.clip((np.nan_to_num(image.astype(float)) - low) / max(high - low, 1e-9), 0, 1)
    grey = np.clip(_resized(grey, shape, order=3), 0, 1)
    undrawn = truth == UNDRAWN
    truth = np.where(undrawn, 0, truth)
    grey = hatched(grey, _resized(undrawn.astype(np.uint8), shape, order=0) > 0)
    colour = np.repeat(grey[..., None], 3, axis=2)
    for labels, line, mode, moved in (
        (truth, TRUTH_COLOUR, "outer", dilation),
        (prediction, PREDICTION_COLOUR, "inner", erosion),
    ):
        enlarged = _resized(labels.astype(np.int32), shape, order=0)
        # Two outlines, one beside the other, make a line of two pixels.
        for outlined in (enlarged, moved(enlarged)):
            colour = mark_boundaries(colour, outlined, color=np.array(line) / 255, mode=mode)
    return np.rint(colour * 255).astype(np.uint8)


def _display_shape(shape: tuple[int, ...], aspect: float) -> tuple[int, int]:
    height = shape[0] * max(aspect, 1.0)
    width = shape[1] * max(1.0 / aspect, 1.0)
    longest = max(height, width)
    scale = min(max(_SMALLEST_SIDE / longest, 1.0), _LARGEST_SIDE / longest)
    if scale > 1:
        # A whole factor gives every source pixel the same size.
        scale = min(math.ceil(scale), _LARGEST_SIDE / longest)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resized(array: np.ndarray, shape: tuple[int, int], order: int) -> np.ndarray:
    if array.shape == shape:
        return array
    smaller = order > 0 and (shape[0] < array.shape[0] or shape[1] < array.shape[1])
    return resize(
        array, shape, order=order, mode="edge", preserve_range=True, anti_aliasing=smaller
    ).astype(array.dtype)


def display_slice(
    array_canonical_ras: np.ndarray, index: int, plane: Plane = "axial"
) -> np.ndarray:
    """Take one slice as radiologists look at it.

    Parameters
    ----------
    array_canonical_ras : numpy.ndarray
        Three-dimensional; its axes grow to the patient's right, front, head.
    index : int
        Position along the plane's normal.
    plane : {"axial", "coronal", "sagittal"}
        Which plane.

    Returns
    -------
    numpy.ndarray
        Two-dimensional. Axial: front up; coronal and sagittal: head up. The
        patient's right is on the left of the picture (sagittal: the front is).
    """
    # a view: np.take would first copy a volume whose first axis varies fastest
    picture = np.moveaxis(array_canonical_ras, PLANE_AXES[plane][2], 0)[index]
    # What is left grows to the right/front along rows and to the front/head
    # along columns; pictures are read the other way on both.
    return picture[::-1, ::-1].T


PLANE_AXES: dict[Plane, tuple[int, int, int]] = {
    "axial": (0, 1, 2),
    "coronal": (0, 2, 1),
    "sagittal": (1, 2, 0),
}
"""The axes of a volume that run across and up a picture of `display_slice`, and its normal."""


def pixel_aspect(spacing_ras: Sequence[float], plane: Plane = "axial") -> float:
    """Return height over width of a pixel of `display_slice`, from the spacing in mm."""
    across, up, _ = PLANE_AXES[plane]
    return float(spacing_ras[up]) / float(spacing_ras[across])
