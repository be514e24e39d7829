"""Corrected masks of new scans: a table beside the data, whose cases are trained on, too."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from slicewise.config import Dataset
from slicewise.dataset.layouts.found import FoundCase
from slicewise.dataset.tables import Row, read_rows
from slicewise.errors import SlicewiseError
from slicewise.files import below, write_text
from slicewise.locks import lock

logger = logging.getLogger(__name__)

SETTING = "dataset.corrections"
NEEDED = ("case", "patient", "image", "mask")


@dataclass(frozen=True)
class Correction:
    """A row of the table.

    Attributes
    ----------
    case, patient : str
        Names.
    image, mask : str
        Files, relative to the table.
    model : str
        What made the mask that was corrected, as people call it.
    run : str
        Id of the run that trained it; empty where nobody knows.
    weights : str
        Digests of its weights, of several models joined by commas.
    corrects : str
        SHA-256 of the file of that mask.
    when : str
        When it was corrected.
    """

    case: str
    patient: str
    image: str
    mask: str
    model: str = ""
    run: str = ""
    weights: str = ""
    corrects: str = ""
    when: str = ""


COLUMNS = tuple(field.name for field in fields(Correction))


def table_of(dataset: Dataset, data: Path) -> Path | None:
    """Return where the table of a data set lies, or is to lie; None where settings name none.

    Parameters
    ----------
    dataset : Dataset
    data : Path
        The folder that it lies below.
    """
    if dataset.corrections is None:
        return None
    return below(data, dataset.corrections, SETTING)


def read_corrections(table: Path) -> dict[str, Correction]:
    """Read the table, by the names of cases; nothing where it is not there yet.

    Raises
    ------
    SlicewiseError
        When it is no such table, or names a case twice.
    """
    if not table.exists():
        return {}
    known: dict[str, Correction] = {}
    for row in read_rows(table, COLUMNS, NEEDED)[1]:
        one = _correction(row)
        if one.case in known:
            raise SlicewiseError(
                f"{table}: row {row.number}: case {one.case} is there twice; delete one of the rows"
            )
        known[one.case] = one
    return known


def _correction(row: Row) -> Correction:
    return Correction(**{name: row.cells.get(name, "") for name in COLUMNS})


def find_corrected(dataset: Dataset, data: Path) -> list[FoundCase]:
    """Find the corrected cases of a data set.

    Parameters
    ----------
    dataset : Dataset
        Its settings.
    data : Path
        The folder that the table lies below.

    Raises
    ------
    SlicewiseError
        When the table is damaged, or a file that it names is missing.
    """
    table = table_of(dataset, data)
    if table is None:
        return []
    if not table.exists():
        logger.warning(
            "%s: no such table (%s), so no corrected scan is trained on; slicewise correct makes "
            "it",
            *(table, SETTING),
        )
    return [_found(one, table) for one in read_corrections(table).values()]


def _found(one: Correction, table: Path) -> FoundCase:
    paths = {"image": table.parent / one.image, "mask": table.parent / one.mask}
    for kind, path in paths.items():
        if not path.is_file():
            raise SlicewiseError(
                f"{table}: case {one.case}: its {kind} {path} is not there; bring it back, or "
                "delete the row"
            )
    # all files are called alike, and their folders tell them apart
    named = (("image", one.image), ("mask", one.mask))
    return FoundCase(
        one.case,
        (paths["image"],),
        (paths["mask"],),
        patient=one.patient,
        named=named,
        corrected=True,
    )


@contextmanager
def changing(table: Path) -> Iterator[dict[str, Correction]]:
    """Give the table to be changed, which nobody else changes meanwhile, and write it at the end.

    Nothing is written where the block fails.
    """
    table.parent.mkdir(parents=True, exist_ok=True)
    with (table.parent / f".{table.name}.lock").open("w") as file:
        lock(file, table.parent)
        known = read_corrections(table)
        yield known
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(known[case]) for case in sorted(known))
        write_text(table, text.getvalue())
