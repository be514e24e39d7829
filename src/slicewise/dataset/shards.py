"""Sharing out cases to jobs: each job has a shard, which stays as it is while others grow."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case import Case
from slicewise.dataset.split import name_hash

SIZE = 32
"""Cases of a job: long enough that the start of a process does not count, short enough to lose."""
FEWEST = 4
"""As many jobs as small machines have cores, a power of two; small data sets use them too."""


def shares(cases: Iterable[str], size: int, least: int = 1) -> dict[int, list[str]]:
    """Share out cases so that a new case changes one share only.

    A case's share is a hash of its name modulo a power of two, so all shares
    stay as they are until the number of cases doubles.

    Parameters
    ----------
    cases : iterable of str
        Names.
    size : int
        About how many cases a share should hold, at most on average.
    least : int
        At least so many shares, a power of two; some stay empty where cases are few.

    Returns
    -------
    dict of int to list of str
        The shares that are not empty by their number, each sorted.

    Examples
    --------
    >>> shares(["p01", "p02", "p03"], 32)
    {0: ['p01', 'p02', 'p03']}
    """
    names = sorted(cases)
    number = max(least, _number_of_shares(len(names), size))
    parts: list[list[str]] = [[] for _ in range(number)]
    for name in names:
        parts[name_hash(0, "chunk", name) % number].append(name)
    return {position: part for position, part in enumerate(parts) if part}


def _number_of_shares(cases: int, size: int) -> int:
    return 1 << max(0, math.ceil(math.log2(max(1, cases) / size)))


def shards(cases: Iterable[Case], assignments: Iterable[Assignment]) -> dict[str, list[str]]:
    """Share out cases to the jobs that ingest and cut them.

    Test cases and others never share a shard: what is done to the first must
    not train anybody again. A shard of test cases lies within one shard of
    those that are predicted, if such a shard is no smaller. A case that has to
    be converted has a shard of its own, so that others do not wait for its
    conversion.

    Parameters
    ----------
    cases : iterable of Case
        All cases.
    assignments : iterable of Assignment
        Where they go.

    Returns
    -------
    dict of str to list of str
        Cases by the name of their shard, each sorted.
    """
    subset = {a.case: "test" if a.subset == "test" else "train" for a in assignments}
    shared: dict[str, list[str]] = {"test": [], "train": []}
    members_of = {}
    cases = list(cases)
    for case in cases:
        if case.needs_conversion:
            members_of[f"case-{case.name}"] = [case.name]
        else:
            shared[subset[case.name]].append(case.name)
    least = {
        "test": max(FEWEST, _number_of_shares(len(cases), SIZE)),
        "train": FEWEST,
    }
    for name, members in shared.items():
        for number, part in shares(members, SIZE, least[name]).items():
            members_of[f"{name}-{number}"] = part
    return members_of


def predicted_shards(cases: Iterable[str], size: int, *, alone: bool) -> dict[str, list[str]]:
    """Share out cases to the jobs that predict them.

    Parameters
    ----------
    cases : iterable of str
        What is scored.
    size : int
        See `shares`.
    alone : bool
        Whether each case has a shard of its own, of its name.

    Returns
    -------
    dict of str to list of str
        Cases by the name of their shard, each sorted.
    """
    if alone:
        return {case: [case] for case in sorted(cases)}
    return {str(number): part for number, part in shares(cases, size).items()}


def current_shards(cases: Collection[str], made: Mapping[str, Iterable[str]]) -> list[str]:
    """Tell which shards are of the last prediction, where earlier ones left theirs beside them.

    A job that makes a shard again replaces its record, so that the records of one sharing fit
    the cases only if they are of the last prediction.

    Parameters
    ----------
    cases : collection of str
        What is scored.
    made : mapping of str to iterable of str
        Cases by the name of their shard, as records of predictions have them.

    Returns
    -------
    list of str
        Names of shards that hold each case once and nothing else; none where a record is missing.
    """
    size = max(1, len(cases))
    ways = [predicted_shards(cases, size, alone=True)]
    for power in range(size.bit_length() + 1):
        parts = shares(cases, size, 1 << power)
        ways.append({str(number): part for number, part in parts.items()})
    for way in ways:
        if all(part == sorted(made.get(name, ())) for name, part in way.items()):
            return list(way)
    return []
