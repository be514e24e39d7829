"""Reading slices of many cases by memory map, in an order keyed by seed and epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.files import digest, read_json


@dataclass(frozen=True)
class SliceFolder:
    """The extracted slices of one case."""

    case: str
    image: Path
    mask: Path
    geometry: Path


class SliceSet:
    """Slices of several cases, read when asked for.

    Parameters
    ----------
    folders : sequence of SliceFolder
        The cases. Their slices may differ in size: smaller ones are padded in
        the middle of the largest.

    Attributes
    ----------
    cases : list of str
        Names of the cases.
    case_of : ndarray of int, shape (n,)
        Position in `cases` of each slice.
    counts : ndarray of int, shape (n, labels)
        Pixels of each label in each slice.
    size : tuple of int
        Rows and columns of what `read` returns.
    """

    def __init__(self, folders: Sequence[SliceFolder]) -> None:
        self.cases = [folder.case for folder in folders]
        self._geometry: list[dict[str, Any]] = [read_json(f.geometry) for f in folders]
        self._images = [np.load(f.image, mmap_mode="r", allow_pickle=False) for f in folders]
        self._masks = [np.load(f.mask, mmap_mode="r", allow_pickle=False) for f in folders]
        self._pads = [_padding(g) for g in self._geometry]
        lengths = [len(image) for image in self._images]
        self.case_of = np.repeat(np.arange(len(folders)), lengths)
        self._slice_of = np.concatenate([np.arange(n) for n in lengths] or [np.arange(0)])
        self.counts = np.concatenate(
            [
                np.asarray(g["counts"], np.int64).reshape(len(g["counts"]), -1)
                for g in self._geometry
            ]
            or [np.zeros((0, 1), np.int64)]
        )
        self.size: tuple[int, int] = (
            max((image.shape[1] for image in self._images), default=0),
            max((image.shape[2] for image in self._images), default=0),
        )

    @classmethod
    def from_files(cls, cases: Sequence[str], files: Sequence[str]) -> SliceSet:
        """Make a set from image.npy, mask.npy and geometry.json of each case, in that order."""
        paths = [Path(file) for file in files]
        return cls(
            [
                SliceFolder(case, *paths[3 * position : 3 * position + 3])
                for position, case in enumerate(cases)
            ]
        )

    def __len__(self) -> int:
        return len(self.case_of)

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents of all slices."""
        return digest(
            [
                [case, g["image_sha256"], g["mask_sha256"]]
                for case, g in zip(self.cases, self._geometry, strict=True)
            ]
        )

    def read(self, indices: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read slices by their numbers.

        Returns
        -------
        images : ndarray of float32, shape (n, rows, columns, 1)
            As extracted: Hounsfield units, or z-scores.
        masks : ndarray of uint8, shape (n, rows, columns)
            Label indices.
        """
        images = np.empty((len(indices), *self.size, 1), np.float32)
        masks = np.zeros((len(indices), *self.size), np.uint8)
        for position, index in enumerate(indices):
            case, number = self.case_of[index], self._slice_of[index]
            image = self._images[case][number]
            rows, columns = (
                slice((full - n) // 2, (full - n) // 2 + n)
                for full, n in zip(self.size, image.shape, strict=True)
            )
            if image.shape != self.size:
                images[position] = self._pads[case]
            images[position, rows, columns, 0] = image
            masks[position, rows, columns] = self._masks[case][number]
        return images, masks

    def unpadded(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return image and mask of one slice without its padding, shape (rows, columns)."""
        case, number = self.case_of[index], self._slice_of[index]
        rows, columns = (slice(*ends) for ends in self._geometry[case]["inside"])
        return (
            self._images[case][number, rows, columns],
            self._masks[case][number, rows, columns],
        )


def digests(sets: Mapping[str, SliceSet]) -> dict[str, str]:
    """Return the digest of each named set that is not empty."""
    return {name: slices.digest for name, slices in sets.items() if len(slices)}


def _padding(geometry: dict[str, Any]) -> float:
    return (geometry["pad"] - geometry["shift"]) / geometry["scale"]


def epoch_batches(
    slices: SliceSet,
    *,
    batch: int,
    steps: int | None,
    only_foreground: bool,
    foreground: float,
    seed: int,
    epoch: int,
) -> list[np.ndarray]:
    """Choose the slices of each batch of an epoch.

    Parameters
    ----------
    slices : SliceSet
        What there is.
    batch : int
        Slices in a batch; every batch is full, the last one is filled up.
    steps : int or None
        Batches; None takes every slice once.
    only_foreground : bool
        Take only slices that show a label.
    foreground : float
        At least this share of each batch shows a label.
    seed, epoch : int
        The order depends on these and nothing else.

    Returns
    -------
    list of ndarray of int
        Slice numbers, one array a batch.

    Raises
    ------
    SlicewiseError
        When no training slice shows any label.
    """
    random = np.random.default_rng([seed, epoch, 0])
    shows = slices.counts.sum(axis=1) > 0
    if not shows.any():
        raise SlicewiseError(
            f"cases {', '.join(slices.cases[:8])}: no training slice shows any label; check "
            "dataset.labels and the slice recipe"
        )
    pool = np.flatnonzero(shows) if only_foreground else np.arange(len(slices))
    number = steps if steps is not None else -(-len(pool) // batch)
    order = np.concatenate(
        [random.permutation(pool) for _ in range(-(-number * batch // len(pool)))]
    )
    least = int(np.ceil(foreground * batch))
    chosen = []
    for step in range(number):
        indices = order[step * batch : (step + 1) * batch].copy()
        empty = np.flatnonzero(~shows[indices])
        missing = least - (batch - len(empty))
        if missing > 0:
            indices[empty[:missing]] = random.choice(np.flatnonzero(shows), missing)
        chosen.append(indices)
    return chosen
