"""Where a case goes: what travels of the split to those who train, predict and score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Assignment:
    """Where a case goes.

    Attributes
    ----------
    case, patient : str
        Names.
    subset : {"train", "validation", "test"}
        What it is for.
    fold : int or None
        The fold that holds it out, from 0; None for test cases and without folds.
    """

    case: str
    patient: str
    subset: str
    fold: int | None

    def dump(self) -> dict[str, Any]:
        """Return it as a rule's parameters and tables hold it, by the names of its attributes."""
        return asdict(self)


@dataclass(frozen=True)
class Segmented:
    """A case that is segmented, and by the models of which folds.

    Attributes
    ----------
    case, patient : str
        Names; no model may have been trained on the patient.
    folds : list of int
        The folds whose mean probability is taken.
    """

    case: str
    patient: str
    folds: list[int]


def assignments_of(dumped: Iterable[Mapping[str, Any]]) -> list[Assignment]:
    """Return the assignments that were dumped into the parameters of a rule.

    >>> assignments_of([{"case": "a1", "patient": "a", "subset": "test", "fold": None}])
    [Assignment(case='a1', patient='a', subset='test', fold=None)]
    """
    return [Assignment(**each) for each in dumped]


def split_table(dumped: Iterable[Mapping[str, Any]]) -> str:
    """Write the split as tab-separated text.

    Parameters
    ----------
    dumped : iterable of mapping
        Assignments as they were dumped, each with the same columns more under
        ``further``, or without.

    Returns
    -------
    str
        Columns case, patient, subset, fold (empty without), and those.

    Examples
    --------
    >>> row = {"case": "a1", "patient": "a", "subset": "train", "fold": 0}
    >>> [line.split() for line in split_table([row | {"further": {"site": "A"}}]).splitlines()]
    [['case', 'patient', 'subset', 'fold', 'site'], ['a1', 'a', 'train', '0', 'A']]
    """
    rows = [dict(row) for row in dumped]
    further = [row.pop("further", {}) for row in rows]
    lines = [["case", "patient", "subset", "fold", *(further[0] if further else ())]]
    for each, more in zip(assignments_of(rows), further, strict=True):
        fold = "" if each.fold is None else str(each.fold)
        lines.append([each.case, each.patient, each.subset, fold, *more.values()])
    return "".join("\t".join(line) + "\n" for line in lines)
