"""The layout `table`: whatever a table of cases names."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.layouts.channels import with_channels, with_channels_in_one
from slicewise.dataset.layouts.found import (
    SUBSETS,
    FoundCase,
    files_of_series,
    listed,
    named_below,
    of_frame,
)
from slicewise.dataset.tables import Row, read_rows
from slicewise.errors import SlicewiseError
from slicewise.files import below

_log = logging.getLogger(__name__)

COLUMNS = ("case", "patient", "image", "mask", "subset", "frame")
NEEDED = ("case", "image", "mask")
_MEANT = {
    **dict.fromkeys(("patientid", "patientname", "patients", "subject", "subjectid"), "patient"),
    **dict.fromkeys(("pid", "participant", "participantid", "mrn", "person"), "patient"),
    **dict.fromkeys(("split", "set", "partition", "subsets", "usage"), "subset"),
}
"""What people call the columns that may be left out, and what they are called here."""


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the cases that the table at `root` names, one a row."""
    of_channels = {name: f"image_{name.lower()}" for name in dataset.channels or []}
    columns = (*COLUMNS, *of_channels.values())
    header, rows = read_rows(root, columns, [name for name in NEEDED if name != "image"])
    if not of_channels.keys() or "image" in header or not set(of_channels.values()) & set(header):
        of_channels = {}
        header, rows = read_rows(root, COLUMNS, NEEDED)
    _say_unread(header, root)
    cases = [_of_row(row, root, of_channels) for row in rows]
    if dataset.channels is not None:
        if any(case.frame is not None for case in cases):
            raise SlicewiseError(f"{root}: frame goes with images of one channel only")
        cases = [
            _with_channels(case, row, of_channels, root, dataset)
            for case, row in zip(cases, rows, strict=True)
        ]
    placed = [case.subset is not None for case in cases]
    if any(placed) and not all(placed):
        raise SlicewiseError(f"{root}: subset is given for some cases only; give all or none")
    alone = sorted(f.name for f in cases if f.patient is None)
    if 0 < len(alone) < len(cases) and dataset.patient_pattern is None:
        _log.warning(
            "%s: no patient is given for %s: each counts as a patient of its own",
            root,
            listed(alone),
        )
    return cases


def _say_unread(header: list[str], root: Path) -> None:
    """Say where a column seems to be meant for one that is read."""
    for name in header:
        meant = _MEANT.get(re.sub(r"[^a-z]", "", name.lower()))
        if meant and name not in COLUMNS and meant not in header:
            _log.warning(
                "%s: the column %r is not read; call it %s if it is meant so", root, name, meant
            )


def _with_channels(
    case: FoundCase, row: Row, of_channels: Mapping[str, str], root: Path, dataset: Dataset
) -> FoundCase:
    """Add the files of all channels: a column each, or one 4-D file."""
    if not of_channels:
        return with_channels_in_one(case, dataset.channels or [])
    shown = f"{root}: row {row.number}, case {case.name}"
    paths = {
        name: [_named(row.cells[column], root, shown)]
        for name, column in of_channels.items()
        if row.cells.get(column)
    }
    return with_channels(case, paths, dataset)


def _of_row(row: Row, root: Path, of_channels: Mapping[str, str]) -> FoundCase:
    cells = row.cells
    case = f"{root}: row {row.number}, case {cells['case']}"
    given_images = [cells.get(column, "") for column in of_channels.values() or ("image",)]
    first = next((cell for cell in given_images if cell), None)
    if first is None:
        raise SlicewiseError(f"{case}: it has no image of any channel; fill in one, or delete it")
    image = _named(first, root, case)
    mask, lacks = _mask(cells["mask"], root, case)
    given = cells.get("subset", "")
    if given.lower() not in ("", *SUBSETS):
        raise SlicewiseError(
            f"{case}: subset is {given!r}; write train, validation, test or nothing"
        )
    frame = _frame(cells.get("frame", ""), case)
    paths = {"image": image} | ({"mask": mask} if mask else {})
    read = {*COLUMNS, *of_channels.values()}
    return FoundCase(
        cells["case"],
        files_of_series(image),
        files_of_series(mask) if mask else (),
        SUBSETS.get(given.lower()),
        cells.get("patient") or None,
        tuple((name, cell) for name, cell in cells.items() if name not in read),
        row.number,
        named=of_frame(named_below(root.parent, paths), paths, frame),
        frame=frame,
        lacks=lacks,
    )


def _mask(cell: str, root: Path, case: str) -> tuple[Path | None, str]:
    """Return the mask that a row names; where it is missing, what to say of that."""
    try:
        return _named(cell, root, case), ""
    except SlicewiseError as error:
        return None, str(error)


def _frame(cell: str, case: str) -> int | None:
    """Return which frame of a 4-D file a row means."""
    if cell and not (cell.isascii() and cell.isdecimal()):
        raise SlicewiseError(
            f"{case}: frame is {cell!r}; write the number of a frame of the 4-D image, from 0, or "
            "nothing for a 3-D image"
        )
    return int(cell) if cell else None


def _named(cell: str, root: Path, case: str) -> Path:
    path = below(root.parent, cell, case)
    if not path.exists():
        raise SlicewiseError(f"{case}: {path} does not exist; correct the table")
    return path
