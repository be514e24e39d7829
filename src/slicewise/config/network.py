"""The U-net."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from slicewise.config.block import Block, Fraction


class Network(Block):
    """The U-net (Ronneberger et al., MICCAI 2015)."""

    filters: list[Annotated[int, Field(ge=1)]] = Field(
        [32, 64, 128, 256, 512], min_length=2, max_length=8, description="Filters of each stage."
    )
    normalisation: Literal["none", "batch", "instance"] = Field(
        "batch", description="After each convolution."
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
