"""Cases whose truth is known, which are read when their turn comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slicewise.config import Content
from slicewise.dataset.truth import read_labels
from slicewise.volumes.geometry import with_spacing
from slicewise.volumes.nifti import read_channels_of, read_nifti
from slicewise.volumes.padding import as_air
from slicewise.volumes.volume import Volume


@dataclass(frozen=True)
class Drawn:
    """A scan and its truth, in canonical orientation.

    Attributes
    ----------
    image : Volume
        Of shape (x, y, z), or with channels along a fourth axis.
    truth : ndarray of uint8, shape (x, y, z)
        Label numbers.
    """

    image: Volume
    truth: np.ndarray


@dataclass(frozen=True)
class KnownCase:
    """A case with its truth.

    Attributes
    ----------
    case : str
        Its name.
    image, mask : Path
        NIfTI files.
    content : Content
        What they hold.
    """

    case: str
    image: Path
    mask: Path
    content: Content

    def read(self) -> Drawn:
        """Return image and truth as a model is shown them, in canonical orientation."""
        stored, _ = (read_channels_of if self.content.channels else read_nifti)(self.image)
        meant = with_spacing(stored, self.content.spacing).plus(self.content.offset)
        truth = read_labels(str(self.mask), self.content, meant).canonical().array
        image = as_air(meant) if self.content.intensity == "hu" else meant
        return Drawn(image.canonical(), truth)


def known_cases(
    cases: Sequence[str], images: Sequence[str], masks: Sequence[str], content: Content
) -> list[KnownCase]:
    """Return cases with the files of each.

    Parameters
    ----------
    cases, images, masks : sequence of str
        Names and NIfTI files.
    content : Content
        What they hold.
    """
    each = zip(cases, map(Path, images), map(Path, masks), strict=True)
    return [KnownCase(case, image, mask, content) for case, image, mask in each]
