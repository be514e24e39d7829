"""Tables that people write: tab-separated cells, without the blanks that nobody sees."""

from __future__ import annotations

import csv
import logging
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from slicewise.errors import SlicewiseError
from slicewise.volumes.names import stripped

_log = logging.getLogger(__name__)


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


def read_rows(path: Path, columns: tuple[str, ...] = ()) -> tuple[list[str], list[Row]]:
    """Read a table whose columns are separated by tabs.

    Parameters
    ----------
    path : Path
        Text in UTF-8, with a header.
    columns : tuple of str
        Columns that are found whatever the case of their letters.

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
        When it is no such table, names a column twice, or has more cells in a
        row than columns.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream, delimiter="\t"))
    except (OSError, ValueError, csv.Error) as error:
        raise SlicewiseError(f"{path}: not readable as a table ({error}); use tabs") from error
    header = [_column(cell, columns) for cell in lines[0]] if lines else []
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise SlicewiseError(f"{path}: two columns are called {twice[0]}; keep one")
    rows, changed = [], []
    for number, line in enumerate(lines[1:], start=2):
        cells = [stripped(cell) for cell in line]
        if not any(cells):
            continue
        if any(cells[len(header) :]):
            raise SlicewiseError(
                f"{path}: row {number} has {len(cells)} cells for {len(header)} columns; "
                "correct its tabs"
            )
        for name, cell, raw in zip(header, cells, line, strict=False):
            _refuse_control(path, number, name, cell)
            if cell != raw:
                changed.append(f"row {number}, {name}: {raw!r}")
        padded = [*cells, *[""] * (len(header) - len(cells))]
        rows.append(Row(number, {k: v for k, v in zip(header, padded, strict=False) if k}))
    if changed:
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        _log.warning("%s: blanks around cells are left out (%s%s)", path, changed[0], more)
    return [name for name in header if name], rows


def _column(cell: str, columns: tuple[str, ...]) -> str:
    name = stripped(cell)
    return name.lower() if name.lower() in columns else name


def _refuse_control(path: Path, number: int, name: str, cell: str) -> None:
    if any(unicodedata.category(letter) == "Cc" for letter in cell):
        raise SlicewiseError(
            f"{path}: row {number}, {name}: {cell!r} holds a tab, a line break or another control "
            "character; take it out"
        )
