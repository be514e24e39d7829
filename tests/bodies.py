"""Small volumes of bodies with two organs, as various as healthy people are, and looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from slicewise.config import Content, Intensity
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.describe import CaseFiles
from slicewise.dataset.ingest import ingest
from slicewise.report.looking import CaseVolumes, look_at_case
from slicewise.report.seen import SeenCase

LABELS = {"liver": [1], "spleen": [2]}
LEVELS: dict[Intensity, tuple[float, float, float, float]] = {
    "hu": (-1000, 20, 110, 130),
    "clipped_hu": (0, 130, 175, 190),
    "arbitrary": (5, 300, 480, 600),
}
"""Of air, other tissue, liver and spleen."""


@dataclass
class Body:
    """A scan and its mask, stored from right to left and from front to back."""

    image: np.ndarray
    mask: np.ndarray
    spacing: np.ndarray
    axes: tuple[float, float, float] = (-1.0, -1.0, 1.0)

    def turned(self, axis: int) -> Body:
        """The same, stored the other way round along an axis."""
        axes = [-way if n == axis else way for n, way in enumerate(self.axes)]
        return replace(
            self,
            image=np.flip(self.image, axis),
            mask=np.flip(self.mask, axis),
            axes=tuple(axes),
        )


def body(number: int, intensity: Intensity = "hu", air: float | None = None) -> Body:
    """Return a scan that differs from others as healthy people and their scans do.

    Parameters
    ----------
    number : int
        Whose.
    intensity : {"hu", "clipped_hu", "arbitrary"}
        What voxels measure; MR is scaled by some factor.
    air : float, optional
        How much wider than the body the scan is; by default by 5 to 80 %.
    """
    random = np.random.default_rng(number)
    shape = (44, 40, int(random.integers(20, 25)))
    wide = 1 + (random.uniform(0.05, 0.8) if air is None else air)
    lines = [np.linspace(-wide, wide, n) for n in shape[:2]]
    x, y, z = np.meshgrid(*lines, np.linspace(-1, 1, shape[2]), indexing="ij")
    inside = x**2 + (y / 0.8) ** 2 < 1
    size = random.normal(1, 0.05, 2)
    at = random.uniform(-0.05, 0.05, 3)
    mask = np.zeros(shape, np.uint8)
    far = [(x - 0.35 - at[0]) / 0.45, (y - at[1]) / 0.5, (z - at[2]) / 0.6]
    mask[sum(part**2 for part in far) < size[0] ** 2] = 1
    far = [(x + 0.6 - at[0]) / 0.2, (y + 0.2 - at[1]) / 0.2, (z + at[2]) / 0.45]
    mask[sum(part**2 for part in far) < size[1] ** 2] = 2
    levels = np.array(LEVELS[intensity], float)
    width = levels[1] - levels[0] if intensity != "hu" else 300.0
    levels[1:] += random.normal(0, 0.02 * width, 3)
    coarse = random.normal(0, 0.12 * width, (9, 8, shape[2]))
    texture = ndimage.zoom(coarse, (5, 5, 1), order=1)[: shape[0], : shape[1]]
    image = np.select([mask == 1, mask == 2, inside], levels[[2, 3, 1]], levels[0])
    image = image + np.where(inside & (mask == 0), texture, 0)
    image = image + random.normal(0, 0.03 * width, shape)
    if intensity == "arbitrary":
        image = np.abs(image) * random.uniform(0.6, 1.6)
    if intensity == "clipped_hu":
        image = image.clip(0, 255)
    spacing = np.array([260 * wide / 44, 260 * wide / 40, 10.0]) * random.normal(1, 0.03, 3)
    return Body(image.round().astype(np.int16), mask, spacing)


def looked_at(folder: Path, name: str, made: Body, intensity: Intensity = "hu") -> SeenCase:
    """Write a case, check it and look at it, as the workflow does."""
    content = Content(
        intensity=intensity,
        contiguous=True,
        labels=LABELS,
        other_labels="refuse",
        empty_masks="allow",
    )
    affine = np.diag([*(np.array(made.axes) * made.spacing), 1.0])
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}_{kind}.nii.gz" for kind in ("image", "mask")]
    for path, array in zip(paths, (made.image, made.mask), strict=True):
        nib.Nifti1Image(array, affine).to_filename(path)
    sources = {"image": paths[:1], "mask": paths[1:]}
    files = CaseFiles(name, f"of-{name}", *paths, sources)
    (record,) = ingest([files], content, "1", folder / "cases")
    look = look_at_case(CaseVolumes(record, *paths), content)
    return SeenCase(record, look, Assignment(name, record.patient, "train", None))
