"""How the weights move."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slicewise.config.block import Block, Fraction


class Optimizer(Block):
    """How the weights move."""

    name: Literal["adam", "adamw", "sgd"] = Field("adamw", description="sgd: with Nesterov.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate.")
    momentum: Fraction = Field(0.99, description="Momentum of sgd.")
    weight_decay: float = Field(1e-4, ge=0, description="Decoupled weight decay (adamw, sgd).")
    schedule: Literal["constant", "cosine", "polynomial"] = Field(
        "cosine", description="After the warm-up; polynomial: power 0.9."
    )
    warmup: Fraction = Field(0.05, description="Linear warm-up, as a fraction of all steps.")
    clip_norm: float | None = Field(12.0, gt=0, description="Greatest norm of the gradient.")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        0.999,
        description="Greatest momentum of the moving average of the weights, which is used for "
        "validation and at the end: it reaches back over 1 / (1 - ema) steps at most; null: none.",
    )
    ema_share: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        0.1,
        description="The share of all steps so far that the average reaches back over, until `ema` "
        "is reached; null: `ema` from the first step on.",
    )
    accumulate: int = Field(
        1, ge=1, description="Batches whose gradients are averaged before the weights move."
    )
