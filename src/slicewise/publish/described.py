"""What the data are and how they were split, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from slicewise.dataset.cases import UNDRAWN
from slicewise.dataset.lists import FOLD
from slicewise.publish.gathered import Gathered
from slicewise.publish.prose import Said, Section
from slicewise.report.facts import excluded_cases
from slicewise.wording import plural, some

INTENSITIES = {
    "hu": "CT in Hounsfield units",
    "clipped_hu": "CT in Hounsfield units that were clipped before",
    "arbitrary": "images whose intensities have no unit",
}
BY_NAME = ("pairs", "msd", "nnunet")
"""Layouts in which nothing but a pattern of names tells which cases are of one patient."""
ACROSS = {"axial": "SI", "coronal": "AP", "sagittal": "LR"}
"""Where the axis across a plane points."""
NAMED = 12
"""Labels or reasons, at most, that a sentence lists."""


def data(one: Gathered) -> Section:
    """Say which cases there are, and ask what no file tells of them."""
    cases = one.cases
    content = one.first.content
    patients = cases["patient"].nunique()
    made = "synthetic " if one.is_synthetic else ""
    kind = f"{made}{INTENSITIES[content['intensity']]}"
    said = [
        Said(
            f"The data set {one.dataset} has {plural(len(cases), 'case')} of "
            f"{plural(patients, 'patient')}: {kind}, with ground truth of "
            f"{some(one.labels, NAMED)}."
        ),
        *alone(one),
        *made_up(one),
        Said(geometry(one, cases)),
        *volumes(one, cases),
    ]
    if content.get("channels"):
        said.append(Said(f"Each case has the channels {', '.join(content['channels'])}."))
    if content.get("ignore") is not None:
        said.append(
            Said("Voxels that nobody drew were marked as such; they taught and scored nothing.")
        )
    if excluded := exclusions(one):
        said.append(Said(excluded))
    questions = () if one.is_synthetic else DATA_QUESTIONS
    if content["intensity"] == "arbitrary":
        questions = ("Of which modality are the images?", *questions)
    return Section("Data", said, questions=questions)


def alone(one: Gathered) -> list[Said]:
    """Say where cases were taken for patients, as nothing tells who is one."""
    dataset = one.block("dataset")
    told = dataset.get("patient_pattern") or (dataset.get("metadata") or {}).get("patient")
    by_name = dataset.get("layout") in BY_NAME and not told
    if not by_name or one.cases["patient"].nunique() < len(one.cases):
        return []
    return [Said("Each case was taken for a patient of its own.")]


def exclusions(one: Gathered) -> str:
    """Count the cases that were left out, by reason; names of cases stay at home."""
    excluded = excluded_cases(one.block("dataset").get("exclude") or [])
    if not excluded:
        return ""
    reasons = Counter(reason or "no reason given" for _, reason in excluded)
    told = [f"{reason} ({count})" for reason, count in reasons.most_common()]
    return f"{plural(len(excluded), 'case')} excluded: {some(told, NAMED)}."


DATA_QUESTIONS = (
    "Where, when and on which scanners were the images acquired, and by which protocol?",
    "Which patients were eligible, how were they selected, and what are their age and sex?",
    "Who drew the ground truth, with which experience, software and instructions, and how far do "
    "two readers agree?",
    "Which ethics committee approved the study, and was consent given or waived?",
    "Under which licence can others get the data?",
)


def geometry(one: Gathered, cases: pd.DataFrame) -> str:
    """Say how large voxels and volumes of some cases are, along the axes of the files."""
    if one.is_stack:
        return (
            f"Cases are stacks of {_depth(one, cases)}slices that are no neighbours, so nothing is "
            "said in millimetres or millilitres."
        )
    if not one.is_measured:
        return (
            "Headers do not tell how large voxels are, so nothing is said in millimetres or "
            "millilitres."
        )
    spacing = np.array([list(map(float, each.split("x"))) for each in cases["spacing"]])
    shape = np.array([list(map(int, each.split("x"))) for each in cases["shape"]])
    in_plane = spacing.min(axis=1)
    between = spacing.max(axis=1)
    sides = (
        f"The finest side of a voxel is {_range(in_plane)} mm, the coarsest {_range(between)} mm"
    )
    if (in_plane == between).all():
        sides = f"The sides of a voxel are {_range(in_plane)} mm"
    return (
        f"{sides}, "
        f"and volumes have {_range(shape.prod(axis=1) / 1e6)} million voxels (medians, with ranges "
        "where they differ)."
    )


def made_up(one: Gathered) -> list[Said]:
    """Count the cases whose voxels have a size that nobody knows."""
    if not one.lost or not one.is_measured:
        return []
    return [
        Said(
            f"{plural(one.lost, 'header does', 'headers do')} not tell how large voxels are, and "
            "1 × 1 × 1 mm was taken there."
        )
    ]


def _depth(one: Gathered, cases: pd.DataFrame) -> str:
    """Return how many slices stacks have, where it is known along which axis they lie."""
    along = ACROSS.get(one.first.recipe["plane"])
    if along is None:
        return ""
    counts = [
        int(shape.split("x")[next(i for i, way in enumerate(orientation) if way in along)])
        for shape, orientation in zip(cases["shape"], cases["orientation"], strict=True)
    ]
    return f"{_range(np.array(counts))} "


def volumes(one: Gathered, cases: pd.DataFrame) -> list[Said]:
    """Say in how many of some cases each label is drawn, and how large it is there."""
    said = []
    for label in one.labels:
        column = f"ml_{label}"
        if column not in cases:
            continue
        ml = pd.to_numeric(cases[column], errors="coerce").dropna()
        there = ml[ml > 0]
        if len(there):
            of = f"in {len(there)} of {plural(len(cases), 'case')}"
            size = _sizes(one, there, cases.loc[there.index])
            said.append(Said(f"{label} is drawn {of}{size}."))
        else:
            said.append(Said(f"{label} is drawn in no case."))
    return said


def _sizes(one: Gathered, ml: pd.Series, cases: pd.DataFrame) -> str:
    """Say how large a label is in some cases; of what was drawn in part nobody knows it."""
    in_part = pd.to_numeric(cases.get(UNDRAWN, pd.Series(0.0, cases.index)), errors="coerce") > 0
    whole = ml[~in_part]
    if whole.empty:
        return ", in each in part"
    drawn = " where it is drawn as a whole" if len(whole) < len(ml) else ""
    if one.is_measured:
        return f", with {_range(whole.to_numpy())} ml{drawn}"
    voxels = whole * 1000 / _voxel(cases.loc[whole.index])
    return f", with {_range(voxels.to_numpy())} voxels{drawn}"


def _voxel(cases: pd.DataFrame) -> pd.Series:
    """Return the volume of a voxel of each case, in mm³ as its header has it."""
    return cases["spacing"].map(lambda text: float(np.prod([float(s) for s in text.split("x")])))


def _range(values: np.ndarray) -> str:
    """Return the median with the lowest and the highest value, or the one that all have."""
    low, middle, high = (_significant(value) for value in np.quantile(values, [0, 0.5, 1]))
    return low if low == high else f"{middle} ({low} to {high})"


def _significant(value: float) -> str:
    """Write three digits, or all before the point, without powers of ten.

    Examples
    --------
    >>> _significant(1634.2), _significant(0.0819), _significant(5.0)
    ('1,634', '0.0819', '5')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def split(one: Gathered) -> Section:
    """Say who was trained on and who was tested, and what was checked of it."""
    table = one.split
    settings = one.block("split")
    parts = [
        f"{plural(part['patient'].nunique(), 'patient')} ({plural(len(part), 'case')}) for {title}"
        for subset, title in SUBSETS.items()
        if len(part := table[table["subset"] == subset])
    ]
    said = [
        Said(f"Patients were split whole, so that no patient is in two parts: {'; '.join(parts)}.")
    ]
    if "seed" in settings:
        said.append(
            Said(
                "What the data set did not prescribe was drawn at random (seed "
                f"{settings['seed']})."
            )
        )
    if one.first.folds > 1:
        said.append(Said(_folds(one, settings)))
    said.append(
        Said(
            "Before training, the images of all cases were compared with each other by digests of "
            "their voxels and by perceptual marks, so that no scan, copied or converted, "
            "is in two parts; none was."
        )
    )
    apart = settings.get("not_the_same") or []
    if apart:
        said.append(
            Said(f"{plural(len(apart), 'pair')} of cases that look alike were declared different.")
        )
    others = settings.get("check_against") or []
    if others:
        said.append(Said(f"So were those of {plural(len(others), 'further data set')}."))
    return Section("Split", said)


SUBSETS = {"train": "training", "validation": "validation", "test": "testing"}


def _folds(one: Gathered, settings: Mapping[str, Any]) -> str:
    folds = plural(one.first.folds, "fold")
    left_out = settings.get("leave_out")
    if left_out == FOLD:
        return f"In {folds}, which were given, each training patient was held out once."
    if left_out:
        return f"Each of {folds} held out one whole {left_out}."
    return f"In {folds}, each training patient was held out once; test patients by none of them."
