"""From the probabilities of slices to a mask on the volume's own grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slicewise.inference.regions import decider, postprocessed
from slicewise.network.card import ModelCard
from slicewise.slices.grid import Grid
from slicewise.volumes.volume import from_canonical


class Assembly:
    """Brings the probabilities of a volume's slices back to its grid, and decides.

    Slices of a single plane are decided as they come, and only the mask is
    kept whole. Probabilities of several planes are averaged on the grid of the
    volume first.

    Parameters
    ----------
    grids : sequence of Grid
        The cuts, in the order in which their slices come.
    affine : ndarray, shape (4, 4)
        Affine of the volume.
    card : ModelCard
        What the model says of itself.
    keep : bool
        Whether probabilities are kept on the grid of the volume.

    Attributes
    ----------
    complete : bool
        Whether all slices are there.
    """

    def __init__(
        self, grids: Sequence[Grid], affine: np.ndarray, card: ModelCard, *, keep: bool = False
    ) -> None:
        self.keep = keep
        self.grids = grids
        self.affine = affine
        self.card = card
        self._decide = decider(card, card.postprocessing.threshold)
        # slices as NIfTI stores them, one after the other: quick to fill and to write
        self._decided = np.zeros(grids[0].shape, np.uint8, order="F")
        self._total: list[np.ndarray] = []
        self._plane = 0
        self._slice = 0

    @property
    def outputs(self) -> int:
        """How many numbers a model says of a pixel."""
        return len(self.card.regions) or (len(self.card.labels) + 1 if self._several else 1)

    @property
    def _several(self) -> bool:
        return len(self.card.labels) > 1

    @property
    def complete(self) -> bool:
        """Whether all slices are there."""
        return self._plane == len(self.grids)

    def add(self, probabilities: np.ndarray) -> None:
        """Take the next slices of one plane, shape (n, *grid.size, outputs)."""
        grid = self.grids[self._plane]
        here = slice(self._slice, self._slice + len(probabilities))
        native = grid.enlarge(probabilities)
        if len(self.grids) == 1:
            grid.stack(self._decided)[here] = self._decide(native)
        if len(self.grids) > 1 or self.keep:
            if not self._total:
                self._total = [
                    np.zeros(grid.shape, np.float32, order="F") for _ in range(native.shape[-1])
                ]
            for output, total in enumerate(self._total):
                grid.stack(total)[here] += native[..., output]
        self._slice = here.stop
        if self._slice == grid.number:
            self._plane += 1
            self._slice = 0

    def mask(self) -> np.ndarray:
        """Return the mask on the volume's own grid, with the values of the data set.

        uint8, or uint16 where a label has a value above 255.
        """
        if self._total and len(self.grids) > 1:
            for z in range(self._decided.shape[2]):
                mean = np.stack([total[..., z] for total in self._total], axis=-1)
                mean /= len(self.grids)
                self._decided[..., z] = self._decide(mean)
        if not self.keep:
            self._total = []
        labels = self.card.labels
        mask = postprocessed(self._decided, self.card, self.card.postprocessing)
        values = [0, *(self.card.values[name][0] for name in labels)]
        numbers = np.array(values, np.min_scalar_type(max(values)))
        return from_canonical(numbers[mask], self.affine)

    def probabilities(self) -> dict[str, np.ndarray]:
        """Return the probability of each label, or region, on the volume's own grid: float32.

        Raises
        ------
        ValueError
            When they were not kept.
        """
        if not self.keep:
            raise ValueError("probabilities were not kept")
        background = 1 if self._several and not self.card.regions else 0
        return {
            name: from_canonical(total / len(self.grids), self.affine)
            for name, total in zip(self.card.found, self._total[background:], strict=True)
        }
