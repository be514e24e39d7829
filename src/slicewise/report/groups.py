"""Scores by site, sex, age: as the report of an experiment and the comparison list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from slicewise.evaluation.grouping import Grouping
from slicewise.evaluation.groups import in_several, score_groups
from slicewise.metrics.table import shown_in
from slicewise.report.render import without_rough_interval

_HOW = {
    "values": "Each value of the column is a group.",
    "bins": "The edges are those of evaluation.bins; each belongs to the group above it.",
    "quartiles": "The groups are quarters of these patients, as evaluation.bins states no edges; "
    "an edge belongs to the group above it.",
}


def report_groups(rows: pd.DataFrame, grouped: Sequence[Grouping]) -> list[dict[str, Any]]:
    """List the groups of each column, for the report of one experiment.

    Parameters
    ----------
    rows : DataFrame
        The scores that the page is about.
    grouped : sequence of Grouping
        By each column.
    """
    metrics = [each for each in shown_in("experiments") if each.name != "dice"]
    tables = []
    for grouping in grouped:
        groups = score_groups(rows, grouping)
        shown = [m for m in metrics if any(_has(g.means.get(m.name)) for g in groups)]
        tables.append(
            {
                "column": grouping.column,
                "how": explained(rows, grouping),
                "metrics": shown,
                "labels": list(dict.fromkeys(label for g in groups for label in g.labels)),
                "groups": groups,
            }
        )
    return tables


def comparison_groups(
    tables: Mapping[str, pd.DataFrame], grouped: Sequence[Grouping]
) -> list[dict[str, Any]]:
    """List the groups of each column with the mean Dice of every experiment.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By experiment, the scores that the page is about, of the same cases.
    grouped : sequence of Grouping
        By each column.
    """
    listed = []
    for grouping in grouped:
        by_name = {name: score_groups(rows, grouping) for name, rows in tables.items()}
        rows = next(iter(tables.values()))
        listed.append(
            {
                "column": grouping.column,
                "how": explained(rows, grouping),
                "groups": [
                    {
                        "name": groups[0].name,
                        "patients": groups[0].patients,
                        "dice": [without_rough_interval(group.means["dice"]) for group in groups],
                    }
                    for groups in zip(*by_name.values(), strict=True)
                ],
            }
        )
    return listed


def explained(rows: pd.DataFrame, grouping: Grouping) -> str:
    """Say how a column was grouped, and whether anybody is in several groups."""
    shared = in_several(rows, grouping)
    if not shared:
        return _HOW[grouping.how]
    who = "1 patient has scans" if shared == 1 else f"{shared} patients have scans"
    return f"{_HOW[grouping.how]} {who} in several groups, and counts in each with those in it."


def _has(described: Mapping[str, Any] | None) -> bool:
    return described is not None and described["mean"] is not None
