"""Arrangements that have a name: those that layouts beside `pairs` expect."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from slicewise.dataset.layouts.msd import files_of, have_masks
from slicewise.dataset.tables import encoding_of
from slicewise.errors import SlicewiseError
from slicewise.survey.listing import Listing
from slicewise.survey.words import subset_of
from slicewise.volumes.described import read_description

TABLES = (".tsv", ".csv")
NEEDED = {"case", "image", "mask"}


@dataclass(frozen=True)
class Known:
    """A layout that fits.

    Attributes
    ----------
    layout : str
    root : str
        Below the folder that was looked at; "" is that folder.
    why : str
    lists : mapping of str to tuple of str
        Of `msd`, lists with masks beside `training`, by the subset that they are:
        ``validation`` where there is a ``test``, too, else all are ``test``.
    unlisted : bool
        Of `msd`, whether there are masks to test on that no list names.
    first : str
        Of `msd`, the first image that is listed.
    files : tuple of (str, tuple of int)
        Of `nnunet`, the channels that there are of each case.
    masked : frozenset of str
        Of `nnunet`, the cases with a mask.
    """

    layout: str
    root: str
    why: str
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unlisted: bool = False
    first: str = ""
    files: tuple[tuple[str, tuple[int, ...]], ...] = ()
    masked: frozenset[str] = frozenset()


def known_layouts(listing: Listing) -> list[Known]:
    """Return the layouts that a folder has the names of, the most explicit first."""
    finders = (_table, _msd, _nnunet, _ircad)
    return [known for finder in finders for known in finder(listing)]


def _table(listing: Listing) -> list[Known]:
    tables = []
    for path in listing.ending(TABLES):
        try:
            place = listing.root / path
            with place.open("rb") as stream:
                encoding = encoding_of(stream.read(4))
            with place.open(encoding=encoding) as stream:
                first = stream.readline(4096)
        except (OSError, ValueError):
            continue
        columns = {cell.strip().strip('"').lower() for cell in re.split("[\t,;]", first)}
        if columns >= NEEDED:
            tables.append(Known("table", path, "a table with the columns case, image and mask"))
    return tables


def _msd(listing: Listing) -> list[Known]:
    tasks = []
    for path in listing.named("dataset.json"):
        try:
            description = read_description(listing.root / path)
            folder = _above(path)
            items = [files_of(item, listing.root / folder) for item in description["training"]]
        except (SlicewiseError, KeyError, TypeError):
            continue
        there = [listing.root / folder / name for pair in items for name in pair]
        if items and all(file.is_file() for file in there):
            why = f"dataset.json lists {len(items)} images with their labels"
            first = items[0][0].as_posix()
            lists = _lists_beside(description, listing.root / folder)
            unlisted = not lists and _are_tested(listing, folder)
            tasks.append(Known("msd", folder, why, lists, unlisted, first))
    return tasks


def _are_tested(listing: Listing, root: str) -> bool:
    """Tell whether there are masks of images to test on."""
    return all(_has_labels(listing, root, folder) for folder in ("imagesTs", "labelsTs"))


def _lists_beside(description: dict[str, Any], root: Path) -> dict[str, tuple[str, ...]]:
    """Return the lists of a dataset.json that name images with masks, beside `training`."""
    lists = [
        name
        for name, items in description.items()
        if name != "training" and isinstance(items, list) and have_masks(items, root)
    ]
    validation = tuple(name for name in lists if subset_of(name) == "validation")
    test = tuple(name for name in lists if name not in validation)
    if validation and test:
        return {"validation": validation, "test": test}
    return {"test": tuple(lists)} if lists else {}


def _nnunet(listing: Listing) -> list[Known]:
    images: dict[str, list[str]] = defaultdict(list)
    masks: dict[str, set[str]] = defaultdict(set)
    for entry in listing.entries:
        *folders, name = entry.parts
        if folders and folders[-1] == "imagesTr":
            images["/".join(folders[:-1])].append(name)
        if folders and folders[-1] in ("labelsTr", "labelsTs"):
            masks["/".join(folders[:-1])].add(name)
    tested: dict[str, list[str]] = defaultdict(list)
    for entry in listing.entries:
        *folders, name = entry.parts
        if folders and folders[-1] == "imagesTs":
            tested["/".join(folders[:-1])].append(name)
    tasks = []
    for root, names in images.items():
        if not _has_labels(listing, root, "labelsTr"):
            continue
        # those to be tested on are cases where they have masks
        more = tested[root] if _has_labels(listing, root, "labelsTs") else []
        numbers = _channels_of([*names, *more])
        several = {number for there in numbers.values() for number in there}
        if not numbers or several != set(range(len(several))):
            continue  # the number behind such names is no channel's
        called = "CASE_0000" if len(several) == 1 else f"CASE_0000 to CASE_{len(several) - 1:04d}"
        why = f"imagesTr holds {len(names)} images called {called}, labelsTr masks"
        files = tuple((name, tuple(sorted(there))) for name, there in sorted(numbers.items()))
        known = Known("nnunet", root, why, files=files, masked=frozenset(masks[root]))
        tasks.append(known)
    return tasks


def _has_labels(listing: Listing, root: str, folder: str) -> bool:
    return any(entry.parts[:-1] == (*_parts(root), folder) for entry in listing.entries)


def _parts(root: str) -> tuple[str, ...]:
    return tuple(root.split("/")) if root else ()


def _channels_of(names: Sequence[str]) -> dict[str, set[int]]:
    """Return the numbers of channels by case; nothing where a name has none."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for name in names:
        match = re.fullmatch(r"(.+)_(\d{4})", name)
        if match is None:
            return {}
        numbers[match[1]].add(int(match[2]))
    return numbers


def _ircad(listing: Listing) -> list[Known]:
    parts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in listing.entries:
        names = entry.parts
        for position, name in enumerate(names[:-1]):
            if name.startswith("3Dircadb"):
                parts["/".join(names[:position]), name].add(names[position + 1])
    roots: dict[str, int] = defaultdict(int)
    for (root, _), inside in parts.items():
        roots[root] += {"PATIENT_DICOM", "MASKS_DICOM"} <= inside
    return [
        Known("ircad", root, f"{number} folders 3Dircadb… with PATIENT_DICOM and MASKS_DICOM")
        for root, number in roots.items()
        if number
    ]


def _above(path: str) -> str:
    folder = PurePosixPath(path).parent.as_posix()
    return "" if folder == "." else folder


def looks_like(listing: Listing, tried: Sequence[str] = ()) -> str:
    """Say in a part of a sentence what a folder looks like, and what would fit.

    Parameters
    ----------
    listing : Listing
    tried : sequence of str
        Layouts that are no way out.
    """
    fitting = [known for known in known_layouts(listing) if known.layout not in tried]
    if fitting:
        known = fitting[0]
        where = f" in {known.root}" if known.root else ""
        return f"it looks like layout {known.layout}{where} ({known.why})"
    if not listing.entries:
        counts = sorted(
            ((len(p), s or "no suffix") for s, p in listing.others.items()), reverse=True
        )
        there = ", ".join(f"{number} files with {suffix}" for number, suffix in counts[:3])
        return f"there is no volume in it ({there or 'no file'})"
    suffixes: dict[str, int] = defaultdict(int)
    for entry in listing.entries:
        suffixes[entry.suffix or "DICOM folders"] += 1
    there = ", ".join(f"{number} {suffix}" for suffix, number in sorted(suffixes.items()))
    example = listing.entries[0].path
    return f"it holds {there} such as {example}"
