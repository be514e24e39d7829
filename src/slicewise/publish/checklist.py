"""Checklists, item by item: what records answer, what they answer in part, and what is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from slicewise.publish.gathered import Gathered
from slicewise.publish.prose import Said, Section, Table

Status = Literal["answered", "in part", "not applicable", "asked"]
Every = Sequence[Gathered]
HEAD = ("Item", "What is asked for", "Status", "Answer", "Where")


@dataclass(frozen=True)
class Answer:
    """What is known for an item.

    Attributes
    ----------
    status : {"answered", "in part", "not applicable", "asked"}
    text : str
        What is recorded, why the item does not apply, or the question to the authors.
    evidence : str
        The file, or section of the paper, where it stands; empty for a question.
    """

    status: Status
    text: str
    evidence: str = ""


@dataclass(frozen=True)
class Item:
    """An item of a checklist with what answers it."""

    number: str
    part: str
    title: str
    answer: Callable[[Every], Answer]


@dataclass(frozen=True)
class Checklist:
    """A checklist of items in words of our own.

    Attributes
    ----------
    name, title : str
        Of its files, and of the page.
    source : str
        A key of `slicewise.publish.sources.SOURCES`.
    items : tuple of Item
    """

    name: str
    title: str
    source: str
    items: tuple[Item, ...]

    def answers(self, every: Every) -> list[tuple[Item, Answer]]:
        """Answer each item for experiments on one data set, the first of which stands for it."""
        return [(item, item.answer(every)) for item in self.items]


def counted(answered: Sequence[tuple[Item, Answer]]) -> str:
    """Say how many items are answered by records, in part, or not at all."""
    counts = Counter(answer.status for _, answer in answered)
    return (
        f"Of {len(answered)} items, records answer {counts['answered']} and a part of "
        f"{counts['in part']}; {counts['not applicable']} do not apply, and {counts['asked']} are "
        "asked of the authors"
    )


def table(answered: Sequence[tuple[Item, Answer]]) -> pd.DataFrame:
    """Return a row for each item: number, part, item, status, answer, evidence."""
    rows = [
        [item.number, item.part, item.title, each.status, each.text, each.evidence]
        for item, each in answered
    ]
    return pd.DataFrame(rows, columns=["number", "part", "item", "status", "answer", "evidence"])


def sections(checklist: Checklist, answered: Sequence[tuple[Item, Answer]]) -> list[Section]:
    """Return the checklist for people: how much is answered, then a table for each part."""
    about = [
        Said(
            "Items are in words of our own; the words of the checklist are in its paper.",
            (checklist.source,),
        ),
        Said(f"{counted(answered)}."),
    ]
    made = [Section("How to read this", about)]
    for part in dict.fromkeys(item.part for item, _ in answered):
        rows = [
            [item.number, item.title, each.status, each.text, each.evidence]
            for item, each in answered
            if item.part == part
        ]
        made.append(Section(part, tables=[Table("", HEAD, rows)]))
    return made
