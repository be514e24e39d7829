"""What images and masks of a data set hold."""

from __future__ import annotations

from typing import Any

from slicewise.config.block import Block, Name, Spacing
from slicewise.config.kinds import EmptyMasks, Intensity, Masks, OtherLabels


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

    @property
    def once_read(self) -> dict[str, Any]:
        """What counts once a mask was read.

        Whether it may be empty or lie beside its image's voxels was decided then.
        """
        return self.model_dump(exclude={"empty_masks", "masks"})
