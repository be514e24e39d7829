"""A setting that a look at the data proposes, and what it follows from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Other:
    """Another value that a setting may have.

    Attributes
    ----------
    value : object
    when : str
        When it is the right one.
    """

    value: Any
    when: str


@dataclass(frozen=True)
class Said:
    """A setting.

    Attributes
    ----------
    path : tuple of str
        Where it stands, as ``("dataset", "intensity")``.
    value : object
        What is proposed.
    why : str
        What was seen that it follows from, in one line.
    question : str
        What is asked where the data do not say it; nothing where they do.
    others : tuple of Other
        Other answers.
    """

    path: tuple[str, ...]
    value: Any
    why: str
    question: str = ""
    others: tuple[Other, ...] = ()


def some_of(names: Sequence[str], number: int = 3) -> str:
    """Name a few of some things.

    Examples
    --------
    >>> some_of(["a", "b", "c", "d"])
    'a, b, c and 1 more'
    """
    shown = ", ".join(names[:number])
    return shown if len(names) <= number else f"{shown} and {len(names) - number} more"
