"""The headers of all files of an archive, read once and kept for the next start.

Each job finds the cases again, so what was read is kept in the user's folder of
caches, by the path, size and time of change of each file: it may be deleted at
any time. It holds hashes in place of UIDs and of patients' IDs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from slicewise.files import digest, keep_json, read_json
from slicewise.volumes.formats import DICOM_SUFFIXES, LITTER

FORM = 2
"""Of what is kept; another one is not read."""
IMAGE = "image"
SEG = "SEG"
RTSTRUCT = "RTSTRUCT"
NONE = "file that is no DICOM"
EMPTY = f"{NONE}, as it is empty"
DAMAGED = "damaged file"


@dataclass(frozen=True)
class Entry:
    """What the header of a file tells; UIDs and the patient's ID as hashes.

    Attributes
    ----------
    kind : str
        ``image``, ``SEG``, ``RTSTRUCT``, or what else it is.
    series, study, instance, frame : str
        Its own UIDs, the last of its frame of reference; nothing where it has none.
    patient : str
        Whose it is; nothing where that is not said.
    frames : int
        How many slices.
    on_series, on_instances : tuple of str
        What a mask was drawn on: the series that it names, or else the slices.
    telling : bool
        Whether the folder that it lies in is called by the patient, a UID or a date.
    once : str
        What only its copies share: the UIDs of instance and series, number and position,
        as one hash; nothing where it has no UID.
    """

    kind: str
    series: str = ""
    study: str = ""
    patient: str = ""
    instance: str = ""
    frame: str = ""
    frames: int = 1
    on_series: tuple[str, ...] = ()
    on_instances: tuple[str, ...] = ()
    telling: bool = False
    once: str = ""


def damaged_in(entries: Mapping[str, Entry]) -> list[str]:
    """Return the files of DICOM that are cut short, empty or overwritten.

    Empty ones are called as images beside them are. A copy that was broken off, or for which there
    was no room, leaves such slices at the end of a series: nothing else tells that it goes on.
    """
    called = {_form_of(path) for path, entry in entries.items() if entry.kind == IMAGE}
    return [
        path
        for path, entry in entries.items()
        if entry.kind == DAMAGED
        or (entry.kind == EMPTY and _form_of(path) in called)
        or (entry.kind == NONE and path.lower().endswith(tuple(DICOM_SUFFIXES)))
    ]


def _form_of(path: str) -> tuple[str, str]:
    """Return the folder of a file, and what its name ends with, or else is but for its numbers."""
    folder, _, name = path.rpartition("/")
    ending = name.rpartition(".")[2] if "." in name else ""
    if ending and not ending.isdigit():
        return folder, ending.lower()
    return folder, re.sub("[0-9a-f]{16,}|[0-9]+", "#", name)


def top_of(path: str) -> str:
    """Return the folder below the root that a file lies in, at whatever depth.

    >>> top_of("p01/CT/1.dcm"), top_of("1.dcm")
    ('p01', '')
    """
    return path.split("/", 1)[0] if "/" in path else ""


def read_index(root: Path) -> dict[str, Entry]:
    """Return what the headers of all files below a folder tell.

    Parameters
    ----------
    root : Path

    Returns
    -------
    dict of str to Entry
        By their paths below `root`, sorted; links are followed.
    """
    place = place_of(root, "json")
    kept = read_kept(place)
    entries: dict[str, Entry] = {}
    stored: dict[str, Any] = {}
    for name, stamp in _files_below(root):
        known = kept.get(name)
        entry = _known(known, stamp)
        if entry is None:
            # only now, as the library that reads headers loads slowly
            from slicewise.volumes.dicom.entries import read_entry

            entry = read_entry(root / name, top_of(name))
            known = [*stamp, *astuple(entry)]
        entries[name] = entry
        stored[name] = known
    keep(place, stored, kept)
    return entries


def read_names(root: Path, paths: Iterable[str]) -> dict[str, list[str]]:
    """Return what files call their series, which is text that anybody may have written.

    It is kept for the user alone, who has to choose by it, and no message shows it.

    Parameters
    ----------
    root : Path
    paths : iterable of str
        Files below it, one a series.

    Returns
    -------
    dict of str to list of str
        Modality and SeriesDescription by path.
    """
    place = place_of(root, "series.json")
    kept = read_kept(place)
    stored: dict[str, Any] = {}
    for path in paths:
        stat = (root / path).stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        known = kept.get(path)
        if not isinstance(known, list) or known[:2] != stamp or len(known) != 4:
            from slicewise.volumes.dicom.entries import read_called

            known = [*stamp, *read_called(root / path)]
        stored[path] = known
    keep(place, stored, kept)
    return {path: known[2:] for path, known in stored.items()}


def place_of(root: Path, suffix: str) -> Path:
    """Return a file that belongs to an archive, in the user's folder of caches."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
    name = f"dicom-{FORM}-{digest(str(root.resolve()))[:16]}.{suffix}"
    return Path(caches) / "slicewise" / name


def keep(place: Path, value: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    """Write a file of the folder of caches that nobody else may read, as far as that is possible.

    Parameters
    ----------
    place : Path
        See `place_of`.
    value : mapping
        For JSON.
    kept : mapping
        What it holds: where that is the same, nothing is written.
    """
    if value == kept:
        return
    if keep_json(place, value):
        place.chmod(0o600)


def _files_below(root: Path) -> list[tuple[str, list[int]]]:
    """Return the files below a folder by their paths, with size and time of change (ns), sorted."""
    files = []
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        below = os.path.relpath(folder, root)
        folders[:] = [name for name in folders if not _is_aside(name)]
        for name in names:
            if _is_aside(name):
                continue
            with suppress(OSError):  # a link to nothing
                # a Path for each of thousands takes longer than all the rest
                stat = os.stat(f"{folder}/{name}")  # noqa: PTH116
                if S_ISREG(stat.st_mode):
                    path = name if below == "." else f"{below}/{name}"
                    files.append((path, [stat.st_size, stat.st_mtime_ns]))
    return sorted(files)


def _is_aside(name: str) -> bool:
    """Tell what people do not see, and what programs leave in folders."""
    return name.startswith(".") or name.lower() in LITTER or name.upper() == "DICOMDIR"


def read_kept(place: Path) -> Mapping[str, Any]:
    """Return what was kept; nothing of what is damaged."""
    try:
        kept = read_json(place)
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _known(kept: Any, stamp: list[int]) -> Entry | None:
    """Return what was kept of a file that has not changed since; None of others."""
    if not isinstance(kept, list) or kept[:2] != stamp:
        return None
    values: Any = [tuple(value) if isinstance(value, list) else value for value in kept[2:]]
    if [type(value) for value in values] != TYPES:
        return None
    return Entry(*values)


TYPES = [type(value) for value in astuple(Entry(""))]
