"""The moving average of weights: it reaches back over a share of the steps that were made."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from slicewise.config import Optimizer


def momentum_after(batches: Any, settings: Optimizer) -> Any:
    """Return the share of an average that stays when the next batch is added to it.

    With a fixed momentum `m` an average reaches back over 1 / (1 - m) batches, so that a training
    of fewer is scored with weights that are mostly the initial ones. With a share, the momentum
    after `t` batches is t / (t + c) up to `m`, with c = 1 / share - 1: an average by polynomial
    decay (Shamir & Zhang, Stochastic gradient descent for non-smooth optimization, ICML 2013), in
    which a batch is on average as old as that share of all so far. It depends on nothing but the
    number of batches, so that no length of a training has to be known.

    Parameters
    ----------
    batches : tensor of float32, shape ()
        How many there were before; after none, nothing stays.
    settings : Optimizer
        With `ema`.
    """
    assert settings.ema is not None
    # averaged at each batch, also where the weights wait for the next one
    most = settings.ema ** (1 / settings.accumulate)
    if settings.ema_share is None:
        return ops.where(batches > 0, most, 0.0)
    return ops.minimum(most, batches / (batches + (1 / settings.ema_share - 1)))


def averaging(
    kind: type[keras.optimizers.Optimizer], settings: Optimizer
) -> type[keras.optimizers.Optimizer]:
    """Return a kind of optimiser whose moving average of the weights has that momentum.

    Parameters
    ----------
    kind : type
        An optimiser of Keras, which holds the average where it is made with ``use_ema``.
    settings : Optimizer
        With `ema`, or without: the kind itself is returned.
    """
    if settings.ema is None:
        return kind

    class Averaging(kind):
        ema_momentum: Any

        def apply(self, grads: Any, trainable_variables: Any = None) -> None:
            """Move the weights, and then their average by the momentum of this batch."""
            told = self.ema_momentum
            batches = ops.cast(self.iterations, "float32") * settings.accumulate
            self.ema_momentum = momentum_after(batches, settings)
            try:
                super().apply(grads, trainable_variables)
            finally:
                self.ema_momentum = told

    return Averaging


class Statistics:
    """Averages of what batch normalisation has seen, which fit the averaged weights.

    Its running means and variances are those of the newest weights.

    Parameters
    ----------
    owner : keras.Model
        Gets the variables, so that a step of any backend moves them.
    unet : keras.Model
        Whose statistics these are.
    settings : Optimizer
        With `ema`, or without: nothing is averaged.
    """

    def __init__(self, owner: keras.Model, unet: keras.Model, settings: Optimizer | None) -> None:
        self.settings = settings
        self.seen: list[keras.Variable] = []
        self.averages: list[keras.Variable] = []
        self.batches: keras.Variable | None = None
        if settings is not None and settings.ema is not None:
            self.seen = unet.non_trainable_weights
        if self.seen:
            self.batches = self._variable(owner, (), "averaged_batches")
            self.averages = [self._variable(owner, v.shape, f"average_{v.name}") for v in self.seen]

    @staticmethod
    def _variable(owner: keras.Model, shape: tuple[int, ...], name: str) -> keras.Variable:
        return owner.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)

    @property
    def variables(self) -> list[keras.Variable]:
        """What a checkpoint holds of them."""
        return self.averages if self.batches is None else [self.batches, *self.averages]

    def add(self) -> None:
        """Take what was seen up to this batch."""
        if self.batches is None:
            return
        assert self.settings is not None
        stays = momentum_after(ops.convert_to_tensor(self.batches), self.settings)
        for average, now in zip(self.averages, self.seen, strict=True):
            average.assign(average * stays + now * (1.0 - stays))
        self.batches.assign_add(1.0)
