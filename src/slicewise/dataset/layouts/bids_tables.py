"""Tables of a BIDS data set: who takes part, and what the values of a mask are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slicewise.config.entities import Entities
from slicewise.dataset.case import Subset
from slicewise.dataset.layouts.found import SUBSETS, stem_of
from slicewise.dataset.tables import read_rows
from slicewise.errors import SlicewiseError

EMPTY = ("n/a", "na", "nan")
"""What cells hold that say nothing; the first is what the standard wants."""


@dataclass(frozen=True)
class Participant:
    """What participants.tsv says of a subject.

    Attributes
    ----------
    columns : tuple of (str, str)
        Column by column, empty where it says ``n/a``.
    subset : {"train", "validation", "test"} or None
        What the column of the split says.
    """

    columns: tuple[tuple[str, str], ...]
    subset: Subset = None


def read_participants(path: Path, split: str | None) -> dict[str, Participant]:
    """Read a participants.tsv.

    Parameters
    ----------
    path : Path
        The table; nobody is named by one that is not there.
    split : str or None
        The column that says who is tested on.

    Returns
    -------
    dict of str to Participant
        By ``sub-…``; by the empty name what is said of a subject that the table lacks.

    Raises
    ------
    SlicewiseError
        When it is no table, names a subject twice, or the split says something else.
    """
    if not path.is_file():
        return {"": Participant(())}
    header, rows = read_rows(path, ("participant_id",), ("participant_id",))
    if split not in (None, "split", *header):
        raise SlicewiseError(
            f"{path}: there is no column {split}, which dataset.bids.split names; there are "
            f"{', '.join(header)}"
        )
    kept = [name for name in header if name not in ("participant_id", split)]
    known = {"": Participant(tuple((name, "") for name in kept))}
    for row in rows:
        given = row.cells["participant_id"]
        subject = given if given.startswith("sub-") else f"sub-{given}"
        if subject in known:
            raise SlicewiseError(
                f"{path}: row {row.number}: {subject} is there twice; keep one row"
            )
        cells = {name: "" if cell.lower() in EMPTY else cell for name, cell in row.cells.items()}
        said = cells.get(split or "", "").lower()
        if said not in ("", *SUBSETS):
            raise SlicewiseError(
                f"{path}: row {row.number}, {subject}: {split} is {said!r}; write train, "
                "validation or test (who validates is drawn where nobody does), or set "
                "dataset.bids.split to the column that says it, or to null"
            )
        known[subject] = Participant(tuple((name, cells[name]) for name in kept), SUBSETS.get(said))
    return known


def label_table(mask: Path, places: Iterable[Path]) -> Path | None:
    """Return the table that names the values of a mask: its own, or one for all that are like it.

    Parameters
    ----------
    mask : Path
        A file ``…_dseg.nii.gz``.
    places : iterable of Path
        Folders whose tables hold for what lies below them, the nearest first.

    Returns
    -------
    Path or None
        The nearest one all of whose entities the mask has; of several in a
        folder the one that says most.
    """
    own = mask.with_name(f"{stem_of(mask.name)}.tsv")
    if own.is_file():
        return own
    mine = Entities.of(stem_of(mask.name))
    if mine is None:
        return None
    for place in places:
        fitting = []
        for path in sorted(place.glob(f"*{mine.suffix}.tsv")):
            *parts, suffix = path.name[: -len(".tsv")].split("_")
            values = dict(part.split("-", 1) for part in parts if "-" in part)
            if suffix == mine.suffix and values.items() <= mine.values.items():
                fitting.append((len(parts), path))
        if fitting:
            return max(fitting)[1]
    return None


def read_label_names(path: Path) -> dict[int, str]:
    """Return what a table of a mask calls its values.

    Raises
    ------
    SlicewiseError
        When it lacks index or name, or an index is no whole number.
    """
    _, rows = read_rows(path, ("index", "name"), ("index", "name"))
    names = {}
    for row in rows:
        index = row.cells["index"]
        if not index.isdecimal():
            raise SlicewiseError(
                f"{path}: row {row.number}: index is {index!r}; write the value of the voxels, a "
                "whole number"
            )
        names[int(index)] = row.cells["name"]
    return names
