"""Who is trained on and who is tested on: whole patients, stable under growth."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slicewise.config import Split
from slicewise.errors import SlicewiseError
from slicewise.volumes.layouts import Case

FEWEST_TO_VALIDATE = 4
# A batch: long enough that the start of a process does not count, short enough to lose.
BATCH = 32
# As many batches as small machines have cores, powers of two; small data sets use them too.
FEWEST_BATCHES = 4


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


def split_cases(cases: Sequence[Case], settings: Split) -> list[Assignment]:
    """Assign every case to a subset and a fold.

    Patients are ranked by a hash of seed and name, so that a new patient moves
    at most one other across each boundary and the order of files means nothing.

    Parameters
    ----------
    cases : sequence of Case
        Cases of a data set; a subset given by the layout is kept.
    settings : Split
        Counts or fractions (halves are rounded up), folds and seed.

    Returns
    -------
    list of Assignment
        In the order of `cases`.

    Raises
    ------
    SlicewiseError
        When a patient would be on both sides, too few patients are left, or a
        number of test patients was written where the layout says who they are.
    """
    fixed = any(case.subset for case in cases)
    patients = sorted({case.patient for case in cases})
    if fixed:
        _refuse_idle_test(settings)
        test = {case.patient for case in cases if case.subset == "test"}
        both = sorted(test & {case.patient for case in cases if case.subset == "train"})
        if both:
            raise SlicewiseError(
                f"patients {', '.join(both[:8])}: in the training and in the test folder; move "
                "all volumes of a patient to one side, or correct dataset.patient_pattern"
            )
    else:
        number = _count(settings.test, len(patients), "split.test")
        test = set(_ranked(patients, settings.seed, "test")[:number])
    others = [patient for patient in patients if patient not in test]
    if not others:
        raise SlicewiseError(
            f"split.test: {len(test)} test patients are all there are; leave some to train on"
        )
    if settings.folds > 1:
        return _with_folds(cases, test, others, settings)
    validation: set[str] = set()
    if len(others) >= FEWEST_TO_VALIDATE:
        number = _count(settings.validation, len(others), "split.validation")
        validation = set(_ranked(others, settings.seed, "validation")[:number])
        if len(validation) == len(others):
            raise SlicewiseError(
                f"split.validation: {number} of {len(others)} patients leave none to train on; "
                "lower it"
            )
    subset = dict.fromkeys(test, "test") | dict.fromkeys(validation, "validation")
    return [
        Assignment(case.name, case.patient, subset.get(case.patient, "train"), None)
        for case in cases
    ]


def _refuse_idle_test(settings: Split) -> None:
    written = settings.model_fields_set
    # a dump names every setting, and nobody wrote it
    if "test" in written and written != set(Split.model_fields):
        raise SlicewiseError(
            "split.test does nothing: the folders or the table say who is tested on; leave it out, "
            "or take the test folder (dataset.pairs.test: null) or the column subset away"
        )


def _with_folds(
    cases: Sequence[Case], test: set[str], others: list[str], settings: Split
) -> list[Assignment]:
    fold = {p: _hash(settings.seed, "fold", p) % settings.folds for p in others}
    empty = sorted(set(range(settings.folds)) - set(fold.values()))
    if empty:
        raise SlicewiseError(
            f"split.folds: fold {empty[0]} holds none of the {len(others)} patients; use fewer "
            "folds or another split.seed"
        )
    return [
        Assignment(
            case.name,
            case.patient,
            "test" if case.patient in test else "train",
            fold.get(case.patient),
        )
        for case in cases
    ]


def _count(wanted: float | int, of: int, key: str) -> int:
    if isinstance(wanted, int):
        if wanted > of:
            raise SlicewiseError(
                f"{key}: {wanted} patients are asked for, there are only {of}; lower it"
            )
        return wanted
    return math.floor(wanted * of + 0.5)


def _hash(seed: int, salt: str, patient: str) -> int:
    return int(hashlib.sha256(f"{seed}:{salt}:{patient}".encode()).hexdigest(), 16)


def _ranked(patients: Iterable[str], seed: int, salt: str) -> list[str]:
    return sorted(patients, key=lambda patient: (_hash(seed, salt, patient), patient))


def training_cases(assignments: Iterable[Assignment], fold: int, folds: int) -> list[str]:
    """Cases whose slices move the weights of a fold's model."""
    if folds == 1:
        return [a.case for a in assignments if a.subset == "train"]
    return [a.case for a in assignments if a.subset == "train" and a.fold != fold]


def held_out_cases(assignments: Iterable[Assignment], fold: int, folds: int) -> list[str]:
    """Cases that a fold's model is watched on: never trained on, never test cases."""
    if folds == 1:
        return [a.case for a in assignments if a.subset == "validation"]
    return [a.case for a in assignments if a.subset == "train" and a.fold == fold]


def split_table(assignments: Iterable[Assignment]) -> str:
    """Return the split as tab-separated text: case, patient, subset, fold (empty without)."""
    rows = [("case", "patient", "subset", "fold")]
    rows += [
        (a.case, a.patient, a.subset, "" if a.fold is None else str(a.fold)) for a in assignments
    ]
    return "".join("\t".join(row) + "\n" for row in rows)


def chunks(cases: Iterable[str], size: int, least: int = 1) -> dict[int, list[str]]:
    """Share out cases to jobs so that a new case changes one job only.

    A case's chunk is a hash of its name modulo a power of two, so all chunks
    stay as they are until the number of cases doubles.

    Parameters
    ----------
    cases : iterable of str
        Names.
    size : int
        About how many cases a chunk should hold, at most on average.
    least : int
        At least so many chunks, a power of two; some stay empty where cases are few.

    Returns
    -------
    dict of int to list of str
        The chunks that are not empty by their number, each sorted.
    """
    names = sorted(cases)
    number = max(least, _number_of_chunks(len(names), size))
    shares: list[list[str]] = [[] for _ in range(number)]
    for name in names:
        shares[_hash(0, "chunk", name) % number].append(name)
    return {position: share for position, share in enumerate(shares) if share}


def _number_of_chunks(cases: int, size: int) -> int:
    return 1 << max(0, math.ceil(math.log2(max(1, cases) / size)))


def batches(cases: Iterable[Case], assignments: Iterable[Assignment]) -> dict[str, list[str]]:
    """Share out cases to the jobs that ingest and cut them.

    Test cases and others never share a batch: what is done to the first must
    not train anybody again. A batch of test cases lies within one chunk of
    those that are predicted, if such a chunk is no smaller. A case that has to
    be converted has a batch of its own, so that others do not wait for its
    conversion.

    Parameters
    ----------
    cases : iterable of Case
        All cases.
    assignments : iterable of Assignment
        Where they go.

    Returns
    -------
    dict of str to list of str
        Cases by the name of their batch, each sorted.
    """
    subset = {a.case: "test" if a.subset == "test" else "train" for a in assignments}
    shared: dict[str, list[str]] = {"test": [], "train": []}
    found = {}
    cases = list(cases)
    for case in cases:
        if case.needs_conversion:
            found[f"case-{case.name}"] = [case.name]
        else:
            shared[subset[case.name]].append(case.name)
    least = {
        "test": max(FEWEST_BATCHES, _number_of_chunks(len(cases), BATCH)),
        "train": FEWEST_BATCHES,
    }
    for name, members in shared.items():
        for number, chunk in chunks(members, BATCH, least[name]).items():
            found[f"{name}-{number}"] = chunk
    return found
