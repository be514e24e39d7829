"""What comparisons of experiments come to, in sentences that are made of nothing but numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from slicewise.evaluation.comparison import FALSE_ML, fewest, headline_rows, is_told_apart
from slicewise.report.render import number, signed
from slicewise.wording import plural


def verdicts(table: pd.DataFrame, subset: str, who: str | None = None) -> list[str]:
    """Say what the comparisons of Dice (mean over labels) of a subset come to.

    Where some lack a label, what both predicted of it there is said with it.

    Parameters
    ----------
    table : DataFrame
        From `compare`.
    subset : str
        Its name.
    who : str, optional
        What its patients are called, where not by its name.
    """
    who = subset if who is None else who
    rows = headline_rows(table, subset)
    false = {
        (row["first"], row["second"]): row
        for row in headline_rows(table, subset, FALSE_ML)
        if row["label"] == "mean"
    }
    if not rows:
        return [
            f"{second} and {first} have no Dice to be compared by, as no {who} patient has a "
            f"label{_beside_false(row)}"
            for (first, second), row in false.items()
        ]
    return [
        verdict(row, len(rows), who) + _beside_false(false.get((row["first"], row["second"])))
        for row in rows
        if row["label"] == "mean"
    ]


def _beside_false(row: Mapping[str, Any] | None) -> str:
    """Say what two experiments predicted of labels that are not there; nothing where none did."""
    if row is None or not (row["mean_first"] or row["mean_second"]):
        return ""
    amounts = [number(row[f"mean_{one}"], 1) for one in ("second", "first")]
    where = f"in the {plural(row['n'], 'patient')} who lack{'s' * (row['n'] == 1)} a label"
    return (
        f"; {where}, {row['second']} predicts {amounts[0]} ml of it and {row['first']} "
        f"{amounts[1]} ml{' on average' * (row['n'] > 1)}"
    )


def verdict(row: Mapping[str, Any], comparisons: int = 1, who: str = "test") -> str:
    """Say in one plain sentence what a comparison of Dice comes to.

    Parameters
    ----------
    row : mapping
        Of the table from `compare`.
    comparisons : int
        How many of Dice there are in its subset.
    who : str
        What the patients are called.
    """
    of = "" if row["label"] == "mean" else f" for {row['label']}"
    p = f"{_p(row['p_holm'])}{f' (Holm, {comparisons} comparisons)' * (comparisons > 1)}"
    if is_told_apart(row):
        return _who_is_better(row, of, p)
    said = f"{row['second']} and {row['first']} cannot be told apart{of} with "
    said += plural(row["n"], f"{who} patient")
    said += f": difference {signed(row['difference'], 3)}"
    if row["ci_low"] is not None and row["ci_low"] == row["ci_low"]:
        said += f" [{signed(row['ci_low'], 3)}, {signed(row['ci_high'], 3)}]"
    if row["n"] < fewest(comparisons):
        among = f" in {comparisons} comparisons" * (comparisons > 1)
        return (
            f"{said}; the test needs {fewest(comparisons)} patients to find any difference{among}"
        )
    if row["changed"] < fewest(comparisons):
        differ = f"{row['changed']} of them differ" if row["changed"] else "none of them differs"
        return f"{said}, {p}, as {differ}{_beside_seeds(row, ';')}"
    return f"{said}, {p}{_beside_seeds(row, ';')}"


def _who_is_better(row: Mapping[str, Any], of: str, p: str) -> str:
    """Say it with the better one first, so that the difference is above zero."""
    bounds = sorted(abs(row[end]) for end in ("ci_low", "ci_high"))
    if row["difference"] > 0:
        better = row["second"]
        worse = row["first"]
    else:
        better = row["first"]
        worse = row["second"]
    return (
        f"{better} is better than {worse}{of} by {number(abs(row['difference']))} "
        f"[{number(bounds[0])}, {number(bounds[1])}], {p}{_beside_seeds(row, ', but')}"
    )


def _beside_seeds(row: Mapping[str, Any], but: str) -> str:
    reach = row["reach_seeds"]
    if reach is None or reach != reach:
        return ""
    if abs(row["difference"]) > reach:
        return f"; that is more than seeds alone do (up to {number(reach)} in 95 % of cases)"
    return f"{but} that is no more than seeds alone can do (up to {number(reach)} in 95 % of cases)"


def _p(value: float) -> str:
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.2g}"
