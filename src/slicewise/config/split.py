"""Who is trained on, validated on and tested on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from slicewise.config.block import Block, Fraction


class Split(Block):
    """Who is trained on, validated on and tested on; always whole patients."""

    test: Fraction | Annotated[int, Field(ge=0)] = Field(
        0.35, description="Test patients: a count or a fraction. Unused where the layout says it."
    )
    validation: Fraction | Annotated[int, Field(ge=0)] = Field(
        0.2, description="Validation patients among the others; none below four of them."
    )
    folds: int = Field(1, ge=1, description="Cross-validation folds over the non-test patients.")
    leave_out: str | None = Field(
        None,
        description="Column, such as the site, each of whose values is held out as a fold: its "
        "patients are scored by a model that never saw it. Nobody is a test patient then, unless "
        "`test` or the layout says so.",
    )
    seed: int = Field(13, ge=0, description="Seed of the split.")
    stratify: str | None = Field(
        None,
        description="Column whose values test, validation and folds share in proportion, such as "
        "the hospital; of a column `ml_<label>`, whether there is any.",
    )
    strata: str | None = Field(
        None,
        description="Table with that column and a column case or patient, below $SLICEWISE_DATA or "
        "data/, such as a copy of an earlier cases.tsv; null: that of the layout (table, bids) or "
        "of `dataset.metadata`. Of `leave_out` and `evaluation.by` it gives the columns that these "
        "do not.",
    )
    check_against: list[str] = Field(
        [], description="cases.tsv of other data sets that must share no scan with this one."
    )
    not_the_same: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(
        [],
        description="Pairs of cases that the leakage check takes for the same scan though they "
        "are not, or that have the same mask for good reason; a case of a data set in "
        "`check_against` is `<its cases.tsv>:<case>`, or the case alone where this data set has "
        "none of that name.",
    )

    @model_validator(mode="after")
    def _sites_as_folds(self) -> Split:
        if self.leave_out is None:
            return self
        if self.folds > 1:
            raise ValueError(
                "leave_out makes a fold of each value of its column; leave folds out, or leave_out"
            )
        if "test" not in self.model_fields_set:
            object.__setattr__(self, "test", 0)
        if self.stratify is not None and not self.test:
            raise ValueError(
                "stratify does nothing: leave_out says who is in which fold, and nobody is drawn "
                "to be tested on; leave it out"
            )
        return self

    @property
    def crossed(self) -> str | None:
        """The setting that makes folds, as it was written; None without folds."""
        if self.leave_out is not None:
            return f"split.leave_out: {self.leave_out}"
        return f"split.folds: {self.folds}" if self.folds > 1 else None

    @property
    def chooses(self) -> bool:
        """Whether there may be validation patients, who choose epoch and postprocessing."""
        return self.crossed is None and self.validation != 0
