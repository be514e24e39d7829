"""A table that says more of cases than their files do (``dataset.metadata``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from slicewise.config.block import Block

Column = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Metadata(Block):
    """Whose the cases are and who is tested on, where a table beside the files says it.

    Its other columns may be named by `split.stratify`, `split.leave_out` and `evaluation.by`.
    """

    table: str = Field(
        min_length=1,
        description="The table, below $SLICEWISE_DATA or data/: TSV, CSV, or lists in JSON.",
    )
    case: Column = Field(
        "case",
        description="Column that tells which case a row is about: by the case's name, its "
        "patient's, or the path, name or stem of its image.",
    )
    patient: Column | None = Field(
        None, description="Column with the patient; null: files and `patient_pattern` say it."
    )
    subset: Column | None = Field(
        None,
        description="Column that says train, validation or test; null: folders, lists or the "
        "split say it.",
    )

    @model_validator(mode="after")
    def _once(self) -> Metadata:
        if self.subset is not None and self.subset in (self.case, self.patient):
            raise ValueError(
                f"names the column {self.subset} twice; subset needs one of its own, with train, "
                "validation or test in it"
            )
        return self
