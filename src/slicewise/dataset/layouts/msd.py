"""The layout `msd`, of the Medical Segmentation Decathlon: what `dataset.json` lists."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from slicewise.config import Dataset, Msd
from slicewise.dataset.case import Subset
from slicewise.dataset.layouts.channels import check_described_channels, with_channels_in_one
from slicewise.dataset.layouts.found import FoundCase, listed, stem_of
from slicewise.dataset.looks import looks_like
from slicewise.errors import SlicewiseError
from slicewise.volumes.described import check_described, read_description
from slicewise.volumes.formats import is_litter

_log = logging.getLogger(__name__)

Pairs = list[tuple[Path, Path]]
"""Image and mask of each case of a list."""


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the cases of the lists of `dataset.json` that are to be used."""
    path = root / "dataset.json"
    if not path.is_file():
        raise SlicewiseError(
            f"{path}: missing; the layout msd needs it beside imagesTr; {looks_like(root)}"
        )
    description = read_description(path)
    lists = dataset.msd or Msd()
    subset: Subset = "train" if lists.test else None
    used: list[tuple[str, Subset]] = [(name, subset) for name in lists.train_lists]
    used += [(name, "validation") for name in lists.validation]
    used += [(name, "test") for name in lists.test]
    cases = []
    for name, placed in used:
        for image, mask in sorted(_listed_pairs(description, name, path)):
            there = (root / mask).is_file()
            cases.append(
                FoundCase(
                    stem_of(image.name),
                    (root / image,),
                    (root / mask,) if there else (),
                    placed,
                    lacks="" if there else _missing(path, [root / mask]),
                )
            )
    if dataset.channels is not None:
        check_described_channels(dataset.channels, path, description)
        cases = [with_channels_in_one(case, dataset.channels) for case in cases]
    check_described(dataset.labels, path, description)
    if dataset.msd is None:
        _say_left_aside(description, [name for name, _ in used], path)
    return cases


def _listed_pairs(description: Any, name: str, path: Path) -> Pairs:
    """Return what a list names, all of which has to be there."""
    if isinstance(description, dict) and name not in description and name != "training":
        there = [key for key, value in description.items() if isinstance(value, list)]
        raise SlicewiseError(
            f"{path}: it has no list {name}, which dataset.msd names; its lists are "
            f"{listed(there)}; correct dataset.msd"
        )
    try:
        pairs = [files_of(item, path.parent) for item in description[name]]
    except (KeyError, TypeError) as error:
        raise SlicewiseError(
            f"{path}: not a Medical Segmentation Decathlon description ({error!r}); each entry of "
            f"{name} needs an image and a label"
        ) from error
    # lists are written by machines, too, in folders that a file manager has seen
    pairs = [pair for pair in pairs if not any(is_litter(file) for file in pair)]
    if not pairs and name != "training":
        raise SlicewiseError(
            f"{path}: its list {name}, which dataset.msd names, is empty; correct dataset.msd"
        )
    missing = [[p for p in pair if not (path.parent / p).is_file()] for pair in pairs]
    if any(pair[0] in gone for pair, gone in zip(pairs, missing, strict=True)):
        raise SlicewiseError(_missing(path, [p for gone in missing for p in gone]))
    return pairs


def _missing(path: Path, files: list[Path]) -> str:
    return (
        f"{path}: lists files that are not there: {listed([*map(str, files)])}; "
        "add them or take them off the list"
    )


def _say_left_aside(description: Any, used: list[str], path: Path) -> None:
    """Say which lists have masks, too, and are not used."""
    labelled = {
        name: len(entries)
        for name, entries in description.items()
        if name not in used and isinstance(entries, list) and have_masks(entries, path.parent)
    }
    if labelled:
        shown = ", ".join(f"{name} ({number} cases)" for name, number in labelled.items())
        _log.warning(
            "%s: it also lists cases with masks, which are left aside: %s; use them by dataset.msd"
            " (such as {train: training, test: [%s]}), or write {train: training} to leave it so",
            *(path, shown, min(labelled)),
        )


def have_masks(entries: list[Any], root: Path) -> bool:
    """Tell whether a list of a dataset.json has cases, and all of them masks."""
    try:
        return bool([files_of(entry, root) for entry in entries])
    except (KeyError, TypeError):
        return False


def files_of(entry: Any, root: Path) -> tuple[Path, Path]:
    """Return the image and the mask that an entry of a list names, below a folder.

    One that names its image alone, as lists to test on do, has the mask of that name in
    ``labelsTs`` beside ``imagesTs``.

    Raises
    ------
    KeyError, TypeError
        When it has no mask.
    """
    if isinstance(entry, dict) and entry.get("label"):
        return Path(entry["image"]), Path(entry["label"])
    image = Path(entry["image"] if isinstance(entry, dict) else entry)
    folder = image.parent.name
    mask = image.parent.parent / folder.replace("images", "labels", 1) / image.name
    if not folder.startswith("images") or not (root / mask).is_file():
        raise KeyError("label")
    return image, mask
