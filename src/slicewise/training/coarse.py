"""Slices with fewer pixels, which a training may begin with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from slicewise.config import Coarse, Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.grid import Grid

LEAST = 16
"""Pixels of the longer side, as of any recipe."""


class CoarseSlices:
    """Slices as a training sees them before it sees them whole.

    Parameters
    ----------
    settings : Coarse
        By how much pixels are larger.
    size : tuple of int
        Rows and columns of whole slices.
    stages : int
        Of the network: the longer side is one that it can halve without a rest.

    Raises
    ------
    SlicewiseError
        When that leaves slices as they are.

    Notes
    -----
    Known as progressive resizing (Howard & Gugger, fastai, Information 2020): a network that does
    not mind the size of a slice learns the greater part from coarse ones, which cost less.
    """

    def __init__(self, settings: Coarse, size: tuple[int, int], stages: int) -> None:
        self.share = settings.share
        self.whole = size
        longest = max(size)
        multiple = 2 ** (stages - 1)
        least = math.ceil(LEAST / multiple)
        self.longest = multiple * max(least, round(longest / settings.factor / multiple))
        if self.longest >= longest:
            raise SlicewiseError(
                f"training.coarse: factor {settings.factor:g} leaves slices of {size[0]} x "
                f"{size[1]} as they are, as {stages} stages need multiples of {multiple} pixels, "
                f"and at least {LEAST}; "
                "raise the factor, or leave coarse out"
            )

    @cached_property
    def _grid(self) -> Grid:
        return Grid((*self.whole, 1), Recipe(plane="axial", size=self.longest))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self._grid.axes
        return rows.filled, columns.filled

    @property
    def said(self) -> str:
        """What people are told of it."""
        small, whole = (f"{rows} x {columns}" for rows, columns in (self.size, self.whole))
        return (
            f"the first {100 * self.share:.0f} % of the training see slices of {small} pixels, the "
            f"rest of {whole}"
        )

    def of(self, inputs: Mapping[str, np.ndarray], labels: int) -> dict[str, np.ndarray]:
        """Return a batch, masks and whatever else goes with them, with fewer pixels.

        Parameters
        ----------
        inputs : mapping of str to ndarray
            ``masks`` as of `masks`, all others as of `images`.
        labels : int
            Number of labels.
        """
        return {
            name: self.masks(each, labels) if name == "masks" else self.images(each)
            for name, each in inputs.items()
        }

    def images(self, images: np.ndarray) -> np.ndarray:
        """Return what is averaged over areas, as float32.

        Parameters
        ----------
        images : ndarray, shape (n, rows, columns, channels)
            Whole slices: intensities, or what a teacher says of them.
        """
        channels = (images[..., k] for k in range(images.shape[-1]))
        return np.stack([self._inside(self._grid.shrink(each, 0)) for each in channels], axis=-1)

    def masks(self, masks: np.ndarray, labels: int) -> np.ndarray:
        """Return the label that covers most of each pixel, see `Grid.shrink_mask`.

        Parameters
        ----------
        masks : ndarray of uint8, shape (n, rows, columns)
            Label indices.
        labels : int
            Number of labels.
        """
        return self._inside(self._grid.shrink_mask(masks, labels))

    def _inside(self, slices: np.ndarray) -> np.ndarray:
        """Leave out the padding to a square."""
        rows, columns = self._grid.axes
        return slices[:, rows.inside, columns.inside]
