"""A case as its files and names tell of it; no image is opened."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from slicewise.volumes.formats import is_nifti

Subset = Literal["train", "validation", "test"] | None
"""Where a layout puts a case; None leaves it to the split."""


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """How the files of a case lie, where images and masks are not simply a file each.

    Attributes
    ----------
    structures : tuple of (str, int)
        Where each label has mask files of its own: the label of one file after
        another in `mask`, and how many files make up that one.
    named : tuple of (str, str)
        What image and mask are called (``image``, path), where the names of
        their files are not enough.
    hidden : bool
        Whether paths tell who the patient is, so that only `named` may be shown.
    frame : int or None
        Which frame of a 4-D image it is, from 0; None of one that is 3-D.
    channels : tuple of (str, int)
        Of an image of several channels, in their order: the name of each, and
        how many of the files in `image` make it up, 0 where it is missing.
    in_one : bool
        Whether these channels are the frames of one 4-D file instead.
    lacks : str
        What is wrong where its mask is missing, in a sentence: such a case is
        refused when it is ingested, like any other that is bad.
    corrected : bool
        Whether its mask is a correction of what a model made, which is trained on only.
    """

    structures: tuple[tuple[str, int], ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    hidden: bool = False
    frame: int | None = None
    channels: tuple[tuple[str, int], ...] = ()
    in_one: bool = False
    lacks: str = ""
    corrected: bool = False


@dataclass(frozen=True)
class Case(Arranged):
    """One volume with its mask.

    Attributes
    ----------
    name : str
        Safe as a file name.
    patient : str
        Whose volume it is; splits never separate the volumes of a patient.
    image, mask : tuple of Path
        Source files: one file and those that belong to it, the files of a DICOM
        series, or nothing for a phantom, which has no source.
    subset : {"train", "validation", "test"} or None
        Where the layout puts the case; None leaves it to the split.
    columns : tuple of (str, str)
        What a table says of it beyond that, column by column.
    guessed : bool
        Whether it is taken for a patient of its own because nothing says whose it is.
    """

    name: str
    patient: str
    image: tuple[Path, ...]
    mask: tuple[Path, ...]
    subset: Subset = None
    columns: tuple[tuple[str, str], ...] = ()
    guessed: bool = False

    @cached_property
    def needs_conversion(self) -> bool:
        """Whether the sources are anything but a pair of NIfTI files; asked many times a run."""
        if self.lacks:
            return False
        if self.structures or self.channels or self.frame is not None:
            return True
        return bool(self.image) and not all(
            len(files) == 1 and is_nifti(files[0]) for files in (self.image, self.mask)
        )
