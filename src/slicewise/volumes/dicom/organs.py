"""Organ masks that are stored as DICOM, a folder for each organ, as 3D-IRCADb-01 has them."""

from __future__ import annotations

import difflib
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.headers import Slice
from slicewise.volumes.dicom.pixels import stored_frames
from slicewise.volumes.dicom.series import image_grid
from slicewise.volumes.dicom.slices import slices_of
from slicewise.volumes.dicom.source import SourceFiles, opened
from slicewise.volumes.dicom.stack import Grid, position_of, same_direction
from slicewise.volumes.volume import Volume

logger = logging.getLogger(__name__)


def read_organ_masks(
    source: Path,
    organs: Mapping[str, str | Sequence[str]],
    series: Path | Sequence[Path],
) -> tuple[Volume, int]:
    """Read organ masks stored as DICOM, one folder an organ (3D-IRCADb-01).

    Parameters
    ----------
    source : pathlib.Path
        ``MASKS_DICOM`` or ``MASKS_DICOM.zip``.
    organs : mapping from label name to folder name
        The first gets label 1, the next 2, and so on. Several folders for one
        label are united.
    series : pathlib.Path or sequence of pathlib.Path
        The image series that the masks belong to; only its headers are read.

    Returns
    -------
    mask : Volume
        uint8, on the same grid as ``read_series(series)``.
    overlap : int
        Number of voxels that more than one label claims; the later label has them.

    Raises
    ------
    SlicewiseError
        When an organ has no folder or its slices do not match the image's.
    """
    with opened(series) as image_files:
        grid = image_grid(image_files)
    first = grid.slices[0]
    stack = np.zeros((len(grid.slices), first.rows, first.columns), np.uint8)
    overlap = 0
    with opened(source) as files:
        folders = _folders(files)
        for value, (label, wanted) in enumerate(organs.items(), start=1):
            for folder in [wanted] if isinstance(wanted, str) else wanted:
                if folder not in folders:
                    raise SlicewiseError(_no_folder(files, label, folder, folders))
                organ = files.only(folders[folder], f"folder {folder}")
                places = _pair(organ, slices_of(organ), grid)
                for place, inside in _foreground(organ, places):
                    target = stack[place]
                    overlap += int(np.count_nonzero(inside & (target != 0) & (target != value)))
                    target[inside] = value
    return Volume(stack.transpose(2, 1, 0), grid.affine), overlap


def _folders(files: SourceFiles) -> dict[str, list[str]]:
    """Group files by the name of the folder that they lie in."""
    folders: dict[str, list[str]] = defaultdict(list)
    for name in files.names:
        folders[PurePosixPath(name).parent.name].append(name)
    folders.pop("", None)
    return dict(folders)


def _no_folder(files: SourceFiles, label: str, folder: str, folders: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(folder, folders, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    there = ", ".join(sorted(folders)) or "no folder at all"
    return (
        f"{files.shown}: it has no folder {folder} for the label {label}{hint}; there is {there}, "
        "so correct dataset.labels or exclude the case"
    )


def _pair(files: SourceFiles, masks: Sequence[Slice], grid: Grid) -> list[tuple[Slice, int]]:
    """Say which slice of the image each mask slice belongs to.

    By position where the masks have distinct ones, else by the number at the
    end of the file names, which then has to be the same set as the image's.
    """
    first = grid.slices[0]
    if len(masks) != len(grid.slices):
        raise SlicewiseError(
            f"{files.shown}: it has {len(masks)} slices, but the image has {len(grid.slices)}; "
            "complete it or exclude the case"
        )
    if any((m.rows, m.columns) != (first.rows, first.columns) for m in masks):
        raise SlicewiseError(
            f"{files.shown}: its slices have another size than the image's ({first.columns} by "
            f"{first.rows}); take the masks made for this image or exclude the case"
        )
    known = [m.position for m in masks if m.position is not None]
    distinct = len({tuple(p.round(3)) for p in known}) == len(masks)
    places = _by_position(masks, grid) if distinct else _by_number(masks, grid)
    if places is None:
        how = "positions" if distinct else "numbers in the file names (they have no own positions)"
        raise SlicewiseError(
            f"{files.shown}: the {how} of its slices do not match the image's; take the masks made "
            "for this image or exclude the case"
        )
    if not distinct and len(masks) > 1:
        logger.warning(
            "%s: the slices have no own positions and were paired with the image's by the "
            "numbers in the file names",
            files.shown,
        )
    return places


def _by_position(masks: Sequence[Slice], grid: Grid) -> list[tuple[Slice, int]] | None:
    """Pair mask slices by position; None when one lies off the image's grid."""
    first = grid.slices[0]
    if not all(same_direction(m.orientation, first.orientation) for m in masks):
        return None
    if not all(np.allclose(m.spacing, first.spacing, rtol=1e-3, atol=0) for m in masks):
        return None
    steps = np.stack([position_of(m) - grid.origin for m in masks]) @ grid.axes / grid.spacing
    indices = np.rint(steps[:, 2]).astype(int)
    steps[:, 2] -= indices
    on_grid = np.abs(steps).max() <= 0.1
    complete = np.array_equal(np.sort(indices), np.arange(len(masks)))
    if not (on_grid and complete):
        return None
    return [(m, int(index)) for m, index in zip(masks, indices, strict=True)]


def _by_number(masks: Sequence[Slice], grid: Grid) -> list[tuple[Slice, int]] | None:
    """Pair mask slices by the last number of their names; None when the sets differ."""
    places = {_number(s.name): index for index, s in enumerate(grid.slices)}
    numbers = [_number(m.name) for m in masks]
    if None in places or len(places) != len(masks) or set(numbers) != set(places):
        return None
    return [(m, places[number]) for m, number in zip(masks, numbers, strict=True)]


def _number(name: str) -> int | None:
    """Return the last number in the name of a file."""
    match = re.search(r"(\d+)\D*$", PurePosixPath(name).name)
    return int(match[1]) if match else None


def _foreground(
    files: SourceFiles, places: Sequence[tuple[Slice, int]]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the place of each mask slice, and booleans of shape (rows, columns)."""
    seen: set[int] = set()
    for index, stored in stored_frames(files, [mask for mask, _ in places]):
        inside = stored != 0
        seen.update(np.unique(stored[inside]).tolist())
        if len(seen) > 1:
            raise SlicewiseError(
                f"{files.shown}: it is no mask, because it holds several values besides 0 "
                f"({min(seen)} to {max(seen)}); name a folder of masks in dataset.labels"
            )
        yield places[index][1], inside
