"""Masks on their image's grid, however they are stored.

A mask whose voxels are voxels of its image, but flipped, permuted, cropped or
with a rim, is brought onto the image exactly. Any other mask has to be
resampled, which happens where ``dataset.masks`` says so.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from nibabel import aff2axcodes, affines
from scipy import ndimage

from slicewise.boxes import bounding_box
from slicewise.config import Masks
from slicewise.errors import SlicewiseError

logger = logging.getLogger(__name__)

TOLERANCE = 0.01
"""How far a voxel of the mask may lie from one of the image, in voxels along any axis.

It allows for headers that round, and for nothing that shifts a contour."""
TIE = 1e-3
"""Shares that differ by less are equal, or the last bit of an affine would decide."""
SLAB = 8
SAMPLES = 33


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
    """

    how: str
    off_mm: float = 0.0
    off_voxels: float = 0.0
    outside: int = 0

    def record(self) -> dict[str, Any]:
        """Return it for the record of the case."""
        return asdict(self)


@dataclass(frozen=True)
class _Turn:
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
        sizes = [shape[axis] for axis in self.axes]
        ends = [start + size for start, size in zip(self.starts, sizes, strict=True)]
        inside = zip(self.starts, ends, image_shape, strict=True)
        rims = [(start > 0 or end < n, start < 0 or end > n) for start, end, n in inside]
        found = {
            "flipped": -1 in self.signs,
            "permuted": self.axes != (0, 1, 2),
            "cropped": any(cropped for cropped, _ in rims),
            "larger than the image": any(larger for _, larger in rims),
        }
        return [word for word, holds in found.items() if holds]


def on_image(
    labels: np.ndarray,
    affine: np.ndarray,
    shape: Sequence[int],
    image_affine: np.ndarray,
    path: str,
    image_path: str,
    masks: Masks = "resample",
    *,
    lost: bool = False,
) -> tuple[np.ndarray, Stored | None]:
    """Bring label numbers onto the grid of their image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (i, j, k)
        Label numbers on the mask's own grid.
    affine : ndarray, shape (4, 4)
        Of the mask, to RAS+ mm.
    shape : three ints
        Of the image.
    image_affine : ndarray, shape (4, 4)
        Of the image.
    path, image_path : str
        How messages name mask and image.
    masks : {"exact", "resample"}
        ``dataset.masks``. A mask that was ingested may be resampled: what may
        not be was refused then.
    lost : bool
        Whether either file says nothing of where its voxels lie: then only the
        same grid will do.

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
    shape = tuple(int(n) for n in shape)
    relation = np.linalg.inv(image_affine) @ affine
    turn = _turn(relation, labels.shape)
    same = turn is not None and not turn.words(labels.shape, shape)
    if same:
        return labels, None
    if lost or (turn is None and masks == "exact"):
        raise _refused(labels.shape, affine, shape, image_affine, path, image_path, lost=lost)
    if turn is not None:
        placed = _turned(labels, turn, shape)
        outside = int(np.count_nonzero(labels)) - int(np.count_nonzero(placed))
        if outside and masks == "exact":
            raise SlicewiseError(
                f"{path}: {outside} of its voxels with a label lie outside of its image "
                f"{image_path}; take the mask that was drawn on this image, or set dataset.masks "
                "to resample, which leaves them out, or exclude the case"
            )
        stored = Stored(", ".join(turn.words(labels.shape, shape)), outside=outside)
    else:
        placed = resampled(labels, np.linalg.inv(relation), shape)
        stored = Stored(
            "resampled",
            *_off(labels.shape, affine, shape, image_affine),
            outside=_outside(labels, relation, shape),
        )
    if labels.any() and not placed.any():
        raise SlicewiseError(
            f"{path}: no voxel of its labels lies on its image {image_path}; take the mask that "
            "was drawn on this image, or exclude the case"
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
            *(path, stored.how.replace("flipped", "with axes flipped", 1), left_out),
        )
        return
    gone = [n for k, n in enumerate(names, start=1) if before[k] and not after[k]]
    logger.warning(
        "%s: the mask was resampled onto the image's grid: a voxel of the image is up to %.2f mm "
        "(%.2f voxels) from the nearest of the mask%s%s",
        *(path, stored.off_mm, stored.off_voxels, left_out),
        f"; nothing is left of label {', '.join(gone)}" if gone else "",
    )


def resampled(labels: np.ndarray, to_mask: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Resample label numbers label by label.

    The share of each label, and of the background, is interpolated linearly at
    each voxel of the image, and the largest share wins; of equal ones the
    background, then the lower number. On tilted grids that keeps surfaces
    smooth where the nearest neighbour makes stairs. Beyond the mask is background.

    Parameters
    ----------
    labels : ndarray of uint8, shape (i, j, k)
    to_mask : ndarray, shape (4, 4)
        From voxel indices of the image to those of the mask.
    shape : three ints
        Of the image.

    Returns
    -------
    ndarray of uint8, of this shape
    """
    placed = np.zeros(shape, np.uint8)
    box = bounding_box(labels > 0)
    if box is None:
        return placed
    ends = np.array([(part.start - 1, part.stop) for part in box])
    corners = _corners(ends) @ np.linalg.inv(to_mask).T
    low = np.clip(np.floor(corners[:, :3].min(axis=0)), 0, shape).astype(int)
    high = np.clip(np.ceil(corners[:, :3].max(axis=0)) + 1, 0, shape).astype(int)
    # slab by slab: shares are of 32 bits
    for start in range(low[0], high[0], SLAB):
        begin = np.array([start, *low[1:]])
        end = np.array([min(start + SLAB, high[0]), *high[1:]])
        if (end > begin).all():
            target = tuple(slice(*each) for each in zip(begin, end, strict=True))
            placed[target] = _likeliest(labels, to_mask, begin, end)
    return placed


def _likeliest(
    labels: np.ndarray, to_mask: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Return the label with the largest share at each voxel of a box of the image."""
    seen = (_corners(np.stack([begin, end - 1], axis=1)) @ to_mask.T)[:, :3]
    low = np.clip(np.floor(seen.min(axis=0)).astype(int) - 1, 0, labels.shape)
    high = np.clip(np.ceil(seen.max(axis=0)).astype(int) + 2, 0, labels.shape)
    chosen = np.zeros(end - begin, np.uint8)
    part = labels[tuple(slice(*each) for each in zip(low, high, strict=True))]
    if not part.size:
        return chosen
    offset = to_mask[:3, :3] @ begin + to_mask[:3, 3] - low

    def share(number: int) -> np.ndarray:
        return ndimage.affine_transform(
            (part == number).astype(np.float32),
            to_mask[:3, :3],
            offset,
            output_shape=chosen.shape,
            order=1,
            mode="grid-constant",
            cval=float(number == 0),
        )

    best = share(0)
    for number in np.unique(part[part > 0]):
        found = share(int(number))
        won = found > best + TIE
        chosen[won] = number
        best[won] = found[won]
    return chosen


def _turn(relation: np.ndarray, shape: Sequence[int]) -> _Turn | None:
    """Tell how a mask's voxels are those of its image; None where they are not."""
    linear = relation[:3, :3].copy()
    for axis in np.flatnonzero(np.asarray(shape) == 1):
        # one voxel has neither a direction nor a distance to the next
        linear[:, axis] = np.abs(linear[:, axis]) / np.abs(linear[:, axis]).max()
    whole = np.rint(linear)
    permutes = np.abs(whole).sum(axis=0), np.abs(whole).sum(axis=1)
    if not all((sums == 1).all() for sums in permutes):
        return None
    middle = (np.asarray(shape) - 1) / 2
    shift = np.rint(linear @ middle + relation[:3, 3] - whole @ middle)
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = whole, shift
    corners = _corners(np.array([(0, size - 1) for size in shape]))
    moved = corners @ (relation - turn).T
    if not np.abs(moved[:, :3]).max() <= TOLERANCE:
        return None
    axes = np.abs(whole).argmax(axis=1)
    signs = whole[np.arange(3), axes].astype(int)
    last = np.asarray(shape)[axes] - 1
    starts = shift.astype(int) - np.where(signs < 0, last, 0)
    return _Turn(
        tuple(int(axis) for axis in axes),
        tuple(int(sign) for sign in signs),
        tuple(int(start) for start in starts),
    )


def _turned(labels: np.ndarray, turn: _Turn, shape: tuple[int, ...]) -> np.ndarray:
    """Put the voxels of a mask where they lie in the image."""
    moved = labels.transpose(turn.axes)
    moved = moved[tuple(slice(None, None, sign) for sign in turn.signs)]
    placed = np.zeros(shape, labels.dtype)
    source, target = [], []
    for start, size, n in zip(turn.starts, moved.shape, shape, strict=True):
        first, last = max(start, 0), max(min(start + size, n), max(start, 0))
        target.append(slice(first, last))
        source.append(slice(first - start, last - start))
    part = moved[tuple(source)]
    if part.size:
        placed[tuple(target)] = part
    return placed


def _corners(ends: np.ndarray) -> np.ndarray:
    """Return the corners of a box, as homogeneous rows; `ends` has shape (3, 2)."""
    return np.array([(*corner, 1) for corner in itertools.product(*ends)], dtype=np.float64)


def _off(
    shape: Sequence[int], affine: np.ndarray, image_shape: Sequence[int], image_affine: np.ndarray
) -> tuple[float, float]:
    """Return how far voxels of the image lie from those of the mask, in mm and in voxels."""
    lines = [np.unique(np.linspace(0, n - 1, SAMPLES).round()) for n in image_shape]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    points = np.column_stack([points, np.ones(len(points))])
    seen = (points @ (np.linalg.inv(affine) @ image_affine).T)[:, :3]
    inside = ((seen >= -0.5) & (seen <= np.asarray(shape) - 0.5)).all(axis=1)
    if not inside.any():
        return 0.0, 0.0
    apart = (seen - np.clip(np.rint(seen), 0, np.asarray(shape) - 1))[inside]
    in_mm = apart @ affine[:3, :3].T
    in_voxels = in_mm @ np.linalg.inv(image_affine[:3, :3]).T
    return (
        round(float(np.linalg.norm(in_mm, axis=1).max()), 4),
        round(float(np.abs(in_voxels).max()), 4),
    )


def _outside(labels: np.ndarray, relation: np.ndarray, shape: Sequence[int]) -> int:
    """Count the voxels with a label whose centre lies outside of the image."""
    count = 0
    limits = np.asarray(shape) - 0.5
    for start in range(labels.shape[0]):
        found = np.argwhere(labels[start])
        if len(found):
            where = np.column_stack([np.full(len(found), start), found, np.ones(len(found))])
            seen = (where @ relation.T)[:, :3]
            count += int((~((seen >= -0.5) & (seen <= limits)).all(axis=1)).sum())
    return count


def _refused(
    shape: Sequence[int],
    affine: np.ndarray,
    image_shape: Sequence[int],
    image_affine: np.ndarray,
    path: str,
    image_path: str,
    *,
    lost: bool,
) -> SlicewiseError:
    """Say what differs between the grids of a mask and its image."""
    axes, own = ("".join(aff2axcodes(each)) for each in (image_affine, affine))
    sizes, mine = (affines.voxel_sizes(each) for each in (image_affine, affine))
    if lost and tuple(shape) != tuple(image_shape):
        what = f"it has {_times(shape)} voxels, but its image has {_times(image_shape)}"
    elif not np.allclose(np.sort(mine), np.sort(sizes), rtol=1e-3, atol=0):
        what = f"its voxels measure {_mm(mine)} instead of {_mm(sizes)}"
    elif axes != own and lost:
        what = f"its axes point to {own} instead of {axes}"
    elif tuple(shape) == tuple(image_shape) and axes == own:
        corners = _corners(np.array([(0, n - 1) for n in shape]))
        shift = corners @ (affine - image_affine).T
        far = float(np.linalg.norm(shift[:, :3], axis=1).max())
        what = f"it lies up to {far:.2f} mm away"
    else:
        off_mm, off = _off(shape, affine, image_shape, image_affine)
        what = f"its voxels lie up to {off_mm:.2f} mm ({off:.2f} voxels) off those of the image"
    way_out = "" if lost else "set dataset.masks to resample (the report lists such masks), "
    no_place = ", and a header that has lost its geometry does not say where they belong"
    return SlicewiseError(
        f"{path}: it is not on the grid of its image {image_path}: {what}"
        f"{no_place if lost else ''}; take the mask that was drawn on this image, {way_out}"
        "or exclude the case"
    )


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _mm(spacing: Sequence[float]) -> str:
    return " × ".join(f"{v:.4g}" for v in spacing) + " mm"
