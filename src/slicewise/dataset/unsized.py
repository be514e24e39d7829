"""Which cases have lost the size of their voxels.

Trainings wait for `leakage.json`, so that it tells them what would stop their predictions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field

from slicewise.dataset.case_record import CASE_SOURCES, CaseRecord
from slicewise.dataset.cases import read_table
from slicewise.files import write_json
from slicewise.records import SHARDS
from slicewise.stored import Form, Loose, Name, read_typed

UNKNOWN_SIZE = "1x1x1"
"""What ``cases.tsv`` has as the spacing of an image that has lost its geometry."""


class _Checked(Loose):
    unsized: list[Name] = Field([])


CHECKED = Form(_Checked)


def write_checked(
    path: str | os.PathLike[str], records: Mapping[str, CaseRecord], scored: Iterable[str]
) -> None:
    """Write that nothing leaks, and which of the cases that are scored have no size of voxels.

    Parameters
    ----------
    path : path
        ``leakage.json``.
    records : mapping of str to CaseRecord
        Of these cases, and of others.
    scored : iterable of str
        Cases that are predicted.
    """
    unsized = [case for case in scored if records[case].is_unsized]
    write_json(path, {"leaks": []} | ({"unsized": unsized} if unsized else {}))


def read_unsized(path: str | os.PathLike[str]) -> list[str]:
    """Return the cases that `write_checked` found to have no size of voxels.

    Raises
    ------
    SlicewiseError
        When the file is missing or damaged.
    """
    checked: _Checked = read_typed(path, CHECKED)
    return checked.unsized


def unsized_cases(dataset: Path) -> set[str]:
    """Return the cases of a data set whose images do not say how large their voxels are.

    Parameters
    ----------
    dataset : Path
        ``results/<dataset>``; of a folder without ``cases.tsv`` nobody knows.
    """
    table = dataset / "cases.tsv"
    if not table.is_file():
        return set()
    cases = read_table(table)
    shards = sorted((dataset / "cases" / SHARDS).glob("*.json"))
    lost = {each.case for path in shards for each in read_typed(path, CASE_SOURCES) if each.lost}
    # records of a run before a size was given stay beside others
    return {str(case) for case in cases.loc[cases["spacing"] == UNKNOWN_SIZE, "case"]} & lost
