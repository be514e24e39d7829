"""The cases of a data set as the page about the data has them, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slicewise.config import Content
from slicewise.config.evaluation import Bins
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case_record import CaseRecord
from slicewise.dataset.looked import CaseLook


@dataclass(frozen=True)
class SeenCase:
    """A case that was read.

    Attributes
    ----------
    record : CaseRecord
        What was checked and written down of it.
    look : CaseLook
        What a look at its voxels told.
    assigned : Assignment
        Where the split puts it.
    """

    record: CaseRecord
    look: CaseLook
    assigned: Assignment

    @property
    def name(self) -> str:
        """The case's name."""
        return self.record.case

    @property
    def patient(self) -> str:
        """Whose it is."""
        return self.record.patient

    def whole_ml(self, label: str) -> float | None:
        """Return the millilitres of a label; None where it is missing or was drawn in part."""
        return None if self.record.undrawn else self.record.ml.get(label) or None

    @property
    def place(self) -> str:
        """What it is for: its subset, or the fold that holds it out."""
        return place_of(self.assigned)


@dataclass(frozen=True)
class SeenData:
    """All cases of a data set.

    Attributes
    ----------
    cases : sequence of SeenCase
        Those that were read, by name.
    labels : sequence of str
        In their order.
    intensity : str
        ``dataset.intensity``.
    contiguous : bool
        ``dataset.contiguous``: whether the slices of a file are neighbours.
    unread : sequence of Assignment
        Cases that could not be read.
    refused : sequence of str
        Why, in sentences.
    not_the_same : sequence of pairs of cases
        ``split.not_the_same``.
    columns : mapping of str to mapping of str to str
        By column and case, what tables say of cases: by what the split is
        stratified, what it leaves out, by what scores are broken down.
    bins : mapping of str to list of float or str
        How numbers in them are grouped, see `groupings`.
    leave_out : str
        The column whose values are folds, if the split has any.
    """

    cases: Sequence[SeenCase]
    labels: Sequence[str]
    intensity: str
    contiguous: bool = True
    unread: Sequence[Assignment] = ()
    refused: Sequence[str] = ()
    not_the_same: Sequence[Sequence[str]] = ()
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bins: Mapping[str, Bins] = field(default_factory=dict)
    leave_out: str = ""

    @property
    def patients(self) -> int:
        """How many there are, with those of whom no case was read."""
        return len({c.patient for c in self.cases} | {each.patient for each in self.unread})


def place_of(assigned: Assignment) -> str:
    """Return what a case is for: its subset, or the fold that holds it out.

    >>> place_of(Assignment("a1", "a", "train", 2))
    'fold 2'
    """
    return assigned.subset if assigned.fold is None else f"fold {assigned.fold}"


def seen_data(
    assigned: Sequence[Assignment],
    records: Mapping[str, CaseRecord],
    looks: Mapping[str, CaseLook],
    content: Content,
    **more: Any,
) -> SeenData:
    """Put together what is known of the cases of a data set.

    Parameters
    ----------
    assigned : sequence of Assignment
        All cases, and where they go.
    records, looks : mapping of str to CaseRecord and to CaseLook
        By case. A case that lacks either could not be read.
    content : Content
        What cases hold.
    **more
        Further attributes of `SeenData`.
    """
    read = [each for each in assigned if each.case in records and each.case in looks]
    known = {each.case for each in read}
    unread = [each for each in assigned if each.case not in known]
    cases = [SeenCase(records[each.case], looks[each.case], each) for each in read]
    return SeenData(
        sorted(cases, key=lambda case: case.name),
        list(content.labels),
        content.intensity,
        content.contiguous,
        unread=unread,
        **more,
    )
