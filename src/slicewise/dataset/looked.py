"""What a look at the voxels of a case tells about its labels and intensities, as it is stored.

Later stages do not read it: it is for people, in files of its own beside the case records.
"""

from __future__ import annotations

import base64
import binascii
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field

from slicewise.boxes import Box, label_boxes
from slicewise.components import component_sizes
from slicewise.config import UNDRAWN, Content, Intensity
from slicewise.stored import Count, Form, Loose, Name, Positive, kept, read_typed, refused
from slicewise.volumes.tones import body_of
from slicewise.volumes.volume import Volume

SIDES = ("left", "right", "back", "front", "foot", "head")
"""Of a volume in canonical orientation: the first and the last plane of each axis."""
QUANTILES = 33
"""Of intensities: so many, evenly spaced from the lowest to the highest."""
SAMPLED = 1 << 20
"""Voxels of which quantiles are taken, evenly spaced over those there are."""


def _is_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(error) from None
    return text


class LabelLook(Loose):
    """A label of a case.

    Attributes
    ----------
    voxels : int
        How many there are.
    ml : float
        The same in millilitres.
    islands : int or None
        Connected components; None where slices are no neighbours, or not all was drawn.
    islands_ml : float or None
        All but the largest of them.
    touches : dict of str to int
        Voxels on each side of the volume, by its name (see `SIDES`), where there are any.
    quantiles : list of float
        `QUANTILES` of the intensity inside; none where there is no voxel.
    """

    model_config = ConfigDict(frozen=True)

    voxels: Count
    ml: float
    islands: Count | None = None
    islands_ml: float | None = None
    touches: dict[str, Count] = Field({})
    quantiles: list[float] = Field([])

    @property
    def median(self) -> float | None:
        """The middle of the intensities inside; None where there is no voxel."""
        return self.quantiles[len(self.quantiles) // 2] if self.quantiles else None


class Thumbnail(Loose):
    """A slice of a case as a small picture.

    Attributes
    ----------
    plane : {"axial", "coronal", "sagittal"}
        Along which axes it is cut.
    index, slices : int
        Which one, from 0, of how many.
    webp : str
        The picture, in base64.
    width, height : float
        Of what it shows, in mm.
    outline : str
        Of all labels, a path of SVG in half voxels from the upper left corner.
    columns, rows : int
        Voxels of the slice.
    """

    model_config = ConfigDict(frozen=True)

    plane: Literal["axial", "coronal", "sagittal"]
    index: Count
    slices: Count
    webp: Annotated[str, AfterValidator(_is_base64)]
    width: Positive
    height: Positive
    outline: str
    columns: Count
    rows: Count


class CaseLook(Loose):
    """What a look at a case tells.

    Attributes
    ----------
    case : str
        Its name.
    spacing : list of float
        Millimetres of a voxel from left to right, from back to front and from foot to head.
    field : list of float
        Millimetres of the whole volume along the same axes.
    labels : dict of str to LabelLook
        In the order of the settings.
    outside : list of float
        `QUANTILES` of the intensity where there is no label; none where there is no such voxel.
    body : list of float
        `QUANTILES` of the intensity of what is no air, see `body_quantiles`.
    thumbnail : Thumbnail
        What the contact sheet shows.
    made_from : str
        A digest of all that it was made from.
    """

    model_config = ConfigDict(frozen=True)

    case: Name
    spacing: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    field: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    labels: dict[Name, LabelLook]
    outside: list[float]
    body: list[float]
    thumbnail: Thumbnail
    made_from: Name


CASE_LOOK = Form(CaseLook)
CASE_LOOKS = Form(Annotated[list[CaseLook], Field(min_length=1)])


def kept_look(path: Path, made_from: str) -> CaseLook | None:
    """Return the look at a case that was written there, if it was made from just this."""
    look: CaseLook | None = kept(path, made_from, CASE_LOOK)
    return look


def read_looks(paths: Iterable[str | os.PathLike[str]]) -> dict[str, CaseLook]:
    """Read the looks at the cases of some shards, by case.

    Raises
    ------
    SlicewiseError
        When a file is damaged, or a case is in it twice.
    """
    known: dict[str, CaseLook] = {}
    for path in paths:
        for look in read_typed(path, CASE_LOOKS):
            if look.case in known:
                raise refused(path, f"case {look.case} is there twice")
            known[look.case] = look
    return known


# --- numbers -------------------------------------------------------------------------------


def look_at_labels(image: Volume, labels: np.ndarray, content: Content) -> dict[str, LabelLook]:
    """Measure each label of a case.

    Parameters
    ----------
    image : Volume
        In canonical orientation.
    labels : ndarray of integers, shape (x, y, z)
        Label numbers on the grid of the image.
    content : Content
        Which labels there are, whether slices are neighbours, and whether all was drawn.
    """
    # the first slice of a pile is no end of anything
    axes = (0, 1, 2) if content.contiguous else (0, 1)
    # what ends where nobody drew may go on there
    counted = content.contiguous and not (content.partial and np.any(labels == UNDRAWN))
    boxes = label_boxes(labels, len(content.labels))
    return {
        name: _label_look(image, labels, number, box, axes, counted=counted)
        for number, (name, box) in enumerate(zip(content.labels, boxes, strict=True), start=1)
    }


def _label_look(
    image: Volume,
    labels: np.ndarray,
    number: int,
    box: Box | None,
    axes: Sequence[int],
    *,
    counted: bool,
) -> LabelLook:
    if box is None:
        return LabelLook(voxels=0, ml=0.0, islands=0 if counted else None)
    inside = labels[box] == number
    voxels = int(np.count_nonzero(inside))
    sizes = component_sizes(inside) if counted else None
    return LabelLook(
        voxels=voxels,
        ml=voxels * image.voxel_ml,
        islands=None if sizes is None else len(sizes),
        islands_ml=None if sizes is None else float(sum(sizes[1:])) * image.voxel_ml,
        touches=touched_sides(inside, box, labels.shape, axes),
        quantiles=quantiles(image.array[box][inside]),
    )


def touched_sides(
    inside: np.ndarray, box: Box, shape: Sequence[int], axes: Sequence[int] = (0, 1, 2)
) -> dict[str, int]:
    """Return how many voxels of a mask lie on each side of its volume, where any do.

    Parameters
    ----------
    inside : ndarray of bool
        The mask within its box.
    box : Box
        Where that lies in the volume, in canonical orientation.
    shape : sequence of int
        Of the volume.
    axes : sequence of int
        Those whose sides count.
    """
    touched = {}
    for axis in axes:
        planes = np.moveaxis(inside, axis, 0)
        if box[axis].start == 0:
            touched[SIDES[2 * axis]] = int(np.count_nonzero(planes[0]))
        if box[axis].stop == shape[axis]:
            touched[SIDES[2 * axis + 1]] = int(np.count_nonzero(planes[-1]))
    return touched


def outside_quantiles(image: np.ndarray, labels: np.ndarray) -> list[float]:
    """Return the quantiles of the intensity where there is no label."""
    part = _sampled(image)
    return quantiles(image[part][labels[part] == 0])


def body_quantiles(image: np.ndarray, intensity: Intensity) -> list[float]:
    """Return the quantiles of the intensity of what is no air.

    How much air there is around a patient depends on how wide the scan is, so
    that percentiles of all voxels say little about the patient.

    Parameters
    ----------
    image : ndarray, shape (x, y, z)
        Intensities.
    intensity : {"hu", "clipped_hu", "arbitrary"}
        What they measure, see `body_of`.

    Returns
    -------
    list of float
        `QUANTILES` of them; none where all voxels are alike.
    """
    values = image[_sampled(image)]
    return quantiles(values[body_of(values, intensity)])


def _sampled(image: np.ndarray) -> tuple[slice, slice]:
    """Return every n-th voxel along two axes, so that no copy of the volume is made."""
    step = max(1, math.ceil(math.sqrt(image.size / (2 * SAMPLED))))
    return slice(None, None, step), slice(None, None, step)


def quantiles(values: np.ndarray) -> list[float]:
    """Return `QUANTILES` of intensities, evenly spaced, of at most `SAMPLED` of them."""
    if not values.size:
        return []
    step = -(-values.size // SAMPLED)
    shares = np.linspace(0, 1, QUANTILES)
    return [float(f"{v:.6g}") for v in np.quantile(values[::step].astype(np.float64), shares)]


def shown_slice(labels: np.ndarray, axis: int) -> int:
    """Return the slice across an axis that shows most of all labels, or the middle one.

    Each label counts by its area as a share of its largest one, as the skin would hide where the
    organs are.

    Parameters
    ----------
    labels : ndarray of unsigned integers, shape (x, y, z)
        Label numbers; `UNDRAWN` counts for nothing.
    axis : int
        The axis across which slices lie.
    """
    slices = np.moveaxis(labels, axis, 0)
    areas = np.stack([np.bincount(one.ravel(), minlength=UNDRAWN + 1) for one in slices])
    areas = areas[:, 1:UNDRAWN]
    largest = areas.max(axis=0)
    if not largest.any():
        return labels.shape[axis] // 2
    shares = (areas / np.maximum(largest, 1)).sum(axis=1)
    return int(np.lexsort((areas.sum(axis=1), shares))[-1])
