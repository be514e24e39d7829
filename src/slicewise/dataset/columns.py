"""What tables say of cases beyond their files: site, scanner, sex, age."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from slicewise.config import Settings, Split
from slicewise.dataset.case import Case
from slicewise.dataset.names import find_alike
from slicewise.dataset.tables import read_rows
from slicewise.errors import SlicewiseError
from slicewise.files import below
from slicewise.wording import some

SHOWN = 8
TAKEN = ("case", "patient", "subset", "fold", "label")
"""Names that tables of results have columns of; others begin as those of `MEASURED` do."""
MEASURED = ("image", "mask", "ml_", "intensity_", "shape", "spacing", "orientation", "fingerprint")
UNKNOWN = ("n/a", "na", "nan", "none", "null", "unknown", "-", "?")
"""What tables hold, in small letters, where nobody knows a site: patients of all of them."""

Values = dict[str, str]
"""Of a column, by case; empty where nothing is said."""


def read_column(
    cases: Sequence[Case], column: str, key: str, settings: Split, data: Path = Path()
) -> Values:
    """Return what a column says of each case.

    It is one that the layout knows of its cases (a table, the participants of
    BIDS), or else one of the table that `split.strata` names.

    Parameters
    ----------
    cases : sequence of Case
        With the columns of their table.
    column : str
        Its name.
    key : str
        The setting that names it, for messages.
    settings : Split
        Its `strata`.
    data : Path
        The folder that `settings.strata` lies below.

    Raises
    ------
    SlicewiseError
        When no table has it, or its name is one that results have.
    """
    said = _all_said(cases, column, key, settings, data)
    return {case: values[-1] if values else "" for case, values in said.items()}


def _all_said(
    cases: Sequence[Case], column: str, key: str, settings: Split, data: Path
) -> dict[str, list[str]]:
    """Return all that a column says of each case, as `read_column` does of the last row."""
    if column in TAKEN or column.startswith(MEASURED):
        raise SlicewiseError(
            f"{key}: a column {column!r} cannot be asked for, as tables of results have their own "
            "of that name; give it another name in your table"
        )
    known = {name for case in cases for name, _ in case.columns}
    if column in known:
        return {case.name: [dict(case.columns).get(column, "")] for case in cases}
    if settings.strata is None:
        raise SlicewiseError(
            f"{key}: no table has a column {column!r}"
            + (f"; there are: {', '.join(sorted(known))}" if known else "")
            + "; it may be any column of layout table, of the participants.tsv of layout bids or "
            "of dataset.metadata, else name a table in split.strata"
        )
    drawn = [case for case in cases if not case.corrected]
    values = column_of(strata_table(settings.strata, data), column, drawn)
    return {case.name: values.get(case.name, []) for case in cases}


def read_columns(
    cases: Sequence[Case], settings: Settings, data: Path = Path()
) -> dict[str, Values]:
    """Return what is kept of what tables say of cases: the columns that settings name.

    No other, as tables of people hold names and dates, too.

    Raises
    ------
    SlicewiseError
        As of `read_column`, when one is called as an experiment or holds words that are binned.
    """
    keys = dict.fromkeys(settings.evaluation.by, "evaluation.by")
    if settings.split.leave_out is not None:
        # it comes first, as it is what the folds are
        keys = {settings.split.leave_out: "split.leave_out", **keys}
    for column, key in keys.items():
        if column in settings.named:
            raise SlicewiseError(
                f"{key}: a column {column!r} cannot be asked for, as an experiment is called so, "
                "whose Dice has that column in comparison_cases.tsv; give it another name in your "
                "table, or rename the experiment"
            )
    columns = {
        column: read_column(cases, column, key, settings.split, data)
        for column, key in keys.items()
    }
    for column, bins in settings.evaluation.bins.items():
        if bins != "values":
            _refuse_words(column, columns[column])
    return columns


def _refuse_words(column: str, values: Values) -> None:
    for case, value in values.items():
        try:
            fine = not value or math.isfinite(float(value))
        except ValueError:
            fine = False
        if not fine:
            raise SlicewiseError(
                f"evaluation.bins.{column}: {column} of case {case} is {value!r}, not a number; "
                "correct it, or leave the bins out"
            )


def strata_table(strata: str, data: Path) -> Path:
    """Return where the table of `split.strata` lies."""
    return below(data, strata, "split.strata")


def column_of(path: Path, column: str, cases: Sequence[Case]) -> dict[str, list[str]]:
    """Read a column of a table of cases or patients, which `split.strata` names.

    Returns
    -------
    dict of str to list of str
        By case, what each row of it or of its patient says; nothing where there is no row.

    Raises
    ------
    SlicewiseError
        When it lacks the column, or is a result of this workflow.
    """
    if path.name == "cases.tsv" and path.with_name("cases.npz").exists():
        raise SlicewiseError(
            f"{path}: this table is made again by runs, and the split cannot wait for it; copy it "
            "to your data and name the copy in split.strata"
        )
    header, rows = read_rows(path, ("case", "patient"))
    key = next((name for name in ("case", "patient") if name in header), None)
    if key is None or column not in header:
        raise SlicewiseError(
            f"{path}: split.strata needs a column case or patient, and {column}; it has "
            f"{', '.join(header)}"
        )
    values: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        values[row.cells[key]].append(row.cells[column])
    return {c.name: values.get(c.name if key == "case" else c.patient, []) for c in cases}


def read_sites(cases: Sequence[Case], settings: Split, data: Path = Path()) -> Values:
    """Return the site of each patient, of which `split.leave_out` holds out one after another.

    Returns
    -------
    dict of str to str
        By patient.

    Raises
    ------
    SlicewiseError
        When the column is not there, a cell of it is empty or says that nobody
        knows, a patient is at two sites, or two sites may be one in two spellings.
    """
    key = "split.leave_out"
    column = str(settings.leave_out)
    said = _all_said(cases, column, key, settings, data)
    missing = []
    for name, values in sorted(said.items()):
        unknown = [value for value in values or [""] if value.lower() in ("", *UNKNOWN)]
        if unknown:
            missing.append(f"{name} ({unknown[0]})" if unknown[0] else name)
    if missing:
        raise SlicewiseError(
            f"{key}: no {column} is given for {some(missing, SHOWN)}; fill it in, or exclude the "
            "cases"
        )
    sites: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        sites[case.patient].update(said[case.name])
    several = {patient: at for patient, at in sorted(sites.items()) if len(at) > 1}
    if several:
        torn = [f"{patient} ({', '.join(sorted(at))})" for patient, at in several.items()]
        raise SlicewiseError(
            f"{key}: patients of more than one {column}: {some(torn, SHOWN)}; a model that never "
            "saw the one would have seen them at the other, so give each patient one, or exclude "
            "cases"
        )
    alike = find_alike({site for at in sites.values() for site in at}, [])
    if alike:
        names, how = alike[0]
        raise SlicewiseError(
            f"{key}: {column} is {' and '.join(map(repr, names))}, which differ {how} only, so "
            "one might be trained and tested on; spell it in one way, or give them names that "
            "differ otherwise"
        )
    return {patient: site for patient, (site,) in sites.items()}


def sites_as_folds(sites: Mapping[str, str], others: Sequence[str], column: str) -> dict[str, int]:
    """Number the sites of the patients who are not tested on, in the order of their names.

    Parameters
    ----------
    sites : mapping of str to str
        By patient.
    others : sequence of str
        The patients.
    column : str
        What a site is called, for messages.

    Returns
    -------
    dict of str to int
        The fold that holds each patient out.
    """
    names = sorted({sites[patient] for patient in others})
    if len(names) < 2:
        raise SlicewiseError(
            f"split.leave_out: all patients to train on have the {column} {names[0]}, so leaving "
            "it out leaves nobody; take split.folds instead"
        )
    numbers = {site: fold for fold, site in enumerate(names)}
    return {patient: numbers[sites[patient]] for patient in others}
