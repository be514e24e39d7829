"""What a layout finds, and what layouts share in finding it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from slicewise.config import Dataset
from slicewise.dataset.case import Arranged, Subset
from slicewise.errors import SlicewiseError
from slicewise.volumes.formats import is_litter
from slicewise.wording import some

SHOWN = 8
SUBSETS: dict[str, Subset] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Subsets by what tables call them, in small letters."""


@dataclass(frozen=True)
class FoundCase(Arranged):
    """A case as a layout finds it.

    Attributes
    ----------
    name : str
        As the layout gives it; it may be unsafe, or there twice.
    image, mask : tuple of Path
        Source files; of one that consists of several files, the one that is named.
    subset : {"train", "validation", "test"} or None
        Where the layout puts the case.
    patient : str or None
        Where the layout tells it.
    columns : tuple of (str, str)
        What a table says of it beyond that, column by column.
    row : int or None
        Its row in a table.
    without_frame : str
        Of one of several frames, what all are called, by which their patient is called unless
        something else says whose they are.
    """

    name: str
    image: tuple[Path, ...]
    mask: tuple[Path, ...]
    subset: Subset = None
    patient: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    row: int | None = None
    without_frame: str = ""


class Layout(Protocol):
    """What finds the cases of a data set by how its files are called and where they lie."""

    def __call__(self, dataset: Dataset, root: Path) -> list[FoundCase]:
        """Return the cases in any order.

        Parameters
        ----------
        dataset : Dataset
            Its settings.
        root : Path
            Where it lies.

        Raises
        ------
        SlicewiseError
            When files lack what belongs to them.
        """


def listed(items: list[str], between: str = ", ") -> str:
    """Name the first of some things, and how many more there are."""
    return some(items, SHOWN, between)


def candidates_alone(files: Mapping[str, list[Path]]) -> None:
    """Refuse several files where a case has room for one.

    Parameters
    ----------
    files : mapping of str to list of Path
        Files by the name of the case that they give.
    """
    for name, candidates in sorted(files.items()):
        if len(candidates) > 1:
            raise SlicewiseError(
                f"case {name}: two candidates, {listed(sorted(map(str, candidates)))}; keep one"
            )


def paired(
    images: Mapping[str, list[Path]],
    masks: Mapping[str, list[Path]],
    subset: Subset,
    exclude: Collection[str] = (),
) -> list[FoundCase]:
    """Pair images and masks by the names of their cases.

    A few images without a mask are cases that lack it. Where there are masks
    without an image, too, or no pair at all, names are what is wrong.

    Parameters
    ----------
    images, masks : mapping of str to list of Path
        Files by the name of the case that they give.
    subset : {"train", "validation", "test"} or None
        Where the cases go.
    exclude : collection of str
        Cases that may lack a mask, as they are left out.

    Raises
    ------
    SlicewiseError
        When a case has two of either, when a mask has no image, or no image a mask.
    """
    candidates_alone(images)
    candidates_alone(masks)
    bare = {
        name: f"{images[name][0]}: image without mask; add the mask, or move the file away"
        for name in sorted(images.keys() - masks.keys() - set(exclude))
    }
    lone = sorted(str(masks[name][0]) for name in masks.keys() - images.keys() - set(exclude))
    if bare and (lone or not images.keys() & masks.keys()):
        shown = listed([str(images[name][0]) for name in bare])
        raise SlicewiseError(f"{shown}: image without mask; add the mask, or move the file away")
    if lone:
        raise SlicewiseError(
            f"{listed(lone)}: mask without image; add the image, or move the file away"
        )
    return [
        FoundCase(
            name,
            tuple(images[name]),
            tuple(masks.get(name, ())),
            subset,
            lacks=bare.get(name, ""),
        )
        for name in sorted(images)
    ]


def named_below(place: Path, paths: Mapping[str, Path]) -> tuple[tuple[str, str], ...]:
    """Return what files are called below a folder.

    Nothing where they lie in it directly, or one of them somewhere else.

    Examples
    --------
    >>> named_below(Path("data"), {"image": Path("data/p1/ct.nii.gz")})
    (('image', 'p1/ct.nii.gz'),)
    >>> named_below(Path("data"), {"image": Path("data/p1.nii.gz")})
    ()
    """
    if all(path.parent == place for path in paths.values()):
        return ()
    if not all(path.is_relative_to(place) for path in paths.values()):
        return ()
    return tuple((kind, path.relative_to(place).as_posix()) for kind, path in paths.items())


def of_frame(
    named: tuple[tuple[str, str], ...], paths: Mapping[str, Path], frame: int | None
) -> tuple[tuple[str, str], ...]:
    """Add to what an image is called which of its frames is meant.

    Examples
    --------
    >>> of_frame((), {"image": Path("data/p1.nii.gz"), "mask": Path("data/m1.nii.gz")}, 7)
    (('image', 'p1.nii.gz (frame 7)'), ('mask', 'm1.nii.gz'))
    """
    if frame is None:
        return named
    called = {kind: path.name for kind, path in paths.items()} | dict(named)
    called["image"] += f" (frame {frame})"
    return tuple(called.items())


def is_left_aside(path: Path) -> bool:
    """Tell litter, and folders that hold nothing else, from images."""
    return is_litter(path.name) or (path.is_dir() and not files_below(path))


def files_below(folder: Path) -> tuple[Path, ...]:
    """Return all files below a folder that are no litter, sorted."""
    return tuple(
        sorted(
            path
            for path in folder.rglob("*")
            if path.is_file() and not is_litter(path.relative_to(folder))
        )
    )


def files_of_series(path: Path) -> tuple[Path, ...]:
    """Return the files of an image: all of a folder, or the one that it is.

    Raises
    ------
    SlicewiseError
        When the folder is empty.
    """
    if path.is_dir():
        files = files_below(path)
        if not files:
            raise SlicewiseError(f"{path}: the folder is empty; put the DICOM series into it")
        return files
    return (path,)


def stem_of(name: str) -> str:
    """Return the name of a file without the endings of its format.

    >>> stem_of("liver_1.nii.gz"), stem_of("p1.seg.nrrd")
    ('liver_1', 'p1')
    """
    unpacked = name[:-3] if name.lower().endswith(".gz") else name
    if unpacked.lower().endswith(".seg.nrrd"):  # as 3D Slicer calls segmentations
        return unpacked[: -len(".seg.nrrd")]
    return unpacked.rsplit(".", 1)[0]


def labels_are_names(dataset: Dataset) -> bool:
    """Tell whether labels are names of segments, and not mask values."""
    return any(isinstance(value, str) for value in dataset.labels.values())
