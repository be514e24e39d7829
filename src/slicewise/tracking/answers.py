"""Answers of a store that are none: of another service, or of one that took nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slicewise.wording import some

SHOWN = 3


class ForeignAnswerError(Exception):
    """Something answers that is not MLflow, such as a page to log in."""


class NotTakenError(Exception):
    """The store answered, and does not hold what it was sent."""

    def __init__(self, what: Iterable[str]) -> None:
        super().__init__(some(sorted(what), SHOWN))


def known_id(answer: Any) -> str:
    """Return an id that the store gave.

    Raises
    ------
    ForeignAnswerError
        When it is empty, as in an answer ``{}``, or no text.
    """
    if not isinstance(answer, str) or not answer:
        raise ForeignAnswerError("an answer without an id")
    return answer


def held_files(listed: Any) -> dict[str, int | None]:
    """Return the size of every artifact that a store holds, None where it does not say.

    Parameters
    ----------
    listed : callable
        Gives the entries of a folder, by its path or None.
    """
    sizes: dict[str, int | None] = {}
    folders: list[str | None] = [None]
    while folders:
        for entry in listed(folders.pop()):
            if entry.is_dir:
                folders.append(entry.path)
            else:
                sizes[entry.path] = entry.file_size
    return sizes


def lacking(sent: dict[str, int], held: dict[str, int | None]) -> list[str]:
    """Return which of the files that were sent are not held, or with another size.

    A size that the store does not say is not compared.

    Examples
    --------
    >>> lacking({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 9})
    ['b', 'c']
    """
    return [name for name, size in sent.items() if held.get(name, -1) not in (size, None)]
