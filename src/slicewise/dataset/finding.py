"""Finding the cases of a data set by file names alone; no image is opened."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from slicewise.config import Dataset, Pairs, Phantom
from slicewise.dataset.names import find_alike, stripped
from slicewise.dataset.tables import Row, read_rows
from slicewise.errors import SlicewiseError
from slicewise.files import expanded
from slicewise.volumes.companions import Folders, whole_volume
from slicewise.volumes.described import check_described, read_description
from slicewise.volumes.formats import is_litter, is_nifti
from slicewise.wording import some

_log = logging.getLogger(__name__)

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SHOWN = 8
SEGMENTED = (".nrrd", ".nhdr")
"""Of files that may name their segments."""
_SUBSETS: dict[str, Literal["train", "test"] | None] = {"train": "train", "test": "test", "": None}


@dataclass(frozen=True)
class Case:
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
    subset : {"train", "test"} or None
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
    subset: Literal["train", "test"] | None = None
    columns: tuple[tuple[str, str], ...] = ()
    guessed: bool = False

    @property
    def needs_conversion(self) -> bool:
        """Whether the sources are anything but a pair of NIfTI files."""
        return bool(self.image) and not all(
            len(files) == 1 and is_nifti(files[0]) for files in (self.image, self.mask)
        )


@dataclass(frozen=True)
class _Found:
    name: str
    image: tuple[Path, ...]
    mask: tuple[Path, ...]
    subset: Literal["train", "test"] | None = None
    patient: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    row: int | None = None


def find_cases(dataset: Dataset, data: Path) -> list[Case]:
    """List the cases of a data set, sorted by name.

    Parameters
    ----------
    dataset : Dataset
        Its settings.
    data : Path
        The folder that `dataset.root` lies below.

    Returns
    -------
    list of Case
        All cases but the excluded ones.

    Raises
    ------
    SlicewiseError
        When nothing is there, when images and masks do not pair up, when a name
        is not safe, when two patients may be one in two spellings, or when
        labels are not those of dataset.json; the offenders are listed.
    """
    root = data / (dataset.root or "")
    if not root.exists():
        root = data / expanded(dataset.root or "", "dataset.root")
    if dataset.layout != "phantom" and not root.exists():
        raise SlicewiseError(
            f"{root}: no data there (dataset.root of {dataset.name}); set SLICEWISE_DATA to the "
            "folder that holds it, or correct dataset.root"
        )
    found = _LAYOUTS[dataset.layout](dataset, root)
    if not found:
        raise SlicewiseError(
            f"{root}: no case found in the layout {dataset.layout}; the layouts are described in "
            "docs/data.md"
        )
    _refuse_unsafe(found)
    _refuse_twice(found)
    cases = [_case(f, dataset) for f in sorted(found, key=lambda f: f.name)]
    unknown = sorted(set(dataset.exclude) - {case.name for case in cases})
    if unknown:
        raise SlicewiseError(f"dataset.exclude: no case is called {_list(unknown)}; correct it")
    kept = [case for case in cases if case.name not in dataset.exclude]
    if not kept:
        raise SlicewiseError("dataset.exclude: leaves no case at all; shorten it")
    rows = {f.name: f.row for f in found if f.row is not None}
    _refuse_alike(kept, {case.patient for case in cases}, dataset, root, rows)
    _refuse_names(kept, dataset)
    folders = Folders()
    return [_whole(case, folders) for case in kept]


def _refuse_names(cases: list[Case], dataset: Dataset) -> None:
    """Refuse labels by the names of segments where masks have no names."""
    if dataset.layout == "ircad" or not _by_name(dataset):
        return
    masks = [case.mask[0] for case in cases]
    plain = [str(mask) for mask in masks if not mask.name.lower().endswith(SEGMENTED)]
    if plain:
        raise SlicewiseError(
            "dataset.labels: gives names of segments, which only files of 3D Slicer (.seg.nrrd) "
            f"have, and these are none: {_list(plain)}; give mask values in dataset.labels"
        )


def _by_name(dataset: Dataset) -> bool:
    """Tell whether labels are names and not values."""
    return any(isinstance(value, str) for value in dataset.labels.values())


def _whole(case: Case, folders: Folders) -> Case:
    """Add the files that belong to those of a case."""
    image, mask = (
        whole_volume(files[0], folders) if len(files) == 1 else files
        for files in (case.image, case.mask)
    )
    if both := sorted(set(image) & set(mask)):
        raise SlicewiseError(
            f"case {case.name}: {both[0]} is a file of both image and mask; give each its own"
        )
    return replace(case, image=image, mask=mask)


def _case(found: _Found, dataset: Dataset) -> Case:
    patient, guessed = found.patient, False
    if patient is None:
        patient = _patient(found.name, dataset)
        guessed = "patient_pattern" not in dataset.model_fields_set
    return Case(found.name, patient, found.image, found.mask, found.subset, found.columns, guessed)


def _refuse_alike(
    cases: list[Case], known: set[str], dataset: Dataset, root: Path, rows: dict[str, int]
) -> None:
    """Refuse patients who may be one in two spellings, unless a setting says that they differ."""
    different = dataset.different_patients
    if different == "all":
        return
    nobody = sorted({name for names in different for name in names} - known)
    if nobody:
        raise SlicewiseError(
            f"dataset.different_patients: no patient is called {_list(nobody)}; correct it"
        )
    alike = find_alike((case.patient for case in cases), different)
    if not alike:
        return
    where: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        row = f"row {rows[case.name]}" if case.name in rows else f"case {case.name}"
        where[case.patient].append(row)
    shown = [
        " and ".join(f"{name!r} ({_list(where[name])})" for name in names) + f" differ {how} only"
        for names, how in alike
    ]
    place = f"{root}: " if rows else ""
    raise SlicewiseError(
        f"{place}patients {_list(shown, '; ')}, so one patient might be trained and tested on; "
        "spell a patient in one way, or list those who differ in dataset.different_patients, as "
        f"[[{', '.join(alike[0][0])}]]"
    )


def _patient(name: str, dataset: Dataset) -> str:
    if dataset.patient_pattern is None:
        return name
    match = re.search(dataset.patient_pattern, name)
    if match is None:
        raise SlicewiseError(
            f"dataset.patient_pattern: does not match the case {name!r}; correct the pattern or "
            "use layout: table"
        )
    patient = stripped(match["patient"] or "")
    if not patient:
        raise SlicewiseError(
            f"dataset.patient_pattern: its group patient is empty in the case {name!r}; correct "
            "the pattern or use layout: table"
        )
    return patient


def _refuse_unsafe(found: Iterable[_Found]) -> None:
    unsafe = sorted(f.name for f in found if not SAFE.fullmatch(f.name))
    if unsafe:
        raise SlicewiseError(
            f"case names {_list([repr(name) for name in unsafe])}: only letters, digits, '.', '_' "
            "and '-' are safe in file names; rename the files or name the cases in a table "
            "(layout: table)"
        )


def _refuse_twice(found: Iterable[_Found]) -> None:
    by_name = defaultdict(list)
    for f in found:
        by_name[f.name.lower()].append(str(f.image[0]) if f.image else f.name)
    twice = {name: files for name, files in by_name.items() if len(files) > 1}
    if twice:
        name, files = min(twice.items())
        raise SlicewiseError(
            f"case {name}: two candidates, {_list(sorted(files))}; keep one, or name both in a "
            "table (layout: table)"
        )


def _list(items: list[str], between: str = ", ") -> str:
    return some(items, SHOWN, between)


def _pair(
    images: dict[str, list[Path]],
    masks: dict[str, list[Path]],
    subset: Literal["train", "test"] | None,
) -> list[_Found]:
    for files in (images, masks):
        for name, candidates in sorted(files.items()):
            if len(candidates) > 1:
                raise SlicewiseError(
                    f"case {name}: two candidates, {_list(sorted(map(str, candidates)))}; keep one"
                )
    for those, others, what, lacks in (
        (images, masks, "image", "mask"),
        (masks, images, "mask", "image"),
    ):
        alone = sorted(str(those[name][0]) for name in those.keys() - others.keys())
        if alone:
            raise SlicewiseError(
                f"{_list(alone)}: {what} without {lacks}; add the {lacks}, or move the file away"
            )
    return [
        _Found(name, tuple(images[name]), tuple(masks[name]), subset) for name in sorted(images)
    ]


def _pairs(dataset: Dataset, root: Path) -> list[_Found]:
    pairs = dataset.pairs or Pairs()
    folders: list[tuple[str | None, Literal["train", "test"] | None]] = [(pairs.train, "train")]
    if pairs.test is None:
        folders = [(pairs.train, None)]
    else:
        folders.append((pairs.test, "test"))
    found = []
    for folder, subset in folders:
        place = root / (folder or "")
        if not place.is_dir():
            raise SlicewiseError(
                f"{place}: this folder is missing; make it, or set dataset.pairs.train and "
                "dataset.pairs.test"
            )
        images, masks = (_matching(place, pattern) for pattern in (pairs.image, pairs.mask))
        found += _pair(images, masks, subset)
    return found


def _matching(folder: Path, pattern: str) -> dict[str, list[Path]]:
    before, after = pattern.split("*")
    matching = defaultdict(list)
    for path in sorted(folder.glob(pattern)):
        if _is_left_aside(path):
            continue
        matching[path.name[len(before) : len(path.name) - len(after)]].append(path)
    return matching


def _is_left_aside(path: Path) -> bool:
    """Tell litter, and folders that hold nothing else, from images."""
    return is_litter(path.name) or (path.is_dir() and not _files_below(path))


def _files_below(folder: Path) -> tuple[Path, ...]:
    return tuple(
        sorted(
            path
            for path in folder.rglob("*")
            if path.is_file() and not is_litter(path.relative_to(folder))
        )
    )


def _ircad(dataset: Dataset, root: Path) -> list[_Found]:
    images: dict[str, list[Path]] = {}
    masks: dict[str, list[Path]] = {}
    folders = (p for p in root.glob("3Dircadb*") if p.is_dir() and not _is_left_aside(p))
    for folder in sorted(folders):
        for stem, sources in (("PATIENT_DICOM", images), ("MASKS_DICOM", masks)):
            candidates = [p for p in (folder / stem, folder / f"{stem}.zip") if p.exists()]
            if candidates:
                sources[folder.name] = candidates
    organs = [str(organ) for organ in dataset.labels.values()]
    return [
        f
        if f.name in dataset.exclude
        else _Found(f.name, _files_of_series(f.image[0]), _files_of_masks(f.mask[0], organs))
        for f in _pair(images, masks, None)
    ]


def _files_of_series(path: Path) -> tuple[Path, ...]:
    if path.is_dir():
        files = _files_below(path)
        if not files:
            raise SlicewiseError(f"{path}: the folder is empty; put the DICOM series into it")
        return files
    return (path,)


def _files_of_masks(path: Path, organs: list[str]) -> tuple[Path, ...]:
    if not path.is_dir():
        return (path,)
    missing = [organ for organ in organs if not (path / organ).is_dir()]
    if missing:
        there = sorted(p.name for p in path.iterdir() if p.is_dir() and not is_litter(p.name))
        raise SlicewiseError(
            f"{path}: no organ folder called {missing[0]}; there are: {_list(there)}; correct "
            "dataset.labels or exclude the case"
        )
    return tuple(file for organ in organs for file in _files_of_series(path / organ))


def _msd(dataset: Dataset, root: Path) -> list[_Found]:
    path = root / "dataset.json"
    if not path.is_file():
        raise SlicewiseError(f"{path}: missing; the layout msd needs it beside imagesTr")
    description = read_description(path)
    try:
        items = [(Path(item["image"]), Path(item["label"])) for item in description["training"]]
    except (KeyError, TypeError) as error:
        raise SlicewiseError(
            f"{path}: not a Medical Segmentation Decathlon description ({error!r}); each entry of "
            "training needs an image and a label"
        ) from error
    # lists are written by machines, too, in folders that a file manager has seen
    items = [pair for pair in items if not any(is_litter(path) for path in pair)]
    missing = [str(p) for pair in items for p in pair if not (root / p).is_file()]
    if missing:
        raise SlicewiseError(
            f"{path}: lists files that are not there: {_list(missing)}; "
            "add them or take them off the list"
        )
    check_described(dataset.labels, path, description)
    return [
        _Found(_stem(image.name), (root / image,), (root / mask,)) for image, mask in sorted(items)
    ]


def _nnunet(dataset: Dataset, root: Path) -> list[_Found]:
    found = _nnunet_pairs(root / "imagesTr", root / "labelsTr")
    path = root / "dataset.json"
    if path.is_file() and not _by_name(dataset):
        check_described(dataset.labels, path, read_description(path))
    if not (root / "labelsTs").is_dir():
        return found
    train = [_Found(f.name, f.image, f.mask, "train") for f in found]
    test = [
        _Found(f.name, f.image, f.mask, "test")
        for f in _nnunet_pairs(root / "imagesTs", root / "labelsTs")
    ]
    return train + test


def _nnunet_pairs(image_folder: Path, mask_folder: Path) -> list[_Found]:
    images, masks = defaultdict(list), defaultdict(list)
    other = []
    for path in sorted(image_folder.glob("*")):
        if not _is_image(path):
            continue
        match = re.fullmatch(r"(.+)_(\d{4})", _stem(path.name))
        if match is None or match[2] != "0000":
            other.append(path.name)
            continue
        images[match[1]].append(path)
    if other:
        raise SlicewiseError(
            f"{image_folder}: {_list(other)}: only one channel, named CASE_0000, is supported; "
            "move the others away"
        )
    for path in sorted(mask_folder.glob("*")):
        if _is_image(path):
            masks[_stem(path.name)].append(path)
    return _pair(images, masks, None)


def _is_image(path: Path) -> bool:
    # of formats in several files, the header stands for all
    suffixes = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr", ".hdr.gz", ".mgz")
    return path.name.lower().endswith(suffixes) and not _is_left_aside(path)


def _stem(name: str) -> str:
    unpacked = name[:-3] if name.lower().endswith(".gz") else name
    if unpacked.lower().endswith(".seg.nrrd"):  # as 3D Slicer calls segmentations
        return unpacked[: -len(".seg.nrrd")]
    return unpacked.rsplit(".", 1)[0]


COLUMNS = ("case", "patient", "image", "mask", "subset")
NEEDED = ("case", "image", "mask")
_MEANT = {
    **dict.fromkeys(("patientid", "patientname", "patients", "subject", "subjectid"), "patient"),
    **dict.fromkeys(("pid", "participant", "participantid", "mrn", "person"), "patient"),
    **dict.fromkeys(("split", "set", "partition", "subsets", "usage"), "subset"),
}
"""What people call the columns that may be left out, and what they are called here."""


def _table(dataset: Dataset, root: Path) -> list[_Found]:
    header, rows = read_rows(root, COLUMNS, NEEDED)
    _say_unread(header, root)
    found = [_of_row(row, root) for row in rows]
    some = {f.subset is None for f in found}
    if len(some) > 1:
        raise SlicewiseError(f"{root}: subset is given for some cases only; give all or none")
    alone = sorted(f.name for f in found if f.patient is None)
    if 0 < len(alone) < len(found) and dataset.patient_pattern is None:
        _log.warning(
            "%s: no patient is given for %s: each counts as a patient of its own",
            root,
            _list(alone),
        )
    return found


def _say_unread(header: list[str], root: Path) -> None:
    """Say where a column seems to be meant for one that is read."""
    for name in header:
        meant = _MEANT.get(re.sub(r"[^a-z]", "", name.lower()))
        if meant and name not in COLUMNS and meant not in header:
            _log.warning(
                "%s: the column %r is not read; call it %s if it is meant so", root, name, meant
            )


def _of_row(row: Row, root: Path) -> _Found:
    cells = row.cells
    case = f"{root}: row {row.number}, case {cells['case']}"
    image, mask = (_named(cells[kind], root, case) for kind in ("image", "mask"))
    given = cells.get("subset", "")
    if given.lower() not in _SUBSETS:
        raise SlicewiseError(f"{case}: subset is {given!r}; write train, test or nothing")
    return _Found(
        cells["case"],
        _files_of_series(image),
        _files_of_series(mask),
        _SUBSETS[given.lower()],
        cells.get("patient") or None,
        tuple((name, cell) for name, cell in cells.items() if name not in COLUMNS),
        row.number,
    )


def _named(cell: str, root: Path, case: str) -> Path:
    path = root.parent / cell
    if not path.exists():
        path = root.parent / expanded(cell, case)
    if not path.exists():
        raise SlicewiseError(f"{case}: {path} does not exist; correct the table")
    return path


def _phantom(dataset: Dataset, root: Path) -> list[_Found]:
    phantom = dataset.phantom or Phantom()
    return [_Found(f"phantom_{index:03d}", (), ()) for index in range(1, phantom.cases + 1)]


_LAYOUTS: dict[str, Callable[[Dataset, Path], list[_Found]]] = {
    "pairs": _pairs,
    "ircad": _ircad,
    "msd": _msd,
    "nnunet": _nnunet,
    "table": _table,
    "phantom": _phantom,
}
