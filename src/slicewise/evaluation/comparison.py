"""Experiments on the same patients: how every two differ, and whether that is more than chance.

The patient is the unit. An experiment that was repeated with further seeds
has for each patient the mean over its seeds, and the scatter between seeds
stands beside every difference.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from slicewise.errors import SlicewiseError
from slicewise.evaluation.detection import counts_absent
from slicewise.evaluation.needed import patients_needed
from slicewise.evaluation.paired import ALPHA, Paired, paired
from slicewise.evaluation.signed_rank import in_decimals
from slicewise.evaluation.statistics import DISTANCES, METRICS, by_patient, headline_subset
from slicewise.metrics import table as metric_table
from slicewise.metrics.table import names_of
from slicewise.wording import some

FALSE_ML = metric_table.FALSE_ML.name
COMPARED = tuple(each.name for each in metric_table.shown_in("comparison"))
"""Metrics that are compared, over those who have a label; of what has a sign, the size. The last is
what was predicted in those who do not have the label, in ml."""
SIZED = tuple(each.name for each in metric_table.METRICS if each.signed)
COLUMNS = (
    *("first", "second", "subset", "label", "metric", "n", "changed", "agree"),
    *("mean_first", "mean_second"),
    *("difference", "ci_low", "ci_high", "p", "p_holm", "sd_seeds", "reach_seeds"),
    "needed",
)
KEYS = ["subset", "case", "patient", "label"]
SCORED = ["patient", "case", "label"]
SHOWN = 5
"""Cases that an error names."""

Tables = Mapping[str, pd.DataFrame]
Repeats = Mapping[str, Sequence[str]]


def compare(metrics: Tables, repeats: Repeats | None = None) -> pd.DataFrame:
    """Compare every two experiments on the patients they share.

    Parameters
    ----------
    metrics : mapping of str to DataFrame
        By training, its table of cases and labels.
    repeats : mapping of str to sequence of str, optional
        Of an experiment with several seeds, the names of its trainings.

    Returns
    -------
    DataFrame
        A row for each subset, pair, label (``mean`` stands for the mean over
        the labels that each patient has) and metric. The difference is the
        second minus the first, with the 95 % bootstrap interval of its mean
        and the p of the signed-rank test, see `paired`. Labels that a case does
        not have are left out, whether they were scored or not; what was
        predicted of them is ``false_ml``. Where a training has no distance, as
        it missed an organ, that patient is left out of both; ``n`` counts the
        patients that are left, ``changed`` those of them that differ at all,
        and ``agree`` those that differ to the side of the mean. A Dice that only
        one of both left empty is 0. ``p_holm`` corrects the
        comparisons of Dice of a subset for their number (`holm`); other
        metrics have none. ``sd_seeds`` is by how much another seed for each
        would move the difference of the means (its standard deviation), and
        ``reach_seeds`` how far the difference of the means over the seeds goes
        by the seeds alone, in 95 of 100 comparisons (Welch, Biometrika 34
        (1947) 28-35); empty unless both experiments have several seeds. Where
        they have, the interval holds both: its sides are the root of the sum of
        the squares of the bootstrap's and of this reach (Zou and Donner,
        Stat Med 27 (2008) 1693-1702). ``needed`` is, of a Dice that is not told
        apart, how many patients would tell it if all differ as these do, see
        `patients_needed`; empty where that is not known.

    Raises
    ------
    SlicewiseError
        Where test patients (validation patients, if none is tested), labels
        or ground truth differ. Validation patients are left out if they do.
    """
    rows: list[dict[str, Any]] = []
    groups = grouped(metrics, repeats)
    headline = subset_of(metrics)
    for subset in ("test", "validation"):
        parts = {name: table[table["subset"] == subset] for name, table in metrics.items()}
        differs = why_not(parts, subset)
        if differs and subset == headline:
            raise SlicewiseError(differs)
        if not differs:
            rows += _compared(parts, groups, subset)
    numbers = dict.fromkeys(COLUMNS[COLUMNS.index("mean_first") :], float)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(numbers)


def grouped(names: Iterable[str], repeats: Repeats | None = None) -> dict[str, list[str]]:
    """Return the trainings of each experiment: its seeds, where it has several."""
    there = list(names)
    groups = {
        name: [each for each in trainings if each in there]
        for name, trainings in (repeats or {}).items()
        if name in there
    }
    inside = {each for name, trainings in groups.items() for each in trainings if each != name}
    return {name: groups.get(name, [name]) for name in there if name not in inside}


def subset_of(metrics: Tables) -> str:
    """Return ``test``, or ``validation`` where no experiment was scored on test patients."""
    return headline_subset(pd.concat([table[["subset"]] for table in metrics.values()]))


def why_not(parts: Tables, subset: str) -> str | None:
    """Say why experiments cannot be compared, by the first that differs from the first of all.

    Parameters
    ----------
    parts : mapping of str to DataFrame
        By experiment, the rows of a subset. Ground truth is compared by its
        digest, or by its volume in tables that lack one.
    subset : str
        Its name.

    Returns
    -------
    str or None
        One sentence; None where patients, labels and ground truth agree.
    """
    (first, one), *others = parts.items()
    for second, other in others:
        both = f"{first} and {second}: they cannot be compared, as"
        cases = [set(zip(table["case"], table["patient"], strict=True)) for table in (one, other)]
        more = [
            f"only {name} has {_cases(case for case, _ in mine - theirs)}"
            for name, mine, theirs in zip((first, second), cases, reversed(cases), strict=True)
            if mine - theirs
        ]
        if more:
            return (
                f"{both} their {subset} cases differ ({', '.join(more)}); score both on the same "
                "patients"
            )
        keys = ["case", "label"]
        ours = one.set_index(keys)
        theirs = other.set_index(keys)
        if set(ours.index) != set(theirs.index):
            labels = [", ".join(dict.fromkeys(table["label"])) for table in (one, other)]
            return (
                f"{both} their labels differ ({labels[0]} against {labels[1]}); compare the same "
                "organs"
            )
        differ = _other_truth(ours, theirs.loc[ours.index])
        if differ:
            return (
                f"{both} the ground truth of {subset} {_cases(differ)} differs; score both against "
                "the same masks"
            )
        counted = [counts_absent(table) for table in (one, other)]
        if counted[0] != counted[1]:
            name, another = (first, second) if counted[0] else (second, first)
            return (
                f"{both} {name} scores labels that a patient does not have and {another} does not; "
                "score both again with the same evaluation.absent_labels"
            )
    return None


def _other_truth(ours: pd.DataFrame, theirs: pd.DataFrame) -> set[str]:
    if all(
        "truth_sha256" in table and table["truth_sha256"].notna().all() for table in (ours, theirs)
    ):
        differ = ours["truth_sha256"].to_numpy() != theirs["truth_sha256"].to_numpy()
    else:
        one, other = (table["volume_ml"].to_numpy(float) for table in (ours, theirs))
        # not known where nothing of a label was drawn
        differ = ~np.isclose(one, other, equal_nan=True)
    return set(ours.index.get_level_values("case")[differ])


def _cases(names: Iterable[str]) -> str:
    cases = sorted(set(names))
    return f"case{'s' * (len(cases) > 1)} {some(cases, SHOWN)}"


def _compared(
    parts: Tables, groups: Mapping[str, Sequence[str]], subset: str
) -> list[dict[str, Any]]:
    names = dict.fromkeys(label for table in parts.values() for label in table["label"])
    labels = ["mean", *(names if len(names) > 1 else ())]
    rows: list[dict[str, Any]] = []
    differences: list[np.ndarray] = []
    tables = {name: table.set_index(SCORED) for name, table in parts.items()}
    for (first, ours), (second, theirs) in itertools.combinations(groups.items(), 2):
        values = {metric: _values(tables, [*ours, *theirs], metric) for metric in COMPARED}
        for label, (metric, rows_of) in itertools.product(labels, values.items()):
            shown = rows_of if label == "mean" else rows_of[rows_of["label"] == label]
            patients = _by_patient(shown, [*ours, *theirs], metric)
            if patients.empty:
                continue
            before = patients[list(ours)].mean(axis=1)
            after = patients[list(theirs)].mean(axis=1)
            difference = paired(before.to_numpy(), after.to_numpy())
            change = (after - before).to_numpy()
            seeds = _seeds(patients, ours, theirs)
            low, high = _with_seeds(difference, seeds["reach_seeds"])
            rows.append(
                {
                    "first": first,
                    "second": second,
                    "subset": subset,
                    "label": label,
                    "metric": metric,
                    "n": difference.n,
                    "changed": difference.changed,
                    "agree": _agreeing(change),
                    "mean_first": float(before.mean()),
                    "mean_second": float(after.mean()),
                    "difference": difference.mean,
                    "ci_low": low,
                    "ci_high": high,
                    "p": difference.p,
                    "p_holm": None,
                    **seeds,
                    "needed": None,
                }
            )
            if metric == "dice":
                differences.append(change)
    dice = [row for row in rows if row["metric"] == "dice"]
    for row, corrected in zip(dice, holm([row["p"] for row in dice]), strict=True):
        row["p_holm"] = corrected
    for row, change in zip(dice, differences, strict=True):
        if not is_told_apart(row):
            row["needed"] = patients_needed(change, ALPHA / len(dice))
    return rows


def _agreeing(differences: np.ndarray) -> int:
    """Count the patients who differ to the side of the mean."""
    return int((in_decimals(differences) * np.sign(differences.mean()) > 0).sum())


def _with_seeds(difference: Paired, reach: float | None) -> tuple[float | None, float | None]:
    """Return the interval of a difference over patients and seeds."""
    if difference.ci_low is None or difference.ci_high is None or reach is None:
        return difference.ci_low, difference.ci_high
    mean = difference.mean
    return (
        mean - math.hypot(mean - difference.ci_low, reach),
        mean + math.hypot(difference.ci_high - mean, reach),
    )


def _values(indexed: Tables, trainings: Sequence[str], metric: str) -> pd.DataFrame:
    """Return a metric by patient, case and label, a column a training, where it counts."""
    tables = {name: indexed[name] for name in trainings}
    nothing = pd.DataFrame(columns=[*SCORED, *trainings])
    tolerances = [
        table.get("tolerance_mm", pd.Series(dtype=float)).dropna() for table in tables.values()
    ]
    if metric == "nsd" and pd.concat(tolerances).nunique() > 1:
        return nothing
    column = "predicted_ml" if metric == FALSE_ML else metric
    columns = [table.get(column, pd.Series(dtype=float)).rename(n) for n, table in tables.items()]
    if any(column.empty for column in columns):
        return nothing
    values = pd.concat(columns, axis=1).astype(float)
    volumes = next(iter(tables.values()))["volume_ml"].reindex(values.index).astype(float)
    values = values[(volumes == 0) if metric == FALSE_ML else (volumes != 0)]
    if metric == "dice":
        # a score that was left empty gains nothing
        values = values.dropna(how="all").fillna(0.0)
    elif metric not in DISTANCES:
        values = values.dropna()
    return (values.abs() if metric in SIZED else values).reset_index()


def _by_patient(rows: pd.DataFrame, trainings: Sequence[str], metric: str) -> pd.DataFrame:
    """Return the mean over cases and labels of each patient, a column a training.

    Where an organ was missed by one of them, the patient has no distance by
    any: that of the other organs would be the better for it.
    """
    if rows.empty:
        return pd.DataFrame(columns=list(trainings))
    patients = pd.concat([by_patient(rows, name) for name in trainings], axis=1)
    if metric in DISTANCES:
        missed = rows[list(trainings)].isna().any(axis=1)
        patients = patients.drop(index=rows.loc[missed, "patient"].unique())
    return patients


def _seeds(patients: pd.DataFrame, *groups: Sequence[str]) -> dict[str, float | None]:
    if min(map(len, groups)) < 2:
        return {"sd_seeds": None, "reach_seeds": None}
    variances = [float(patients[list(group)].mean().var(ddof=1)) for group in groups]
    errors = [variance / len(group) for variance, group in zip(variances, groups, strict=True)]
    total = sum(errors)
    if not total:
        return {"sd_seeds": 0.0, "reach_seeds": 0.0}
    by_group = (error**2 / (len(group) - 1) for error, group in zip(errors, groups, strict=True))
    freedom = total**2 / sum(by_group)
    return {
        "sd_seeds": math.sqrt(sum(variances)),
        "reach_seeds": float(stats.t.ppf(1 - ALPHA / 2, freedom)) * math.sqrt(total),
    }


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values for their number by Holm's step-down method.

    Holm, Scand. J. Statist. 6 (1979) 65-70: the smallest of m is multiplied by
    m, the next one by m - 1, and so on; none comes out below a smaller one, or
    above 1.
    """
    values = np.asarray(p, float)
    order = np.argsort(values, kind="stable")
    steps = np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values))))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(steps, 1.0)
    return [float(value) for value in corrected]


def fewest(comparisons: int) -> int:
    """Return how many patients it takes that the smallest p of so many comparisons can be < 0.05.

    All n differences of one sign give the signed-rank test its least p, 2 / 2^n.
    """
    return 1 + math.ceil(math.log2(comparisons / ALPHA))


def is_told_apart(row: Mapping[str, Any]) -> bool:
    """Tell whether the Dice of two experiments differ: interval and corrected p agree."""
    one_side = row["ci_low"] is not None and (row["ci_low"] > 0 or row["ci_high"] < 0)
    return bool(one_side and row["p_holm"] < ALPHA)


def headline_rows(table: pd.DataFrame, subset: str, metric: str = "dice") -> list[dict[str, Any]]:
    """Return the rows of a metric in a subset, numbers that are missing as None."""
    rows = table[(table["subset"] == subset) & (table["metric"] == metric)]
    return [
        {key: None if value != value else value for key, value in row.items()}
        for row in rows.to_dict("records")
    ]


def over_seeds(metrics: Tables, repeats: Repeats | None = None) -> dict[str, pd.DataFrame]:
    """Return a table of cases and labels by experiment, each number the mean over its seeds.

    A number that one of the seeds lacks is missing.
    """
    return {
        name: metrics[name] if trainings == [name] else _mean([metrics[n] for n in trainings])
        for name, trainings in grouped(metrics, repeats).items()
    }


def _mean(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    numbers = [name for name in (*METRICS, "tolerance_mm") if name in tables[0]]
    stacked = pd.concat([table.set_index(KEYS)[numbers] for table in tables])
    total = stacked.groupby(level=KEYS, sort=False).sum(min_count=len(tables))
    return (total / len(tables)).reset_index()


def comparable(metrics: Tables) -> dict[str, pd.DataFrame]:
    """Return the tables with a Dice of 0 where an experiment left it empty and another did not.

    Who was trained without a label has no score of it, and would be the better
    for it. A table of which nothing was filled in is returned as it is.
    """
    keys = ["subset", "case", "label"]
    known = pd.concat([each.loc[each["dice"].notna(), keys] for each in metrics.values()])
    asked = pd.MultiIndex.from_frame(known)
    filled = {}
    for name, each in metrics.items():
        empty = each["dice"].isna() & pd.MultiIndex.from_frame(each[keys]).isin(asked)
        shares = [share for share in names_of("overlap") if share in COMPARED and share in each]
        zero = dict.fromkeys(shares, 0.0)
        filled[name] = each.mask(empty, each.assign(**zero)) if empty.any() else each
    return filled


def case_table(metrics: Tables) -> pd.DataFrame:
    """Put the Dice of every case and label side by side, one column a training.

    Parameters
    ----------
    metrics : mapping of str to DataFrame
        By training, its table of cases and labels.

    Returns
    -------
    DataFrame
        Columns subset, case, patient, label, then the trainings.
    """
    columns = [table.set_index(KEYS)["dice"].rename(name) for name, table in metrics.items()]
    return pd.concat(columns, axis=1).sort_index(kind="stable").reset_index()
