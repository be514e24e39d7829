"""How even a split is: patients, labels and sites of what is trained, validated and tested on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from slicewise.evaluation.grouping import NOT_GIVEN, Grouping, groupings
from slicewise.report.seen import SeenCase, SeenData, place_of
from slicewise.wording import plural, some

ORDER = ("train", "fold", "validation", "test")
SHOWN = 6


@dataclass(frozen=True)
class LabelBalance:
    """A label among the patients of a part of the split.

    Attributes
    ----------
    label : str
        Its name.
    patients : int
        Who have it.
    median_ml, total_ml : float or None
        Of those who have it in masks that were drawn as a whole: of the mean over the cases of
        each, and of all.
    """

    label: str
    patients: int
    median_ml: float | None
    total_ml: float


@dataclass(frozen=True)
class Part:
    """What is trained, validated or tested on, or held out by a fold.

    Attributes
    ----------
    name : str
        ``train``, ``fold 0``, …; of a site that is left out as a fold, ``fold 0 (site A)``.
    patients, cases : int
        How many there are, with those that could not be read.
    share : float
        Of all patients.
    labels : list of LabelBalance
        In their order.
    groups : dict of str to dict of str to int
        By column, such as the site, the patients of each of its groups.
    """

    name: str
    patients: int
    cases: int
    share: float
    labels: list[LabelBalance]
    groups: dict[str, dict[str, int]]


def parts(data: SeenData) -> list[Part]:
    """Return the parts of the split: training, each fold, validation, test."""
    places: dict[str, set[str]] = defaultdict(set)
    cases: Counter[str] = Counter()
    every = [*(case.assigned for case in data.cases), *data.unread]
    for assigned in every:
        places[place_of(assigned)].add(assigned.patient)
        cases[place_of(assigned)] += 1
    rows = pd.DataFrame(
        {
            "case": [each.case for each in every],
            "patient": [each.patient for each in every],
            "place": [place_of(each) for each in every],
        }
    )
    grouped = groupings(rows, data.columns, data.bins)
    return [
        Part(
            _named(place, rows, data),
            len(patients),
            cases[place],
            len(patients) / data.patients,
            [_label_balance(label, _cases_in(data, place)) for label in data.labels],
            _groups(rows[rows["place"] == place], grouped),
        )
        for place, patients in sorted(places.items(), key=lambda each: _rank(each[0]))
    ]


def _named(place: str, rows: pd.DataFrame, data: SeenData) -> str:
    """Name a part of the split: a fold of a site by its site, too."""
    if not data.leave_out or not place.startswith("fold "):
        return place
    values = data.columns[data.leave_out]
    held = sorted({values[case] for case in rows["case"][rows["place"] == place]})
    return f"{place} ({data.leave_out} {', '.join(held)})"


def _groups(rows: pd.DataFrame, grouped: Iterable[Grouping]) -> dict[str, dict[str, int]]:
    """Count the patients of a part who have a case in each group of each column."""
    return {
        each.column: {
            name: int(rows["patient"][rows["case"].isin(cases)].nunique())
            for name, cases in each.cases.items()
        }
        for each in grouped
    }


def _rank(place: str) -> tuple[int, int, str]:
    """Order the parts of a split: 10 folds by their numbers."""
    name, _, fold = place.partition(" ")
    return ORDER.index(name) if name in ORDER else len(ORDER), int(fold or 0), name


def _cases_in(data: SeenData, place: str) -> list[SeenCase]:
    return [case for case in data.cases if case.place == place]


def _label_balance(label: str, cases: Iterable[SeenCase]) -> LabelBalance:
    having: set[str] = set()
    by_patient: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        if case.record.ml.get(label):
            having.add(case.patient)
        ml = case.whole_ml(label)
        if ml is not None:
            by_patient[case.patient].append(ml)
    # each patient counts once, however many volumes there are
    means = [float(np.mean(volumes)) for volumes in by_patient.values()]
    return LabelBalance(
        label,
        len(having),
        float(np.median(means)) if means else None,
        float(sum(sum(volumes) for volumes in by_patient.values())),
    )


def imbalances(split: Sequence[Part], leave_out: str = "") -> list[str]:
    """Say what a part of the split lacks that another one has.

    Parameters
    ----------
    split : sequence of Part
        All parts.
    leave_out : str
        The column whose values are folds: each fold lacks all others of it.

    Returns
    -------
    list of str
        Sentences.
    """
    said = []
    for number, first in enumerate(split[0].labels if split else []):
        without = [part.name for part in split if not part.labels[number].patients]
        if without and len(without) < len(split):
            said.append(
                f"No patient of {some(without, SHOWN)} has {first.label}, so nothing is learned "
                "or scored of it there: split.stratify by ml_<label> shares patients out evenly."
            )
        elif without:
            said.append(f"No patient at all has {first.label}.")
    for column in split[0].groups if split else ():
        if column != leave_out:
            said += _lacking(split, column)
    return said


def _lacking(split: Sequence[Part], column: str) -> list[str]:
    """Say which groups of a column parts of the split lack."""
    lacked: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group in split[0].groups[column]:
        without = tuple(part.name for part in split if not part.groups[column][group])
        if without and group != NOT_GIVEN:
            has = plural(sum(part.groups[column][group] for part in split), "patient")
            lacked[without].append(f"{group} ({has})")
    return [
        f"No patient of {some(without, SHOWN)} is of {column} {some(groups, SHOWN)}."
        for without, groups in lacked.items()
    ]
