"""Who is trained on and who is tested on: whole patients, stable under growth."""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from slicewise.config import Split
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case import Case
from slicewise.dataset.columns import column_of, read_sites, sites_as_folds, strata_table
from slicewise.dataset.names import Shared, find_shared, pattern_for
from slicewise.errors import SlicewiseError

_log = logging.getLogger(__name__)

FEWEST_TO_VALIDATE = 4


def split_cases(cases: Sequence[Case], settings: Split, data: Path = Path()) -> list[Assignment]:
    """Assign every case to a subset and a fold.

    Patients are ranked by a hash of seed and name, so that the order of files
    means nothing and a new patient moves at most one other across each
    boundary. Folds are ranges of such a rank: their sizes differ by at most one
    patient, and of `k` folds there are `k - 1` boundaries, so a new patient
    moves at most `k - 1` others to another fold (measured: 2.0 on average with
    5 folds, 1.0 with 3). One that also moves a patient between test and the
    others counts twice. With strata this holds within each stratum.

    Parameters
    ----------
    cases : sequence of Case
        Cases of a data set; a subset given by the layout is kept.
    settings : Split
        Counts or fractions (halves are rounded up), folds, seed and strata.
    data : Path
        The folder that `settings.strata` lies below.

    Returns
    -------
    list of Assignment
        In the order of `cases`. Cases with a corrected mask are trained on, by all folds, and
        move no other; only those of a patient whom a fold holds out, or who validates, go there.

    Raises
    ------
    SlicewiseError
        When a patient would be on both sides, a corrected case is of a test patient,
        too few patients are left, or a patient has no stratum, or two, or a number
        of test patients was written where the layout says who they are.
    """
    drawn = [case for case in cases if not case.corrected]
    if len(drawn) == len(cases):
        return _split(cases, settings, data)
    if settings.leave_out is not None:
        raise SlicewiseError(
            "split.leave_out: corrected scans tell no site, so a model might be trained on the one "
            "that it is scored by; leave out dataset.corrections here"
        )
    known = {assigned.case: assigned for assigned in _split(drawn, settings, data)}
    of_patient = {assigned.patient: assigned for assigned in known.values()}
    return [known.get(case.name) or _of_corrected(case, of_patient) for case in cases]


def _of_corrected(case: Case, of_patient: Mapping[str, Assignment]) -> Assignment:
    """Return where a case with a corrected mask goes: where its patient is, else to all folds."""
    there = of_patient.get(case.patient)
    if there is None:
        return Assignment(case.name, case.patient, "train", None)
    if there.subset == "test":
        raise SlicewiseError(
            f"dataset.corrections: case {case.name} is of patient {case.patient}, who is tested "
            "on, and what a model was taught of a test patient scores nothing; list the case in "
            "dataset.exclude"
        )
    return Assignment(case.name, case.patient, there.subset, there.fold)


def _split(cases: Sequence[Case], settings: Split, data: Path) -> list[Assignment]:
    patients = sorted({case.patient for case in cases})
    strata = read_strata(cases, settings, data)
    test = _test_patients(cases, patients, settings, strata)
    others = [patient for patient in patients if patient not in test]
    if not others:
        raise SlicewiseError(
            f"split.test: {len(test)} test patients are all there are; leave some to train on"
        )
    if settings.leave_out is not None:
        sites = read_sites(cases, settings, data)
        return _crossed(cases, test, sites_as_folds(sites, others, settings.leave_out))
    if settings.folds > 1:
        return _crossed(cases, test, _folds(others, settings, strata))
    given = _given_validation(cases, settings)
    validation = given or _validation_patients(others, settings, strata)
    if len(validation) == len(others):
        raise SlicewiseError(
            f"split.validation: {len(validation)} of {len(others)} patients who are not tested on "
            "leave none to train on; lower it, or let the table say who is trained on"
        )
    subset = dict.fromkeys(test, "test") | dict.fromkeys(validation, "validation")
    return [
        Assignment(case.name, case.patient, subset.get(case.patient, "train"), None)
        for case in cases
    ]


def _test_patients(
    cases: Sequence[Case], patients: Sequence[str], settings: Split, strata: Mapping[str, str]
) -> set[str]:
    """Return who is tested on: whom the layout puts there, else as many as the settings say."""
    if not any(case.subset for case in cases):
        number = _count(settings.test, len(patients), "split.test")
        return set(_ranked(patients, settings.seed, "test", strata)[:number])
    _refuse_idle_test(settings)
    test = {case.patient for case in cases if case.subset == "test"}
    both = sorted(test & {case.patient for case in cases if case.subset == "train"})
    if both:
        raise SlicewiseError(
            f"patients {', '.join(both[:8])}: in the training and in the test folder; move "
            "all volumes of a patient to one side, or correct dataset.patient_pattern or "
            "dataset.metadata"
        )
    return test


def _validation_patients(
    others: Sequence[str], settings: Split, strata: Mapping[str, str]
) -> set[str]:
    """Return who validates, of those who are not tested on; nobody where they are few."""
    if len(others) < FEWEST_TO_VALIDATE:
        return set()
    number = _count(settings.validation, len(others), "split.validation")
    return set(_ranked(others, settings.seed, "validation", strata)[:number])


def _given_validation(cases: Sequence[Case], settings: Split) -> set[str]:
    """Return who validates where the layout says it; with folds all of them validate in turn."""
    given = {case.patient for case in cases if case.subset == "validation"}
    both = sorted(given & {case.patient for case in cases if case.subset != "validation"})
    if both:
        raise SlicewiseError(
            f"patients {', '.join(both[:8])}: in validation and in another subset; move all "
            "volumes of a patient to one of them, or correct dataset.patient_pattern or "
            "dataset.metadata"
        )
    if given and _is_written("validation", settings):
        raise SlicewiseError(
            "split.validation does nothing: the data set says who validates; leave it out"
        )
    return given


def _is_written(setting: str, settings: Split) -> bool:
    """Tell whether somebody wrote a setting: a dump names every one, and nobody wrote it."""
    written = settings.model_fields_set
    return setting in written and written != set(Split.model_fields)


def _refuse_idle_test(settings: Split) -> None:
    if _is_written("test", settings):
        raise SlicewiseError(
            "split.test does nothing: the folders or the table say who is tested on; leave it out, "
            "or take the test folder (dataset.pairs.test: null), the column subset or "
            "dataset.metadata.subset away"
        )


def _folds(others: Sequence[str], settings: Split, strata: Mapping[str, str]) -> dict[str, int]:
    if len(others) < settings.folds:
        raise SlicewiseError(
            f"split.folds: {settings.folds} folds are asked for, and there are only {len(others)} "
            "patients to train on; use fewer folds"
        )
    return _fold_of(others, settings.folds, settings.seed, strata)


def _crossed(cases: Sequence[Case], test: set[str], fold: Mapping[str, int]) -> list[Assignment]:
    return [
        Assignment(
            case.name,
            case.patient,
            "test" if case.patient in test else "train",
            fold.get(case.patient),
        )
        for case in cases
    ]


def number_of_folds(assignments: Iterable[Assignment]) -> int:
    """Return how many folds there are; without any, one training counts as one.

    >>> number_of_folds([Assignment("a", "a", "train", 0), Assignment("b", "b", "train", 1)])
    2
    """
    return max((a.fold for a in assignments if a.fold is not None), default=0) + 1


def _fold_of(
    patients: Iterable[str], folds: int, seed: int, strata: Mapping[str, str]
) -> dict[str, int]:
    """Share out patients, so that neither folds nor those of a stratum differ by more than one."""
    by_stratum: dict[str, list[str]] = defaultdict(list)
    for patient in _hashed(patients, seed, "fold"):
        by_stratum[strata[patient]].append(patient)
    fold_of: dict[str, int] = {}
    next_larger = 0  # the fold whose turn it is to have one more than the smallest
    for _, ranked in sorted(by_stratum.items()):
        least, more = divmod(len(ranked), folds)
        larger = {(next_larger + step) % folds for step in range(more)}
        next_larger = (next_larger + more) % folds
        sizes = [least + (fold in larger) for fold in range(folds)]
        owners = [fold for fold, size in enumerate(sizes) for _ in range(size)]
        fold_of |= dict(zip(ranked, owners, strict=True))
    return fold_of


def read_strata(cases: Sequence[Case], settings: Split, data: Path = Path()) -> dict[str, str]:
    """Return the stratum of each patient, as `split.stratify` says.

    Parameters
    ----------
    cases : sequence of Case
        With the columns of their table.
    settings : Split
        Its `stratify` and `strata`.
    data : Path
        The folder that `settings.strata` lies below.

    Returns
    -------
    dict of str to str
        By patient; the same for all without `stratify`.

    Raises
    ------
    SlicewiseError
        When the column is not there, or has no value or two for a patient.
    """
    column = settings.stratify
    if column is None:
        return dict.fromkeys((case.patient for case in cases), "")
    told = {case.name: dict(case.columns) for case in cases}
    values = {name: [cells[column]] for name, cells in told.items() if column in cells}
    place = "the table of the data set"
    if settings.strata is not None:
        path = strata_table(settings.strata, data)
        place = str(path)
        values = column_of(path, column, cases)
    elif not values:
        known = sorted({name for case in cases for name, _ in case.columns})
        raise SlicewiseError(
            f"split.stratify: no table has a column {column!r}"
            + (f"; there are: {', '.join(known)}" if known else "")
            + "; it may be any other column of layout table, or of dataset.metadata, else name a "
            "table in split.strata"
        )
    strata: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        said = values.get(case.name)
        if not said or not all(said):
            raise SlicewiseError(
                f"split.stratify: {place} gives case {case.name} no {column}; fill it in"
            )
        strata[case.patient].update(_presence(value, column, place) for value in said)
    for patient, several in sorted(strata.items()):
        if len(several) > 1:
            raise SlicewiseError(
                f"split.stratify: {place} gives patient {patient} several values of {column} "
                f"({', '.join(sorted(several))}); give all cases of a patient the same"
            )
    return {patient: value for patient, (value,) in strata.items()}


def with_strata(
    columns: Mapping[str, Mapping[str, str]],
    cases: Sequence[Case],
    settings: Split,
    data: Path = Path(),
) -> dict[str, dict[str, str]]:
    """Add what a split is stratified by to other columns, by the names of cases.

    Parameters
    ----------
    columns : mapping of str to mapping of str to str
        By column and case, see `read_columns`.
    cases, settings, data
        See `read_strata`.
    """
    strata = {}
    if settings.stratify is not None:
        known = read_strata([case for case in cases if not case.corrected], settings, data)
        strata = {settings.stratify: {case.name: known.get(case.patient, "") for case in cases}}
    return {**strata, **{name: dict(values) for name, values in columns.items()}, **strata}


def _presence(value: str, column: str, place: str) -> str:
    if not column.startswith("ml_"):
        return value
    try:
        return "yes" if float(value) > 0 else "no"
    except ValueError as error:
        raise SlicewiseError(
            f"split.stratify: {column} of {place} is {value!r}, not a number; correct it"
        ) from error


def warn_of_shared(cases: Iterable[Case], assignments: Mapping[str, Assignment]) -> None:
    """Warn of cases that count as patients of their own though their names look like one's.

    Parameters
    ----------
    cases : iterable of Case
        All of them; only those of which nothing says whose they are count.
    assignments : mapping of case to Assignment
        Where they go, which the line says of the group that is torn most.
    """
    # by what patients are called, as frames of one file are of one already
    cases = [case for case in cases if case.guessed]
    cases_of = {case.patient: case.name for case in cases}
    shared = find_shared(cases_of)
    if not shared:
        return
    places = [
        Counter(_place(assignments[cases_of[name]]) for name in group.cases) for group in shared
    ]
    # torn between most places, then the largest
    worst = max(range(len(shared)), key=lambda n: (len(places[n]), len(shared[n].cases), -n))
    (place, number), *rest = sorted(places[worst].items(), key=lambda each: (-each[1], each[0]))
    torn = f"{number} case{'s' if number > 1 else ''} in {place}"
    torn += "".join(f" and {n} in {other}" for other, n in rest)
    more = len(shared) - 1
    also = f", and {more} more such name{'s' if more > 1 else ''} several" if more else ""
    pattern = _pattern(cases, shared)
    _log.warning(
        "%s has %s%s, each taken for a patient of its own: set dataset.patient_pattern%s, or null "
        "to say that they differ",
        shared[worst].stem,
        torn,
        also,
        f" (such as '{pattern}')" if pattern else "",
    )


def _pattern(cases: Iterable[Case], shared: Iterable[Shared]) -> str | None:
    """Return a pattern that finds patients in the names of all cases, with those of frames."""
    stems = {name: group.stem for group in shared for name in group.cases}
    of_patient: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        of_patient[stems.get(case.patient, case.patient)].append(case.name)
    groups = [Shared(stem, tuple(sorted(own))) for stem, own in of_patient.items() if len(own) > 1]
    return pattern_for((name for own in of_patient.values() for name in own), groups)


def _place(assignment: Assignment) -> str:
    if assignment.fold is None:
        return assignment.subset
    return f"fold {assignment.fold}"


def _count(wanted: float | int, of: int, key: str) -> int:
    if isinstance(wanted, int):
        if wanted > of:
            raise SlicewiseError(
                f"{key}: {wanted} patients are asked for, there are only {of}; lower it"
            )
        return wanted
    return math.floor(wanted * of + 0.5)


def name_hash(seed: int, salt: str, name: str) -> int:
    """Return a number that a name has, whatever other names there are."""
    return int(hashlib.sha256(f"{seed}:{salt}:{name}".encode()).hexdigest(), 16)


def _hashed(patients: Iterable[str], seed: int, salt: str) -> list[str]:
    return sorted(patients, key=lambda patient: (name_hash(seed, salt, patient), patient))


def _ranked(patients: Iterable[str], seed: int, salt: str, strata: Mapping[str, str]) -> list[str]:
    """Order patients so that the first n hold each stratum in proportion.

    Within a stratum the hash decides. The n-th of m patients stands at
    (n - 1/2) / m of the way, so the first n of all are shared out among the
    strata by the method of Sainte-Laguë.
    """
    by_stratum: dict[str, list[str]] = defaultdict(list)
    for patient in _hashed(patients, seed, salt):
        by_stratum[strata[patient]].append(patient)
    places = {
        patient: (2 * position + 1) / (2 * len(ranked))
        for ranked in by_stratum.values()
        for position, patient in enumerate(ranked)
    }
    # sorting is stable: among equals the hash decides
    return sorted(_hashed(patients, seed, salt), key=places.__getitem__)


def training_cases(assignments: Iterable[Assignment], fold: int, folds: int) -> list[str]:
    """Cases whose slices move the weights of a fold's model."""
    if folds == 1:
        return [a.case for a in assignments if a.subset == "train"]
    return [a.case for a in assignments if a.subset == "train" and a.fold != fold]


def held_out_cases(assignments: Iterable[Assignment], fold: int, folds: int) -> list[str]:
    """Cases that a fold's model is validated by: never trained on, never test cases."""
    if folds == 1:
        return [a.case for a in assignments if a.subset == "validation"]
    return [a.case for a in assignments if a.subset == "train" and a.fold == fold]
