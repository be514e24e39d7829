"""How the learning rate moves over a training."""

from __future__ import annotations

import math

from slicewise.config import Optimizer

POWER = 0.9  # of the polynomial (Chen et al., DeepLab, 2017)


def learning_rate(settings: Optimizer, done: float) -> float:
    """Return the learning rate where a share of the training is done.

    It is told the share and not the step, so that it follows a budget of time
    as well as a number of epochs.

    Parameters
    ----------
    settings : Optimizer
        Peak, warm-up and shape.
    done : float
        From 0, the beginning, to 1, the end.

    Returns
    -------
    float
        A linear warm-up, then constant, half a cosine or a polynomial down to zero.
    """
    rate = settings.learning_rate
    if done < settings.warmup:
        return rate * done / settings.warmup
    left = 1.0 - min(1.0, (done - settings.warmup) / (1.0 - settings.warmup))
    if settings.schedule == "cosine":
        return rate * 0.5 * (1.0 + math.cos(math.pi * (1.0 - left)))
    if settings.schedule == "polynomial":
        return rate * float(left**POWER)
    return rate
