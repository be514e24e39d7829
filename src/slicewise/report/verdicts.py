"""What comparisons of experiments come to, in sentences that are made of nothing but numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from slicewise.evaluation.comparison import FALSE_ML, fewest, headline_rows, is_told_apart
from slicewise.report.render import number, signed
from slicewise.wording import INTERVAL_OF, plural

LARGE = 0.1
"""A difference in Dice that anybody sees."""


def verdicts(
    table: pd.DataFrame,
    subset: str,
    who: str | None = None,
    swept: Mapping[str, int] | None = None,
) -> list[str]:
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
    swept : mapping of str to int, optional
        Of experiments whose settings a sweep chose by validation patients, how many combinations
        it tried. Of the best of many, these patients say too much.
    """
    swept = swept if swept and subset == "validation" else {}
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
    told = [
        verdict(row, len(rows), who) + _beside_false(false.get((row["first"], row["second"])))
        for row in rows
        if row["label"] == "mean" and swept.keys().isdisjoint((row["first"], row["second"]))
    ]
    compared = {row[place] for row in rows for place in ("first", "second")}
    flattered = [_flattered(name, swept[name], who) for name in swept if name in compared]
    return [*told, *flattered]


def _flattered(name: str, combinations: int, who: str) -> str:
    return (
        f"{name} is the best of {plural(combinations, 'combination')} by the Dice of these {who} "
        "patients, which flatters it here, so that it is not compared by them"
    )


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
    if row["n"] < fewest(comparisons) and row["agree"] == row["n"]:
        return _unproven(row, of, comparisons, plural(row["n"], f"{who} patient"))
    said = f"{row['second']} and {row['first']} cannot be told apart{of} with "
    said += plural(row["n"], f"{who} patient")
    said += f": difference {signed(row['difference'], 3)}{_between(row)}"
    if row["n"] < fewest(comparisons):
        return f"{said}, {_agreeing(row)}; {_least(comparisons)} to find any difference"
    if row["changed"] < fewest(comparisons):
        differ = f"{row['changed']} of them differ" if row["changed"] else "none of them differs"
        return f"{said}, {p}, as {differ}{_beside_seeds(row, ';')}"
    return f"{said}, {p}{_needed(row)}{_beside_seeds(row, ';')}"


def _unproven(row: Mapping[str, Any], of: str, comparisons: int, patients: str) -> str:
    """Say what was seen in all of too few patients, and that it proves nothing yet."""
    ahead = [row["second"], row["first"]]
    if row["difference"] < 0:
        ahead.reverse()
    size = round(abs(row["difference"]), 3)
    large = ", a large difference" if size >= LARGE else ""
    return (
        f"{ahead[0]} is ahead of {ahead[1]}{of} by {number(size)}{_between(row, size=True)}{large}"
        f", in {row['n']} of {patients}, which so few cannot prove: {_least(comparisons)}, who all "
        f"differ to the same side{_beside_seeds(row, ', and')}"
    )


def _least(comparisons: int) -> str:
    among = f" for {comparisons} comparisons" * (comparisons > 1)
    return f"the test needs {fewest(comparisons)} patients{among}"


def _agreeing(row: Mapping[str, Any]) -> str:
    if not row["difference"]:
        return "to neither side"
    return f"to that side in {row['agree']} of {row['n']}"


def _between(row: Mapping[str, Any], *, size: bool = False) -> str:
    """Write the interval of a difference, or of its size; nothing where it is of two patients."""
    if row["ci_low"] is None or row["ci_low"] != row["ci_low"] or row["n"] < INTERVAL_OF:
        return ""
    ends = [row["ci_low"], row["ci_high"]]
    if size and row["difference"] < 0:
        ends = [-end for end in reversed(ends)]
    low, high = ends
    if size and low >= 0:
        return f" [{number(low)}, {number(high)}]"
    return f" [{signed(low, 3)}, {signed(high, 3)}]"


def _needed(row: Mapping[str, Any]) -> str:
    """Say how many patients would tell a difference, where these are not enough."""
    needed = row["needed"]
    if needed is None or needed != needed or needed <= row["n"]:
        return ""
    return f"; if more patients differ as these do, about {number(needed, 0)} would tell"


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
