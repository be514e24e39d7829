"""Tables that people write: as text editors and spreadsheets store them, without unseen blanks."""

from __future__ import annotations

import codecs
import csv
import io
import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slicewise.dataset.names import stripped
from slicewise.errors import SlicewiseError
from slicewise.wording import some

_log = logging.getLogger(__name__)

SEPARATORS = ("\t", ";", ",")
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by the mark that a file begins with."""

_Lines = list[tuple[int, list[str]]]
"""Number and cells of each row that is not empty."""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes
    ----------
    number : int
        Its line, from 1 (the header), as a spreadsheet counts.
    cells : dict of str to str
        Text of each column, without blanks at its ends.
    """

    number: int
    cells: dict[str, str]


def read_rows(
    path: Path, columns: Sequence[str] = (), needed: Sequence[str] = ()
) -> tuple[list[str], list[Row]]:
    """Read a table whose columns are separated by tabs, semicolons or commas.

    Parameters
    ----------
    path : Path
        Text in UTF-8, with a mark or without, or in UTF-16, with a header.
        Cells are separated by that which gives most of `columns`.
    columns : sequence of str
        Columns that are found whatever the case of their letters.
    needed : sequence of str
        Those of them that must be there, and filled in.

    Returns
    -------
    header : list of str
        Names of all columns.
    rows : list of Row
        All that are not empty. Blanks of any kind are stripped in every cell,
        and a line says so where that changed one.

    Raises
    ------
    SlicewiseError
        When it is no such table, names a column twice, lacks one that is
        needed or a cell of it, or has more cells in a row than columns.
    """
    lines = _lines(path, columns)
    header = [_column(cell, columns) for cell in lines[0][1]] if lines else []
    _check_header(path, header, columns, needed)
    rows = []
    changed = []
    for number, line in lines[1:]:
        cells = [stripped(cell) for cell in line]
        if any(cells[len(header) :]):
            raise SlicewiseError(
                f"{path}: row {number} has {len(cells)} cells for {len(header)} columns; put "
                "cells that hold the separator in quotes"
            )
        for name, cell, raw in zip(header, cells, line, strict=False):
            _refuse_control(path, number, name, cell)
            if cell != raw:
                changed.append(f"row {number}, {name}: {raw!r}")
        padded = [*cells, *[""] * (len(header) - len(cells))]
        by_name = {k: v for k, v in zip(header, padded, strict=False) if k}
        _refuse_empty(path, number, by_name, needed)
        rows.append(Row(number, by_name))
    if changed:
        _log.warning("%s: blanks around cells are left out (%s)", path, some(changed, 1))
    nameless = [number for number, line in lines if _has_nameless(header, line)]
    if nameless:
        _log.warning("%s: row %d has cells below no name, which are not read", path, nameless[0])
    return [name for name in header if name], rows


def _column(cell: str, columns: Sequence[str]) -> str:
    name = stripped(cell)
    known = " ".join(name.split()).lower()
    return known if known in columns else name


def _check_header(
    path: Path, header: Sequence[str], columns: Sequence[str], needed: Sequence[str]
) -> None:
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise SlicewiseError(f"{path}: two columns are called {twice[0]}; keep one")
    missing = [name for name in needed if name not in header]
    if missing:
        others = [name for name in columns if name not in needed]
        raise SlicewiseError(
            f"{path}: the table has no column {', '.join(missing)}; its first row must name "
            f"{', '.join(needed)}, and may name {', '.join(others)}, separated by tabs, "
            "semicolons or commas"
        )


def _refuse_empty(path: Path, number: int, cells: dict[str, str], needed: Sequence[str]) -> None:
    for name in needed:
        if not cells[name]:
            called = f" (case {cells['case']})" if cells.get("case") else ""
            raise SlicewiseError(
                f"{path}: row {number}{called}: the cell of {name} is empty; fill it in, or "
                "delete the row"
            )


def _refuse_control(path: Path, number: int, name: str, cell: str) -> None:
    if any(unicodedata.category(letter) == "Cc" for letter in cell):
        raise SlicewiseError(
            f"{path}: row {number}, {name}: {cell!r} holds a tab, a line break or another control "
            "character; take it out"
        )


def _has_nameless(header: Sequence[str], line: Sequence[str]) -> bool:
    return any(stripped(cell) for name, cell in zip(header, line, strict=False) if not name)


# --- text to cells ---------------------------------------------------------------------------


def _lines(path: Path, columns: Sequence[str]) -> _Lines:
    """Return the rows, by the separator that gives most of the columns."""
    text = _text(path)
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.strip("\r \ufeff").lower() in {f"sep={each}" for each in SEPARATORS}:
        # what spreadsheets put first, so that others open the file rightly
        text = rest
        skipped = 1
    try:
        readings = [_cells(text, separator, skipped) for separator in SEPARATORS]
    except csv.Error as error:
        raise SlicewiseError(
            f"{path}: not readable as a table ({error}); save it as text with tabs, semicolons "
            "or commas"
        ) from error

    def fit(lines: _Lines) -> tuple[int, int]:
        header = lines[0][1] if lines else []
        known = {_column(cell, columns) for cell in header} & set(columns)
        # of equal ones the first: a column's name may hold a comma
        return len(known), len(header) if not columns else 0

    return max(readings, key=fit)


def _cells(text: str, separator: str, skipped: int) -> _Lines:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        # a quoted cell may follow a blank; beside a tab a blank is one of the cell
        skipinitialspace=separator != "\t",
    )
    numbered = enumerate(reader, start=1 + skipped)
    return [(number, cells) for number, cells in numbered if any(map(stripped, cells))]


def encoding_of(content: bytes) -> str:
    """Return how a text is stored, in UTF-8 or UTF-16, by how it begins.

    Examples
    --------
    >>> encoding_of("café".encode("utf-16")), encoding_of(b"plain")
    ('utf-16', 'utf-8')
    """
    for mark, name in MARKS.items():
        if content.startswith(mark):
            return name
    # a letter of UTF-16 has its zero before or behind it
    zeros = (content[:1] == b"\0", content[1:2] == b"\0")
    return {(True, False): "utf-16-be", (False, True): "utf-16-le"}.get(zeros, "utf-8")


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise SlicewiseError(f"{path}: this is a folder; name the table itself") from None
    except OSError as error:
        raise SlicewiseError(
            f"{path}: the table cannot be opened ({error.strerror}); check its permissions"
        ) from error
    if content[:4] == b"PK\x03\x04" or content[:4] == b"\xd0\xcf\x11\xe0":
        raise SlicewiseError(
            f"{path}: this is a workbook of a spreadsheet; save it as text (CSV, UTF-8)"
        )
    try:
        return content.decode(encoding_of(content))
    except UnicodeError as error:
        raise SlicewiseError(
            f"{path}: not readable as a table, as it is no text in UTF-8 or UTF-16; save it anew "
            "as UTF-8"
        ) from error
