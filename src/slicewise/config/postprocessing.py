"""What happens to probabilities on the source grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from slicewise.config.block import Block, Name


class Postprocessing(Block):
    """What happens to probabilities after they are back on the source grid.

    `auto` applies a step only if validation patients gain by it: the largest
    component to each label whose mean Dice it raises, holes if the mean over
    labels rises and that of no label falls. Without validation patients, and
    with folds, no hole is filled, and the largest component is kept of labels
    that are one large piece in every training mask.
    """

    threshold: float = Field(
        0.5, gt=0, lt=1, description="Of one label; several labels: the likeliest wins."
    )
    largest_component: bool | Literal["auto"] | Annotated[list[Name], Field(min_length=1)] = Field(
        False,
        description="Keep the largest 3-D component of each label, or region, or of those in a "
        "list.",
    )
    fill_holes: bool | Literal["auto"] = Field(
        False, description="Fill what a label encloses: in 3-D, or slice by slice on single slices."
    )

    def largest_of(self, names: Sequence[str]) -> list[int]:
        """Return the numbers, from 1, of the labels whose largest component is kept.

        Parameters
        ----------
        names : sequence of str
            All labels, or regions.
        """
        chosen = self.largest_component
        if isinstance(chosen, list):
            return [number for number, name in enumerate(names, start=1) if name in chosen]
        return [*range(1, len(names) + 1)] if chosen is True else []
