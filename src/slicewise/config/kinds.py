"""What a setting of a data set may say, where other rooms ask for it, too."""

from __future__ import annotations

from typing import Literal

Intensity = Literal["hu", "clipped_hu", "arbitrary"]
"""``dataset.intensity``: what the voxels of an image measure."""

OtherLabels = Literal["refuse", "background"]
"""``dataset.other_labels``: what becomes of values that no label has."""

EmptyMasks = Literal["refuse", "allow"]
"""``dataset.empty_masks``: whether a mask may have no voxel of any label."""

MissingLabels = Literal["refuse", "allow"]
"""``training.missing_labels``: whether training may do without a label."""

Masks = Literal["exact", "resample"]
"""``dataset.masks``: whether a mask has to lie on the voxels of its image."""

Effort = Literal["quick", "laptop", "workstation", "gpu"]
"""``experiments.<name>.effort``: how much a plan may cost, see `slicewise.dataset.efforts`."""
