"""Scores of groups of cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from slicewise.evaluation.grouping import Grouping
from slicewise.evaluation.intervals import describe
from slicewise.evaluation.statistics import by_patient, headline_subset
from slicewise.metrics.table import shown_in
from slicewise.stored import read_stored_table

METRICS = ("dice", *(each.name for each in shown_in("experiments") if each.name != "dice"))
SCORES = ("patients", "n", "mean", "ci_low", "ci_high")
COLUMNS = ("column", "group", "subset", "label", "metric", *SCORES)


@dataclass(frozen=True)
class Group:
    """The scores of a group; each patient counts once, with the cases that are in it.

    Attributes
    ----------
    name : str
    patients : int
        How many have a case in it.
    means : dict of str to dict
        By metric, the mean over labels as `describe` has it: no interval below two patients.
    labels : dict of str to dict
        By label, the same of Dice.
    """

    name: str
    patients: int
    means: dict[str, dict[str, Any]]
    labels: dict[str, dict[str, Any]]


def headline_scores(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that groups are made of: test patients, or who was held out."""
    return metrics[metrics["subset"] == headline_subset(metrics)]


def score_groups(rows: pd.DataFrame, grouping: Grouping) -> list[Group]:
    """Score the groups of a column.

    Parameters
    ----------
    rows : DataFrame
        Of one subset, a row a case and label.
    grouping : Grouping
        Which cases are in which group. A patient with cases in several counts
        in each of them, with the cases that are in it.
    """
    groups = []
    for name, cases in grouping.cases.items():
        own = rows[rows["case"].isin(cases)]
        labels = {
            str(label): describe(by_patient(part, "dice").to_numpy(float))
            for label, part in own.groupby("label", sort=False)
        }
        means = {
            metric: describe(by_patient(own, metric).to_numpy(float))
            for metric in METRICS
            if metric in own
        }
        groups.append(Group(name, own["patient"].nunique(), means, labels))
    return groups


def in_several(rows: pd.DataFrame, grouping: Grouping) -> int:
    """Count the patients who have cases in several groups."""
    named = {case: name for name, cases in grouping.cases.items() for case in cases}
    return int((rows["case"].map(named).groupby(rows["patient"]).nunique() > 1).sum())


def groups_table(metrics: pd.DataFrame, grouped: Iterable[Grouping]) -> pd.DataFrame:
    """Return the scores of all groups, a row a group, label (``mean``: over labels) and metric."""
    subset = headline_subset(metrics)
    rows = headline_scores(metrics)
    lines = []
    for grouping in grouped:
        for group in score_groups(rows, grouping):
            known = {"column": grouping.column, "group": group.name, "subset": subset}
            scores = [("mean", metric, one) for metric, one in group.means.items()]
            scores += [(label, "dice", one) for label, one in group.labels.items()]
            lines += [
                {**known, "label": label, "metric": metric, "patients": group.patients}
                | {name: one[name] for name in ("n", "mean", "ci_low", "ci_high")}
                for label, metric, one in scores
            ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def read_groups(path: Path) -> pd.DataFrame:
    """Read the table that `groups_table` made; without a row where there is no file.

    Raises
    ------
    SlicewiseError
        When the table is damaged.
    """
    if not path.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    return read_stored_table(
        path,
        COLUMNS,
        numbers=SCORES,
        dtype=dict.fromkeys(("column", "group", "subset", "label", "metric"), str),
        # a site may be called NA
        keep_default_na=False,
        na_values=[""],
    )
