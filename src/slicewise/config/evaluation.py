"""How predictions are scored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from slicewise.config.block import Block, Name, Probability

Bins = Annotated[list[float], Field(min_length=1)] | Literal["quartiles", "values"]
"""How the numbers of a column are grouped."""
PAGES = {"by", "bins"}
"""Settings that no score depends on."""


class Evaluation(Block):
    """How predictions are scored."""

    tolerance_mm: float = Field(
        2.0,
        gt=0,
        description="Up to which distance two surfaces count as the same in the surface Dice, "
        "`nsd` (Nikolov et al., 2021): as far as experts differ from each other.",
    )
    absent_labels: Literal["exclude", "challenge"] = Field(
        "exclude",
        description="What a label scores in a patient who does not have it: nothing, so that means "
        "are of those who have it, or, as some challenges have it, 1 where none was predicted and "
        "0 otherwise. Comparisons, promotion and choices in training are over those who have it "
        "either way.",
    )
    lesions: list[Name] = Field(
        [],
        description="Labels whose components are lesions: each is counted as found or missed, and "
        "components of the prediction as false.",
    )
    lesion_iou: Probability = Field(
        0.1,
        description="By which overlap with a component of the prediction (intersection over union) "
        "a lesion counts as found, one by each; 0: by any voxel.",
    )

    by: list[Annotated[str, Field(min_length=1)]] = Field(
        [],
        description="Columns of the table of cases, of participants.tsv, of `dataset.metadata` or "
        "of `split.strata`, such as the site, by which the report and the comparison break down "
        "the scores.",
    )
    bins: dict[str, Bins] = Field(
        {},
        description="Of a column of numbers in `by`: edges between its groups, `quartiles`, or "
        "`values` where each is a group; not said: quartiles of more than eight numbers.",
    )

    @model_validator(mode="after")
    def _groups_of_something(self) -> Evaluation:
        if len(set(self.by)) < len(self.by):
            raise ValueError("by: a column is there twice")
        for column, edges in self.bins.items():
            if column not in self.by:
                raise ValueError(f"bins.{column}: by does not name this column, so it does nothing")
            if isinstance(edges, list) and edges != sorted(set(edges)):
                raise ValueError(f"bins.{column}: edges have to rise, as in [40, 60]")
        return self

    @model_validator(mode="after")
    def _of_something(self) -> Evaluation:
        if len(set(self.lesions)) < len(self.lesions):
            raise ValueError("lesions: a label is there twice")
        if not self.lesions and self.lesion_iou != Evaluation.model_fields["lesion_iou"].default:
            raise ValueError("lesion_iou: no label is named in lesions, so that it does nothing")
        return self
