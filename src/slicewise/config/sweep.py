"""Which values of settings are tried in all combinations, and how few of these are trained long."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from slicewise.config.block import Block

EXPONENT = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)[eE][-+]?\d+")
"""A number that YAML 1.1 takes for text, as the dot or a sign is missing."""
MOST = 100
"""So many combinations are trained at most."""


class Range(Block):
    """A range that values are drawn from (`sample`)."""

    low: float = Field(description="The least value.")
    high: float = Field(description="The greatest value.")
    scale: Literal["linear", "log"] = Field(
        "linear", description="log: each power of ten as often as any other."
    )

    @model_validator(mode="after")
    def _rises(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low is {self.low:g}, and high is no more ({self.high:g})")
        if self.scale == "log" and self.low <= 0:
            raise ValueError("a range of scale log begins above 0")
        return self


Values = Annotated[list[Any], Field(min_length=1)]


class Sweep(Block):
    """Settings of which several values are tried: dotted keys of the experiment, with values each.

    A value is a list of what to try, or with `sample` a range. The combination that is best on
    validation patients is the experiment: it alone is tested.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Values | Range]

    sample: Annotated[int, Field(ge=1, le=MOST)] | None = Field(
        None, description="Draw so many combinations; null: try all of them."
    )
    seed: int = Field(1, ge=0, description="Of the sample.")
    budget: int | None = Field(
        None,
        ge=1,
        description="Epochs that each combination is trained; the best go on for `reduction` times "
        "as many, and so on until `training.epochs`; null: all are trained to the end.",
    )
    reduction: int = Field(2, ge=2, description="Of so many combinations one goes on.")

    @property
    def tried(self) -> dict[str, list[Any] | Range]:
        """What is tried of each setting, by its dotted key."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="before")
    @classmethod
    def _values_are_lists(cls, data: Any) -> Any:
        """Say of each setting what is wrong with its values, before types are looked at."""
        if not isinstance(data, dict):
            raise ValueError("is a map of settings to the values to try")
        read: dict[str, Any] = {}
        for key, values in data.items():
            if key in cls.model_fields:
                read[key] = values
            elif "." not in str(key) and key != "augmentation":
                near = difflib.get_close_matches(str(key), list(cls.model_fields), n=1)
                hint = f", did you mean {near[0]}?" if near else ":"
                raise ValueError(
                    f"has no key {key}{hint} it has {', '.join(cls.model_fields)} and settings of "
                    "the experiment with dots (optimizer.learning_rate)"
                )
            else:
                read[key] = _values(key, values)
        return read

    @model_validator(mode="after")
    def _tries_something(self) -> Sweep:
        if not self.tried:
            raise ValueError("names no setting; give some values of one to try")
        ranges = [key for key, values in self.tried.items() if isinstance(values, Range)]
        if ranges and self.sample is None:
            raise ValueError(f"{ranges[0]} is a range; say how many to draw (sample: 20)")
        if "seed" in self.model_fields_set and self.sample is None:
            raise ValueError("seed goes with sample only")
        if "reduction" in self.model_fields_set and self.budget is None:
            raise ValueError("reduction goes with budget only")
        return self


def _values(key: str, values: Any) -> Any:
    """Return the values of a setting as they are meant, or say what is wrong with them."""
    if isinstance(values, Range):
        return values
    if isinstance(values, dict):
        try:
            return Range.model_validate({name: _number(value) for name, value in values.items()})
        except ValidationError as error:
            first = error.errors()[0]
            why = str(first.get("ctx", {}).get("error", first["msg"])).removeprefix("Input ")
            at = "".join(f"{part}: " for part in first["loc"])
            raise ValueError(
                f"gives {key} a range that is none ({at}{why}); write it as "
                "{low: 0.001, high: 0.1, scale: log}"
            ) from None
    if not isinstance(values, list):
        raise ValueError(
            f"gives {key} as {values}: write a list of values to try, or a range "
            "({low: 0.001, high: 0.1}); what is not tried stands beside the sweep"
        )
    if not values:
        raise ValueError(f"names no value of {key}; name some, or leave it out")
    read = [_number(value) for value in values]
    twice = [value for number, value in enumerate(read) if value in read[:number]]
    if twice:
        raise ValueError(f"names {twice[0]} twice for {key}; name each value once")
    return read


def _number(value: Any) -> Any:
    """Return a number where YAML took it for text, and any other value as it is.

    >>> _number("1e-3"), _number("mixed")
    (0.001, 'mixed')
    """
    if not isinstance(value, str) or not EXPONENT.fullmatch(value):
        return value
    read = float(value)
    return int(read) if read.is_integer() else read
