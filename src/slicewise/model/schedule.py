"""How the learning rate moves over the steps of a training."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="slicewise")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then constant or half a cosine down to zero.

    Parameters
    ----------
    peak : float
        Learning rate after the warm-up.
    warmup : int
        Steps of the warm-up.
    steps : int
        Steps in all.
    shape : {"constant", "cosine"}
        What follows the warm-up.
    """

    def __init__(self, peak: float, warmup: int, steps: int, shape: str) -> None:
        self.peak, self.warmup, self.steps, self.shape = peak, warmup, steps, shape

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step (from 0)."""
        step = ops.cast(step, "float32")
        rate = ops.minimum(1.0, (step + 1.0) / (self.warmup + 1.0))
        if self.shape == "cosine":
            done = (step - self.warmup) / max(self.steps - self.warmup, 1)
            rate = rate * 0.5 * (1.0 + ops.cos(math.pi * ops.clip(done, 0.0, 1.0)))
        return self.peak * rate

    def get_config(self) -> dict[str, Any]:
        """Return the parameters."""
        return {
            "peak": self.peak,
            "warmup": self.warmup,
            "steps": self.steps,
            "shape": self.shape,
        }
