"""How slices are cut from a volume."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from slicewise.config.block import Block, Plane

Cut = Literal[Plane, "acquired"]
"""Along which plane volumes are cut: one for all, or that of the two finest axes of each."""


class Recipe(Block):
    """How slices are cut from a volume."""

    plane: Cut = Field(
        "axial",
        description="The cut. acquired: along the two finest axes of each volume, axial where no "
        "axis is coarser than both others.",
    )
    size: int | None = Field(
        None,
        ge=16,
        le=2048,
        description="Side of the square slice in pixels: larger slices are area-averaged down, "
        "smaller ones padded, never enlarged or distorted. null: as they are. With `spacing`: what "
        "training cuts out of the slices, which are whole where they are predicted.",
    )
    spacing: float | None = Field(
        None,
        # what was made without it stays valid
        exclude_if=lambda value: value is None,
        ge=0.05,
        le=50,
        description="Distance of rows and of columns in mm: slices are area-averaged down or "
        "interpolated linearly up to it, so that organs are as large in all of them. null: pixels "
        "count as they are.",
    )
    every: int = Field(1, ge=1, le=16, description="Keep every n-th pixel in both directions.")
    tilt: list[Annotated[float, Field(ge=-90, le=90)]] = Field(
        [0.0, 0.0],
        min_length=2,
        max_length=2,
        description="Degrees by which the cut is turned about its row and its column axis: an "
        "oblique plane, to train on only (`also`).",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Recipe:
        if self.size is not None and self.every != 1:
            raise ValueError("give either size or every, not both")
        if self.spacing is not None and self.every != 1:
            raise ValueError("give either spacing or every, not both")
        return self

    @property
    def measured(self) -> bool:
        """Whether plane and shape of its slices follow from the size of a volume's voxels."""
        return self.plane == "acquired" or self.spacing is not None

    @property
    def crop(self) -> int | None:
        """Side of the square that training cuts out of whole slices, in pixels."""
        return None if self.spacing is None else self.size

    @property
    def oblique(self) -> bool:
        """Whether the cut is tilted."""
        return any(self.tilt)
