"""Tables that people write: tabs, commas or semicolons, in the encodings of spreadsheets."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path

from slicewise.errors import SlicewiseError

SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_rows(path: Path, needed: Sequence[str], optional: Sequence[str]) -> list[dict[str, str]]:
    """Read a table of names and files.

    Parameters
    ----------
    path : Path
        Separated by tabs, semicolons or commas, whichever its first row has;
        UTF-8 with or without a mark, or UTF-16.
    needed, optional : sequence of str
        Columns, in any case and with blanks around them. Of `needed` none may
        be missing or have an empty cell. Other columns are left aside.

    Returns
    -------
    list of dict
        A row each, without blanks around the cells; an optional column that
        is missing is empty. Empty rows are left out.

    Raises
    ------
    SlicewiseError
        When the file is no such table; rows are numbered as in a spreadsheet.
    """
    lines = _lines(path, needed)
    header = [" ".join(name.split()).lower() for name in lines[0][1]] if lines else []
    wanted = [*needed, *optional]
    missing = [name for name in needed if name not in header]
    if missing:
        raise SlicewiseError(
            f"{path}: the table has no column {', '.join(missing)}; its first row must name "
            f"{', '.join(needed)}, and may name {', '.join(optional)}, separated by tabs, "
            "semicolons or commas"
        )
    twice = [name for name in wanted if header.count(name) > 1]
    if twice:
        raise SlicewiseError(f"{path}: the table has two columns {twice[0]}; keep one")
    places = {name: header.index(name) for name in wanted if name in header}
    rows = []
    for number, cells in lines[1:]:
        if len(cells) > len(header):
            raise SlicewiseError(
                f"{path}: row {number} has {len(cells)} cells, but the first row {len(header)}; "
                "put cells that hold the separator in quotes"
            )
        row = dict.fromkeys(wanted, "")
        row |= {name: cells[k] for name, k in places.items() if k < len(cells)}
        for name in needed:
            if not row[name]:
                called = f" (case {row['case']})" if row.get("case") else ""
                raise SlicewiseError(
                    f"{path}: row {number}{called}: the cell of {name} is empty; fill it in, or "
                    "delete the row"
                )
        rows.append(row)
    return rows


def _lines(path: Path, needed: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Return number and cells of each row that is not empty, by the separator that fits best."""
    text = _text(path)
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.strip().lower() in {f"sep={each}" for each in ("\t", ";", ",")}:
        # what spreadsheets put first, so that others open the file rightly
        text, skipped = rest, 1
    found: list[list[tuple[int, list[str]]]] = []
    for separator in SEPARATORS:
        try:
            rows = [
                (number + skipped, _stripped(cells))
                for number, cells in enumerate(
                    csv.reader(io.StringIO(text, newline=""), delimiter=separator), start=1
                )
            ]
        except csv.Error:
            continue
        found.append([(number, cells) for number, cells in rows if cells])

    def named(rows: list[tuple[int, list[str]]]) -> int:
        header = {" ".join(name.split()).lower() for name in rows[0][1]} if rows else set()
        return len(header & set(needed))

    # of equal ones the first: a column's name may hold a comma
    return max(found, key=named, default=[])


def _stripped(cells: list[str]) -> list[str]:
    """Take blanks off the cells, and off the row the empty cells at its end."""
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise SlicewiseError(
            f"{path}: this is a folder; set dataset.root to the table itself"
        ) from None
    except OSError as error:
        raise SlicewiseError(
            f"{path}: the table cannot be opened ({error.strerror}); check its permissions"
        ) from error
    if content[:4] == b"PK\x03\x04":
        raise SlicewiseError(
            f"{path}: this is a workbook of a spreadsheet; save it as text (CSV, UTF-8)"
        )
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), None)
    if encoding is None:
        # a letter of UTF-16 has its zero before or behind it
        encoding = {(0, 1): "utf-16-be", (1, 0): "utf-16-le"}.get(
            (int(content[:1] != b"\0"), int(content[1:2] != b"\0")), "utf-8"
        )
    try:
        return content.decode(encoding)
    except UnicodeError as error:
        raise SlicewiseError(
            f"{path}: the table is no text in UTF-8 or UTF-16; save it anew as UTF-8"
        ) from error
