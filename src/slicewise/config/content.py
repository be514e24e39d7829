"""What images and masks of a data set hold."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from slicewise.config.block import Block, Name, Spacing
from slicewise.config.kinds import EmptyMasks, Intensity, Masks, OtherLabels

UNDRAWN = 255
"""Among the numbers of labels: a voxel of which nobody said what it is, see `Content.ignore`."""
MOST_LABELS = UNDRAWN - 1
"""Labels are numbered from 1 on, by 8 bits."""


class Content(Block):
    """What the images and masks of a data set hold; all that stages after reading need."""

    intensity: Intensity
    contiguous: bool
    labels: dict[Name, list[int]]
    other_labels: OtherLabels
    offset: int = 0
    spacing: Spacing | None = None
    empty_masks: EmptyMasks = "refuse"
    masks: Masks = "exact"
    ignore: int | None = None
    channels: list[Name] | None = None
    missing_channels: Literal["refuse", "zero"] = "refuse"
    shown_channel: Name | None = None
    regions: dict[Name, list[int]] = Field({})
    """Numbers of the labels of each region, from 1; none: each label by itself."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what came later and is not used, so that it makes no older result anew."""
        dumped: dict[str, Any] = dump(self)
        if self.ignore is None:
            dumped.pop("ignore", None)
        if self.channels is None:
            dumped.pop("channels", None)
        if self.missing_channels == "refuse":
            dumped.pop("missing_channels", None)
        if self.shown_channel is None:
            dumped.pop("shown_channel", None)
        if not self.regions:
            dumped.pop("regions", None)
        return dumped

    @property
    def scored(self) -> dict[str, list[int]]:
        """What is found and scored: regions, or labels, each with the numbers of its labels."""
        return self.regions or {name: [k] for k, name in enumerate(self.labels, start=1)}

    @property
    def scored_values(self) -> dict[str, list[int]]:
        """What is found and scored, each with its mask values."""
        own = list(self.labels.values())
        return {
            name: [value for number in numbers for value in own[number - 1]]
            for name, numbers in self.scored.items()
        }

    @property
    def partial(self) -> bool:
        """Whether some voxels of masks teach and score nothing."""
        return self.ignore is not None

    @property
    def tells_pieces(self) -> bool:
        """Whether masks tell of how many pieces a label is: as drawn whole, and of labels alone."""
        return self.contiguous and not self.partial and not self.regions

    @property
    def once_read(self) -> dict[str, Any]:
        """What counts once a mask was read.

        Whether it may be empty or lie beside its image's voxels was decided then.
        """
        return self.model_dump(exclude={"empty_masks", "masks", "shown_channel"})

    @property
    def on_pages(self) -> dict[str, Any]:
        """The same, with what only pages that show images ask for."""
        return self.model_dump(exclude={"empty_masks", "masks"})
