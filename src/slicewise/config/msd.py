"""Which lists of a dataset.json are used (``layout: msd``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from slicewise.config.block import Block

ListName = Annotated[str, StringConstraints(min_length=1)]


class Msd(Block):
    """Which lists of `dataset.json` are used (``layout: msd``)."""

    train: ListName | Annotated[list[ListName], Field(min_length=1)] = Field(
        "training", description="The list of cases to train on, or several lists."
    )
    test: list[ListName] = Field(
        [],
        description="Lists of the cases to test on; none: the split is drawn from the others.",
    )
    validation: list[ListName] = Field(
        [], description="Lists of the cases that validate; none: they are drawn. Goes with test."
    )

    @model_validator(mode="after")
    def _once(self) -> Msd:
        if self.validation and not self.test:
            raise ValueError("validation: goes with test only; name a list to test on, too")
        names = [*self.train_lists, *self.test, *self.validation]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"names the list {twice[0]} twice; name each once, in train, validation or test"
            )
        return self

    @property
    def train_lists(self) -> list[str]:
        """The lists to train on."""
        return self.train if isinstance(self.train, list) else [self.train]
