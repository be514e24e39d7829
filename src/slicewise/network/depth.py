"""How a network of three dimensions goes through the slices of a block."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST = 4
"""Slices that are left at the deepest stage, at least, as in nnU-Net.

Settings are checked by the same number; here an edit of it trains anew.
"""


@dataclass(frozen=True)
class Depth:
    """What a network does along the slices of a block.

    Attributes
    ----------
    slices : int
        Of a block, as settings allow for the stages of the network.
    flat : int
        So many stages from the finest on look at each slice by itself and are
        pooled within slices alone, until pixels are about as far apart as
        slices.

    References
    ----------
    Isensee et al., nnU-Net, Nature Methods 2021, for both rules.
    """

    slices: int
    flat: int = 0

    @classmethod
    def of(cls, slices: int, stages: int, ratio: float) -> Depth:
        """Return what goes with a distance of slices that is `ratio` times that of pixels.

        Examples
        --------
        >>> Depth.of(16, 5, 2.8).flat, Depth.of(16, 5, 5.0).flat, Depth.of(16, 5, 1.0).flat
        (1, 2, 0)
        """
        flat = max(0, math.floor(math.log2(ratio)))
        return cls(slices, min(flat, stages - 1))

    def kernel(self, stage: int) -> int:
        """Return how many slices a convolution of a stage sees."""
        return 1 if stage < self.flat else 3

    def pool(self, stage: int) -> int:
        """Return how many slices of a stage become one of the next."""
        if stage < self.flat:
            return 1
        return 2 if self.slices / 2 ** (stage - self.flat + 1) >= LEAST else 1
