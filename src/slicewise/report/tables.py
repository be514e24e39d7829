"""Tables of a report: means of all metrics, every case, and what is wrong in whole pieces."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from slicewise.evaluation.grouping import Grouping
from slicewise.metrics.table import Metric, metric, shown_in
from slicewise.report.render import (
    DASH,
    overall_label,
    statistics_of,
    usable,
)

SHOWN = 200
"""Rows that a table begins with; a browser that lays out thousands stands still for minutes."""
HELD = 50_000
"""Rows that a page holds at most, the worst ones; the files beside it have all."""


def called(subset: str, crossed: bool) -> str:
    """Return what the patients of a subset are called, where folds held them out or did not.

    Examples
    --------
    >>> called("validation", crossed=True)
    'held-out'
    """
    return "held-out" if crossed and subset == "validation" else subset


def is_crossed(metrics: pd.DataFrame) -> bool:
    """Tell whether folds held out the patients that are not tested."""
    folds = metrics["fold"] if "fold" in metrics else pd.Series(dtype=object)
    return bool(folds.replace("", None).notna().any())


def tolerance_of(metrics: pd.DataFrame) -> str | None:
    """Write the tolerance of the surface Dice, in mm; None where there are no distances."""
    tolerances = finite(metrics, "tolerance_mm")
    return f"{tolerances.iloc[0]:g}" if len(tolerances) else None


def finite(table: pd.DataFrame, column: str) -> pd.Series:
    """Return what is finite in a column; nothing where there is no such column."""
    values = table[column] if column in table else pd.Series(dtype=float)
    return values.astype(float).replace([np.inf, -np.inf], np.nan).dropna()


def summary_rows(
    summary: Mapping[str, Any], subset: str, labels: list[str], tolerance: str | None
) -> list[dict[str, Any]]:
    """List every metric of the overall mean, then the main ones of every label."""
    overall = overall_label(summary, subset)
    several = len(labels) > 1
    wanted = [(overall, "Mean of the labels" if several else "", shown_in("summary"))]
    if several:
        wanted += [(label, label, shown_in("labels")) for label in labels]
    return [
        {
            "group": group,
            "name": metric.mean_heading(tolerance),
            "digits": metric.digits,
            **statistics_of(summary, subset, label, metric.name),
        }
        for label, group, metrics in wanted
        for metric in metrics
        if metric.name in ((summary.get(subset) or {}).get(label) or {})
        and (tolerance or not metric.needs_neighbours)
    ]


def case_tables(
    metrics: pd.DataFrame, crossed: bool, groupings: Sequence[Grouping] = ()
) -> list[dict[str, Any]]:
    """Prepare a table a subset, test first, its rows worst first, with the group of each case."""
    parts = {name: metrics[metrics["subset"] == name] for name in ("test", "validation")}
    return [_table(name, part, crossed, groupings) for name, part in parts.items() if len(part)]


def _table(
    subset: str, rows: pd.DataFrame, crossed: bool, groupings: Sequence[Grouping]
) -> dict[str, Any]:
    numbers = [
        metric
        for metric in shown_in("cases")
        if metric.name in rows and (tolerance_of(rows) or not metric.needs_neighbours)
    ]
    # groups are made of the patients that the page is about: of others they say nothing
    there = set(rows["case"])
    own = [each for each in groupings if any(map(there.intersection, each.cases.values()))]
    return {
        "subset": subset,
        "title": f"{called(subset, crossed).capitalize()} patients",
        "patients": rows["patient"].nunique(),
        **_sorted_rows(rows, numbers, own),
    }


def failure_table(scored: pd.DataFrame) -> dict[str, Any] | None:
    """Prepare the table of what is wrong in whole pieces, worst Dice first."""
    if not len(finite(scored, "false_islands")):
        return None
    return _sorted_rows(scored, [metric("dice"), *shown_in("failures")])


def _sorted_rows(
    rows: pd.DataFrame, numbers: Sequence[Metric], groupings: Sequence[Grouping] = ()
) -> dict[str, Any]:
    texts = {"patient": "Patient"}
    if (rows["case"].astype(str) != rows["patient"].astype(str)).any():
        texts["case"] = "Case"
    if rows["label"].nunique() > 1:
        texts["label"] = "Label"
    if "fold" in rows and rows["fold"].notna().any() and (rows["fold"].astype(str) != "").any():
        texts["fold"] = "Fold"
    grouped = {}
    for number, grouping in enumerate(groupings):
        groups = {case: name for name, cases in grouping.cases.items() for case in cases}
        grouped[f"group {number}"] = rows["case"].map(groups)
        texts[f"group {number}"] = grouping.column
    # of those without a Dice, who do not have the label, the most that was predicted
    ordered = rows.assign(most=-rows["predicted_ml"].astype(float), **grouped).sort_values(
        ["dice", "most"], kind="stable", na_position="last"
    )
    return {
        "texts": list(texts.values()),
        "numbers": [each.column_heading for each in numbers],
        "rows": [
            {
                "texts": [word(row[name]) for name in texts],
                "numbers": [(row[each.name], each) for each in numbers],
            }
            for row in ordered[:SHOWN].to_dict("records")
        ],
        "total": len(ordered),
        "held": min(len(ordered), HELD),
        "more": _embedded(ordered[SHOWN:HELD], list(texts), numbers),
    }


def _embedded(rows: pd.DataFrame, texts: Sequence[str], numbers: Sequence[Metric]) -> Markup:
    """Write rows as JSON from which the page lays out those that are asked for."""
    if not len(rows):
        return Markup("")
    columns: list[list[str | float | None]] = [[word(value) for value in rows[n]] for n in texts]
    for each in numbers:
        values = rows[each.name]
        columns.append([float(f"{value:.7g}") if usable(value) else None for value in values])
    form = [{"digits": each.digits, "signed": each.signed} for each in numbers]
    held = {"numbers": form, "rows": list(zip(*columns, strict=True))}
    # within a script only this ends it, or begins a comment
    return Markup(json.dumps(held, separators=(",", ":")).replace("<", "\\u003c"))


def word(value: Any) -> str:
    """Write a name or a fold; folds become floats where a column has gaps."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return DASH
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
