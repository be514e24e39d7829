"""Which images and masks of a BIDS data set are meant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from slicewise.config.block import Block, Name
from slicewise.config.entities import Kind

Kinds = str | Annotated[list[str], Field(min_length=1)]


class Bids(Block):
    """Which files of ``layout: bids`` are images and masks, where there are several kinds.

    A kind is a suffix, after entities that the name has to have: `T1w`, `acq-hr_T1w`,
    `desc-liver_dseg`, `label-tumour_mask`. What is null is found where there is only one, and
    refused with the choices where there are several.
    """

    image: str | dict[Name, str] | None = Field(
        None,
        description="Kind of the images; null: the only one. Of several channels a map of channel "
        "to kind; null: each channel is called by its kind (`T1w`, `ce-gad_T1w`).",
    )
    image_from: str | None = Field(
        None, description="Folder below derivatives/ that has the images; null: not derivatives."
    )
    mask: str | None = Field(
        None,
        description="Kind of the masks; null: the only one, or of label-NAME_mask those of the "
        "names in labels.",
    )
    masks: dict[Name, Kinds] | None = Field(
        None,
        description="Instead of `mask`, where each label has a mask file of its own: label name: "
        "kind of its files, or several kinds whose files are united.",
    )
    mask_from: str | None = Field(
        None,
        description="Folder below derivatives/ that has the masks, or raw: beside the images; "
        "null: the only place that has any.",
    )
    overlaps: Literal["refuse", "later"] = Field(
        "refuse",
        description="Where each label has a file of its own: whether a voxel in the files of two "
        "labels is a fault, or belongs to the label that `labels` names later.",
    )
    split: str | None = Field(
        "split",
        description="Column of participants.tsv that says train or test, if it is there; null: "
        "none does.",
    )

    @field_validator("image", "mask")
    @classmethod
    def _is_kind(cls, value: str | dict[str, str] | None) -> str | dict[str, str] | None:
        for kind in [*value.values()] if isinstance(value, dict) else [value]:
            if kind is not None:
                Kind(kind)
        return value

    @field_validator("masks")
    @classmethod
    def _are_kinds(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        for given in (value or {}).values():
            for kind in given if isinstance(given, list) else [given]:
                Kind(kind)
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> Bids:
        if self.mask is not None and self.masks is not None:
            raise ValueError("give either mask or masks, not both")
        return self

    def image_kinds(self, channels: list[str]) -> dict[str, Kind]:
        """The kinds of images by channel: those that are given, or what channels are called."""
        given = self.image if isinstance(self.image, dict) else {name: name for name in channels}
        return {name: Kind(given[name]) for name in channels}
