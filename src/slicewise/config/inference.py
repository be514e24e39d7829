"""How probabilities are made of a volume, and how such jobs run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from slicewise.config.block import Block, Plane


class Inference(Block):
    """How probabilities are made of a volume; the mean of several views costs time."""

    flip: Literal["none", "one", "both"] = Field(
        "none",
        description="Average with mirrored copies: of rows, or of rows and columns; only of what "
        "`augmentation.flip` mirrors.",
    )
    shift: int = Field(
        0, ge=0, le=64, description="Average with four copies moved by so many pixels; 0: none."
    )
    planes: list[Plane] = Field(
        [], description="Average over cuts in these planes, trained on or not; none: the recipe's."
    )

    @field_validator("planes")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("a plane is there twice")
        return value


class Prediction(Block):
    """How predictions are run; changes no result."""

    batch: int = Field(
        8,
        ge=1,
        description="Slices at a time, of one volume and of the next; of blocks at least one.",
    )
    chunk: int = Field(32, ge=1, description="About so many cases share one job.")
