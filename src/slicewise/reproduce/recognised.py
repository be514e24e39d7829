"""Who the numbered cases of a crate are here: those whose image and mask have the same digests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import Any

import pandas as pd

from slicewise.config import Settings, load_settings
from slicewise.dataset.case import Case
from slicewise.dataset.describe import describe_files
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases
from slicewise.errors import SlicewiseError
from slicewise.files import data_folder, write_text
from slicewise.reproduce.original import Original
from slicewise.stored import read_stored_table
from slicewise.wording import plural, some

TABLES = ("cases.tsv", "split.tsv", "metrics.tsv")
SHOWN = 4


@dataclass(frozen=True)
class Recognised:
    """Cases and patients by their numbers, and the names of those that no number is of."""

    cases: Mapping[str, str]
    patients: Mapping[str, str]
    others: tuple[str, ...]


def name_cases(originals: Sequence[Original], log: Callable[[str], None]) -> None:
    """Give the cases of a numbered crate the names that they have here.

    Tables of then are written anew with them, and settings name them. Cases here that were not
    published, such as excluded ones, are excluded.

    Parameters
    ----------
    originals : sequence of Original
        On one data set, with a ``dataset.root`` that is here.
    log : callable
        Called with a line for people.

    Raises
    ------
    SlicewiseError
        When an image or mask is not here, or patients are not grouped or split as they were.
    """
    first = originals[0]
    for original in originals:
        # which patients are one the numbers tell, and not how names are spelt: somebody here may
        # look like one of a case that was excluded
        original.settings["dataset"]["different_patients"] = "all"
    settings = load_settings(first.settings, dumped=True)
    here = find_cases(settings.dataset, data_folder())
    found = recognise(first.files / "cases.tsv", here, relpath(first.settings["dataset"]["root"]))
    for original in originals:
        _name(original, found)
    _check_split(first, settings, [case for case in here if case.name in found.cases.values()])
    if found.others:
        log(
            f"left out, as not published: {plural(len(found.others), 'case')} here "
            f"({some(found.others, SHOWN)})"
        )


def _name(original: Original, found: Recognised) -> None:
    for name in TABLES:
        path = original.files / name
        table = _text(path)
        named = table.assign(
            case=table["case"].map(found.cases), patient=table["patient"].map(found.patients)
        )
        write_text(path, named.to_csv(sep="\t", index=False))
    original.settings["dataset"]["exclude"] = list(found.others)
    split = original.settings["split"]
    split["not_the_same"] = [[found.cases[case] for case in pair] for pair in split["not_the_same"]]


def recognise(table: Path, here: Iterable[Case], root: str) -> Recognised:
    """Find which case here each number is of, by the SHA-256 of image and mask.

    Of cases with the same files numbers and names follow one order.

    Raises
    ------
    SlicewiseError
        See `name_cases`.
    """
    known: dict[tuple[str, ...], list[Case]] = defaultdict(list)
    of_image: dict[str, list[str]] = defaultdict(list)
    for case in here:
        digests = tuple(describe_files(each).sha256 for each in (case.image, case.mask) if each)
        known[digests].append(case)
        of_image[digests[0]].append(case.name)
    cases: dict[str, str] = {}
    patients: dict[str, str] = {}
    for row in _text(table).sort_values("case").to_dict("records"):
        same = known[row["image_sha256"], row["mask_sha256"]]
        if not same:
            raise SlicewiseError(_missing(row, of_image[row["image_sha256"]], root))
        case = same.pop(0)
        cases[row["case"]] = case.name
        if patients.setdefault(row["patient"], case.patient) != case.patient:
            raise SlicewiseError(
                f"{root}: {case.name} is of patient {case.patient} here, and of the same patient "
                f"as a case of {patients[row['patient']]} in the crate; ask whoever published it "
                "how files were called"
            )
    if len(set(patients.values())) < len(patients):
        raise SlicewiseError(
            f"{root}: there are fewer patients here than in the crate, as names of files put some "
            "together; ask whoever published it how files were called"
        )
    others = sorted(case.name for left in known.values() for case in left)
    return Recognised(cases, patients, tuple(others))


def _missing(row: Mapping[str, Any], of_image: list[str], root: str) -> str:
    what = (
        f"the mask of {some(of_image, SHOWN)} is another file"
        if of_image
        else f"no image here is that of {row['case']}, by its SHA-256"
    )
    return (
        f"{root}: these are not the data that were published: {what}; get those, or name their "
        "folder with --data"
    )


def _check_split(original: Original, settings: Settings, cases: Sequence[Case]) -> None:
    """Refuse files that are called otherwise than then, where the split is drawn by names."""
    now = {
        each.case: (each.subset, "" if each.fold is None else str(each.fold))
        for each in split_cases(cases, settings.split, data_folder())
    }
    for row in _text(original.files / "split.tsv").to_dict("records"):
        then = (row["subset"], row["fold"])
        if now[row["case"]] != then:
            raise SlicewiseError(
                f"{relpath(original.settings['dataset']['root'])}: case {row['case']} was in "
                f"{' '.join(then).strip()}, and is in {' '.join(now[row['case']]).strip()} here: "
                "splits are drawn by names, and files were called otherwise; ask whoever "
                "published the crate how"
            )


def _text(path: Path) -> pd.DataFrame:
    return read_stored_table(path, ("case", "patient"), dtype=str, keep_default_na=False)
