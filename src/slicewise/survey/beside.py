"""Tables that lie beside the files: whose the cases are, and who is tested on."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from slicewise.dataset.case import Case, Subset
from slicewise.dataset.columns import TAKEN
from slicewise.dataset.layouts.found import SUBSETS, stem_of
from slicewise.dataset.lists import FOLD, SUFFIX, read_entries
from slicewise.dataset.metadata import rows_by_case
from slicewise.dataset.names import find_alike, folded
from slicewise.dataset.tables import Row, encoding_of
from slicewise.errors import SlicewiseError
from slicewise.survey.known import TABLES
from slicewise.survey.layout import ALIKE, Layout
from slicewise.survey.listing import Listing
from slicewise.survey.said import Said, some_of
from slicewise.survey.words import subset_of
from slicewise.wording import plural

READ = 20
"""Tables that are looked at, from the top folder down."""
LISTS = (".txt", ".list", ".lst")
WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".sav", ".dta")
LARGEST = 10_000_000
"""Bytes of a table that is looked at."""
NEARLY = 0.5
"""Share of the cases that a table names, from which it is said that it lacks the others."""
PEOPLE = {
    *("patient", "patients", "subject", "subjects", "participant", "person", "pid", "mrn"),
    *("pat", "patienten", "proband", "probanden", "subj", "sujet", "paciente", "paziente"),
}
IDENTIFIED = {
    *("id", "ids", "name", "code", "number", "no", "nr", "key", "identifier", "uid", "pseudonym"),
    "nummer",
}
"""Words that columns which call people by something have beside those for people."""
CALLED = {
    *PEOPLE,
    *IDENTIFIED,
    *("case", "cases", "image", "images", "img", "scan", "file", "filename", "path", "volume"),
    *("series", "study", "ct", "mr", "mri", "label", "mask", "seg"),
}
"""Words of columns that tell scans from each other; numbers of other columns count or measure."""
FOLDS = ("fold", "folds", FOLD)
"""Columns that say which fold a case is held out in."""
TOLD = {"subset", "split", "set", "partition", "usage", *FOLDS}
"""Columns that tell who is tested on."""
METADATA = ("dataset", "metadata")
TABLE = (*METADATA, "table")
BIDS_SPLIT = ("dataset", "bids", "split")
UNCLEAR = "dataset.metadata.subset"
PATIENT = (*METADATA, "patient")
"""The setting that says whose cases are."""


@dataclass(frozen=True)
class _Table:
    """A table, and the rows of it that are about each case."""

    path: str
    column: str
    rows: Mapping[str, Sequence[Row]]
    header: Sequence[str]


def with_tables(layout: Layout, listing: Listing, root: str) -> Layout:
    """Return a layout with what a table beside the files says of its cases.

    Parameters
    ----------
    layout : Layout
        Of BIDS, only `participants.tsv` is looked at, and where somebody wrote a table of cases,
        nothing else.
    listing : Listing
    root : str
        How `dataset.root` names the folder, or its whole path.

    Returns
    -------
    Layout
        As it was where no table has a row of each case, and none tells of patients with several
        cases or of who is tested on.
    """
    if layout.name == "bids":
        return _with_participants(layout)
    if layout.name == "table" and not layout.table:
        return layout
    notes = []
    base = _base(listing, layout, root)
    told = layout
    for path in _tables(listing):
        table = _read(listing, path, layout.cases, base)
        if isinstance(table, str):
            notes.append(table)
        elif told is not layout:
            notes.append(_told_too(told.cases, table) or _unclear(told.cases, table))
        else:
            made = _told(layout, table, root)
            told = made if isinstance(made, Layout) else layout
            notes.append(_unclear(told.cases, table) if told is made else str(made))
    notes += _lists(listing, told.cases, base)
    notes += _workbooks(listing) if told is layout else []
    return replace(told, notes=(*told.notes, *filter(None, notes)))


def _with_participants(layout: Layout) -> Layout:
    """Return BIDS with who is tested on by another column of participants.tsv than `split`."""
    header = list(dict.fromkeys(name for case in layout.cases for name, _ in case.columns))
    rows = {case.name: [Row(0, dict(case.columns))] for case in layout.cases if case.columns}
    table = _Table("participants.tsv", "participant_id", rows, header)
    column = _subset_column(layout.cases, table) if len(rows) == len(layout.cases) else ""
    if not column:
        said = _unclear(layout.cases, table).replace(UNCLEAR, ".".join(BIDS_SPLIT))
        return replace(layout, notes=(*layout.notes, *filter(None, [said])))
    told = _agreed(table, column)
    missing = [case.name for case in layout.cases if case.name not in told]
    if missing:
        note = (
            f"participants.tsv may tell by its column {column} who is tested on, and does not say "
            f"it of {some_of(missing)}; where it is to, name it in {'.'.join(BIDS_SPLIT)}."
        )
        return replace(layout, notes=(*layout.notes, note))
    cases = [replace(case, subset=SUBSETS[told[case.name].lower()]) for case in layout.cases]
    tested = sum(case.subset == "test" for case in cases)
    why = f"a column of participants.tsv, by which {plural(tested, 'case')} are tested on"
    return replace(layout, said=(*layout.said, Said(BIDS_SPLIT, column, why)), cases=tuple(cases))


def _lists(listing: Listing, cases: Sequence[Case], base: Path) -> list[str]:
    """Say of lists of cases, such as ``test.txt`` and ``test.csv``, that nothing follows."""
    if any(case.subset for case in cases):
        return []
    found = []
    for path in sorted([*listing.ending(LISTS), *listing.topmost(TABLES, READ)])[: 2 * READ]:
        subset = subset_of(PurePosixPath(path).stem)
        lines = _lines(listing.root / path) if subset is not None else []
        cells = [cell.strip(' "') for line in lines for cell in re.split("[\t,;]", line)]
        named = {*rows_by_case(cells, cases, base)} or _in_folders(cells, cases)
        if len(named) < len(cases) and len(named) >= NEARLY * len(lines) > 0:
            found.append(path)
    if not found:
        return []
    return [
        f"{some_of(found)} may say who is trained and tested on, and nothing follows from it: "
        "write a table of cases and subsets, and name it in dataset.metadata (docs/settings.md)."
    ]


def _workbooks(listing: Listing) -> list[str]:
    """Say of workbooks of a spreadsheet, and of a program of statistics, that they are not read."""
    ending = listing.ending(WORKBOOKS)
    # what Excel leaves beside a workbook that is open
    found = sorted(path for path in ending if not PurePosixPath(path).name.startswith("~$"))
    if not found:
        return []
    return [
        f"{some_of(found)} is not read, as it is no text: if it says whose the scans are or who is "
        "tested on, save it beside as CSV, and run this again with --force."
    ]


def _lines(path: Path) -> list[str]:
    """Return the lines of a text that are not empty; nothing of what is no short text."""
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else b""
        text = content.decode(encoding_of(content))
    except (OSError, ValueError):
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _tables(listing: Listing) -> list[str]:
    """Return the tables of text, and then the lists in JSON, each from the top folder down."""
    return [*listing.topmost(TABLES, READ), *listing.topmost([SUFFIX], READ)]


def _read(listing: Listing, path: str, cases: Sequence[Case], base: Path) -> _Table | str:
    """Read a table, and find the column that tells most cases; else what to say of it."""
    place = listing.root / path
    try:
        if place.stat().st_size > LARGEST:
            return ""
        header, rows = read_entries(place)
    except OSError:
        return ""
    except SlicewiseError as error:
        # there is much in JSON that lists no cases
        is_text = not path.lower().endswith(SUFFIX)
        return f"{path} is not used: {str(error).removeprefix(f'{place}: ')}." if is_text else ""
    columns = {name: [row.cells[name] for row in rows] for name in header}
    called = {name: cells for name, cells in columns.items() if _words(name) & CALLED}
    # in any language, as no count or measure is called as a case with letters is
    named = {name: cells for name, cells in columns.items() if _are_words(cells)}
    best: dict[str, list[int]] = {}
    column = ""
    for name, cells in {**called, **named}.items():
        found = rows_by_case(cells, cases, base)
        if len(found) > len(best):
            best = found
            column = name
    if len(best) < NEARLY * len(cases):
        return _spelt_otherwise(path, header, called, cases)
    of_case = {name: [rows[number] for number in numbers] for name, numbers in best.items()}
    return _Table(path, column, of_case, header)


def _are_words(cells: Sequence[str]) -> bool:
    """Tell whether most cells of a column have letters."""
    return 2 * sum(any(map(str.isalpha, cell)) for cell in cells) > len(cells)


def _spelt_otherwise(
    path: str, header: Sequence[str], called: Mapping[str, Sequence[str]], cases: Sequence[Case]
) -> str:
    """Say of a table that it may tell something of cases, which it spells as no file does."""
    told = [name for name in header if _words(name) & PEOPLE or name.lower() in TOLD]
    for column, cells in called.items():
        which = " and ".join(name for name in told if name != column)
        if which and len(_in_folders(cells, cases)) >= NEARLY * len(cases):
            return (
                f"{path} is not used, though its column {which} may tell whose cases are or who "
                f"is tested on: its column {column} calls them as their folders are, and layout "
                "dicom does not; write it into a table of the cases, and name that in "
                "dataset.metadata (docs/settings.md)."
            )
    known = {folded(text): text for case in cases for text in _names_of(case)}
    known = {**_by_number(cases), **known}
    for column, cells in called.items():
        # what tells whose cases are is no name of one
        others = [name for name in told if name != column]
        found = {known[key]: stem for stem in map(_stem, cells) if (key := folded(stem)) in known}
        if others and len(found) >= NEARLY * len(cases):
            ours = sorted(found)
            theirs = [found[name] for name in ours]
            which = " and ".join(others)
            return (
                f"{path} is not used, though its column {which} may tell whose cases are or who "
                f"is tested on: its column {column} calls them {some_of(theirs)}, and their files "
                f"{some_of(ours)}; "
                "spell them there as files are called, and name the table in dataset.metadata "
                "(docs/settings.md)."
            )
    return ""


def _names_of(case: Case) -> set[str]:
    """Return what a case may be called, by its files or as a whole."""
    stems = {stem_of(path.name) for path in case.image[:1]}
    return {case.name, case.patient, *stems}


def _in_folders(cells: Sequence[str], cases: Sequence[Case]) -> set[str]:
    """Return the cases that a column calls as a folder that tells who the patient is."""
    texts = {*cells}
    return {case.name for case in cases if case.hidden and texts & {*case.image[0].parts[:-1]}}


def _by_number(cases: Sequence[Case]) -> dict[str, str]:
    """Return cases by the last number of their names, where each has its own."""
    numbers = {case.name: re.findall(r"\d+", case.name)[-1:] for case in cases}
    known = {folded(number): name for name, several in numbers.items() for number in several}
    return known if len(known) == len(cases) else {}


def _stem(cell: str) -> str:
    return stem_of(PurePosixPath(cell.replace("\\", "/")).name)


def _base(listing: Listing, layout: Layout, root: str) -> Path:
    """Return what `dataset.root` will be: a folder, or the table that is written."""
    if layout.table:
        return listing.root / "cases.tsv"
    said = next(str(one.value) for one in layout.said if one.path == ("dataset", "root"))
    return listing.root / said[len(root) :].strip("/")


def _words(name: str) -> set[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return {part for word in re.findall(r"[a-z]+", spaced.lower()) for part in _parted(word)}


def _parted(word: str) -> list[str]:
    """Return the words that are written in one: those of ``patientid``."""
    for end in IDENTIFIED:
        before = word.removesuffix(end)
        if before != word and before in CALLED - IDENTIFIED:
            return [before, end]
    return [word]


def _told(layout: Layout, table: _Table, root: str) -> Layout | str:
    """Return a layout with what a table says; else what has to be said of it, or nothing."""
    patient = _patient_column(layout.cases, table)
    subset = _subset_column(layout.cases, table)
    if not patient and not subset:
        folds = _untested(layout.cases, table) or _folded(layout.cases, table, root)
        return folds or _unclear(layout.cases, table)
    refused = _refused(layout.cases, table, patient, subset)
    if not refused:
        return _with_columns(layout, table, root, patient, subset)
    if not (patient and subset) or _refused(layout.cases, table, patient, ""):
        which = " and ".join(name for name in (patient, subset) if name)
        return (
            f"{table.path} is not used, though its column {which} may tell whose cases are or who "
            f"is tested on: {refused}; dataset.metadata in docs/settings.md names such a table."
        )
    # the scans of a patient stay together, whoever is tested on
    made = _with_columns(layout, table, root, patient, "")
    note = (
        f"{table.path} says who is tested on by its column {subset}, and nothing follows from it: "
        f"{refused}; correct it, and name it in dataset.metadata.subset."
    )
    return replace(made, notes=(*made.notes, note))


def _refused(cases: Sequence[Case], table: _Table, patient: str, subset: str) -> str:
    """Say why columns of a table cannot be used, or nothing."""
    columns = [_agreed(table, name) for name in (patient, subset) if name]
    missing = [case.name for case in cases if any(case.name not in one for one in columns)]
    if missing:
        return f"it does not say it of {some_of(missing)}"
    torn = _torn([_of_table(case, table, patient, subset) for case in cases])
    if torn:
        return f"{some_of(torn)} would be in more than one of training, validation and test"
    return ""


def _with_columns(layout: Layout, table: _Table, root: str, patient: str, subset: str) -> Layout:
    """Return a layout with what columns of a table say."""
    cases = [_of_table(case, table, patient, subset) for case in layout.cases]
    said = [
        Said(TABLE, f"{root}/{table.path}", f"a row of each of {len(cases)} cases"),
        Said((*METADATA, "case"), table.column, "which case a row is about"),
    ]
    if patient:
        why = f"{len({case.patient for case in cases})} patients, some with several cases"
        said.append(Said(PATIENT, patient, why))
        said += _spelt(cases, layout)
    if subset:
        tested = sum(case.subset == "test" for case in cases)
        said.append(Said((*METADATA, "subset"), subset, f"{tested} cases are tested on"))
    return replace(layout, said=(*layout.said, *said), cases=tuple(cases))


def _told_too(cases: Sequence[Case], table: _Table) -> str:
    """Say of a table that it tells what the one that is used does not."""
    columns = [_patient_column(cases, table), _subset_column(cases, table)]
    which = " and ".join(filter(None, columns))
    if not which:
        return ""
    return (
        f"{table.path} is not used, though its column {which} may tell whose cases are or who is "
        "tested on: dataset.metadata names one table; write all of it into one."
    )


def _unclear(cases: Sequence[Case], table: _Table) -> str:
    """Say of a table that it may tell who is tested on in words that no setting takes."""
    if any(case.subset for case in cases):
        return ""
    for column in table.header:
        texts = sorted({*_agreed(table, column).values()})
        if all(text.lower() in SUBSETS for text in texts):
            continue
        tested = [text for text in texts if subset_of(text) == "test"]
        asked = subset_of(column) == "test" and len(texts) == 2
        # names of people are many, and are not shown
        is_told = 0 < len(tested) < len(texts) and 2 * len(texts) <= len(cases)
        if asked or is_told:
            return (
                f"{table.path} may tell by its column {column} who is tested on, and nothing "
                f"follows from it: it says {some_of(texts)}; write train and test there, and "
                f"name the column in {UNCLEAR} (docs/settings.md)."
            )
    return ""


def _of_table(case: Case, table: _Table, patient: str, subset: str) -> Case:
    cells = table.rows[case.name][0].cells
    return replace(
        case,
        patient=cells[patient] if patient else case.patient,
        subset=SUBSETS[cells[subset].lower()] if subset else case.subset,
    )


def _torn(cases: Sequence[Case]) -> list[str]:
    """Return the patients with cases in several subsets."""
    subsets: dict[str, set[Subset]] = defaultdict(set)
    for case in cases:
        subsets[case.patient].add(case.subset)
    return sorted(patient for patient, several in subsets.items() if len(several) > 1)


def _spelt(cases: Sequence[Case], layout: Layout) -> list[Said]:
    """Return what has to be said of patients whose names look alike."""
    alike = find_alike({case.patient for case in cases}, [])
    return [ALIKE] if alike and ALIKE not in layout.said else []


def _patient_column(cases: Sequence[Case], table: _Table) -> str:
    """Return the column that says whose cases are where that makes fewer patients, else nothing."""
    patients = {case.name: case.patient for case in cases}
    for column in table.header:
        words = _words(column)
        if not words & PEOPLE or not words <= PEOPLE | IDENTIFIED:
            continue
        said = _agreed(table, column)
        if len({*said.values()}) < len({patients[name] for name in said}):
            return column
    return ""


def _subset_column(cases: Sequence[Case], table: _Table) -> str:
    """Return the column that says who is tested on, where no folder does, else nothing."""
    told = _subsets(cases, table).items()
    return next((column for column, said in told if {"train", "test"} <= said), "")


def _untested(cases: Sequence[Case], table: _Table) -> str:
    """Say of a table that it tells who validates, and nobody to test on."""
    told = _subsets(cases, table).items()
    column = next((column for column, said in told if said == {"train", "validation"}), "")
    if not column:
        return ""
    if table.path.lower().endswith(SUFFIX):
        said = "some are trained on and some validate"
        change = "say so in a table and name that"
    else:
        said = f"by its column {column} some are trained on and some validate"
        change = "write test in their rows and name the table"
    return (
        f"{table.path} is not used: {said}, and nobody is tested on; to test on those who "
        f"validate, {change} in dataset.metadata (docs/settings.md)."
    )


def _folded(cases: Sequence[Case], table: _Table, root: str) -> str:
    """Say of a table that it tells which fold each case is held out in."""
    column = next((name for name in table.header if name.lower() in FOLDS), "")
    said = _agreed(table, column) if column else {}
    folds = set(said.values())
    if len(said) < len(cases) or len(folds) < 2:
        return ""
    block = f"metadata: {{table: {root}/{table.path}, case: {table.column}}}"
    rename = f"call its column {column} {FOLD}, and " if column.lower() in TAKEN else ""
    asked = FOLD if rename else column
    return (
        f"{table.path} tells which of {len(folds)} folds each case is held out in: for the same "
        f"folds {rename}write dataset: {{{block}}} and split: {{leave_out: {asked}}} "
        "(docs/data.md)."
    )


def _subsets(cases: Sequence[Case], table: _Table) -> dict[str, set[Subset]]:
    """Return the columns that name nothing but subsets, with these; none where folders do."""
    if any(case.subset for case in cases):
        return {}
    named = {
        column: {SUBSETS.get(text.lower()) for text in _agreed(table, column).values()}
        for column in table.header
    }
    return {column: subsets for column, subsets in named.items() if None not in subsets}


def _agreed(table: _Table, column: str) -> dict[str, str]:
    """Return what a column says of each case of which it says one thing."""
    said = {}
    for name, rows in table.rows.items():
        values = {row.cells[column] for row in rows}
        if len(values) == 1 and "" not in values:
            said[name] = values.pop()
    return said
