"""What the voxels of a volume say of it, kept when the volume itself is let go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import LARGEST_LABEL, check_image, is_stored_with_offset
from slicewise.volumes.volume import Volume, slabs

SEEN = 1_000_000
"""So many voxels, evenly spread, tell a mask from an image."""
FEW = 16
"""No image has so few values; a mask of so few is one whatever it looks like."""
SEVERAL = 512
"""No mask that one draws has more values; a parcellation of a brain has about 200."""
PATCHES = 0.5
"""Share of labelled voxels of a mask that have their neighbour's value, at least."""
OFFSET = -1024
BODY = -700
"""Hounsfield units above which there is no air, but lung and all that is denser."""
SOFT = (-200, 300)
"""Hounsfield units of fat, water, muscle and organs, with contrast medium."""
MOSTLY = 0.7
TWO_VALUES = 0.95
"""Share of voxels, at least, that are the lowest or highest of what looks like a drawing."""
MARKS = 48
"""Places along each axis at which it is noted where a mask is."""


@dataclass(frozen=True)
class Glance:
    """What is known of a volume whose voxels were read.

    Attributes
    ----------
    shape : tuple of int
        In canonical orientation.
    affine : ndarray, shape (4, 4)
        Of that orientation, to RAS+ mm.
    spacing : tuple of float
        In mm, of that orientation.
    lost : bool
        Whether the file says nothing of the voxels' size.
    counts : mapping of int to int, or None
        Voxels of each value, where these are the values of a mask.
    low, high : float
        The least and greatest value.
    at_low, at_high : float
        Share of voxels that have them.
    fits : tuple of str
        Of ``hu``, ``offset`` and ``clipped_hu``, what the values pass for by the
        checks of ingest.
    mark : ndarray of bool, or None
        Where a mask is not 0, at few places evenly spread.
    likeness : float or None
        Median correlation of slices with the next one along the axis of the
        coarsest spacing; None of fewer than two slices.
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    spacing: tuple[float, ...]
    lost: bool
    placed: bool
    counts: Mapping[int, int] | None
    low: float
    high: float
    at_low: float
    at_high: float
    fits: tuple[str, ...] = ()
    mark: np.ndarray | None = None
    likeness: float | None = None

    @property
    def is_mask(self) -> bool:
        """Whether its values are those of a mask."""
        return self.counts is not None

    @property
    def is_unrounded(self) -> bool:
        """Whether it may be a mask that has no whole numbers: two values, with few between."""
        return not self.is_mask and self.low == 0 and self.at_low + self.at_high >= TWO_VALUES

    @property
    def values(self) -> tuple[int, ...]:
        """The values of a mask beside 0, sorted."""
        return tuple(sorted(value for value in self.counts or {} if value))


def glance_at(volume: Volume) -> Glance:
    """Take down what the voxels of a volume say.

    Parameters
    ----------
    volume : Volume
        Image or mask, of shape (i, j, k).

    Returns
    -------
    Glance
    """
    canonical = volume.canonical()
    array = canonical.array
    low = float(array.min())
    high = float(array.max())
    counts = _counts(array, low, high)
    return Glance(
        shape=array.shape,
        affine=canonical.affine,
        spacing=canonical.spacing,
        lost=volume.lost,
        placed=volume.placed,
        counts=counts,
        low=low,
        high=high,
        at_low=_share(array, low),
        at_high=_share(array, high),
        fits=() if counts is not None else _fits(volume),
        mark=_mark(array) if counts is not None else None,
        likeness=None if counts is not None else _likeness(canonical),
    )


def _share(array: np.ndarray, value: float) -> float:
    return sum(int(np.count_nonzero(part == value)) for part in slabs(array)) / array.size


def _spread(array: np.ndarray) -> np.ndarray:
    """Return rows of voxels along the first axis, evenly spread over the others."""
    step = max(1, int(np.ceil((array.size / SEEN) ** 0.5)))
    return array[:, ::step, ::step]


def _counts(array: np.ndarray, low: float, high: float) -> dict[int, int] | None:
    """Count the values of a mask; None of an image."""
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > LARGEST_LABEL:
        return None
    part = _spread(array)
    if part.dtype.kind == "f" and not np.array_equal(np.rint(part), part):
        return None
    if len(np.unique(part)) > SEVERAL or not (_is_patchy(part) or len(np.unique(part)) <= FEW):
        return None
    counts = np.zeros(LARGEST_LABEL + 1, np.int64)
    for one in slabs(array):
        if one.dtype.kind == "f" and not np.array_equal(np.rint(one), one):
            return None
        counts += np.bincount(one.ravel("K").astype(np.intp), minlength=len(counts))
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def _mark(array: np.ndarray) -> np.ndarray:
    """Return where a mask is, at few places."""
    lines = [np.unique(np.linspace(0, n - 1, MARKS).round().astype(int)) for n in array.shape]
    return array[np.ix_(*lines)] != 0


def _is_patchy(part: np.ndarray) -> bool:
    """Tell whether voxels beside the commonest value mostly have their neighbour's value."""
    values, numbers = np.unique(part, return_counts=True)
    if len(values) == 1 or len(part) < 2:
        return True
    background = values[numbers.argmax()]
    labelled = part[1:] != background
    if not labelled.any():
        return True
    return bool(np.mean((part[1:] == part[:-1])[labelled]) >= PATCHES)


def _fits(volume: Volume) -> tuple[str, ...]:
    """Return what the values pass for, by the checks of ingest."""
    fits = []
    for kind in ("hu", "clipped_hu"):
        try:
            check_image(volume, "", kind)
        except SlicewiseError:
            continue
        fits.append(kind)
    if "hu" not in fits and is_stored_with_offset(volume.array) and _is_soft(volume.array):
        fits.append("offset")
    return tuple(fits)


def _is_soft(array: np.ndarray) -> bool:
    """Tell whether most of a body is soft tissue, were these Hounsfield units with 1024 added.

    The check of ingest finds CT that nobody has taken for anything else; whoever
    knows nothing of a volume may hold one of MR, whose values are as large.
    """
    body = 0
    soft = 0
    for part in slabs(array):
        body += int(np.count_nonzero(part >= BODY - OFFSET))
        soft += int(np.count_nonzero((part >= SOFT[0] - OFFSET) & (part <= SOFT[1] - OFFSET)))
    return soft > MOSTLY * body


def _likeness(volume: Volume) -> float | None:
    """Return how alike neighbouring slices are."""
    axis = len(volume.spacing) - 1 - int(np.argmax(volume.spacing[::-1]))
    slices = np.moveaxis(volume.array, axis, 0)
    if len(slices) < 2:
        return None
    step = max(1, int(np.ceil(max(slices.shape[1:]) / 128)))
    thin = slices[:, ::step, ::step].reshape(len(slices), -1).astype(np.float64)
    thin -= thin.mean(axis=1, keepdims=True)
    sizes = np.linalg.norm(thin, axis=1)
    pairs = (thin[1:] * thin[:-1]).sum(axis=1)
    both = sizes[1:] * sizes[:-1]
    known = both > 0
    return float(np.median(pairs[known] / both[known])) if known.any() else None
