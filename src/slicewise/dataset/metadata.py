"""Tables beside the files of a data set: whose its cases are, and who is tested on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from slicewise.config import Metadata
from slicewise.dataset.case import Case, Subset
from slicewise.dataset.layouts.found import SUBSETS, FoundCase, listed, stem_of
from slicewise.dataset.lists import read_entries
from slicewise.dataset.tables import Row
from slicewise.errors import SlicewiseError
from slicewise.files import below

Keys = Mapping[str, Sequence[str]]
"""Names of cases by what a cell may call them."""


def with_metadata(
    found: Sequence[FoundCase],
    metadata: Metadata,
    root: Path,
    data: Path,
    exclude: Collection[str] = (),
) -> list[FoundCase]:
    """Add what a table says of cases to what their files say.

    Parameters
    ----------
    found : sequence of FoundCase
        As their layout finds them.
    metadata : Metadata
        The table, and which of its columns say what.
    root : Path
        Where the data set lies, below which a cell may give the path of an image.
    data : Path
        The folder that the table lies below.
    exclude : collection of str
        Cases that the table may lack, as they are left out.

    Returns
    -------
    list of FoundCase
        The patient is that of the table where it gives one, and so is the subset.

    Raises
    ------
    SlicewiseError
        When there is no such table or column; when it has no row of a case, or a cell of it is
        empty; when two rows of a case differ in its patient or subset; or when files put a case
        into another subset.
    """
    path = table_of(metadata, data)
    of_case = rows_of(path, metadata, found, root)
    missing = sorted(case.name for case in found if case.name not in {*of_case, *exclude})
    if missing:
        raise SlicewiseError(
            f"{path}: it has no row of {listed(missing)} (dataset.metadata), by what its column "
            f"{metadata.case} says; add the row, list the case in dataset.exclude, or correct "
            "dataset.metadata.case"
        )
    table = _Table(path, metadata)
    return [
        table.add_to(case, of_case[case.name]) if case.name in of_case else case for case in found
    ]


def table_of(metadata: Metadata, data: Path) -> Path:
    """Return where the table lies.

    Raises
    ------
    SlicewiseError
        When it is not there.
    """
    path = below(data, metadata.table, "dataset.metadata.table")
    if not path.exists():
        raise SlicewiseError(
            f"{path}: there is no such table; correct dataset.metadata.table, which is a path "
            "below $SLICEWISE_DATA or data/"
        )
    return path


def rows_of(
    path: Path, metadata: Metadata, cases: Sequence[FoundCase | Case], root: Path
) -> dict[str, list[Row]]:
    """Return the rows of a table that are about each case, by its name.

    Raises
    ------
    SlicewiseError
        When it is no table, or lacks a column that settings name.
    """
    header, rows = read_entries(path)
    _check_columns(path, header, metadata)
    numbers = rows_by_case([row.cells[metadata.case] for row in rows], cases, root)
    return {name: [rows[number] for number in own] for name, own in numbers.items()}


def rows_by_case(
    cells: Sequence[str], cases: Sequence[FoundCase | Case], root: Path
) -> dict[str, list[int]]:
    """Find the rows that are about each case.

    Parameters
    ----------
    cells : sequence of str
        What each row calls its case: its name, that of its patient, or the path below `root`,
        the name or the stem of its image. All rows do it in one way: that which finds most cases.
    cases : sequence of FoundCase or Case
    root : Path

    Returns
    -------
    dict of str to list of int
        Positions in `cells` by the name of the case; nothing of a case that no row is about.
    """
    best: dict[str, list[int]] = {}
    for keys in _ways(cases, root):
        rows: dict[str, list[int]] = defaultdict(list)
        for number, cell in enumerate(cells):
            for name in _called(cell, keys):
                rows[name].append(number)
        if len(rows) > len(best):
            best = dict(rows)
    return best


def _ways(cases: Sequence[FoundCase | Case], root: Path) -> list[Keys]:
    """Return the ways to call a case, the most explicit first."""
    ways: list[dict[str, list[str]]] = [defaultdict(list) for _ in range(5)]
    for case in cases:
        ways[0][case.name].append(case.name)
        if case.patient is not None:
            ways[1][case.patient].append(case.name)
        if not case.image:
            continue
        path = case.image[0] if len(case.image) == 1 or case.channels else case.image[0].parent
        if path.is_relative_to(root):
            ways[2][path.relative_to(root).as_posix()].append(case.name)
        ways[3][path.name].append(case.name)
        ways[4][stem_of(path.name)].append(case.name)
    # but for a patient's, and frames of one file, a name tells one case or nothing
    return [
        {key: names for key, names in way.items() if number in (1, 2) or len(names) == 1}
        for number, way in enumerate(ways)
    ]


def _called(cell: str, keys: Keys) -> Sequence[str]:
    """Return the cases that a cell means; of a path elsewhere its last part counts."""
    if not cell:
        return ()
    path = PurePosixPath(cell.replace("\\", "/"))
    for key in (cell, path.as_posix(), path.name, stem_of(path.name)):
        if key in keys:
            return keys[key]
    return ()


def _check_columns(path: Path, header: Sequence[str], metadata: Metadata) -> None:
    named = {"case": metadata.case, "patient": metadata.patient, "subset": metadata.subset}
    for key, column in named.items():
        if column is not None and column not in header:
            raise SlicewiseError(
                f"{path}: there is no column {column}, which dataset.metadata.{key} names; there "
                f"are {', '.join(header)}"
            )


@dataclass(frozen=True)
class _Table:
    path: Path
    metadata: Metadata

    def add_to(self, case: FoundCase, rows: Sequence[Row]) -> FoundCase:
        """Add what some rows say of a case."""
        named = (self.metadata.case, self.metadata.patient, self.metadata.subset)
        others = [column for column in rows[0].cells if column not in named]
        known = dict(case.columns)
        known |= {column: _of_all(rows, column) for column in others}
        patient = case.patient
        if self.metadata.patient is not None:
            patient = self._agreed(case, rows, self.metadata.patient)
        subset = case.subset
        if self.metadata.subset is not None:
            subset = self._subset(case, rows, self.metadata.subset)
        return replace(case, patient=patient, subset=subset, columns=tuple(known.items()))

    def _agreed(self, case: FoundCase, rows: Sequence[Row], column: str) -> str:
        """Return what all rows of a case say."""
        first = rows[0]
        for row in rows:
            if not row.cells[column]:
                raise SlicewiseError(
                    f"{self.path}: row {row.number}, case {case.name}: the cell of {column} is "
                    "empty; fill it in, or list the case in dataset.exclude"
                )
            if row.cells[column] != first.cells[column]:
                raise SlicewiseError(
                    f"{self.path}: rows {first.number} and {row.number}, case {case.name}: "
                    f"{column} is {first.cells[column]!r} and {row.cells[column]!r}; correct one"
                )
        return first.cells[column]

    def _subset(self, case: FoundCase, rows: Sequence[Row], column: str) -> Subset:
        said = self._agreed(case, rows, column)
        subset = SUBSETS.get(said.lower())
        where = f"{self.path}: row {rows[0].number}, case {case.name}"
        if subset is None:
            raise SlicewiseError(
                f"{where}: {column} is {said!r}; write train, validation or test, or leave "
                "dataset.metadata.subset out"
            )
        if case.subset not in (None, subset):
            raise SlicewiseError(
                f"{where}: {column} is {said!r}, and the files of the case are called "
                f"{case.subset}; let one of them say it: leave dataset.metadata.subset out, or "
                "the folder or list of the others"
            )
        return subset


def _of_all(rows: Sequence[Row], column: str) -> str:
    """Return what rows say where they agree, else nothing."""
    said = {row.cells[column] for row in rows}
    return said.pop() if len(said) == 1 else ""
