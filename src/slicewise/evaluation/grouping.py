"""Cases grouped by what is known of them beyond their images: site, scanner, sex, age."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from slicewise.config.evaluation import Bins

FEW = 8
"""Up to so many different numbers each is a group of its own; of more, their quartiles are."""
EXACT = 3
"""Digits of the least step between quartiles that edges are rounded to."""
ROUNDING = 1e-12
"""Quartiles that differ by so much of themselves are the same, but for what a mean rounds."""
NOT_GIVEN = "not given"


@dataclass(frozen=True)
class Grouping:
    """How a column groups cases.

    Attributes
    ----------
    column : str
        Its name.
    how : str
        ``values``, ``bins`` or ``quartiles``.
    cases : dict of str to list of str
        Of each group, in the order in which pages list them.
    """

    column: str
    how: str
    cases: dict[str, list[str]]


def groupings(
    rows: pd.DataFrame, columns: Mapping[str, Mapping[str, str]], bins: Mapping[str, Bins]
) -> list[Grouping]:
    """Group the cases of some rows by each of some columns.

    Parameters
    ----------
    rows : DataFrame
        Columns case and patient.
    columns : mapping of str to mapping of str to str
        By column and case, what tables say; empty where they say nothing.
    bins : mapping of str to list of float or str
        By column: edges, ``quartiles`` or ``values``; others are grouped by
        their values, or, with more than `FEW` different numbers, by quartiles
        of the patients.
    """
    owners = dict(zip(rows["case"], rows["patient"], strict=True))
    return [
        _grouping(column, {case: values.get(case, "") for case in owners}, owners, bins.get(column))
        for column, values in columns.items()
    ]


def _grouping(
    column: str, values: Mapping[str, str], owners: Mapping[str, str], bins: Bins | None
) -> Grouping:
    given = {case: value for case, value in values.items() if value}
    numbers = {case: number_of(value) for case, value in given.items()}
    how = "bins" if isinstance(bins, list) else bins
    if how is None:
        counted = None not in numbers.values() and len(set(numbers.values())) > FEW
        how = "quartiles" if counted else "values"
    if how == "values":
        names = given
        order = sorted(set(given.values()), key=_natural)
    else:
        known = {case: value for case, value in numbers.items() if value is not None}
        edges = bins if isinstance(bins, list) else _quartiles(known, owners)
        order = _between(edges)
        places = {case: int(np.digitize(value, edges)) for case, value in known.items()}
        names = {case: order[place] for case, place in places.items()}
    cases: dict[str, list[str]] = {name: [] for name in (*order, NOT_GIVEN)}
    for case in values:
        cases[names.get(case, NOT_GIVEN)].append(case)
    return Grouping(column, how, {name: members for name, members in cases.items() if members})


def number_of(value: str) -> float | None:
    """Return the number that a cell holds, or None.

    >>> number_of("41.5"), number_of("nan"), number_of("F")
    (41.5, None, None)
    """
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _natural(value: str) -> tuple[float, str]:
    number = number_of(value)
    return (math.inf if number is None else number, value)


def _quartiles(numbers: Mapping[str, float], owners: Mapping[str, str]) -> list[float]:
    """Return the edges between quarters of the patients, each of whom counts once."""
    of_patients = pd.Series(numbers, dtype=float).groupby(pd.Series(owners)).mean()
    if of_patients.empty:
        return []
    exact = np.quantile(of_patients, [0, 0.25, 0.5, 0.75, 1])
    steps = np.diff(exact)
    # the mean of three scans with 0.1 is 0.10000000000000002
    steps = steps[steps > ROUNDING * np.abs(exact).max()]
    if not steps.size:
        return []
    # as exact as they are written, so that a name says who is in a group
    digits = EXACT - math.floor(math.log10(steps.min()))
    edges = sorted({round(float(each), digits) for each in exact[1:-1]})
    # nobody is below the least
    return [edge for edge in edges if edge > of_patients.min()]


def _between(edges: Sequence[float]) -> list[str]:
    """Name what lies between edges; an edge belongs to what is above it.

    >>> _between([40, 62.5])
    ['below 40', '40 to below 62.5', '62.5 and above']
    """
    if not edges:
        return ["any number"]
    # all digits of a date, of which fewer would give two edges one name
    texts = [f"{edge:.15g}" for edge in edges]
    inner = [f"{low} to below {high}" for low, high in itertools.pairwise(texts)]
    return [f"below {texts[0]}", *inner, f"{texts[-1]} and above"]
