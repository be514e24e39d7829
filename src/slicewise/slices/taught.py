"""What a teacher says of the slices of a case, cut as the slices are: a byte a label and pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from slicewise.config import Recipe
from slicewise.errors import SlicewiseError
from slicewise.slices.geometry import MADE_FROM
from slicewise.slices.grid import Grid
from slicewise.slices.npy import StoredSlices, damaged, remedy_of, write_slices
from slicewise.slices.oblique import cut
from slicewise.stored import Count, Form, Loose, Name, kept, unsealed, write_sealed
from slicewise.volumes.volume import Volume

FOLDER = "_taught"
"""Below the folder of all slices; no recipe can be called so."""
SURE = 255
"""What stands for a probability of 1."""
BLOCK = 8  # slices worked on at a time, as where images are cut


@dataclass(frozen=True)
class TaughtFolder:
    """The files of one case that a teacher told of.

    Attributes
    ----------
    array : Path
        Probabilities, shape (slices, labels or regions, rows, columns).
    record : Path
        What is known of them, see `Taught`.
    """

    array: Path
    record: Path

    @classmethod
    def below(cls, place: Path, case: str) -> TaughtFolder:
        """Return where they lie below the folder of a teacher's fold and a recipe."""
        return cls(place / case / "probability.npy", place / case / "taught.json")

    @property
    def is_there(self) -> bool:
        """Whether both files are there; what they hold is not looked at."""
        return self.array.exists() and self.record.exists()


def taught_place(recipe: Path, teacher: str, fold: int | str) -> Path:
    """Return the folder of what a fold of a teacher says of all cases, cut by one recipe.

    Parameters
    ----------
    recipe : Path
        The folder of the recipe's slices.
    teacher : str
        An experiment.
    fold : int or str
        Its fold.

    Examples
    --------
    >>> taught_place(Path("results/ct/slices/axial256"), "large", 0).as_posix()
    'results/ct/slices/_taught/large/fold-0/axial256'
    """
    return recipe.parent / FOLDER / teacher / f"fold-{fold}" / recipe.name


class Taught(Loose):
    """What is known of the probabilities of one case.

    Attributes
    ----------
    shape : list of int
        Slices, labels or regions, rows and columns.
    found : list of str
        Names of the labels or regions.
    teacher : str
        Digest of all that they follow from, see `TaughtBy`.
    recipe : Recipe
        How they were cut.
    sha256 : str
        Of the values.
    """

    shape: Annotated[list[Count], Field(min_length=4, max_length=4)]
    found: Annotated[list[Name], Field(min_length=1)]
    teacher: Name
    recipe: Recipe
    sha256: Name

    def write(self, path: Path, made_from: str) -> None:
        """Store it; `made_from` stands for all that the probabilities were made from."""
        write_sealed(path, {**self.model_dump(), MADE_FROM: made_from})


TAUGHT = Form(Taught)


def read_taught(folder: TaughtFolder) -> tuple[Taught, StoredSlices]:
    """Open what is stored of a case.

    Raises
    ------
    SlicewiseError
        When it is gone or damaged.
    """
    if not folder.record.exists():
        raise damaged(folder.record, "it is gone")
    taught: Taught = unsealed(folder.record, TAUGHT, remedy_of(folder.record))
    return taught, StoredSlices(folder.array, taught.shape)


def kept_taught(folder: TaughtFolder, made_from: str) -> Taught | None:
    """Return what is known of probabilities that were made from just this, if they are there."""
    taught: Taught | None = kept(folder.record, made_from, TAUGHT)
    if taught is None:
        return None
    try:
        StoredSlices(folder.array, taught.shape)
    except SlicewiseError:
        return None
    return taught


def cut_taught(volumes: Sequence[Volume], recipe: Recipe, path: Path) -> tuple[list[int], str]:
    """Cut probabilities as the slices of their image are cut, and write them.

    Parameters
    ----------
    volumes : sequence of Volume
        Of each label or region the probability, on the grid of the image.
    recipe : Recipe
        How to cut.
    path : Path
        The ``.npy`` file.

    Returns
    -------
    shape : list of int
        Slices, labels or regions, rows and columns.
    sha256 : str
        Of the values: 0 to `SURE`, rounded. A pixel that covers several voxels has their mean.
    """
    canonical = [volume.canonical() for volume in volumes]
    grid = Grid.of(canonical[0], recipe)
    stacks = [cut(each, recipe, order=1, outside=0.0) for each in canonical]
    shape = [grid.number, len(stacks), *grid.size]
    return shape, write_slices(path, _blocks(grid, stacks), tuple(shape), np.dtype(np.uint8))


def _blocks(grid: Grid, stacks: Sequence[Any]) -> Iterator[np.ndarray]:
    for start in range(0, grid.number, BLOCK):
        each = [grid.shrink(stack[start : start + BLOCK], 0.0) for stack in stacks]
        share = np.stack(each, axis=1)
        yield np.rint(share.clip(0, 1) * SURE).astype(np.uint8)
