"""Putting what was drawn of each label into one mask, a slice at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from slicewise.volumes.segments import Segment


@dataclass(frozen=True)
class Drawn:
    """A part of a segment, as it lies on a grid.

    Attributes
    ----------
    segment : Segment
    where : tuple of slice
        In the arrays of the grid.
    inside : ndarray of bool
        Of the shape of that part.
    outside : int
        Voxels of the segment that lie outside of the grid.
    """

    segment: Segment
    where: tuple[slice, ...]
    inside: np.ndarray
    outside: int = 0


class Painting:
    """A mask that is painted; of two labels that have a voxel, the higher rank has it.

    Parameters
    ----------
    shape : three ints
    numbers : mapping of Segment to int
        What voxels of each become.
    ranks : mapping of int to int
        Of these numbers; those without a rank give way to all that have one.

    Attributes
    ----------
    mask : ndarray of uint8 or uint16
    overlaps : dict of (int, int) to int
        How many voxels two labels share: the number that came later, and that before it.
    counts : dict of Segment to int
        Voxels that were drawn of each, whoever has them.
    outside : int
        Voxels of labels that lie outside of the grid.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        numbers: Mapping[Segment, int],
        ranks: Mapping[int, int],
    ) -> None:
        self.mask = np.zeros(shape, np.min_scalar_type(max(numbers.values(), default=1)))
        self._rank = np.zeros(shape, np.min_scalar_type(max(ranks.values(), default=0)))
        self._numbers = numbers
        self._ranks = ranks
        self.overlaps: dict[tuple[int, int], int] = {}
        self.counts: dict[Segment, int] = dict.fromkeys(numbers, 0)
        self.outside = 0

    def add(self, drawn: Drawn) -> None:
        """Paint a part of a segment."""
        number = self._numbers[drawn.segment]
        own = self._ranks.get(number, 0)
        mask = self.mask[drawn.where]
        rank = self._rank[drawn.where]
        shared = drawn.inside & (rank != 0) & (rank != own)
        if own and shared.any():
            for other, count in zip(*np.unique(mask[shared], return_counts=True), strict=True):
                pair = (number, int(other))
                self.overlaps[pair] = self.overlaps.get(pair, 0) + int(count)
        taken = drawn.inside & (rank <= own)
        mask[taken] = number
        rank[taken] = own
        self.counts[drawn.segment] += int(np.count_nonzero(drawn.inside))
        self.outside += drawn.outside if own else 0
