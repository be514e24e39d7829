"""Finding the scans that people name: files, folders, zips, exports of an archive, tables."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from slicewise.dataset.layouts.dicom import HASHED, Archive, told_apart
from slicewise.dataset.names import SAFE
from slicewise.dataset.tables import read_rows
from slicewise.errors import SlicewiseError
from slicewise.files import digest, expanded, sha256
from slicewise.jobs import ToldScan
from slicewise.volumes import companions, freesurfer, text_headers
from slicewise.volumes.dicom.entries import entry_of, read_entry
from slicewise.volumes.dicom.index import (
    DAMAGED,
    IMAGE,
    NONE,
    Entry,
    damaged_in,
    keep,
    place_of,
    read_index,
    read_kept,
    top_of,
)
from slicewise.volumes.dicom.neutral import neutral_names, unpacked
from slicewise.volumes.dicom.scouts import DOUBTFUL, FEW, TIMES_ALIKE
from slicewise.volumes.dicom.source import opened
from slicewise.volumes.formats import NIFTI_SUFFIXES, is_dicom, is_litter, is_nifti
from slicewise.volumes.nifti import read_note
from slicewise.wording import plural

SUFFIXES = (*NIFTI_SUFFIXES, *text_headers.SUFFIXES, *freesurfer.SUFFIXES)
"""How files of volumes end that are not DICOM."""
TABLES = (".tsv", ".csv")
COLUMNS = ("scan", "image")
"""Of a table of scans."""
MASKS = "masks"
RECORDS = "_scans"
"""Folders of `slicewise.segmenting.pages.Output`."""
KINDS = (
    "NIfTI (.nii, .nii.gz), NRRD (.nrrd), MetaImage (.mha, .mhd), FreeSurfer's .mgz, DICOM, or a "
    "folder or zip of DICOM"
)


@dataclass(frozen=True)
class Scan:
    """A scan to segment.

    Attributes
    ----------
    name : str
        How its mask and all lines about it are called; nothing that a DICOM
        header says of the patient.
    sources : tuple of Path
        Its file, and behind it those that its voxels lie in; the slices of its
        DICOM series, or the zip that they are in.
    members : tuple of str
        Names of its slices in that zip.
    dicom : bool
        Whether it is a DICOM series.
    """

    name: str
    sources: tuple[Path, ...]
    members: tuple[str, ...] = ()
    dicom: bool = False

    @property
    def is_nifti(self) -> bool:
        """Whether it can be read as it is."""
        return not self.dicom and is_nifti(self.sources[0])

    @contextmanager
    def files(self) -> Iterator[list[Path]]:
        """Give its files; those of DICOM under names that tell nothing of the patient."""
        if self.members:
            with unpacked(self.name, self.sources[0], self.members) as paths:
                yield paths
        else:
            with neutral_names(self.name if self.dicom else "", self.sources, []) as (paths, _):
                yield paths

    def sha256(self) -> str:
        """Return a digest of its files, whatever they are called."""
        with self.files() as paths:
            digests = [sha256(path) for path in paths]
        if len(digests) == 1:
            return digests[0]
        # slices say themselves where they lie; of other files their order says it
        return digest(sorted(digests) if self.dicom else digests)


@dataclass
class Found:
    """What was found at the places that were named.

    Attributes
    ----------
    scans : list of Scan
        Each by a name of its own.
    failures : list of str
        A sentence for each place or file that is no scan.
    aside : list of str
        A line for what was left aside.
    """

    scans: list[Scan] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)


def find_scans(places: Sequence[Path]) -> Found:
    """Find all scans at some places.

    Parameters
    ----------
    places : sequence of Path
        Files, folders (searched to any depth), zips of DICOM, and tables
        (``.tsv``, ``.csv``) with the columns ``image`` and, if wanted, ``scan``.

    Returns
    -------
    Found
        A scan of a folder is called by its path below that; a series of DICOM
        by the folder that it lies in where that tells nothing of the patient,
        else by a hash.
    """
    search = Found()
    slices = [path for path in places if _is_slice(path)]
    for place in places:
        try:
            if place not in slices:
                _find_at(place, search)
        except SlicewiseError as error:
            search.failures.append(str(error))
    try:
        _find_in_slices(slices, search)
    except SlicewiseError as error:
        search.failures.append(str(error))
    search.scans = _each_once(search)
    return search


def forget(place: Path) -> None:
    """Delete what was kept of the headers in a folder that is no more."""
    place_of(place, "json").unlink(missing_ok=True)


def are_localizers(paths: Sequence[Path]) -> bool:
    """Tell whether files of DICOM all call themselves localizers; none are none."""
    return bool(paths) and all(read_entry(path, "").kind == "localizer" for path in paths)


def find_scan(place: Path) -> Scan:
    """Find the one scan at a place.

    Raises
    ------
    SlicewiseError
        When there is none, or several.
    """
    found = find_scans([place])
    if found.failures:
        raise SlicewiseError(" ".join(found.failures))
    if len(found.scans) != 1:
        raise SlicewiseError(f"{place}: it holds {len(found.scans)} scans; name one of them")
    return found.scans[0]


def scans_told(told: Iterable[ToldScan], paths: Sequence[str]) -> list[Scan]:
    """Return the scans of a job.

    Parameters
    ----------
    told : iterable of ToldScan
        What it was told of each.
    paths : sequence of str
        The files of one after the other.
    """
    left = iter(map(Path, paths))
    return [
        Scan(one.name, tuple(islice(left, one.files)), tuple(one.members), one.dicom)
        for one in told
    ]


def note_which(scans: Sequence[Scan], output: Path) -> Path | None:
    """Keep for the user alone which series are called by a hash.

    Parameters
    ----------
    scans : sequence of Scan
    output : Path
        The folder that their masks go to.

    Returns
    -------
    Path or None
        A file in the user's folder of caches; None where all names tell it.
    """
    hashed = [scan for scan in scans if scan.name.startswith(HASHED)]
    if not hashed:
        return None
    place = place_of(output, "scans.json")
    before = read_kept(place)
    which = {scan.name: str(scan.sources[0]) for scan in hashed}
    keep(place, {**before, **which}, before)
    return place


def _is_slice(path: Path) -> bool:
    zipped = path.suffix.lower() == ".zip"
    return path.is_file() and not zipped and not _is_volume(path) and is_dicom(path)


def _is_volume(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) or companions.is_pair(path)


def _is_own_mask(path: Path) -> bool:
    """Tell whether a file is a mask that slicewise made: by its note, or where it lies."""
    if not is_nifti(path):
        return False
    folder = path.absolute().parent
    record = folder.parent / RECORDS / f"{path.name.removesuffix('.nii.gz')}.json"
    if folder.name == MASKS and record.is_file():
        return True  # an editor that corrected it may have dropped the note
    try:
        note = read_note(path)
    except SlicewiseError:
        return False  # whoever reads it as a scan says what is wrong
    return note is not None and "models" in note


def _volume(path: Path, below: Path, folders: companions.Folders | None = None) -> Scan:
    """Return the scan that a file stands for, called by its header's path below a folder."""
    files = companions.whole_volume(path, folders)
    return Scan(_plain(below.with_name(files[0].name)), files)


def _find_at(place: Path, search: Found) -> None:
    """Add the scans at a place."""
    if place.is_dir():
        _find_below(place, search)
    elif not place.exists():
        raise SlicewiseError(f"{place}: there is no such file or folder; check the path")
    elif place.suffix.lower() == ".zip":
        _find_in_zip(place, _plain(Path(place.name)), search)
    elif place.name.lower().endswith(TABLES):
        _find_in_table(place, search)
    elif _is_own_mask(place):
        raise SlicewiseError(
            f"{place}: this is a mask that slicewise made, and no scan; give {KINDS}"
        )
    elif _is_volume(place):
        search.scans.append(_volume(place, Path(place.name)))
    else:
        raise SlicewiseError(f"{place}: this is no scan that can be read; give {KINDS}")


def _find_below(root: Path, search: Found) -> None:
    """Add the volumes, zips and series below a folder."""
    before = len(search.scans) + len(search.failures)
    folders = companions.Folders()
    masks = 0
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        below = path.relative_to(root)
        if is_litter(below) or any(part.startswith(".") for part in below.parts):
            continue
        if path.suffix.lower() == ".zip":
            try:
                _find_in_zip(path, _plain(below), search)
            except SlicewiseError as error:
                search.failures.append(str(error))
        elif _is_own_mask(path):
            masks += 1
        elif _is_volume(path) and not path.name.lower().endswith((".img", ".img.gz")):
            search.scans.append(_volume(path, below, folders))
    _add_series(read_index(root), root, search)
    if masks:
        search.aside.append(f"{root}: left aside: {plural(masks, 'mask')} that slicewise made")
    if len(search.scans) + len(search.failures) == before:
        raise SlicewiseError(f"{root}: there is no scan in this folder; give {KINDS}")


def _find_in_slices(paths: Sequence[Path], search: Found) -> None:
    """Add the series that single files of DICOM are of."""
    if not paths:
        return
    root = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    below = [path.absolute().relative_to(root).as_posix() for path in paths]
    before = len(search.scans) + len(search.failures)
    _add_series({name: read_entry(root / name, top_of(name)) for name in below}, root, search)
    if len(search.scans) + len(search.failures) == before:
        raise SlicewiseError(f"{root}: no DICOM file that was named is an image; give {KINDS}")


def _find_in_zip(path: Path, name: str, search: Found) -> None:
    """Add the series in a zip."""
    with opened(path) as files:
        entries = {
            # what it is called by must not tell whose it is, nor a folder in it
            member: entry_of(partial(files.open, member), f"{name} {top_of(member)}")
            for member in files.names
        }
    before = len(search.scans)
    _add_series(entries, path, search, name)
    if len(search.scans) == before:
        raise SlicewiseError(f"{path}: there is no DICOM image in this zip; give {KINDS}")


def _find_in_table(path: Path, search: Found) -> None:
    """Add the scans that a table names, each by its own name where the table gives one."""
    _, rows = read_rows(path, COLUMNS, ["image"])
    for row in rows:
        shown = f"{path}: row {row.number}"
        place = path.parent / expanded(row.cells["image"], shown)
        own = Found()
        try:
            if _is_slice(place):
                _find_in_slices([place], own)
            else:
                _find_at(place, own)
        except SlicewiseError as error:
            own.failures.append(f"{shown}: {error}")
        wanted = row.cells.get("scan", "")
        if wanted and not SAFE.fullmatch(wanted):
            own.failures.append(
                f"{shown}: {wanted!r} cannot be the name of a file; write letters, digits and - _ ."
            )
            own.scans = []
        if wanted and len(own.scans) == 1:
            own.scans = [replace(own.scans[0], name=wanted)]
        elif wanted and own.scans:
            own.scans = [replace(scan, name=f"{wanted}_{scan.name}") for scan in own.scans]
        search.scans += own.scans
        search.failures += own.failures
        search.aside += own.aside


def _add_series(
    entries: Mapping[str, Entry], root: Path, search: Found, name: str | None = None
) -> None:
    """Add each series of DICOM among files.

    Parameters
    ----------
    entries : mapping of str to Entry
        What the header of each tells, by its path below the folder, or in the zip.
    root : Path
        The folder or zip that they are in.
    search : Found
        What is added to.
    name : str, optional
        What the zip is called by; without, these are files.
    """
    entries = _meant(entries)
    archive = Archive(entries)
    frames = {
        series: sum(entries[path].frames for path in paths)
        for series, paths in archive.series.items()
    }
    most = max(frames.values(), default=0)
    kept = [s for s, n in frames.items() if n > FEW or most < TIMES_ALIKE * n]
    called = {series: _called(archive, series, root, name) for series in kept}
    for series, own in told_apart(called).items():
        paths = archive.series[series]
        if name is not None:
            search.scans.append(Scan(own, (root,), tuple(paths), dicom=True))
        else:
            search.scans.append(Scan(own, tuple(root / path for path in paths), dicom=True))
    damaged = len(damaged_in(entries))
    if damaged:
        search.failures.append(
            f"{root}: {plural(damaged, 'DICOM file is', 'DICOM files are')} cut short or damaged; "
            "copy them again from the scanner or archive"
        )
    aside = _left_aside(entries, len(frames) - len(kept), archive.copies)
    if aside:
        search.aside.append(f"{root}: left aside: {aside}")


def _meant(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Take localizers and screenshots for images in studies that have no others.

    Whoever reads a series does so, too: many programs call slices screenshots.
    """
    others = {entry.study for entry in entries.values() if entry.kind == IMAGE}
    return {
        path: replace(entry, kind=IMAGE)
        if entry.kind in DOUBTFUL and entry.study not in others
        else entry
        for path, entry in entries.items()
    }


def _called(archive: Archive, series: str, root: Path, name: str | None) -> str:
    """Return what a series is called by, which says nothing of whose it is."""
    paths = archive.series[series]
    own = archive.called(series)
    if name is not None:
        return own if archive.entries[paths[0]].telling else name
    if own.startswith(HASHED) and not any(map(top_of, paths)):
        folder = _plain(Path(root.absolute().name))
        if not read_entry(root / paths[0], folder).telling:
            return folder
    return own


def _left_aside(entries: Mapping[str, Entry], small: int, copies: int) -> str:
    """Say what is beside series, but for files that are no DICOM at all."""
    aside = Counter(
        entry.kind if entry.kind != IMAGE else "image of no series"
        for entry in entries.values()
        if entry.kind != DAMAGED and not entry.kind.startswith(NONE)
        if entry.kind != IMAGE or not entry.series
    )
    aside["series of a few images"] = small
    aside["copy of a slice"] = copies
    return ", ".join(f"{count} × {what}" for what, count in sorted((+aside).items()))


def _plain(path: Path) -> str:
    """Return a relative path as a name, without its ending.

    >>> _plain(Path("p 01/ct.nii.gz"))
    'p_01_ct'
    """
    text = "_".join(part for part in path.parts if part not in ("..", ".", "/"))
    endings = (*SUFFIXES, *TABLES, ".zip", ".hdr", ".hdr.gz")
    ending = next((end for end in endings if text.lower().endswith(end)), "")
    text = text[: len(text) - len(ending)]
    return re.sub(r"^[^A-Za-z0-9]+", "", re.sub(r"[^A-Za-z0-9._-]+", "_", text)) or "scan"


def _each_once(search: Found) -> list[Scan]:
    """Give scans of one name the folder above them in it; refuse what is still called the same."""
    scans = list(dict.fromkeys(search.scans))
    shared = Counter(scan.name.lower() for scan in scans)
    scans = [_with_folder(scan) if shared[scan.name.lower()] > 1 else scan for scan in scans]
    shared = Counter(scan.name.lower() for scan in scans)
    for name in sorted(name for name, count in shared.items() if count > 1):
        search.failures.append(
            f"{name}: {shared[name]} scans would be called so; name them in a table with the "
            "columns scan and image"
        )
    return [scan for scan in scans if shared[scan.name.lower()] == 1]


def _with_folder(scan: Scan) -> Scan:
    """Call a scan by the folder of its file, too, where that tells nothing of the patient."""
    file = scan.sources[0].absolute()
    folder = file.parent if scan.members or not scan.dicom else file.parent.parent
    if scan.members:
        with opened(file) as files:
            telling = entry_of(lambda: files.open(scan.members[0]), folder.name).telling
    else:
        telling = scan.dicom and read_entry(file, folder.name).telling
    return scan if telling else replace(scan, name=f"{_plain(Path(folder.name))}_{scan.name}")
