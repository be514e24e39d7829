"""Words for a number of things, as messages and pages share them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

INTERVAL_OF = 3
"""Patients below which no interval is said, as two tell nothing of others."""


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a number of things.

    Parameters
    ----------
    count : int
        How many there are.
    one : str
        What one of them is called.
    many : str, optional
        What several are called, where that is not `one` with an s.

    Examples
    --------
    >>> plural(1, "patient")
    '1 patient'
    >>> plural(3, "run has", "runs have")
    '3 runs have'
    """
    return f"{count} {one if count == 1 else many or one + 's'}"


def some(items: Sequence[str], shown: int, between: str = ", ", of: str = "") -> str:
    """Name the first of some things, and say how many more there are.

    Parameters
    ----------
    items : sequence of str
        What to name, in this order.
    shown : int
        How many at most.
    between : str
        What stands between two of them.
    of : str
        What the others are called, where their number alone does not tell.

    Examples
    --------
    >>> some(["ann", "ben"], 2)
    'ann, ben'
    >>> some(["ann", "ben", "cem", "dov"], 2)
    'ann, ben and 2 more'
    >>> some(["ann", "ben", "cem"], 1, of="patients")
    'ann and 2 more patients'
    """
    listed = between.join(items[:shown])
    left = len(items) - shown
    if left <= 0:
        return listed
    return f"{listed} and {left} more {of}".rstrip()


def of_results(results: Path) -> str:
    """Return what a command of slicewise is told behind its name of where results lie.

    Examples
    --------
    >>> of_results(Path("results")), of_results(Path("my results"))
    ('', " --results 'my results'")
    """
    return "" if results == Path("results") else f" --results {shlex.quote(str(results))}"
