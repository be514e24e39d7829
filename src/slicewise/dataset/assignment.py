"""Where a case goes: what travels of the split to those who train, predict and score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        """Return it as tables hold it, by the names of its attributes."""
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

    @property
    def held_out_by(self) -> int | None:
        """The fold that held it out; None where all folds together segment it."""
        return self.folds[0] if len(self.folds) == 1 else None


def split_table(
    assignments: Sequence[Assignment], columns: Mapping[str, Mapping[str, str]] | None = None
) -> str:
    """Write the split as tab-separated text.

    Parameters
    ----------
    assignments : sequence of Assignment
        Where the cases go.
    columns : mapping of str to mapping of str to str, optional
        Further columns, and what each says of every case.

    Returns
    -------
    str
        Columns case, patient, subset, fold (empty without), and those.

    Examples
    --------
    >>> text = split_table([Assignment("a1", "a", "train", 0)], {"site": {"a1": "A"}})
    >>> [line.split() for line in text.splitlines()]
    [['case', 'patient', 'subset', 'fold', 'site'], ['a1', 'a', 'train', '0', 'A']]
    """
    further = columns or {}
    lines = [["case", "patient", "subset", "fold", *further]]
    for each in assignments:
        fold = "" if each.fold is None else str(each.fold)
        more = [values[each.case] for values in further.values()]
        lines.append([each.case, each.patient, each.subset, fold, *more])
    return "".join("\t".join(line) + "\n" for line in lines)
