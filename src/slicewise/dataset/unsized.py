"""Which cases that will be predicted have lost the size of their voxels, by the leakage check.

Trainings wait for `leakage.json`, so that it tells them what would stop their predictions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from pydantic import Field

from slicewise.dataset.case_record import CaseRecord
from slicewise.files import write_json
from slicewise.stored import Form, Loose, Name, read_typed


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
