"""Saying once what is wrong alike with many files or cases."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from slicewise.wording import some

NAMED = 3
"""So many files or cases are named of those that have a fault in common."""
NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
MEASURED = re.compile(
    rf"(?:(?<=from )|(?<= to )|(?<= has )|(?<=\()){NUMBER}\b"
    rf"|{NUMBER}(?= voxels| of {NUMBER} | of its | %|%| ml| mm)"
)
"""Numbers that were measured of a file; others, such as values of labels, make another fault."""
PATH = re.compile(r"\S*/\S*")
CASE = re.compile(r"case (\S+?)(?:, (?:image|mask))?")
CHANNEL = re.compile(r" \(channel .*\)$")


def by_cause(
    sentences: Sequence[str], cases: Mapping[str, str] | None = None, total: int = 0
) -> list[str]:
    """Put sentences that say the same of several files or cases into one.

    Parameters
    ----------
    sentences : sequence of str
        ``who: what``, where who is a file or a case.
    cases : mapping of str to str, optional
        The case of a file, by its path.
    total : int
        How many cases there are.

    Returns
    -------
    list of str
        In the order of the first of each cause. What is said by one alone stays
        as it is; else the first few are named, with how many there are.

    Examples
    --------
    >>> for one in by_cause(
    ...     ["in/a.nii: 3 voxels are NaN", "in/b.nii: it is empty", "in/c.nii: 5 voxels are NaN"]
    ... ):
    ...     print(one)
    in/a.nii, c.nii (numbers are those of the first): 3 voxels are NaN
    in/b.nii: it is empty
    """
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for sentence in dict.fromkeys(sentences):
        who, parted, what = sentence.partition(": ")
        several = bool(parted) and ("/" in who or CASE.fullmatch(who) is not None)
        kind = PATH.sub("/", MEASURED.sub("#", what))
        groups.setdefault(("", kind) if several else (sentence, ""), {})[who] = what
    return [_said(group, cases or {}, total) for group in groups.values()]


def _said(group: Mapping[str, str], cases: Mapping[str, str], total: int) -> str:
    """Say what is wrong with some files or cases."""
    first, what = next(iter(group.items()))
    if len(group) == 1:
        return f"{first}: {what}" if what else first
    notes = []
    known = {_case_of(who, cases) for who in group}
    if total and None not in known:
        notes.append(f"{len(known)} of {total} cases")
    if len(set(group.values())) > 1:
        notes.append("numbers are those of the first")
    noted = f" ({'; '.join(notes)})" if notes else ""
    return f"{some(_shortened(list(group)), NAMED)}{noted}: {what}"


def _case_of(who: str, cases: Mapping[str, str]) -> str | None:
    """Return the case of a file or of what is called one, if it is known."""
    case = CASE.fullmatch(who)
    return case[1] if case else cases.get(CHANNEL.sub("", who))


def _shortened(names: list[str]) -> list[str]:
    """Return names without the folder that they share, but for the first."""
    if not all("/" in name for name in names):
        return names
    shared = os.path.commonpath([PurePath(name).parent for name in names])
    return [names[0], *(PurePath(name).relative_to(shared).as_posix() for name in names[1:])]
