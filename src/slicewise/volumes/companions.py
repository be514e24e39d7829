"""The files that belong to a file: the data of detached headers, and the halves of pairs.

MetaImage (``.mhd``) and NRRD (``.nhdr``) keep voxels in files that a text
header names; NIfTI has pairs of ``.hdr`` and ``.img``. All of them are what a
volume is made of, so all are inputs of jobs and are hashed.

When the workflow is planned, no header is opened where names suffice: a
header's data are taken to be the one file beside it that is called alike. The
job that reads the volume compares that with what the header says.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from slicewise.errors import SlicewiseError

META = {".mhd": True, ".mha": False}
NRRD = {".nhdr": True, ".nrrd": False}
TEXT_HEADERS = META | NRRD
"""By suffix, whether voxels lie in another file as a rule."""
DATA_SUFFIXES = (".raw", ".zraw", ".raw.gz", ".raw.bz2")
PAIR_HEADERS = (".hdr", ".hdr.gz")
PAIR_IMAGES = (".img", ".img.gz")
HEADER_BYTES = 1 << 20
"""No header is longer; voxels that follow one are not looked at."""
MANY = 100_000
"""No volume has so many slices, whatever a header says."""

_FIELD = re.compile(r"([^:=]+?)\s*[:=]\s*(.*)")
_NUMBERED = re.compile(r"[^%]*%0?\d?\d?[di][^%]*")

Listing = dict[str, list[str]]
"""The names in a folder, by their lower-case form."""


class Folders:
    """The names in folders; each folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, Listing] = {}

    def alike(self, folder: Path, stem: str, suffixes: Iterable[str]) -> list[Path]:
        """Return the files of a folder that are a stem with one of some suffixes, in any case."""
        if folder not in self._listed:
            listing: Listing = defaultdict(list)
            for path in folder.iterdir() if folder.is_dir() else ():
                listing[path.name.lower()].append(path.name)
            self._listed[folder] = listing
        listed = self._listed[folder]
        names = [name for suffix in suffixes for name in listed.get(f"{stem}{suffix}".lower(), [])]
        exact = [name for name in names if name.startswith(stem)]
        return [folder / name for name in exact or names]


def is_pair(path: Path) -> bool:
    """Tell by its name whether a file is one half of a pair of header and image."""
    return _suffix(path, (*PAIR_HEADERS, *PAIR_IMAGES)) != ""


def is_header(path: Path) -> bool:
    """Tell by its name whether other files may belong to a file."""
    return is_pair(path) or _suffix(path, TEXT_HEADERS) != ""


def whole_volume(path: Path, folders: Folders | None = None) -> tuple[Path, ...]:
    """Return all files of the volume that a file stands for, without judging them.

    Parameters
    ----------
    path : Path
        A file of any format; of a pair, either half.
    folders : Folders, optional
        What is known of folders, for many files.

    Returns
    -------
    tuple of Path
        The header first. Files that are missing are left out: the job that
        reads the volume names them, see `check_whole`.
    """
    folders = folders or Folders()
    if is_pair(path):
        return tuple(_halves(path, folders)) or (path,)
    suffix = _suffix(path, TEXT_HEADERS)
    if not suffix:
        return (path,)
    alike = folders.alike(path.parent, path.name[: -len(suffix)], DATA_SUFFIXES)
    if len(alike) == TEXT_HEADERS[suffix]:
        return (path, *alike)
    try:
        named = data_files(path)
    except (OSError, SlicewiseError):
        return (path,)
    return (path, *(file for file in named if _there(file)))


def check_whole(given: Sequence[Path]) -> None:
    """Refuse a volume some of whose files are missing, elsewhere, or not known to the workflow.

    Parameters
    ----------
    given : sequence of Path
        What `whole_volume` found, the header first; the header alone: what it finds now.

    Raises
    ------
    SlicewiseError
        Naming the header and the file.
    """
    header = given[0]
    if not _suffix(header, TEXT_HEADERS):
        return
    if len(given) == 1:
        given = whole_volume(header)
    known = {os.path.normpath(path) for path in given}
    for file in check_data(header):
        if os.path.normpath(file) in known:
            continue
        others = ", ".join(path.name for path in given[1:])
        if others:
            raise SlicewiseError(
                f"{header}: it names {file.name} as its data, but {others} beside it is called as "
                f"if it were that; move {others} away or give it another name"
            )
        raise SlicewiseError(
            f"{header}: its voxels lie in {file.name}, which a name like this does not let expect, "
            "so that a change of it would be overlooked; give the header the suffix "
            f"{'.mhd' if _suffix(header, META) else '.nhdr'}"
        )


def check_data(header: Path) -> list[Path]:
    """Return the data files that a header names, after a look whether they are there.

    Raises
    ------
    SlicewiseError
        When one is missing, or lies outside of the header's folder.
    """
    named = data_files(header)
    for file in named:
        if not _there(file):
            there = Folders().alike(file.parent, file.name, [""])
            hint = f" (there is {there[0].name})" if there else ""
            raise SlicewiseError(
                f"{header}: it names {_short(file.name)} as its data, and there is no such file"
                f"{hint}; copy all files of the volume, or correct the name in the header"
            )
    return named


def check_pair(path: Path) -> tuple[Path, Path]:
    """Return header and image of a pair, given either.

    Raises
    ------
    SlicewiseError
        When the other one is missing, or there are several.
    """
    halves = _halves(path, Folders())
    headers = [file for file in halves if _suffix(file, PAIR_HEADERS)]
    images = [file for file in halves if _suffix(file, PAIR_IMAGES)]
    for files, what in ((headers, PAIR_HEADERS[0]), (images, PAIR_IMAGES[0])):
        if not files:
            raise SlicewiseError(
                f"{path}: a volume in two files, of which {_stem(path)}{what} is missing; copy "
                "both into one folder"
            )
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            raise SlicewiseError(f"{path}: it belongs to both {names}; keep one of them")
    return headers[0], images[0]


def data_files(header: Path) -> list[Path]:
    """Return the files that a MetaImage or NRRD header names; none where voxels follow it.

    Raises
    ------
    SlicewiseError
        When it names a file outside of its folder, or names that make no sense.
    """
    if not _there(header):
        raise SlicewiseError(f"{header}: there is no such file; check the path and dataset.root")
    with header.open("rb") as stream:
        # names are what the file system takes them for, in whatever encoding
        lines = re.split("\r\n|\n|\r", os.fsdecode(stream.read(HEADER_BYTES)))
    meta = _suffix(header, META) != ""
    names = _of_meta(header, iter(lines)) if meta else _of_nrrd(header, iter(lines))
    folder = header.parent
    files = []
    for name in names:
        inside = os.path.normpath(name)
        if Path(name).is_absolute():
            inside = os.path.relpath(inside, folder.absolute())
        if Path(inside).parts[:1] == ("..",) or "\0" in inside:
            raise SlicewiseError(
                f"{header}: it names {_short(name)} as its data, which is outside of its own "
                "folder; put the files of a volume side by side and correct the name in the header"
            )
        if inside == header.name:
            raise _senseless(header, name)
        files.append(folder / inside)
    return files


# -- inside -------------------------------------------------------------------------


def _of_meta(header: Path, lines: Iterator[str]) -> list[str]:
    """Return the names in a MetaImage header (ElementDataFile is its last field)."""
    size = ""
    for line in lines:
        field = _FIELD.fullmatch(line.strip())
        if field is None:
            continue
        key = field[1].lower()
        if key == "dimsize":
            size = field[2].split()[-1] if field[2] else ""
        if key == "elementdatafile":
            if field[2].upper() == "LOCAL":
                return []
            slices = ["1", size, "1"]
            return list(_names(header, field[2], lines, slices))
    return []


def _of_nrrd(header: Path, lines: Iterator[str]) -> list[str]:
    """Return the names in a NRRD header, which an empty line ends unless it is detached."""
    for line in lines:
        if not line.strip():
            break
        field = _FIELD.fullmatch(line.strip())
        if field is None or field[2].startswith("="):
            continue  # := is a remark
        if field[1].lower().replace(" ", "") == "datafile":
            return list(_names(header, field[2], lines, None))
    return []


def _names(
    header: Path, value: str, more: Iterator[str], slices: Sequence[str] | None
) -> Iterator[str]:
    """Yield the names that a header's entry stands for: one, a list, or a numbered pattern."""
    words = value.split()
    if words and words[0].upper() == "LIST":
        yield from (line.strip() for line in more if line.strip())
        return
    if "%" not in value:
        if not value:
            raise _senseless(header, value)
        yield value
        return
    # a name without blanks and three numbers, which MetaImage may do without
    pattern = words[0]
    numbers = words[1:] or slices or []
    try:
        first, last, step = (int(number) for number in numbers[:3])
        count = len(range(first, last + (1 if step > 0 else -1), step))
    except (ValueError, OverflowError):
        raise _senseless(header, value) from None
    if not _NUMBERED.fullmatch(pattern) or not 0 < count < MANY:
        raise _senseless(header, value)
    yield from (pattern % (first + step * k) for k in range(count))


def _senseless(header: Path, value: str) -> SlicewiseError:
    return SlicewiseError(
        f"{header}: {_short(value)} names no data files; write the name of one file, LIST and a "
        "name on each line, or a pattern such as slice%03d.raw with first, last and step"
    )


def _halves(path: Path, folders: Folders) -> list[Path]:
    """Return what there is of a pair, headers first; a half that was named itself is the half."""
    stem = _stem(path)
    halves = []
    for suffixes in (PAIR_HEADERS, PAIR_IMAGES):
        alike = folders.alike(path.parent, stem, suffixes)
        halves += [path] if path in alike else alike
    return halves


def _stem(path: Path) -> str:
    suffix = _suffix(path, (*PAIR_HEADERS, *PAIR_IMAGES))
    return path.name[: len(path.name) - len(suffix)]


def _suffix(path: Path, suffixes: Iterable[str]) -> str:
    """Return that of some suffixes (lower case) which a name ends with, in any case."""
    name = path.name.lower()
    return next((suffix for suffix in suffixes if name.endswith(suffix)), "")


def _there(file: Path) -> bool:
    """Tell whether there is a file; a name that no file system takes is none's."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def _short(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:77]}…")
