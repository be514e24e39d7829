"""How probabilities are made of a volume, and how such jobs run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

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
    weights: Literal["mean", "fitted"] | list[Annotated[float, Field(ge=0)]] = Field(
        "mean",
        description="What each of several `planes` counts: `mean`: the same; `fitted`: what is "
        "best for four or more validation patients; or a number each.",
    )

    tilt: float = Field(
        0.0,
        # what was made before there was a choice stays valid
        exclude_if=lambda tilt: tilt == 0,
        ge=0,
        le=45,
        description="Average with four oblique cuts of each plane, which is turned by so many "
        "degrees about its rows and about its columns, both ways; 0: none.",
    )

    @field_validator("planes")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("a plane is there twice")
        return value

    @model_validator(mode="after")
    def _one_weight_a_plane(self) -> Inference:
        if not isinstance(self.weights, list):
            return self
        if len(self.weights) != len(self.planes) or len(self.planes) < 2 or not sum(self.weights):
            raise ValueError(
                f"weights: {len(self.weights)} for {len(self.planes)} planes; name several planes "
                "in inference.planes and give each a number, not all 0"
            )
        return self

    @property
    def shares(self) -> dict[str, float]:
        """What each plane counts, of 1; those that count nothing are left out."""
        weights = self.weights if isinstance(self.weights, list) else [1.0] * len(self.planes)
        known = zip(self.planes, weights, strict=True)
        return {plane: weight / sum(weights) for plane, weight in known if weight}


class Prediction(Block):
    """How predictions are run; changes no result."""

    batch: int = Field(
        8,
        ge=1,
        description="Slices at a time, of one volume and of the next; of blocks at least one.",
    )
    chunk: int = Field(32, ge=1, description="About so many cases share one job.")
