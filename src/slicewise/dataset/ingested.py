"""Whether the table of ingested cases is of the cases that a configuration finds now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slicewise.config import Content
from slicewise.dataset.case import Case
from slicewise.dataset.case_record import CASE_SOURCES
from slicewise.dataset.cases import read_table
from slicewise.errors import SlicewiseError
from slicewise.records import SHARDS, differences, read_record, record_path
from slicewise.stored import read_typed
from slicewise.wording import some

SHOWN = 3
"""Differences that are named."""


def check_table(table: Path, content: Content, cases: Sequence[Case], command: str) -> None:
    """Refuse a table that was made with other settings, or from other files.

    The results of a data set lie where its name says, so another configuration
    may have made them, or the same one before its data were replaced.

    Parameters
    ----------
    table : Path
        ``cases.tsv``; what its records do not tell is taken for the same.
    content : Content
        What the cases hold by the settings.
    cases : sequence of Case
        As they are found now; those that the table lacks do not count.
    command : str
        What makes the table anew.

    Raises
    ------
    SlicewiseError
        Naming the table, what differs, and the command.
    """
    record = read_record(record_path(table)) or {}
    another = [
        *_other_settings(record, content),
        *_other_patients(table, cases),
        *_other_files(record, table.parent, cases),
    ]
    if another:
        raise SlicewiseError(
            f"{table}: it was made by another configuration, or from other files "
            f"({some(another, SHOWN)}), so nothing can follow from it here; make it anew by "
            f"{command}"
        )


def _other_settings(record: Mapping[str, Any], content: Content) -> list[str]:
    told = (record.get("settings") or {}).get("content")
    now = json.loads(json.dumps(content.once_read))
    return [] if told is None else differences(told, now, "dataset")


def _other_patients(table: Path, cases: Sequence[Case]) -> list[str]:
    told = dict(read_table(table)[["case", "patient"]].itertuples(index=False))
    other = [case.name for case in cases if told.get(case.name, case.patient) != case.patient]
    return [f"patient of {name}" for name in other]


def _other_files(record: Mapping[str, Any], folder: Path, cases: Sequence[Case]) -> list[str]:
    """Name what has another size now; digests of all files would take minutes."""
    read = [folder / name for name in record.get("inputs", {}) if SHARDS in Path(name).parts]
    there = [path for path in read if path.is_file()]
    known = {each.case: each for path in there for each in read_typed(path, CASE_SOURCES)}
    other = []
    for case in cases:
        for kind in ("image", "mask") if case.name in known else ():
            sizes = [path.stat().st_size for path in getattr(case, kind) if path.is_file()]
            then = getattr(known[case.name], kind).bytes
            if sizes and then not in (None, sum(sizes)):
                other.append(f"{kind} of {case.name}")
    return other
