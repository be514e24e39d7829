"""What happens to probabilities on the source grid."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from slicewise.config.block import Block


class Postprocessing(Block):
    """What happens to probabilities after they are back on the source grid.

    `auto` applies a step only if it raises the mean Dice of the validation
    patients and lowers that of no label; without validation patients, and
    with folds, it does not apply it.
    """

    threshold: float = Field(
        0.5, gt=0, lt=1, description="Of one label; several labels: the likeliest wins."
    )
    largest_component: bool | Literal["auto"] = Field(
        False, description="Keep the largest 3-D component of each label."
    )
    fill_holes: bool | Literal["auto"] = Field(
        False, description="Fill what a label encloses: in 3-D, or slice by slice on single slices."
    )
