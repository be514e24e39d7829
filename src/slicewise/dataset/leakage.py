"""The check that stops a leak: no scan on both sides, no label that is never trained."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from slicewise.config import MissingLabels
from slicewise.dataset.duplicates import ALIKE, find_alike
from slicewise.dataset.marks import Marks
from slicewise.errors import SlicewiseError
from slicewise.wording import some

SHOWN = 8
EARLIER = (
    "gate.json",
    "_made/gate.json.json",
    "logs/gate",
    "timings/gate",
    "cases/_batches",
    "slices/*/_batches",
    "slices/*/_shards",
)
"""What earlier versions left below ``results/<dataset>`` under names that nothing has now."""


def check_leaks(cases: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> None:
    """Stop when the same voxels are there twice, here or in another data set.

    Parameters
    ----------
    cases : DataFrame
        The table of cases.
    others : mapping of path to DataFrame
        Tables of data sets that must share no scan with this one.

    Raises
    ------
    SlicewiseError
        Naming both cases and what to do.
    """
    for _, same in cases.groupby("fingerprint", sort=False):
        if len(same) > 1:
            names = ", ".join(sorted(same["case"]))
            raise SlicewiseError(
                f"cases {names}: the same image under several names, which would leak from "
                "training to test; keep one and list the others in dataset.exclude"
            )
    for path, other in others.items():
        if not {"case", "fingerprint"} <= set(other):
            raise SlicewiseError(
                f"{path}: no table of cases (it has no columns case and fingerprint); name a "
                "cases.tsv in split.check_against"
            )
        known = dict(zip(other["fingerprint"], other["case"], strict=True))
        for case, mark in zip(cases["case"], cases["fingerprint"], strict=True):
            if mark in known:
                raise SlicewiseError(
                    f"case {case}: the same image as {known[mark]} in {path}, which "
                    "split.check_against names; list it in dataset.exclude"
                )


def check_masks(cases: pd.DataFrame, not_the_same: Iterable[Collection[str]] = ()) -> None:
    """Stop when one mask is that of several patients, as a slip in a table or a copy makes it.

    Masks without any label may be the same.

    Parameters
    ----------
    cases : DataFrame
        The table of cases.
    not_the_same : iterable of pairs of cases
        As of `check_alike`; cases that are named with another of the same mask are let through.

    Raises
    ------
    SlicewiseError
        Naming the cases and what to do.
    """
    volumes = cases[[name for name in cases if str(name).startswith("ml_")]].astype(float)
    drawn = cases[(volumes > 0).any(axis=1)]
    pairs = list(not_the_same)
    shared = []
    for _, same in drawn.groupby("mask_sha256", sort=False):
        names = set(same["case"])
        known = {name for pair in pairs if names.issuperset(pair) for name in pair}
        if same["patient"].nunique() > 1 and names - known:
            shared.append(some(sorted(names), SHOWN))
    if shared:
        raise SlicewiseError(
            f"cases {some(shared, SHOWN, '; ', 'groups')}: one mask for images of several "
            "patients, which can be right for one of them at most; give each image its own, or all "
            "the same patient, or, if their masks are the same indeed, name the pair in "
            "split.not_the_same"
        )


def check_labels_trained(
    cases: pd.DataFrame,
    split: pd.DataFrame,
    folds: int,
    missing_labels: MissingLabels = "refuse",
    regions: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Stop before the first training where one would never see a label, or a region.

    Parameters
    ----------
    cases : DataFrame
        The table of cases.
    split : DataFrame
        The table of the split.
    folds : int
        How many there are.
    missing_labels : {"refuse", "allow"}
        ``training.missing_labels``. With `allow`, only a training that would
        see no label at all is refused.
    regions : mapping of str to collection of str, optional
        By region the names of its labels: then these are looked for, and a
        label may be missing where others of its regions are there.

    Raises
    ------
    SlicewiseError
        Naming the labels, who has them, and what to do.
    """
    kind = "region" if regions else "label"
    has = _who_has(cases, regions)
    without = []
    for fold in range(folds):
        mine = split["subset"] == "train"
        if folds > 1:
            mine &= split["fold"] != str(fold)
        trained = set(split["case"][mine])
        lacking = [name for name, rows in has.items() if trained.isdisjoint(rows["case"])]
        if len(lacking) == len(has):
            raise SlicewiseError(
                f"{_training(fold, folds)}: none of its patients has any label, so there is "
                "nothing to learn; check dataset.labels, or change the split"
            )
        without += [(name, fold) for name in lacking]
    if without and missing_labels == "refuse":
        lacks = [
            f"{_training(fold, folds)} would not see {kind} {name}, which {_owners(has[name])}"
            for name, fold in without
        ]
        raise SlicewiseError(
            f"{some(lacks, SHOWN, between=', and ')}; change the split (split.seed, split.folds, "
            f"split.stratify), drop the {kind}, or set training.missing_labels of all experiments "
            "to allow, which leaves its scores empty there"
        )


def check_sites_scored(cases: pd.DataFrame, split: pd.DataFrame, column: str) -> None:
    """Stop before the first training where a site that is held out has nothing to score.

    Parameters
    ----------
    cases : DataFrame
        The table of cases.
    split : DataFrame
        The table of the split.
    column : str
        Its column of the sites.

    Raises
    ------
    SlicewiseError
        Naming the sites whose patients have no label at all.
    """
    volumes = cases[[name for name in cases if str(name).startswith("ml_")]].astype(float)
    having = set(cases.loc[(volumes > 0).any(axis=1), "case"])
    held_out = split[split["fold"] != ""]
    bare = [
        f"{site} (fold {rows['fold'].iloc[0]})"
        for site, rows in held_out.groupby(column)
        if having.isdisjoint(rows["case"])
    ]
    if bare:
        raise SlicewiseError(
            f"split.leave_out: no patient of {column} {some(bare, SHOWN)} has any label, so "
            "nothing would be scored there; list its cases in dataset.exclude, or check "
            "dataset.labels"
        )


def _who_has(
    cases: pd.DataFrame, regions: Mapping[str, Collection[str]] | None
) -> dict[str, pd.DataFrame]:
    """Return the rows of the cases that have each label, or any label of each region."""
    labels = [str(name).removeprefix("ml_") for name in cases if str(name).startswith("ml_")]
    wanted = regions or {label: [label] for label in labels}
    there = {label: cases[f"ml_{label}"].astype(float) > 0 for label in labels}
    return {
        name: cases.loc[np.any([there[label] for label in own], axis=0)]
        for name, own in wanted.items()
    }


def _training(fold: int, folds: int) -> str:
    return f"fold {fold}" if folds > 1 else "the training"


def _owners(rows: pd.DataFrame) -> str:
    patients = sorted(set(rows["patient"]))
    if not patients:
        return "nobody has"
    who = "patient" if len(patients) == 1 else "patients"
    return f"only {who} {some(patients, SHOWN)} {'has' if who == 'patient' else 'have'}"


def check_alike(
    patients: Mapping[str, str],
    ours: Marks,
    others: Mapping[str, Marks],
    not_the_same: Iterable[Collection[str]] = (),
    threads: int = 1,
) -> None:
    """Stop when a scan is there again though its voxels differ, here or in another data set.

    Parameters
    ----------
    patients : mapping of case to patient
        Of this data set; scans of one patient may be alike, since a split
        never separates them.
    ours : mapping of case to Scan
        The marks of this data set.
    others : mapping of path to mapping of case to Scan
        The marks of data sets that must share no scan with this one, by the
        path of their tables.
    not_the_same : iterable of pairs of cases
        Pairs that are let through, in any order (``split.not_the_same``). A
        case of another data set is ``path:case``, or its name alone where this
        data set has no case of that name.
    threads : int
        How many to use.

    Raises
    ------
    SlicewiseError
        Naming the cases, how alike they are and what to do.
    """
    allowed = {frozenset(pair) for pair in not_the_same}
    remedy = "or, if you know them to be different scans, name the pair in split.not_the_same"

    def let_through(path: str, case: str, other: str) -> bool:
        names = [f"{path}:{other}", *([] if other in patients else [other])]
        return any(frozenset((case, name)) in allowed for name in names)

    pairs = [
        (a, b, score)
        for a, b, score in find_alike(ours, ours, threads)
        if patients[a] != patients[b] and frozenset((a, b)) not in allowed
    ]
    if pairs:
        raise SlicewiseError(
            f"cases {_listed(pairs)}: {_SAME}, which would leak from training to test; keep one "
            f"and list the other in dataset.exclude, or give both the same patient, {remedy}"
        )
    for path, theirs in others.items():
        alike = find_alike(ours, theirs, threads)
        pairs = [pair for pair in alike if not let_through(path, *pair[:2])]
        if pairs:
            a, b, _ = pairs[0]
            raise SlicewiseError(
                f"cases {_listed(pairs)} in {path}, which split.check_against names: {_SAME}; "
                f"list the first in dataset.exclude, {remedy}, as [{a}, {path}:{b}]"
            )


_SAME = f"so alike (1 is the same, {ALIKE} the limit) as only the same scan is"


def _listed(pairs: list[tuple[str, str, float]]) -> str:
    named = [f"{a} and {b} ({score:.3f})" for a, b, score in pairs]
    return some(named, SHOWN, of="pairs")


def remove_earlier(results: Path) -> None:
    """Delete what an earlier version wrote under names that were changed since.

    Parameters
    ----------
    results : Path
        The folder ``results/<dataset>``.
    """
    for path in [path for name in EARLIER for path in results.glob(name)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
