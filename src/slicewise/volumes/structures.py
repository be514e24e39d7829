"""Masks that lie in a file a label, put together into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from slicewise.config import Masks
from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import count_stored, count_values
from slicewise.volumes.companions import is_header
from slicewise.volumes.dicom.imaged import Imaged
from slicewise.volumes.placing import VoxelGrid, on_image, say_stored
from slicewise.volumes.read import read_mask
from slicewise.volumes.volume import Volume

SAME = 1e-3
"""Millimetres by which headers of the same grid may differ at most."""


def grouped(
    paths: Sequence[Path], structures: Sequence[tuple[str, int]]
) -> list[tuple[str, Sequence[Path]]]:
    """Tell which of the files of a case make up which mask.

    Parameters
    ----------
    paths : sequence of Path
        All mask files of a case.
    structures : sequence of (str, int)
        The label of one mask after another, and how many files it has.

    Returns
    -------
    list of (str, sequence of Path)

    Examples
    --------
    >>> grouped(["l.mhd", "l.raw", "k.nii.gz"], [("liver", 2), ("kidney", 1)])
    [('liver', ['l.mhd', 'l.raw']), ('kidney', ['k.nii.gz'])]
    """
    groups = []
    at = 0
    for label, count in structures:
        groups.append((label, paths[at : at + count]))
        at += count
    return groups


def read_structures(
    groups: Sequence[tuple[str, Sequence[Path]]],
    labels: Mapping[str, int],
    image: VoxelGrid,
    *,
    masks: Masks = "exact",
    overlaps: str = "refuse",
    imaged: Imaged | None = None,
) -> tuple[Volume, int]:
    """Read the mask files of all labels of a case, and put them into one.

    Parameters
    ----------
    groups : sequence of (str, sequence of Path)
        The label of each mask, and its files. Masks of one label are united.
    labels : mapping of str to int
        The value that voxels of each label get. Of two labels that have a
        voxel, it belongs to the one that is named later here.
    image : VoxelGrid
        Where the voxels of the image lie. Masks stay on their own grid where
        all have the same, else they are brought onto the image's (see `on_image`).
    masks : {"exact", "resample"}
        ``dataset.masks``.
    overlaps : {"refuse", "later"}
        ``dataset.pairs.overlaps``.
    imaged : Imaged, optional
        The image as DICOM knows it, which segmentations of DICOM need.

    Returns
    -------
    mask : Volume
        uint8 or uint16.
    overlap : int
        Voxels that several labels have.

    Raises
    ------
    SlicewiseError
        When a file cannot be read, holds several values beside 0, lies on
        voxels that are none of the image's, or when labels overlap and may not.
    """
    rank = {label: position for position, label in enumerate(labels)}
    ordered = sorted(groups, key=lambda group: rank[group[0]])
    merging = _Merging(labels, overlaps, masks, imaged)
    # nearly always they lie alike, so a file is read twice only where one does not
    if not merging.all_of(ordered, None):
        merging.all_of(ordered, image)
    grid = merging.grid
    return Volume(merging.merged, grid.affine, grid.lost, grid.placed), merging.overlap


class _Merging:
    """Masks of labels that are put into one, one after the other."""

    def __init__(
        self, labels: Mapping[str, int], overlaps: str, masks: Masks, imaged: Imaged | None
    ) -> None:
        self.labels = labels
        self.overlaps = overlaps
        self.masks = masks
        self.imaged = imaged
        self.grid: VoxelGrid
        self.merged: np.ndarray
        self.overlap = 0

    def all_of(self, groups: Sequence[tuple[str, Sequence[Path]]], image: VoxelGrid | None) -> bool:
        """Put all masks onto the grid of the first, or of the image; False where they differ."""
        self.overlap = 0
        if image is not None:
            self._begin(image)
        for position, (label, paths) in enumerate(groups):
            shown = str(paths[0] if len(paths) == 1 or is_header(paths[0]) else paths[0].parent)
            volume = read_mask(paths, image=self.imaged)
            own = VoxelGrid.of(volume, shown)
            if image is None and position == 0:
                self._begin(own)
            if image is None and not _alike(own, self.grid):
                return False
            self._add(label, volume, shown)
        return True

    def _begin(self, grid: VoxelGrid) -> None:
        self.grid = grid
        self.merged = np.zeros(grid.shape, np.min_scalar_type(max(self.labels.values())))

    def _add(self, label: str, volume: Volume, shown: str) -> None:
        inside = _inside(volume, shown, label, self.grid, self.masks)
        value = self.labels[label]
        before = self.merged[inside]
        others = before[(before != 0) & (before != value)]
        if others.size and self.overlaps == "refuse":
            other = next(name for name, number in self.labels.items() if number == others[0])
            raise SlicewiseError(
                f"{shown}: {others.size} voxels of {label} belong to an earlier label as well, "
                f"such as {other}; correct the masks, or set dataset.pairs.overlaps to later, "
                "which gives a voxel to the label that dataset.labels names last"
            )
        self.overlap += others.size
        self.merged[inside] = value


def _alike(one: VoxelGrid, other: VoxelGrid) -> bool:
    """Tell whether voxels lie on each other."""
    return (
        one.shape == other.shape
        and (one.lost, one.placed) == (other.lost, other.placed)
        and np.allclose(one.affine, other.affine, rtol=0, atol=SAME)
    )


def _inside(volume: Volume, shown: str, label: str, grid: VoxelGrid, masks: Masks) -> np.ndarray:
    """Return where a mask is, on a grid: booleans."""
    several = np.count_nonzero(count_stored(volume.array, shown)[1:])
    if several > 1:
        raise SlicewiseError(
            f"{shown}: it holds {several} values beside 0, so it is no mask of {label} alone; "
            "give this file in dataset.pairs.mask and the value of each label in dataset.labels, "
            "or correct dataset.pairs.masks"
        )
    inside = volume.array != 0
    if _alike(VoxelGrid.of(volume, shown), grid):
        return inside
    own = inside.view(np.uint8)
    placed, stored = on_image(own, VoxelGrid.of(volume, shown), grid, masks)
    if stored is not None:
        say_stored(stored, shown, count_values(own), count_values(placed), [label])
    return placed != 0
