"""The table of all cases, one row a case."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from slicewise.config import Content
from slicewise.dataset.case_record import CaseRecord
from slicewise.errors import SlicewiseError
from slicewise.stored import check_numbers, read_stored_table, refused
from slicewise.wording import plural, some

logger = logging.getLogger(__name__)

MEASURED = ("ml_", "intensity_")
"""Beginnings of the names of columns of numbers."""
UNDRAWN = "mask_undrawn_percent"
"""Column of what nobody drew of a mask; empty, or not there, where all was drawn."""
SHOWN = 3
"""Cases that are named of those that something is said of."""


def read_table(path: str | Path) -> pd.DataFrame:
    """Read ``cases.tsv`` or ``split.tsv`` as text; a case may be called 001 or NA.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    columns = ["case", "patient"]
    named = Path(path).name
    if named == "split.tsv":
        columns += ["subset", "fold"]
    elif named == "cases.tsv":
        columns += [f"{kind}_sha256" for kind in ("image", "mask")] + ["fingerprint"]
    table = read_stored_table(path, columns, key=("case",), dtype=str, keep_default_na=False)
    for name in table.columns[table.columns.str.startswith(MEASURED)]:
        try:
            numbers = table[name].replace("", None).astype(float)
        except ValueError:
            raise refused(path, f"column {name} holds something else than numbers") from None
        check_numbers(path, numbers.to_frame(), [name])
    return table


def cases_table(
    records: Iterable[CaseRecord], columns: Mapping[str, Mapping[str, str]] | None = None
) -> pd.DataFrame:
    """Put the records of cases into a table.

    Parameters
    ----------
    records : iterable of CaseRecord
        Of all cases, in any order.
    columns : mapping of str to mapping of str to str, optional
        Further columns, by name and case.

    Returns
    -------
    DataFrame
        A row a case, sorted by name. Where any mask is stored on another grid
        than its image's, the columns ``mask_stored``, ``mask_outside`` (voxels
        with a label that were left out), ``mask_off_mm`` and
        ``mask_off_voxels`` say how (see `Stored`); they are empty in other rows.
        So is ``mask_undrawn_percent``, which is there where any was drawn in part.
    """
    rows = [
        _row(record) | {name: values[record.case] for name, values in (columns or {}).items()}
        for record in records
    ]
    return pd.DataFrame(rows).sort_values("case", ignore_index=True)


def say_drawn(records: Sequence[CaseRecord], content: Content) -> None:
    """Warn which cases count as drawn as a whole where others may be drawn in part.

    Parameters
    ----------
    records : sequence of CaseRecord
        Of all cases.
    content : Content
        What they hold; without ``ignore`` there is nothing to say.
    """
    whole = [record.case for record in records if not record.undrawn]
    if content.partial and whole:
        logger.warning(
            "dataset.ignore: of %s %s no voxel of the value %s, so that all of it counts as "
            "drawn: %s",
            plural(len(records), "case"),
            plural(len(whole), "has", "have"),
            content.ignore,
            some(whole, SHOWN),
        )


def _row(record: CaseRecord) -> dict[str, Any]:
    row: dict[str, Any] = {"case": record.case, "patient": record.patient}
    for kind, source in (("image", record.image), ("mask", record.mask)):
        row[kind] = source.file
        row[f"{kind}_sha256"] = source.sha256
    row["shape"] = "x".join(str(n) for n in record.shape)
    row["spacing"] = "x".join(f"{v:g}" for v in record.spacing)
    row["orientation"] = record.orientation
    row |= {f"intensity_{key}": value for key, value in record.intensity.items()}
    row |= {f"ml_{label}": value for label, value in record.ml.items()}
    row["fingerprint"] = record.fingerprint
    if stored := record.mask_stored:
        # columns that only those data sets have that need them
        row |= {"mask_stored": stored["how"], "mask_outside": str(stored["outside"])}
        row |= {f"mask_{name}": str(stored[name]) for name in ("off_mm", "off_voxels")}
    if record.undrawn:
        row[UNDRAWN] = f"{100 * record.undrawn:.4g}"
    return row


def check_geometry_known(records: Iterable[CaseRecord], content: Content) -> None:
    """Stop where no image of a CT data set knows the size of its voxels.

    Parameters
    ----------
    records : iterable of CaseRecord
        Of all cases.
    content : Content
        Only Hounsfield units of whole volumes have a size in millimetres to
        lose; with ``dataset.spacing`` it is known.

    Raises
    ------
    SlicewiseError
        Naming the setting that gives it.
    """
    if content.intensity != "hu" or not content.contiguous or content.spacing is not None:
        return
    lost = [record.lost for record in records]
    if lost and all(lost):
        raise SlicewiseError(
            f"none of the {len(lost)} images says how large its voxels are (their headers have "
            "lost the geometry: no place, and 1 × 1 × 1 mm), so all millilitres and millimetres "
            "would be wrong; convert the originals again, or give the voxel size in mm along each "
            "axis of the arrays, such as dataset.spacing: [0.8, 0.8, 5.0]"
        )
