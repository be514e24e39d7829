"""Images of several channels, such as sequences of MR, on the grid of the first.

They are kept in one NIfTI file, whose fourth axis they are.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage

from slicewise.config import Content
from slicewise.errors import SlicewiseError
from slicewise.volumes.companions import is_header
from slicewise.volumes.nifti import read_channels_of
from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.read import as_meant, read_image, read_sources
from slicewise.volumes.volume import Volume, times

logger = logging.getLogger(__name__)

EXACT = 0.01
"""Voxels by which those of another channel may lie off, and still be taken as they are."""
COVERED = 0.5
"""At least so much of the first channel lies within each other one, if both show one patient."""
WITHOUT_FILE = "or leave the file out and set dataset.missing_channels to zero"
WITHOUT_PART = (
    "exclude the case, or give each channel that there is as a file of its own, in a table "
    "(layout: table) with dataset.missing_channels: zero"
)
"""What can be done where a channel is empty: it has a file of its own, or is a part of one."""
PLACES = 33
"""Places along each axis at which is looked how far off another channel lies."""


def read_channels(
    groups: Sequence[tuple[str, Sequence[Path]]], absent: float = 0.0, *, in_one: bool = False
) -> Volume:
    """Read all channels of an image.

    Parameters
    ----------
    groups : sequence of (str, sequence of Path)
        The channels in their order, and the files of each; none of one that is missing.
    absent : float
        What all voxels of a missing channel are.
    in_one : bool
        Whether the file of the first is a 4-D NIfTI file of all.

    Returns
    -------
    Volume
        Array of shape (i, j, k, channels), on the grid of the first that is
        there. Lines say which are missing or were brought onto it.

    Raises
    ------
    SlicewiseError
        When a file cannot be read, has one value, or shows so little of the
        first that it is of another patient.
    """
    names = [name for name, _ in groups]
    if in_one:
        path = groups[0][1][0]
        image, _ = read_channels_of(path)
        for name, channel in zip(names, split(image, names, str(path)), strict=True):
            _refuse_constant(channel, str(path), name, WITHOUT_PART)
        return image
    first: VoxelGrid | None = None
    base: Volume | None = None
    arrays: dict[str, np.ndarray] = {}
    for name, paths in groups:
        if not paths:
            continue
        shown = str(paths[0] if len(paths) == 1 or is_header(paths[0]) else paths[0].parent)
        volume = read_sources(paths)
        _refuse_constant(volume, shown, name, WITHOUT_FILE)
        if first is None or base is None:
            first = VoxelGrid.of(volume, shown)
            base = volume
        shown = f"{shown}: channel {name}"
        arrays[name] = volume.array if volume is base else _on_first(volume, first, shown, absent)
    if base is None:
        raise SlicewiseError("an image needs at least one of its channels")
    if missing := [name for name in names if name not in arrays]:
        logger.warning(
            "%s: beside it there is no channel %s, which is left empty",
            *(groups_shown(groups), ", ".join(missing)),
        )
    nothing = np.full(base.array.shape, absent, np.int16)
    return replace(base, array=together([arrays.get(name, nothing) for name in names]))


def groups_shown(groups: Sequence[tuple[str, Sequence[Path]]]) -> str:
    """Name the first file that there is."""
    return str(next(paths[0] for _, paths in groups if paths))


def first_channel(image: Volume) -> Volume:
    """Return the first channel of an image that is not empty, or the image of one."""
    if image.array.ndim == 3:
        return image
    channels = np.moveaxis(image.array, -1, 0)
    return replace(image, array=next((one for one in channels if np.ptp(one)), channels[0]))


def _refuse_constant(volume: Volume, shown: str, name: str, without: str) -> None:
    if volume.array.min() == volume.array.max():
        raise SlicewiseError(
            f"{shown}: all voxels of the channel {name} have one value; check that this is the "
            f"image, {without}"
        )


def together(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Put channels into one array, of a type that holds the values of all.

    Examples
    --------
    >>> parts = [np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2, 2), np.float64)]
    >>> together(parts).shape, together(parts).dtype.name, together(parts[:1]).dtype.name
    ((2, 2, 2, 2), 'float32', 'int16')
    """
    dtype = np.result_type(np.int16, *(array.dtype for array in arrays))
    if dtype.kind == "f":
        dtype = np.dtype(np.float32)
    out = np.empty((*arrays[0].shape, len(arrays)), dtype, order="F")
    for channel, array in enumerate(arrays):
        out[..., channel] = array
    return out


def split(image: Volume, channels: Sequence[str], shown: str) -> list[Volume]:
    """Return each channel of a 4-D image as a volume.

    Raises
    ------
    SlicewiseError
        When it has another number of channels.
    """
    array = image.array
    if array.ndim != 4 or array.shape[3] != len(channels):
        raise SlicewiseError(
            f"{shown}: it has the shape {times(array.shape)}, but an image of the channels "
            f"{', '.join(channels)} has {len(channels)} of them along its fourth axis; give a file "
            "with these channels"
        )
    return [replace(image, array=array[..., channel]) for channel in range(len(channels))]


def read_channel_images(path: Path, content: Content, shown: str | None = None) -> list[Volume]:
    """Read all channels of an image as a data set means them, as `read_image` reads the first.

    Parameters
    ----------
    path : pathlib.Path
        NIfTI file of an image: 4-D where the data set has several channels.
    content : Content
        With the names of the channels.
    shown : str, optional
        How a line names the image that says how much was padding; none without.
    """
    if content.channels is None:
        return [read_image(path, content, shown)]
    image, _ = read_channels_of(path)
    return [as_meant(one, content, shown) for one in split(image, content.channels, str(path))]


def _on_first(volume: Volume, first: VoxelGrid, shown: str, absent: float) -> np.ndarray:
    """Bring a channel onto the grid of the first one."""
    array = volume.array
    own = VoxelGrid.of(volume, shown)
    if own.is_anywhere or first.is_anywhere:
        if own.is_anywhere and first.is_anywhere and array.shape == first.shape:
            return array
        raise SlicewiseError(
            f"{shown} cannot be laid on {first.shown}, as one of the two does not say where its "
            "voxels lie (and their shapes or the other's header do not say it either); convert "
            "both in the same way"
        )
    to_own = np.linalg.inv(volume.affine) @ first.affine
    places = _places(first.shape) @ to_own[:3, :3].T + to_own[:3, 3]
    ends = np.array(array.shape) - 1
    within = np.all((places > -0.5) & (places < ends + 0.5), axis=1)
    if within.mean() < COVERED:
        raise SlicewiseError(
            f"{shown} shows only {within.mean():.0%} of what {first.shown} shows, so they seem to "
            "be of two patients, or were moved apart; take the channels of one examination, "
            "registered to each other"
        )
    off = np.abs(places - np.rint(places))[within]
    if array.shape == first.shape and np.abs(places - _places(first.shape)).max() <= EXACT:
        return array
    exact = off.max() <= EXACT
    brought = partial(
        ndimage.affine_transform,
        matrix=to_own[:3, :3],
        offset=to_own[:3, 3],
        output_shape=first.shape,
    )
    moved = brought(array.astype(np.float32), order=0 if exact else 1, mode="nearest")
    # a voxel reaches half of it beyond its centre
    covered = brought(np.ones(array.shape, np.uint8), order=0, mode="grid-constant")
    moved[covered == 0] = absent
    if exact:
        moved = moved.astype(array.dtype)
    mm = float(np.linalg.norm(off * volume.spacing, axis=1).max())
    outside = "" if within.all() else f"; {1 - within.mean():.0%} of it lies outside and is empty"
    logger.warning(
        "%s lies on another grid than %s, up to %.2f mm off its voxels, and was brought onto it "
        "(%s)%s",
        *(shown, first.shown, mm, "no value changed" if exact else "interpolated", outside),
    )
    return moved


def _places(shape: Sequence[int]) -> np.ndarray:
    """Return voxels all over a grid, the outermost too: shape (n, 3)."""
    along = [np.unique(np.linspace(0, n - 1, min(n, PLACES)).round()) for n in shape]
    return np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 3)
