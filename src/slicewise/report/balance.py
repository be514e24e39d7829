"""How even a split is: patients, labels and strata of what is trained, validated and tested on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

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
        Of those who have it: of the mean over the cases of each, and of all.
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
        ``train``, ``fold 0``, ….
    patients, cases : int
        How many there are, with those that could not be read.
    share : float
        Of all patients.
    labels : list of LabelBalance
        In their order.
    strata : dict of str to int
        Patients of each stratum.
    """

    name: str
    patients: int
    cases: int
    share: float
    labels: list[LabelBalance]
    strata: dict[str, int]


def parts(data: SeenData) -> list[Part]:
    """Return the parts of the split: training, each fold, validation, test."""
    places: dict[str, set[str]] = defaultdict(set)
    cases: Counter[str] = Counter()
    for assigned in [*(case.assigned for case in data.cases), *data.unread]:
        places[place_of(assigned)].add(assigned.patient)
        cases[place_of(assigned)] += 1
    return [
        Part(
            place,
            len(patients),
            cases[place],
            len(patients) / data.patients,
            [_label_balance(label, _cases_in(data, place)) for label in data.labels],
            dict(sorted(Counter(data.strata.get(each, "") for each in patients).items()))
            if data.strata
            else {},
        )
        for place, patients in sorted(places.items(), key=lambda each: _rank(each[0]))
    ]


def _rank(place: str) -> tuple[int, int, str]:
    """Order the parts of a split: 10 folds by their numbers."""
    name, _, fold = place.partition(" ")
    return ORDER.index(name) if name in ORDER else len(ORDER), int(fold or 0), name


def _cases_in(data: SeenData, place: str) -> list[SeenCase]:
    return [case for case in data.cases if case.place == place]


def _label_balance(label: str, cases: Iterable[SeenCase]) -> LabelBalance:
    by_patient: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        ml = case.record.ml.get(label, 0.0)
        if ml:
            by_patient[case.patient].append(ml)
    # each patient counts once, however many volumes there are
    means = [float(np.mean(volumes)) for volumes in by_patient.values()]
    return LabelBalance(
        label,
        len(means),
        float(np.median(means)) if means else None,
        float(sum(sum(volumes) for volumes in by_patient.values())),
    )


def imbalances(split: Sequence[Part]) -> list[str]:
    """Say what a part of the split lacks that another one has.

    Parameters
    ----------
    split : sequence of Part
        All parts.

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
    strata = sorted({stratum for part in split for stratum in part.strata})
    for stratum in strata:
        without = [part.name for part in split if not part.strata.get(stratum)]
        if without:
            has = plural(sum(part.strata.get(stratum, 0) for part in split), "patient")
            said.append(f"No patient of {some(without, SHOWN)} is of stratum {stratum} ({has}).")
    return said
