"""The batches of a training: chosen, read and drawn by seed, epoch and step alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from functools import cached_property

import numpy as np

from slicewise.config import Experiment
from slicewise.inference.prefetch import prefetch
from slicewise.slices.batches import SliceSet, epoch_batches
from slicewise.training import augmentation as augment
from slicewise.training.coarse import CoarseSlices

Steps = Generator[tuple[int, np.ndarray, dict[str, np.ndarray]], None, None]
"""Number of a step in its epoch, the slices of its batch, and what the trainer takes."""
DROPPED = 0.15
"""How often each channel is left out, where cases may lack some."""
_DROPS = 7
"""Tells what is left out from all else that is drawn for a step."""
DEPTH = 2
"""Batches that are made while the network is busy with the one before."""


class Batches:
    """The batches of all epochs.

    Parameters
    ----------
    slices : SliceSet
        Of the training cases.
    experiment : Experiment
        How batches are chosen and augmented.
    drop : bool
        Whether channels are left out at random, as in cases that lack them.
    """

    def __init__(self, slices: SliceSet, experiment: Experiment, *, drop: bool = False) -> None:
        self.slices = slices
        self.experiment = experiment
        self.drop = drop

    def indices(self, epoch: int) -> list[np.ndarray]:
        """Return the slices of each batch of an epoch (from 0)."""
        settings = self.experiment.training
        return epoch_batches(
            self.slices,
            batch=settings.batch,
            steps=settings.steps_per_epoch,
            empty=settings.empty,
            foreground=settings.foreground,
            seed=settings.seed,
            epoch=epoch,
        )

    @cached_property
    def per_epoch(self) -> int:
        """Number of batches of an epoch, the same for each."""
        return len(self.indices(0))

    def read(
        self, indices: np.ndarray, epoch: int, step: int, share: float = 1.0
    ) -> dict[str, np.ndarray]:
        """Return what the trainer takes for a step, when a share of the training is done."""
        corners = self._corners(indices, epoch, step)
        images, masks = self.slices.read(indices, corners)
        if self.drop:
            self._leave_out(images, indices, epoch, step)
        inputs = {"images": images, "masks": masks}
        if self.slices.taught:
            inputs["taught"] = self.slices.probabilities(indices, corners)
        if self.coarse is not None and share < self.coarse.share:
            inputs = self.coarse.of(inputs, len(self.slices.labels))
        if self.experiment.augmentation is not None:
            moment = augment.Moment(self.experiment.training.seed, epoch, step)
            changes = augment.draw(
                self.experiment.augmentation,
                moment,
                len(indices),
                inputs["images"].shape[1:3],
                self.slices.aspect[indices],
            )
            inputs |= changes.arrays()
        return inputs

    def _corners(self, indices: np.ndarray, epoch: int, step: int) -> np.ndarray | None:
        """Draw the crops of slices in millimetres; as many as asked for show a label."""
        if not self.slices.cropped:
            return None
        settings = self.experiment.training
        random = np.random.default_rng([settings.seed, epoch, 3, step])
        least = math.ceil(settings.foreground * settings.batch)
        return self.slices.corners(indices, random, least)

    def _leave_out(self, images: np.ndarray, indices: np.ndarray, epoch: int, step: int) -> None:
        """Make some channels empty, in place; of each slice, at least one that it has stays."""
        number = len(self.slices.channels)
        random = np.random.default_rng([self.experiment.training.seed, epoch, _DROPS, step])
        gone = random.random((len(indices), number)) < DROPPED
        kept = random.integers(0, number, len(indices))
        # what tells the plane is no channel of the image
        depth = images.shape[-1] - self.slices.context.told
        for position, index in enumerate(indices):
            padding = self.slices.padding_of(index)
            parts = np.split(images[position][..., :depth], number, axis=-1)
            there = [channel for channel, part in enumerate(parts) if np.any(part != padding)]
            if there:
                stays = kept[position]
                gone[position, stays if stays in there else random.choice(there)] = False
            for channel in np.flatnonzero(gone[position]):
                parts[channel][...] = padding

    def cases_of(self, indices: np.ndarray) -> list[str]:
        """Return the names of the cases that slices are of, sorted."""
        return sorted({self.slices.cases[self.slices.case_of[i]] for i in indices})

    @cached_property
    def coarse(self) -> CoarseSlices | None:
        """What a training begins with instead of whole slices, if anything."""
        settings = self.experiment.training.coarse
        if settings is None:
            return None
        return CoarseSlices(settings, self.slices.size, len(self.experiment.network.filters))

    def are_coarse(self, inputs: Mapping[str, np.ndarray]) -> bool:
        """Tell whether what the trainer takes for a step is coarse."""
        return inputs["images"].shape[1:3] != self.slices.size

    def from_step(
        self, epoch: int, first: int, share: Callable[[int], float] = lambda step: 1.0
    ) -> Steps:
        """Yield step, indices and inputs of an epoch's batches, made two steps ahead.

        Parameters
        ----------
        epoch : int
            From 0.
        first : int
            The step of it that is yielded first.
        share : callable
            Of the training that is done before a step of the epoch, where it may begin with coarse
            slices.
        """

        def steps() -> Steps:
            for step, indices in enumerate(self.indices(epoch)):
                if step >= first:
                    yield step, indices, self.read(indices, epoch, step, share(step))

        return prefetch(steps(), depth=DEPTH)
