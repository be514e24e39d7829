"""Finding the cases of a data set by file names alone; no image is opened."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.case import Case
from slicewise.dataset.corrections import find_corrected
from slicewise.dataset.layouts import LAYOUTS
from slicewise.dataset.layouts.found import FoundCase, labels_are_names, listed
from slicewise.dataset.looks import looks_like
from slicewise.dataset.metadata import with_metadata
from slicewise.dataset.names import SAFE, find_alike, stripped
from slicewise.errors import SlicewiseError
from slicewise.files import below
from slicewise.volumes.companions import Folders, whole_volume
from slicewise.volumes.formats import is_dicom, is_nifti

SEGMENTED = (".nrrd", ".nhdr")
"""Of files that may name their segments."""


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
        When nothing is there, when images and masks do not pair up, when no case
        has its mask, when a name is not safe, when two patients may be one in two
        spellings, or when labels are not those of dataset.json; the offenders are listed.
    """
    root = below(data, dataset.root or "", "dataset.root")
    if dataset.layout != "phantom" and not root.exists():
        raise SlicewiseError(
            f"{root}: no data there (dataset.root of {dataset.name}); set SLICEWISE_DATA to the "
            "folder that holds it, or correct dataset.root"
        )
    candidates = LAYOUTS[dataset.layout](dataset, root)
    if not candidates:
        raise SlicewiseError(
            f"{root}: no case found in the layout {dataset.layout}; {looks_like(root)}; the "
            "layouts are described in docs/data.md"
        )
    if dataset.metadata is not None:
        candidates = with_metadata(candidates, dataset.metadata, root, data, dataset.exclude)
    candidates += find_corrected(dataset, data)
    _refuse_unsafe(candidates)
    _refuse_twice(candidates)
    cases = [_case(f, dataset) for f in sorted(candidates, key=lambda f: f.name)]
    unknown = sorted(set(dataset.exclude) - {case.name for case in cases})
    if unknown:
        raise SlicewiseError(f"dataset.exclude: no case is called {listed(unknown)}; correct it")
    kept = [case for case in cases if case.name not in dataset.exclude]
    if all(case.corrected for case in kept):
        raise SlicewiseError("dataset.exclude: leaves no case at all; shorten it")
    if all(case.lacks for case in kept if not case.corrected):
        # no mask was forgotten: the settings look for them in the wrong place
        raise SlicewiseError(kept[0].lacks)
    _refuse_torn(kept)
    rows = {f.name: f.row for f in candidates if f.row is not None}
    _refuse_alike(kept, {case.patient for case in cases}, dataset, root, rows)
    _refuse_names(kept, dataset)
    folders = Folders()
    return [_whole(case, folders) for case in kept]


def _refuse_torn(cases: list[Case]) -> None:
    """Refuse frames of one file that would be of several patients."""
    of_file: dict[Path, list[Case]] = defaultdict(list)
    for case in cases:
        if case.frame is not None:
            of_file[case.image[0]].append(case)
    for path, own in of_file.items():
        if len({case.patient for case in own}) > 1:
            raise SlicewiseError(
                f"{path}: its frames {listed([case.name for case in own])} would be of several "
                "patients, so one patient might be trained and tested on; give them one patient, "
                "by a column patient of the table or by dataset.patient_pattern, or split a file "
                "that stacks patients into one for each"
            )


def _refuse_names(cases: list[Case], dataset: Dataset) -> None:
    """Refuse labels by the names of segments where masks have no names."""
    if dataset.layout == "ircad" or not labels_are_names(dataset):
        return
    # corrected masks have the values that predictions have
    masks = [case.mask[0] for case in cases if not case.lacks and not case.corrected]
    plain = [str(mask) for mask in masks if not _may_name_segments(mask)]
    if plain:
        raise SlicewiseError(
            "dataset.labels: gives names of segments, which only files of 3D Slicer (.seg.nrrd) "
            "and segmentations of DICOM have, and these are none: "
            f"{listed(plain)}; give mask values in dataset.labels"
        )


def _may_name_segments(mask: Path) -> bool:
    """Tell whether a mask may name its segments; no image is opened for it."""
    if mask.name.lower().endswith(SEGMENTED):
        return True
    return not is_nifti(mask) and mask.is_file() and is_dicom(mask)


def _whole(case: Case, folders: Folders) -> Case:
    """Add the files that belong to those of a case."""
    image = case.image if case.channels else _all_files(case.image, folders)
    mask = _all_files(case.mask, folders)
    if both := sorted(set(image) & set(mask)):
        raise SlicewiseError(
            f"case {case.name}: {both[0]} is a file of both image and mask; give each its own"
        )
    return replace(case, image=image, mask=mask)


def _all_files(files: tuple[Path, ...], folders: Folders) -> tuple[Path, ...]:
    return whole_volume(files[0], folders) if len(files) == 1 else files


def _case(listed: FoundCase, dataset: Dataset) -> Case:
    patient = listed.patient
    guessed = False
    if patient is None:
        patient = _patient(listed, dataset)
        guessed = "patient_pattern" not in dataset.model_fields_set
    return Case(
        name=listed.name,
        patient=patient,
        image=listed.image,
        mask=listed.mask,
        subset=listed.subset,
        columns=listed.columns,
        guessed=guessed,
        structures=listed.structures,
        named=listed.named,
        hidden=listed.hidden,
        frame=listed.frame,
        channels=listed.channels,
        in_one=listed.in_one,
        lacks=listed.lacks,
        corrected=listed.corrected,
    )


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
            f"dataset.different_patients: no patient is called {listed(nobody)}; correct it"
        )
    alike = find_alike((case.patient for case in cases), different)
    if not alike:
        return
    where: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        row = f"row {rows[case.name]}" if case.name in rows else f"case {case.name}"
        where[case.patient].append(row)
    shown = [
        " and ".join(f"{name!r} ({listed(where[name])})" for name in names) + f" differ {how} only"
        for names, how in alike
    ]
    place = f"{root}: " if rows else ""
    raise SlicewiseError(
        f"{place}patients {listed(shown, '; ')}, so one patient might be trained and tested on; "
        "spell a patient in one way, or list those who differ in dataset.different_patients, as "
        f"[[{', '.join(alike[0][0])}]]"
    )


def _patient(case: FoundCase, dataset: Dataset) -> str:
    name = case.name
    if dataset.patient_pattern is None:
        return case.without_frame or name
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


def _refuse_unsafe(cases: Iterable[FoundCase]) -> None:
    unsafe = sorted(f.name for f in cases if not SAFE.fullmatch(f.name))
    if unsafe:
        raise SlicewiseError(
            f"case names {listed([repr(name) for name in unsafe])}: only letters, digits, '.', '_' "
            "and '-' are safe in file names; rename the files or name the cases in a table "
            "(layout: table)"
        )


def _refuse_twice(cases: Iterable[FoundCase]) -> None:
    by_name: dict[str, list[FoundCase]] = defaultdict(list)
    for f in cases:
        by_name[f.name.lower()].append(f)
    twice = {name: own for name, own in by_name.items() if len(own) > 1}
    if twice:
        _, own = min(twice.items())
        names = sorted({f.name for f in own})
        files = listed(sorted(str(f.image[0]) if f.image else f.name for f in own))
        if len(names) > 1:
            raise SlicewiseError(
                f"cases {' and '.join(names)}: their names differ in capital letters alone, which "
                f"not all file systems tell apart ({files}); rename the files, or name the cases "
                "in a table (layout: table)"
            )
        raise SlicewiseError(
            f"case {names[0]}: two candidates, {files}; keep one, or name both in a table "
            "(layout: table)"
        )
