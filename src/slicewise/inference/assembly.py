"""From the probabilities of slices to a mask on the volume's own grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from slicewise.inference.regions import decider, postprocessed
from slicewise.network.card import ModelCard
from slicewise.slices.grid import Grid
from slicewise.slices.oblique import turned_back
from slicewise.volumes.volume import from_canonical

STEPS = 65_535
"""That 16 bits tell apart."""


class Assembly:
    """Brings the probabilities of a volume's slices back to its grid, and decides.

    Slices of a single cut are decided as they come, and only the mask is
    kept whole. Probabilities of several cuts are averaged on the grid of the
    volume first, by what each counts, in whole steps of its share of 16 bits
    (of three alike 1 / 21,845): of a large volume they are most of the memory, and
    take half of what floats would. That of the background, beside several labels, is
    what is left of 1, and is not kept. A tilted cut is turned back once it is whole; of
    voxels that it does not reach, it says what those before it say.

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
        self._total: list[np.ndarray] = []
        # the sum over all cuts fits into 16 bits; a hair more, as thirds of it are whole numbers
        units = [int(STEPS * share + 1e-6) for _, share in card.cuts]
        self._units = units if len(grids) > 1 else [1]
        self._tilted: list[np.ndarray] = []
        self._missed: np.ndarray | None = None
        self._cut = 0
        self._slice = 0

    @cached_property
    def _decided(self) -> np.ndarray:
        """The mask, made when the first slice of it is decided."""
        # slices as NIfTI stores them, one after the other: quick to fill and to write
        return np.zeros(self.grids[0].shape, np.uint8, order="F")

    @property
    def outputs(self) -> int:
        """How many numbers a model says of a pixel."""
        return len(self.card.found) + has_background(self.card)

    @property
    def complete(self) -> bool:
        """Whether all slices are there."""
        return self._cut == len(self.grids)

    def add(self, probabilities: np.ndarray) -> None:
        """Take the next slices of one cut, shape (n, *grid.size, outputs)."""
        grid = self.grids[self._cut]
        here = slice(self._slice, self._slice + len(probabilities))
        native = grid.enlarge(probabilities)
        if len(self.grids) == 1:
            grid.stack(self._decided)[here] = self._decide(native)
        if len(self.grids) > 1 or self.keep:
            self._sum(here, native[..., has_background(self.card) :])
        self._slice = here.stop
        if self._slice == grid.number:
            if grid.recipe.oblique:
                self._turn_back()
            self._cut += 1
            self._slice = 0

    def _sum(self, here: slice, found: np.ndarray) -> None:
        """Add up what some slices of a cut say of labels, or regions."""
        grid = self.grids[self._cut]
        if not self._total:
            kind = np.uint16 if len(self.grids) > 1 else np.float32
            self._total = self._empty(kind)
        if grid.recipe.oblique:
            if not self._tilted:
                self._tilted = self._empty(np.uint16)
            for number, tilted in enumerate(self._tilted):
                grid.stack(tilted)[here] = np.rint(found[..., number] * np.float32(STEPS))
            return
        for number, total in enumerate(self._total):
            grid.stack(total)[here] += self._counted(found[..., number])

    def _empty(self, kind: type[np.generic]) -> list[np.ndarray]:
        return [np.zeros(self.grids[0].shape, kind, order="F") for _ in self.card.found]

    def _turn_back(self) -> None:
        """Add up what a tilted cut says, once all of it is there."""
        grid = self.grids[self._cut]
        if self._missed is None:
            self._missed = np.zeros(self.grids[0].shape, np.uint16, order="F")
        missed = grid.stack(self._missed)
        for label, (total, tilted) in enumerate(zip(self._total, self._tilted, strict=True)):
            turned = turned_back(grid.stack(tilted), grid)
            for number, own in enumerate(grid.stack(total)):
                (said,) = turned[number : number + 1] / np.float32(STEPS)
                beyond = np.isnan(said)
                own += self._counted(np.where(beyond, 0, said))
                if label == 0:
                    missed[number][beyond] += np.uint16(self._units[self._cut])
        if self._cut == len(self.grids) - 1:
            self._tilted = []

    def _counted(self, probability: np.ndarray) -> np.ndarray:
        """Return a probability as it is added up."""
        if len(self.grids) == 1:
            return probability
        return np.rint(probability * np.float32(self._units[self._cut])).astype(np.uint16)

    def _mean(self, total: np.ndarray, *where: Any) -> np.ndarray:
        """Return the mean of what was added up over all cuts that reach a voxel."""
        units = np.float32(sum(self._units))
        if self._missed is not None:
            units = units - self._missed[where].astype(np.float32)
        return total[where].astype(np.float32) / units

    def mask(self) -> np.ndarray:
        """Return the mask on the volume's own grid, with the values of the data set.

        uint8, or uint16 where a label has a value above 255.
        """
        if self._total and len(self.grids) > 1:
            for z, means in enumerate(self.means()):
                self._decided[..., z] = self._decide(means)
        if not self.keep:
            self._total = []
        mask = postprocessed(self._decided, self.card, self.card.postprocessing)
        return in_values(mask, self.card, self.affine)

    def means(self) -> Iterator[np.ndarray]:
        """Yield the mean probabilities of each slice along z in canonical orientation.

        Shape (x, y, outputs), float32. Of slices of a single plane they must have been kept.
        """
        for z in range(self.grids[0].shape[2]):
            found = [self._mean(total, ..., z) for total in self._total]
            yield outputs_of(found, self.card)

    def probabilities(self) -> dict[str, np.ndarray]:
        """Return the probability of each label, or region, on the volume's own grid: float32.

        Raises
        ------
        ValueError
            When they were not kept.
        """
        if not self.keep:
            raise ValueError("probabilities were not kept")
        return by_name([self._mean(total) for total in self._total], self.card, self.affine)


def has_background(card: ModelCard) -> bool:
    """Tell whether the first output of a model is the background: beside several labels."""
    return not card.regions and len(card.labels) > 1


def outputs_of(found: Sequence[np.ndarray], card: ModelCard) -> np.ndarray:
    """Return what a model says from the probability of each label, or region.

    Parameters
    ----------
    found : sequence of ndarray
        Of the same shape.
    card : ModelCard
        What they are.

    Returns
    -------
    ndarray, shape (..., outputs)
        The background, where it is an output, is what is left of 1.
    """
    if not has_background(card):
        return np.stack(found, axis=-1)
    return np.stack([1 - np.sum(found, axis=0), *found], axis=-1)


def in_values(mask: np.ndarray, card: ModelCard, affine: np.ndarray) -> np.ndarray:
    """Return a mask of label numbers as it is written: on a volume's own axes, in its values.

    Parameters
    ----------
    mask : ndarray of uint8, shape (x, y, z)
        Label numbers in canonical orientation (RAS+).
    card : ModelCard
        What they are.
    affine : ndarray, shape (4, 4)
        Affine of the volume.

    Returns
    -------
    ndarray
        uint8, or uint16 where a label has a value above 255.
    """
    values = [0, *(card.values[name][0] for name in card.labels)]
    numbers = np.array(values, np.min_scalar_type(max(values)))
    return from_canonical(numbers[mask], affine)


def numbered(mask: np.ndarray, card: ModelCard) -> np.ndarray:
    """Return the number of the label of each voxel, from mask values of the data set."""
    numbers = np.zeros(int(mask.max(initial=0)) + 1, np.uint8)
    for number, values in enumerate(card.values.values(), start=1):
        numbers[values[0] : values[0] + 1] = number
    return numbers[mask]


def by_name(
    probabilities: Sequence[np.ndarray], card: ModelCard, affine: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the probability of each label, or region, on a volume's own axes.

    Parameters
    ----------
    probabilities : sequence of ndarray, shape (x, y, z)
        Of each of these, in canonical orientation (RAS+).
    card : ModelCard
        What they are.
    affine : ndarray, shape (4, 4)
        Affine of the volume.
    """
    return {
        name: from_canonical(each, affine)
        for name, each in zip(card.found, probabilities, strict=True)
    }
