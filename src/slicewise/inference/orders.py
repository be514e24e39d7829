"""What a table of volumes orders: which image, where its voxels lie, and where its mask goes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slicewise.errors import SlicewiseError
from slicewise.volumes.formats import is_nifti
from slicewise.volumes.nifti import has_lost_geometry
from slicewise.volumes.volume import Volume

COLUMNS = ("image", "mask", "spacing", "affine")
"""Of a table of volumes; all but the first may be left out."""


@dataclass(frozen=True)
class Order:
    """A volume to segment.

    Attributes
    ----------
    name : str
        How messages name it.
    image : Path or Volume
        NIfTI file, or what was handed over as an array.
    mask : Path or None
        NIfTI file to write; None: the mask is returned.
    spacing : sequence of float, or None
        Voxel size in mm of a file that has lost it.
    channels : mapping of str to Path, or None
        A file of each channel; `image` is then the first of them.
    """

    name: str
    image: Path | Volume
    mask: Path | None
    spacing: Sequence[float] | None = None
    channels: Mapping[str, Path] | None = None


def order_of(record: Any, number: int) -> Order:
    """Check a row as far as that goes without opening its image."""
    if not isinstance(record, Mapping):
        raise SlicewiseError(
            f"row {number}: this is no mapping of columns to values; give a DataFrame, or a list "
            f"of dicts with the keys {', '.join(COLUMNS)}"
        )
    if unknown := sorted(map(str, record.keys() - set(COLUMNS))):
        raise SlicewiseError(
            f"row {number}: there is no column {unknown[0]!r}; the columns are {', '.join(COLUMNS)}"
        )
    image, mask, spacing, affine = (_given(record, column) for column in COLUMNS)
    if isinstance(image, Mapping) and image:
        for channel, path in image.items():
            if not isinstance(path, str | os.PathLike):
                raise SlicewiseError(
                    f"row {number}: channel {channel} is no path; give the file of each channel "
                    "and leave out those that are missing, or give one array (i, j, k, channels)"
                )
        paths = {str(name): Path(path) for name, path in image.items()}
        for path in paths.values():
            _check_there(path)
        if affine is not None or spacing is not None:
            raise SlicewiseError(
                f"row {number}: files know where their voxels lie; leave out affine and spacing"
            )
        first = next(iter(paths.values()))
        return Order(str(first), first, None if mask is None else Path(mask), channels=paths)
    if not isinstance(image, str | os.PathLike):
        name = f"image of row {number}"
        if mask is not None:
            raise SlicewiseError(
                f"{name}: it is an array, so its mask comes back as one; leave out the column mask"
            )
        return Order(name, Volume(_array(image, name), _affine(affine, spacing, name)), None)
    path = Path(image)
    _check_there(path)
    if affine is not None or (spacing is not None and not has_lost_geometry(path)):
        raise SlicewiseError(
            f"{path}: a file knows where its voxels lie; leave out affine and spacing"
        )
    sizes = None if spacing is None else _sizes(spacing, str(path))
    return Order(str(path), path, None if mask is None else Path(mask), sizes)


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise SlicewiseError(
            f"{path}: there is no such file where the model runs; give a path of that machine"
        )


def _given(record: Mapping[str, Any], column: str) -> Any:
    """Return a value, or None where a table has a gap."""
    value = record.get(column)
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _array(values: Any, name: str) -> np.ndarray:
    """Return voxels in the types that they have when they are read from files."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" or array.ndim not in (3, 4):
        raise SlicewiseError(
            f"{name}: it is neither a path nor a 3-D array of numbers; give one of them"
        )
    return array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array


def _affine(affine: Any, spacing: Any, name: str) -> np.ndarray:
    """Return the affine of an array, from itself or from the size of its voxels."""
    if affine is None and spacing is None:
        raise SlicewiseError(
            f"{name}: nothing says how large its voxels are; add affine (4 × 4) or spacing "
            "(three numbers, mm)"
        )
    if affine is None:
        return np.diag([*_sizes(spacing, name), 1.0])
    matrix = _numbers(affine, (4, 4))
    usable = matrix is not None and np.linalg.matrix_rank(matrix[:3, :3]) == 3
    if matrix is None or not usable or matrix[3].tolist() != [0, 0, 0, 1]:
        raise SlicewiseError(
            f"{name}: its affine is no regular 4 × 4 matrix with 0 0 0 1 as its last row; give "
            "the one from voxel indices to mm in RAS+, as NIfTI has it"
        )
    return matrix


def _sizes(spacing: Any, name: str) -> list[float]:
    sizes = _numbers(spacing, (3,))
    if sizes is None or sizes.min() <= 0:
        raise SlicewiseError(
            f"{name}: its spacing is not three positive numbers; give the voxel size along "
            "each axis in mm"
        )
    return [float(size) for size in sizes]


def _numbers(values: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        return None
    return array if array.shape == shape and np.isfinite(array).all() else None


def check_masks(orders: Sequence[Order], overwrite: bool) -> None:
    """Refuse masks to write that would cost a file, or that are no NIfTI."""
    images = {order.image.resolve() for order in orders if isinstance(order.image, Path)}
    images |= {path.resolve() for order in orders for path in (order.channels or {}).values()}
    taken: set[Path] = set()
    for path in (order.mask for order in orders if order.mask is not None):
        place = path.resolve()
        if not is_nifti(path):
            raise SlicewiseError(f"{path}: a mask is written as NIfTI; end it in .nii or .nii.gz")
        if place in images:
            raise SlicewiseError(f"{path}: the mask would overwrite an image; give another path")
        if place in taken:
            raise SlicewiseError(f"{path}: two masks have this path; give each its own")
        if path.exists() and not overwrite:
            raise SlicewiseError(
                f"{path}: there is such a file already; give another path, or set the parameter "
                "overwrite to true"
            )
        taken.add(place)
