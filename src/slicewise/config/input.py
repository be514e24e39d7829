"""What the network sees of a slice."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from slicewise.config.block import Block


class Context(Block):
    """Which slices a network sees at once: the one that is segmented and its neighbours.

    Or a block of slices as they lie in their volume, all of which are segmented.
    """

    slices: int = 1
    """How many, an odd number where one of them is segmented."""
    mm: float = 2.5
    """Their distance, mm; of a block there is none but that of the volume."""
    # models of one slice at a time say what they always did
    block: bool = Field(False, exclude_if=lambda block: not block)
    """Whether they are a block."""
    plane: bool = Field(False, exclude_if=lambda plane: not plane)
    """Whether it is told which plane they lie in."""

    @property
    def told(self) -> int:
        """Channels behind those of the image that tell the plane: one for each axis that is cut."""
        return 3 if self.plane else 0

    @property
    def measured(self) -> bool:
        """Whether they follow from the size of voxels: neighbours lie so many mm away."""
        return self.slices > 1 and not self.block


class Input(Block):
    """What the network sees of a slice; what is fitted is fitted on training patients."""

    context: Literal[1, 3, 5] = Field(
        1, description="Slices seen at once: the one that is segmented and its neighbours (2.5-D)."
    )
    context_mm: float = Field(
        2.5, gt=0, description="Distance of these slices, interpolated from those that there are."
    )
    plane: bool = Field(
        False,
        description="Tell the network which plane a slice lies in: where it learns several "
        "(`also`, `plane: acquired`) or is averaged over them (`inference.planes`).",
    )
    window: Literal["foreground", "none"] | list[float] = Field(
        "foreground",
        description="Intensities are clipped to [low, high]; foreground: the 0.5 and 99.5 "
        "percentiles inside the labels (Isensee et al., Nature Methods 2021).",
    )
    normalisation: Literal["foreground", "all", "none"] = Field(
        "foreground", description="z-score by mean and deviation inside the labels, or of all."
    )

    @field_validator("window")
    @classmethod
    def _ordered(cls, value: Any) -> Any:
        if isinstance(value, list) and (len(value) != 2 or value[0] >= value[1]):
            raise ValueError("must be [low, high] with low below high")
        return value
