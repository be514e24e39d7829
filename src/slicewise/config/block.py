"""What all blocks of settings share: how strict they are, and the types of their values."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
"""What becomes a folder: letters, digits, _ and -."""
ExperimentName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*([0-9]\.[0-9][A-Za-z0-9_-]*)*$")
]
"""The same, where numbers may have a point: combinations of a sweep are called by their values."""
Fraction = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Plane = Literal["axial", "coronal", "sagittal"]
Spacing = Annotated[
    list[Annotated[float, Field(ge=0.01, le=100)]], Field(min_length=3, max_length=3)
]
"""Millimetres along three axes."""


class Block(BaseModel):
    """A block of settings: unknown keys and values of the wrong type are errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, validate_default=True, allow_inf_nan=False
    )


def block_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the block that a type holds, and whether it is a map of them by name.

    Examples
    --------
    >>> block_of(Block | None)
    (<class 'slicewise.config.block.Block'>, False)
    >>> block_of(dict[str, Block])
    (<class 'slicewise.config.block.Block'>, True)
    >>> block_of(int)
    (None, False)
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for argument in get_args(annotation):
        block, _ = block_of(argument)
        if block is not None:
            return block, get_origin(annotation) is dict
    return None, False
