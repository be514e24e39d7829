"""What is known of the slices of one case: the file ``geometry.json`` beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field

from slicewise.config import Recipe
from slicewise.files import digest
from slicewise.slices.bound import LabelBound
from slicewise.slices.grid import Grid
from slicewise.slices.npy import damaged, remedy_of
from slicewise.stored import (
    Count,
    Form,
    Loose,
    Name,
    Positive,
    kept,
    refused,
    unsealed,
    write_sealed,
)
from slicewise.volumes.volume import Volume

MADE_FROM = "made_from"
"""Key of what slices were made from, which is stored beside their geometry and is no part of it."""

_Pair = Annotated[list[Count], Field(min_length=2, max_length=2)]
_Shape = Annotated[list[Count], Field(min_length=3, max_length=3)]
_Row = Annotated[list[float], Field(min_length=4, max_length=4)]


class SliceGeometry(Loose):
    """How the slices of a case came from its volume, and what they show.

    Attributes
    ----------
    recipe : Recipe
        By which they were cut.
    shape : list of int
        Slices, rows and columns.
    source_shape, source_orientation, source_affine
        The grid of the image: its shape, its axes such as ``RAS``, and the
        matrix (4 × 4, mm) from voxels to the patient.
    slice_spacing : float
        Distance of neighbouring slices, mm.
    pixel_spacing : list of float
        Distance of rows and of columns, mm.
    inside : list of pairs of int
        First and last but one row, and column, that the volume covers; the
        rest is padding.
    pad, shift, scale : float
        Intensity of the padding; what was subtracted from intensities, and
        what they were divided by then.
    labels : list of str
        Names of labels 1, 2, ….
    counts : list of lists of int
        Of each slice the pixels of each label.
    undrawn : list of int, optional
        Of each slice the pixels that nobody drew; None where all count as drawn.
    recipe_bound : dict of str to LabelBound
        What the recipe leaves of each label.
    image_sha256, mask_sha256 : str
        Of the values of both arrays.
    voxel_spacing : list of float, optional
        Distance of the volume's voxels along its canonical (RAS+) axes, mm;
        kept, exactly, where the cut follows from it.
    channels : list of str, optional
        Names of the channels, where the array of images has several.
    """

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    shape: _Shape
    source_shape: _Shape
    source_orientation: Name
    source_affine: Annotated[list[_Row], Field(min_length=4, max_length=4)]
    slice_spacing: Positive
    pixel_spacing: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    inside: Annotated[list[_Pair], Field(min_length=2, max_length=2)]
    pad: float
    shift: float
    scale: Positive
    labels: Annotated[list[Name], Field(min_length=1)]
    counts: list[list[Count]]
    undrawn: list[Count] | None = None
    recipe_bound: dict[str, LabelBound]
    image_sha256: Name
    mask_sha256: Name
    voxel_spacing: Annotated[list[Positive], Field(min_length=3, max_length=3)] | None = None
    channels: Annotated[list[Name], Field(min_length=2)] | None = None

    @property
    def drawn(self) -> list[bool]:
        """Whether of each slice any pixel was drawn."""
        if self.undrawn is None:
            return [True] * self.shape[0]
        rows, columns = (stop - start for start, stop in self.inside)
        return [number < rows * columns for number in self.undrawn]

    @property
    def digest(self) -> str:
        """SHA-256 of all that is known of the slices."""
        return digest(self.dump())

    def dump(self) -> dict[str, Any]:
        """Return it as it is stored; spacings that nothing follows from are left out.

        So is what is undrawn where all counts as drawn, and the channel of images of one.
        """
        optional = ("voxel_spacing", "undrawn", "channels")
        return self.model_dump(exclude={name for name in optional if getattr(self, name) is None})

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of the array of images: slices, channels where there are several, rows, columns."""
        slices, *size = self.shape
        return (slices, *([len(self.channels)] if self.channels else []), *size)

    @property
    def padding(self) -> float:
        """Value of the padding in the stored array."""
        return (self.pad - self.shift) / self.scale

    @property
    def aspect(self) -> float:
        """Distance of the rows divided by that of the columns."""
        rows, columns = self.pixel_spacing
        return rows / columns

    @property
    def covered(self) -> tuple[slice, slice]:
        """Rows and columns that the volume covers."""
        rows, columns = self.inside
        return slice(*rows), slice(*columns)

    @property
    def frame(self) -> Volume:
        """The grid of the image, as a volume of zeros that take no memory."""
        array = np.broadcast_to(np.uint8(0), self.source_shape)
        return Volume(array, np.asarray(self.source_affine, np.float64))

    @property
    def grid(self) -> Grid:
        """How the volume became slices, and they become a volume."""
        x, y, z = self.frame.canonical().array.shape
        if self.voxel_spacing is None:
            return Grid((x, y, z), self.recipe)
        first, second, third = self.voxel_spacing
        return Grid((x, y, z), self.recipe, (first, second, third))

    def voxels(self, label: str) -> int:
        """Return how many voxels of a label the mask has."""
        known = self.recipe_bound.get(label)
        return 0 if known is None else known.voxels

    def write(self, path: Path, made_from: str = "") -> None:
        """Store it; `made_from` stands for all that the slices were made from."""
        write_sealed(path, {**self.dump(), MADE_FROM: made_from})


GEOMETRY = Form(SliceGeometry)


def read_geometry(path: Path) -> SliceGeometry:
    """Read what is known of the slices of a case.

    Raises
    ------
    SlicewiseError
        When the file is gone, damaged, or does not fit itself.
    """
    if not path.exists():
        raise damaged(path, "it is gone")
    geometry = _without_origin(unsealed(path, GEOMETRY, remedy_of(path)))
    labels = len(geometry.labels)
    rows = [len(row) for row in geometry.counts]
    if rows != [labels] * geometry.shape[0]:
        raise refused(path, "it does not count each label in each slice", remedy_of(path))
    if geometry.recipe.measured and geometry.voxel_spacing is None:
        raise refused(path, "it does not say how large the voxels are", remedy_of(path))
    if geometry.undrawn is not None and len(geometry.undrawn) != geometry.shape[0]:
        raise refused(path, "it does not count what is undrawn in each slice", remedy_of(path))
    return geometry


def kept_geometry(path: Path, made_from: str) -> SliceGeometry | None:
    """Return what is known of slices that were made from just this; None where they were not."""
    geometry = kept(path, made_from, GEOMETRY)
    return None if geometry is None else _without_origin(geometry)


def _without_origin(geometry: SliceGeometry) -> SliceGeometry:
    (geometry.model_extra or {}).pop(MADE_FROM, None)
    return geometry
