"""Masks on their image's grid, however they are stored.

A mask whose voxels are voxels of its image, but flipped, permuted, cropped or
with a rim, is brought onto the image exactly. Any other mask has to be
resampled, which happens where ``dataset.masks`` says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from nibabel import aff2axcodes, affines

from slicewise.config import UNDRAWN, Masks
from slicewise.errors import SlicewiseError
from slicewise.volumes.resampling import corners_of, resampled
from slicewise.volumes.volume import Volume, times

logger = logging.getLogger(__name__)

TOLERANCE = 0.01
"""How far a voxel of the mask may lie from one of the image, in voxels along any axis.

It allows for headers that round, and for nothing that shifts a contour."""
SAMPLES = 33
"""Places along each axis of the image at which the distance to the mask's voxels is measured."""


@dataclass(frozen=True)
class VoxelGrid:
    """Where the voxels of a file lie.

    Attributes
    ----------
    shape : three ints
    affine : ndarray, shape (4, 4)
        From voxel indices to RAS+ mm.
    shown : str
        How messages name the file.
    lost, placed : bool
        What the file says of that, see `Volume`.
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    shown: str
    lost: bool = False
    placed: bool = True

    @classmethod
    def of(cls, volume: Volume, shown: str) -> VoxelGrid:
        """Take the grid of a volume."""
        return cls(volume.array.shape, volume.affine, shown, volume.lost, volume.placed)

    @property
    def is_anywhere(self) -> bool:
        """Whether the place of its voxels is made up."""
        return self.lost or not self.placed


@dataclass(frozen=True)
class Stored:
    """How a mask was stored, where not on the grid of its image.

    Attributes
    ----------
    how : str
        ``flipped``, ``permuted``, ``cropped``, ``larger than the image``, joined
        by commas; or ``resampled``.
    off_mm, off_voxels : float
        How far a voxel of the image within the mask's field lies from the
        nearest voxel of the mask: in mm, and in voxels of the image along any axis.
    outside : int
        Voxels of any label of the mask that lie outside of the image, and were left out.
    apart_mm : float or None
        Where a resampled mask has as many voxels along each axis as its image, how far those of
        the same indices lie apart: it may have been drawn on them, and its header be wrong.
    """

    how: str
    off_mm: float = 0.0
    off_voxels: float = 0.0
    outside: int = 0
    apart_mm: float | None = None

    def record(self) -> dict[str, Any]:
        """Return what is known of it, for the record of the case."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Turn:
    """Where the voxels of a mask lie in the image's array.

    Attributes
    ----------
    axes : tuple of int
        The mask's axis along each axis of the image.
    signs : tuple of int
        -1 where it runs the other way.
    starts : tuple of int
        Index in the image of the first voxel of the mask, once it is turned.
    """

    axes: tuple[int, ...]
    signs: tuple[int, ...]
    starts: tuple[int, ...]

    def words(self, shape: Sequence[int], image_shape: Sequence[int]) -> list[str]:
        """Say how voxels of a mask of one shape lie in an image of another; nothing if alike."""
        sizes = [shape[axis] for axis in self.axes]
        ends = [start + size for start, size in zip(self.starts, sizes, strict=True)]
        inside = zip(self.starts, ends, image_shape, strict=True)
        rims = [(start > 0 or end < n, start < 0 or end > n) for start, end, n in inside]
        changes = {
            "flipped": -1 in self.signs,
            "permuted": self.axes != (0, 1, 2),
            "cropped": any(cropped for cropped, _ in rims),
            "larger than the image": any(larger for _, larger in rims),
        }
        return [word for word, holds in changes.items() if holds]


def on_image(
    labels: np.ndarray, mask: VoxelGrid, image: VoxelGrid, masks: Masks = "resample"
) -> tuple[np.ndarray, Stored | None]:
    """Bring label numbers onto the grid of their image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (i, j, k)
        Label numbers on the mask's own grid, `UNDRAWN` where nobody drew. Beyond
        the mask is background.
    mask, image : VoxelGrid
        Where either does not say where its voxels lie, only the same grid will do.
    masks : {"exact", "resample"}
        ``dataset.masks``. A mask that was ingested may be resampled: what may
        not be was refused then.

    Returns
    -------
    labels : ndarray of uint8
        Of the image's shape; the same array where the mask is stored so.
    stored : Stored or None
        How it was stored; None on the image's own grid.

    Raises
    ------
    SlicewiseError
        When voxels of the mask are none of the image and `masks` is ``exact``,
        or voxels with a label lie outside of the image.
    """
    relation = np.linalg.inv(image.affine) @ mask.affine
    turn = turn_of(relation, mask.shape)
    if turn is not None and not turn.words(mask.shape, image.shape):
        return labels, None
    if mask.is_anywhere or image.is_anywhere or (turn is None and masks == "exact"):
        raise _refused(mask, image)
    if turn is None:
        placed = resampled(labels, np.linalg.inv(relation), image.shape)
        off_mm, off_voxels = _off(mask, image)
        outside = _outside(labels, relation, image.shape)
        stored = Stored("resampled", off_mm, off_voxels, outside, _apart(mask, image))
    else:
        placed = _turned(labels, turn, image.shape)
        outside = _labelled(labels) - _labelled(placed)
        stored = Stored(", ".join(turn.words(mask.shape, image.shape)), outside=outside)
        if outside and masks == "exact":
            raise SlicewiseError(
                f"{mask.shown}: {outside} of its voxels with a label lie outside of its image "
                f"{image.shown}; take the mask that was drawn on this image, or set dataset.masks "
                "to resample, which leaves them out, or exclude the case"
            )
    if _labelled(labels) and not _labelled(placed):
        raise SlicewiseError(
            f"{mask.shown}: no voxel of its labels lies on its image {image.shown}; take the mask "
            "that was drawn on this image, or exclude the case"
        )
    return placed, stored


def say_stored(
    stored: Stored, path: str, before: np.ndarray, after: np.ndarray, names: Sequence[str]
) -> None:
    """Say what was done with a mask.

    Parameters
    ----------
    stored : Stored
    path : str
        How the line names it.
    before, after : ndarray
        Voxels of each number, 0 first, as the mask is stored and on the image's grid.
    names : sequence of str
        Of labels 1, 2, ….
    """
    left_out = ""
    if stored.outside:
        left_out = f"; {stored.outside} voxels with a label lie outside of the image: left out"
    if stored.how != "resampled":
        logger.warning(
            "%s: the mask is stored %s; brought onto the image's voxels, of which none was "
            "interpolated%s",
            path,
            stored.how.replace("flipped", "with axes flipped", 1),
            left_out,
        )
        return
    gone = [n for k, n in enumerate(names, start=1) if before[k] and not after[k]]
    apart = ""
    if stored.apart_mm is not None:
        apart = (
            f"; both have as many voxels, those of the same indices up to {stored.apart_mm:.2f} mm "
            "apart: if it was drawn on them, its place is WRONG, and it needs its image's header"
        )
    logger.warning(
        "%s: the mask was resampled onto the image's grid: a voxel of the image is up to %.2f mm "
        "(%.2f voxels) from the nearest of the mask%s%s%s",
        path,
        stored.off_mm,
        stored.off_voxels,
        apart,
        left_out,
        f"; nothing is left of label {', '.join(gone)}" if gone else "",
    )


def turn_of(
    relation: np.ndarray, shape: Sequence[int], tolerance: float = TOLERANCE
) -> Turn | None:
    """Tell how a mask's voxels are those of its image; None where they are not.

    Parameters
    ----------
    relation : ndarray, shape (4, 4)
        From voxel indices of the mask to those of the image.
    shape : three ints
        Of the mask.
    tolerance : float
        How far a voxel of one may lie from one of the other, in voxels along any axis.
    """
    linear = relation[:3, :3].copy()
    for axis in np.flatnonzero(np.asarray(shape) == 1):
        # one voxel has neither a direction nor a distance to the next
        linear[:, axis] = np.abs(linear[:, axis]) / np.abs(linear[:, axis]).max()
    whole = np.rint(linear)
    used = [np.abs(whole).sum(axis=axis) for axis in (0, 1)]
    if not all((sums == 1).all() for sums in used):
        return None
    middle = (np.asarray(shape) - 1) / 2
    shift = np.rint(linear @ middle + relation[:3, 3] - whole @ middle)
    turn = np.eye(4)
    turn[:3, :3] = whole
    turn[:3, 3] = shift
    corners = corners_of(np.array([(0, size - 1) for size in shape]))
    moved = corners @ (relation - turn).T
    if not np.abs(moved[:, :3]).max() <= tolerance:
        return None
    axes = np.abs(whole).argmax(axis=1)
    signs = whole[np.arange(3), axes].astype(int)
    last = np.asarray(shape)[axes] - 1
    starts = shift.astype(int) - np.where(signs < 0, last, 0)
    return Turn(
        tuple(int(axis) for axis in axes),
        tuple(int(sign) for sign in signs),
        tuple(int(start) for start in starts),
    )


def _turned(labels: np.ndarray, turn: Turn, shape: tuple[int, ...]) -> np.ndarray:
    """Put the voxels of a mask where they lie in the image."""
    placed = np.zeros(shape, labels.dtype)
    target, part = placed_part(labels, turn, shape)
    if part.size:
        placed[target] = part
    return placed


def placed_part(
    labels: np.ndarray, turn: Turn, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], np.ndarray]:
    """Return where in the image the voxels of a mask lie, and those that do, as the image has them.

    Parameters
    ----------
    labels : ndarray, shape (i, j, k)
        Of the mask.
    turn : Turn
    shape : three ints
        Of the image.
    """
    moved = labels.transpose(turn.axes)
    moved = moved[tuple(slice(None, None, sign) for sign in turn.signs)]
    source = []
    target = []
    for start, size, n in zip(turn.starts, moved.shape, shape, strict=True):
        first = max(start, 0)
        last = max(min(start + size, n), first)
        target.append(slice(first, last))
        source.append(slice(first - start, last - start))
    return tuple(target), moved[tuple(source)]


def _off(mask: VoxelGrid, image: VoxelGrid) -> tuple[float, float]:
    """Return how far voxels of the image lie from those of the mask, in mm and in voxels."""
    lines = [np.unique(np.linspace(0, n - 1, SAMPLES).round()) for n in image.shape]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    points = np.column_stack([points, np.ones(len(points))])
    seen = (points @ (np.linalg.inv(mask.affine) @ image.affine).T)[:, :3]
    inside = ((seen >= -0.5) & (seen <= np.asarray(mask.shape) - 0.5)).all(axis=1)
    if not inside.any():
        return 0.0, 0.0
    apart = (seen - np.clip(np.rint(seen), 0, np.asarray(mask.shape) - 1))[inside]
    in_mm = apart @ mask.affine[:3, :3].T
    in_voxels = in_mm @ np.linalg.inv(image.affine[:3, :3]).T
    return (
        round(float(np.linalg.norm(in_mm, axis=1).max()), 4),
        round(float(np.abs(in_voxels).max()), 4),
    )


def _labelled(labels: np.ndarray) -> int:
    """Count the voxels that have a label."""
    return int(np.count_nonzero(labels)) - int(np.count_nonzero(labels == UNDRAWN))


def _outside(labels: np.ndarray, relation: np.ndarray, shape: Sequence[int]) -> int:
    """Count the voxels with a label whose centre lies outside of the image."""
    count = 0
    limits = np.asarray(shape) - 0.5
    for start in range(labels.shape[0]):
        places = np.argwhere((labels[start] != 0) & (labels[start] != UNDRAWN))
        if len(places):
            where = np.column_stack([np.full(len(places), start), places, np.ones(len(places))])
            seen = (where @ relation.T)[:, :3]
            count += int((~((seen >= -0.5) & (seen <= limits)).all(axis=1)).sum())
    return count


def _refused(mask: VoxelGrid, image: VoxelGrid) -> SlicewiseError:
    """Say what differs between the grids of a mask and its image."""
    lost = mask.is_anywhere or image.is_anywhere
    alike = tuple(mask.shape) == tuple(image.shape)
    ways = ["take the mask that was drawn on this image"]
    if alike:
        ways.append("give it the header of its image if it was drawn on the same voxels")
    if not lost:
        placed = " if its place is right" if alike else ""
        ways.append(f"set dataset.masks to resample{placed} (the report lists such masks)")
    return SlicewiseError(
        f"{mask.shown}: it is not on the grid of its image {image.shown}: "
        f"{_difference(mask, image, lost)}{_placeless(mask, image)}; {', '.join(ways)}, or exclude "
        "the case"
    )


def _placeless(mask: VoxelGrid, image: VoxelGrid) -> str:
    """Say, where it is so, that a header does not say where voxels lie."""
    if mask.lost or image.lost:
        return ", and a header that has lost its geometry does not say where they belong"
    silent = [name for name, one in (("mask", mask), ("image", image)) if not one.placed]
    if not silent:
        return ""
    return (
        f", and the header of the {' and that of the '.join(silent)} does not say where voxels lie "
        "(sform and qform have code 0)"
    )


def _apart(mask: VoxelGrid, image: VoxelGrid) -> float | None:
    """Return how far voxels of the same indices lie apart, in mm; None of grids of other shapes."""
    if tuple(mask.shape) != tuple(image.shape):
        return None
    corners = corners_of(np.array([(0, n - 1) for n in mask.shape]))
    shift = corners @ (mask.affine - image.affine).T
    return round(float(np.linalg.norm(shift[:, :3], axis=1).max()), 4)


def _difference(mask: VoxelGrid, image: VoxelGrid, lost: bool) -> str:
    """Say the first thing that differs: shape, size of voxels, direction or place."""
    axes = "".join(aff2axcodes(image.affine))
    own_axes = "".join(aff2axcodes(mask.affine))
    sizes = affines.voxel_sizes(image.affine)
    own_sizes = affines.voxel_sizes(mask.affine)
    apart = _apart(mask, image)
    if lost and apart is None:
        return f"it has {times(mask.shape)} voxels, but its image has {times(image.shape)}"
    if not np.allclose(np.sort(own_sizes), np.sort(sizes), rtol=1e-3, atol=0):
        return f"its voxels measure {_mm(own_sizes)} instead of {_mm(sizes)}"
    if own_axes != axes and lost:
        return f"its axes point to {own_axes} instead of {axes}"
    if apart is not None and own_axes == axes:
        return f"it lies up to {apart:.2f} mm away"
    off_mm, off_voxels = _off(mask, image)
    return f"its voxels lie up to {off_mm:.2f} mm ({off_voxels:.2f} voxels) off those of the image"


def _mm(spacing: Sequence[float]) -> str:
    return " × ".join(f"{v:.4g}" for v in spacing) + " mm"
