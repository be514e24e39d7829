"""What training makes small."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from slicewise.config.block import Block


class Loss(Block):
    """A weighted sum of losses, computed in float32."""

    dice: float = Field(1.0, ge=0, description="Weight of the soft Dice loss.")
    dice_over: Literal["batch", "image"] = Field(
        "batch", description="One Dice over all pixels of a batch, or the mean Dice of its slices."
    )
    cross_entropy: float = Field(1.0, ge=0, description="Weight of the cross-entropy.")
    focal: float = Field(0.0, ge=0, description="Weight of the focal loss (Lin et al., 2017).")
    focal_gamma: float = Field(2.0, ge=0, description="How little easy pixels count in it.")
    tversky: float = Field(
        0.0, ge=0, description="Weight of the Tversky loss (Salehi et al., 2017), over the batch."
    )
    tversky_alpha: float = Field(0.3, ge=0, le=1, description="Weight of false positives in it.")
    tversky_beta: float = Field(0.7, ge=0, le=1, description="Weight of false negatives in it.")
    smooth: float = Field(1e-5, gt=0, description="Added above and below in Dice and Tversky.")

    @model_validator(mode="after")
    def _something(self) -> Loss:
        if not any((self.dice, self.cross_entropy, self.focal, self.tversky)):
            raise ValueError(
                "dice, cross_entropy, focal and tversky are all 0: nothing would be learnt"
            )
        return self
