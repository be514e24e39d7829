"""The U-net."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from slicewise.config.block import Block, Fraction

LEAST = 4
"""Slices of a block that are left at the deepest stage, at least, as in nnU-Net."""


def halvings(slices: int, stages: int) -> int:
    """Return how often a network of so many stages halves a block, where slices lie close.

    Examples
    --------
    >>> halvings(40, 4), halvings(16, 5)
    (3, 2)
    """
    return sum(slices / 2**stage >= LEAST for stage in range(1, stages))


def divides(slices: int, stages: int) -> bool:
    """Tell whether a block can be halved so often."""
    return slices % 2 ** halvings(slices, stages) == 0


class Network(Block):
    """The U-net (Ronneberger et al., MICCAI 2015)."""

    filters: list[Annotated[int, Field(ge=1)]] = Field(
        [32, 64, 128, 256, 512], min_length=2, max_length=8, description="Filters of each stage."
    )
    normalisation: Literal["none", "batch", "instance", "group"] = Field(
        "batch", description="After each convolution; of 8 groups of channels with group."
    )
    activation: Literal["relu", "leaky_relu"] = Field("leaky_relu", description="Slope 0.01.")
    dropout: Fraction = Field(0.0, description="Spatial dropout at the deepest two stages.")
    residual: bool = Field(
        False, description="Encoder stages add their input to their output (He et al., 2016)."
    )
    deep_supervision: bool = Field(
        False,
        description="Coarser stages are trained too, with weights 1/2, 1/4, … (Lee et al., 2015).",
    )
    # what was made before there was a choice stays valid
    dimensions: Literal[2, 3] = Field(
        2,
        exclude_if=lambda dimensions: dimensions == 2,
        description="3: it sees, and segments, blocks of slices (Çiçek et al., MICCAI 2016), and "
        "looks at slices that lie far apart one by one first.",
    )
    block: int | None = Field(
        None,
        exclude_if=lambda block: block is None,
        ge=LEAST,
        le=512,
        description="Slices of a block, with dimensions: 3; as many as most volumes have, where "
        "memory allows.",
    )

    @model_validator(mode="after")
    def _blocks(self) -> Network:
        if self.dimensions == 2 and self.block is not None:
            raise ValueError("block goes with dimensions: 3 only; write that, or leave block out")
        if self.dimensions == 3 and self.block is None:
            raise ValueError(
                "dimensions: 3 needs to know how many slices it sees at once; give block, such "
                "as block: 32"
            )
        stages = len(self.filters)
        if self.block is not None and not divides(self.block, stages):
            times = halvings(self.block, stages)
            lower = next(n for n in range(self.block, 0, -1) if divides(n, stages))
            higher = next(n for n in range(self.block, 1025) if divides(n, stages))
            raise ValueError(
                f"block: {self.block} slices cannot be halved {times} times, as a network of "
                f"{stages} stages does; take {lower} or {higher}"
            )
        return self
