"""What lies in a folder: volumes, series, and what else there is."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.annotations import annotation_kind
from slicewise.volumes.formats import DICOM_SUFFIXES, is_dicom, is_litter

SUFFIXES = (
    *(".nii.gz", ".nii", ".seg.nrrd", ".nrrd", ".nhdr", ".mha", ".mhd"),
    *(".hdr.gz", ".hdr", ".mgz", ".mgh", ".zip"),
)
"""Of files that may stand for a volume; of several files the header does."""
SERIES = ""
"""In place of a suffix, of a folder that holds a DICOM series."""
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")
PACKED = (".tar", ".tgz", ".7z", ".rar", ".tar.gz", ".tar.bz2", ".tar.xz")
"""Of archives that nothing reads; a zip may hold the slices of a series."""
UNFINISHED = (".crdownload", ".part", ".partial", ".download", ".filepart", ".aria2", ".!ut")
"""Of downloads that have not ended."""
TRIED = 4
"""Files of a folder that are looked at to tell whether it holds DICOM."""


@dataclass(frozen=True)
class Entry:
    """A volume, by its name: a file, or the folder of a DICOM series.

    Attributes
    ----------
    path : str
        Below the folder that is looked at, with ``/`` between its parts.
    suffix : str
        As it is written; `SERIES` of a folder.
    drawn : bool
        Whether it is a mask that DICOM has of its own (SEG or RTSTRUCT).
    pictures : bool
        Whether it is a folder of pictures.
    """

    path: str
    suffix: str
    drawn: bool = False
    pictures: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the path; the last one without its suffix."""
        # a series that lies in the folder itself is called .
        parts = PurePosixPath(self.path).parts or (self.path,)
        last = parts[-1]
        return (*parts[:-1], last[: len(last) - len(self.suffix)])


@dataclass(frozen=True)
class Listing:
    """What lies in a folder.

    Attributes
    ----------
    root : Path
    entries : tuple of Entry
        Volumes and series, sorted by their paths.
    others : mapping of str to tuple of str
        Paths of other files by suffix, in lower case.
    """

    root: Path
    entries: tuple[Entry, ...]
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def pictures(self) -> list[str]:
        """The pictures, or folders of them, where there is nothing else that may be a volume."""
        folders = [entry.path for entry in self.entries if entry.pictures]
        files = self.ending(PICTURES)
        return [*files, *folders] if len(folders) == len(self.entries) else []

    @property
    def packed(self) -> list[str]:
        """The archives, with zips."""
        zips = [entry.path for entry in self.entries if entry.suffix.lower() == ".zip"]
        rest = [path for paths in self.others.values() for path in paths]
        return sorted([*zips, *(path for path in rest if path.lower().endswith(PACKED))])

    @property
    def unfinished(self) -> list[str]:
        """The files of downloads that have not ended."""
        return sorted(self.ending(UNFINISHED))

    def ending(self, suffixes: Sequence[str]) -> list[str]:
        """Return the paths of other files by their suffixes, one suffix after another."""
        return [path for suffix in suffixes for path in self.others.get(suffix, ())]

    def topmost(self, suffixes: Sequence[str], most: int) -> list[str]:
        """Return the first paths of other files by their suffixes, from the top folder down."""
        return sorted(self.ending(suffixes), key=lambda path: (path.count("/"), path))[:most]

    def named(self, name: str) -> list[str]:
        """Return the paths of other files of a name, whatever their folder."""
        suffix = PurePosixPath(name).suffix.lower()
        return [
            path
            for path in self.ending([suffix])
            if PurePosixPath(path).name.lower() == name.lower()
        ]

    def of_cases(self, files: Collection[Path]) -> Listing:
        """Return it without other files that tell of other volumes than those of some cases.

        Parameters
        ----------
        files : collection of Path
            Of the cases. What lies in a folder of other volumes alone is left out.
        """
        root = self.root.absolute()
        paths = [path.absolute() for path in files]
        below = [path.relative_to(root) for path in paths if path.is_relative_to(root)]
        ours = {folder.as_posix() for path in below for folder in path.parents}
        volumes = [PurePosixPath(entry.path) for entry in self.entries]
        theirs = {folder.as_posix() for path in volumes for folder in path.parents} - ours
        others = {
            suffix: tuple(
                path for path in paths if PurePosixPath(path).parent.as_posix() not in theirs
            )
            for suffix, paths in self.others.items()
        }
        return replace(self, others=others) if below else self


def suffix_of(name: str) -> str:
    """Return the suffix by which a file may stand for a volume; nothing of others.

    Examples
    --------
    >>> suffix_of("p1.NII.gz"), suffix_of("notes.txt")
    ('.NII.gz', '')
    """
    lower = name.lower()
    ending = next((suffix for suffix in SUFFIXES if lower.endswith(suffix)), "")
    return name[len(name) - len(ending) :] if ending else ""


def list_folder(root: Path) -> Listing:
    """List what lies in a folder, by names; of what has no telling name, a few files are opened.

    Parameters
    ----------
    root : Path

    Returns
    -------
    Listing

    Raises
    ------
    SlicewiseError
        When there is no such folder.
    """
    if not root.is_dir():
        raise SlicewiseError(
            f"{root}: there is no such folder; name the folder that holds images and masks"
        )
    entries = []
    others: dict[str, list[str]] = {}
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders[:] = []  # a link to what was listed, perhaps to a folder above
            continue
        seen.add(real)
        folders[:] = sorted(n for n in folders if not is_litter(n) and not n.startswith("."))
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        rest = []
        for name in sorted(names):
            if is_litter(name) or name.startswith("."):
                continue
            suffix = suffix_of(name)
            if suffix:
                entries.append(Entry((below / name).as_posix(), suffix))
            else:
                rest.append(name)
        if _are_pictures(rest):
            entries.append(Entry(below.as_posix(), SERIES, pictures=True))
            continue
        if _is_series(Path(folder), rest):
            drawn = _drawn(Path(folder), rest)
            for name in drawn:
                suffix = name[len(name) - len(PurePosixPath(name).suffix) :]
                entries.append(Entry((below / name).as_posix(), suffix, drawn=True))
            if len(drawn) < len(rest):
                entries.append(Entry(below.as_posix(), SERIES))
            continue
        for name in rest:
            path = (below / name).as_posix()
            others.setdefault(PurePosixPath(name).suffix.lower(), []).append(path)
    kept = {suffix: tuple(paths) for suffix, paths in others.items()}
    return Listing(root, tuple(sorted(entries, key=lambda entry: entry.path)), kept)


def _drawn(folder: Path, names: list[str]) -> list[str]:
    """Return those of DICOM files that are masks: one of few, or called unlike all others."""
    forms = Counter(re.sub(r"\d+", "#", name) for name in names)
    rare = [name for name in names if forms[re.sub(r"\d+", "#", name)] <= TRIED]
    tried = rare if len(names) > TRIED else names
    return [name for name in tried[: 4 * TRIED] if annotation_kind(folder / name) is not None]


def _are_pictures(names: list[str]) -> bool:
    """Tell whether a folder holds PNG pictures, which may be the slices of a mask."""
    return len(names) >= TRIED and all(name.lower().endswith(".png") for name in names)


def _is_series(folder: Path, names: list[str]) -> bool:
    """Tell whether most of a folder's files are DICOM."""
    by_suffix = Counter(_kind_of(name) for name in names)
    if not by_suffix:
        return False
    named = sum(number for suffix, number in by_suffix.items() if suffix in DICOM_SUFFIXES)
    if 2 * named > len(names):
        return True
    unnamed = [name for name in names if _kind_of(name) == ""]
    if 2 * len(unnamed) <= len(names):
        return False
    tried = unnamed[:TRIED]
    return 2 * sum(is_dicom(folder / name) for name in tried) > len(tried)


def _kind_of(name: str) -> str:
    """Return a suffix that is one: of ``image_1`` and ``1.2.840.7`` there is none."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if any(letter.isalpha() for letter in suffix) else ""
