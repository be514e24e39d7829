"""The state of a training: all that a checkpoint holds, so that it goes on to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from slicewise.training.checkpoints import Checkpoints
from slicewise.training.trainer import Trainer, assign, numpy_of


@dataclass
class Progress:
    """What a checkpoint holds besides arrays.

    Attributes
    ----------
    precision, because : str
        Of the inner layers, and why: decided once, kept on any machine.
    history : list of dict
        A row of each finished epoch.
    steps : int
        Batches that were trained on.
    coarse_steps : int
        Those of them whose slices were coarse.
    used : float
        Seconds that it took.
    validating : float
        Seconds that its last validation took.
    validated : int
        The last epoch that was validated, from 1.
    losses, dice : list of float
        Of each step of the epoch under way: a training that is told to stop
        does so between two steps.
    parts : dict of str to list of float
        Of each step of it the parts of the loss, where it has several.
    seconds : float
        That the epoch under way took.
    best_score : float or None
        Of the weights that are kept; None before any was measured.
    best_epoch : int
        Their epoch, from 1.
    """

    precision: str = ""
    because: str = ""
    history: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    coarse_steps: int = 0
    used: float = 0.0
    validating: float = 0.0
    validated: int = 0
    losses: list[float] = field(default_factory=list)
    dice: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    best_score: float | None = None
    best_epoch: int = 0

    @property
    def number(self) -> int:
        """Of the epoch under way, from 1."""
        return len(self.history) + 1

    def note(self, loss: float, dice: float, parts: Mapping[str, float] | None = None) -> None:
        """Take what a step of the epoch under way came to."""
        self.losses.append(loss)
        self.dice.append(dice)
        for name, value in (parts or {}).items():
            self.parts.setdefault(name, []).append(value)

    def end_epoch(self, row: dict[str, float]) -> None:
        """Take the row of the epoch, and begin the next one."""
        self.history.append(row)
        self.losses = []
        self.dice = []
        self.parts = {}
        self.seconds = 0.0


class State:
    """Weights, optimiser, moving averages, best weights and progress.

    Parameters
    ----------
    trainer : Trainer
        Holds network and optimiser.
    progress : Progress
        How far it is.
    best : list of ndarray
        Weights of the best epoch, none before there is one.
    """

    def __init__(
        self, trainer: Trainer, progress: Progress, best: list[np.ndarray] | None = None
    ) -> None:
        self.trainer = trainer
        self.progress = progress
        self.best = [] if best is None else best

    @classmethod
    def load(cls, store: Checkpoints, make: Callable[[str], Trainer]) -> State | None:
        """Return the state of the newest checkpoint, if there is any.

        Parameters
        ----------
        store : Checkpoints
            Of this training.
        make : callable
            Builds the trainer of a precision.
        """
        loaded = store.load([each.name for each in fields(Progress)])
        if loaded is None:
            return None
        arrays, notes = loaded
        progress = Progress(**notes)
        state = cls(make(progress.precision), progress, _group(arrays, "best"))
        assign(state.trainer.unet.variables, _group(arrays, "model"))
        assign(state.trainer.optimizer.variables, _group(arrays, "optimizer"))
        assign(state.trainer.statistics.variables, _group(arrays, "statistics"))
        return state

    def save(self, store: Checkpoints) -> None:
        """Write it as a checkpoint."""
        groups = {
            "model": numpy_of(self.trainer.unet.variables),
            "optimizer": numpy_of(self.trainer.optimizer.variables),
            "statistics": numpy_of(self.trainer.statistics.variables),
            "best": self.best,
        }
        arrays = {
            f"{name}_{position:04d}": value
            for name, values in groups.items()
            for position, value in enumerate(values)
        }
        store.save(self.progress.steps, arrays, asdict(self.progress))

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Lend the trainer the moving average of its weights, where there is one."""
        variables = self.trainer.unet.variables
        own = numpy_of(variables)
        self.trainer.take_averages()
        try:
            yield
        finally:
            assign(variables, own)

    def keep_if_best(self, score: float | None) -> None:
        """Keep the weights as they are now if their score is greater than all before."""
        known = self.progress.best_score
        if score is not None and (known is None or score > known):
            self.progress.best_score = score
            self.progress.best_epoch = self.progress.number
            self.best = numpy_of(self.trainer.unet.variables)

    def take_best(self) -> None:
        """Give the network the weights of the best epoch."""
        assign(self.trainer.unet.variables, self.best)

    def take_last(self) -> None:
        """Give the network the last weights, averaged where an average is kept."""
        self.trainer.take_averages()
        self.progress.best_epoch = len(self.progress.history)


def _group(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")]
