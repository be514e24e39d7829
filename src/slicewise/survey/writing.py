"""A configuration as text: each setting with what it follows from in a comment behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from slicewise.survey.said import Said

COLUMN = 46
"""Where comments begin, if the setting leaves room."""


def written(said: Sequence[Said], head: Sequence[str] = ()) -> str:
    """Write settings down as YAML.

    Parameters
    ----------
    said : sequence of Said
        In the order in which they are to stand; those of a block are put together.
    head : sequence of str
        Lines of a comment above all.

    Returns
    -------
    str
    """
    lines = [f"# {line}".rstrip() for line in head]
    above: tuple[str, ...] = ()
    for one in in_blocks(said):
        blocks = one.path[:-1]
        shared = 0
        while shared < min(len(above), len(blocks)) and above[shared] == blocks[shared]:
            shared += 1
        for depth in range(shared, len(blocks)):
            if depth == 0 and lines:
                lines.append("")
            lines.append(f"{'  ' * depth}{_flow(blocks[depth])}:")
        above = blocks
        lines += _lines(one, "  " * len(blocks))
    return "\n".join(lines) + "\n"


def in_blocks(said: Sequence[Said]) -> list[Said]:
    """Put settings before the blocks of the block that they stand in."""
    order: dict[tuple[str, ...], int] = {}
    for one in said:
        for depth in range(len(one.path)):
            order.setdefault(one.path[:depth], len(order))

    def key(one: Said) -> tuple[Any, ...]:
        places = []
        for depth in range(1, len(one.path)):
            places += [1, order[one.path[:depth]]]
        return (*places, 0)

    return sorted(said, key=key)


def _lines(one: Said, indent: str) -> list[str]:
    key = _flow(one.path[-1])
    lines = []
    if one.question:
        lines.append(f"{indent}# not in the data, so the first guess is written: {one.question}")
    lines.append(_commented(f"{indent}{key}: {_flow(one.value)}", one.why))
    lines += [
        _commented(f"{indent}# {key}: {_flow(other.value)}", f"if: {other.when}")
        for other in one.others
    ]
    return lines


def _commented(text: str, why: str) -> str:
    comment = " ".join(why.split())
    return f"{text.ljust(COLUMN)}  # {comment}" if comment else text


def _flow(value: Any) -> str:
    """Return a value in one line of YAML."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
    )
    text = text.removesuffix("\n").removesuffix("\n...").strip(" \n")
    ways = (text, json.dumps(value, ensure_ascii=False), json.dumps(value))
    return next((way for way in ways if _is_alone(way, value)), ways[-1])


def _is_alone(text: str, value: Any) -> bool:
    """Tell whether a text is a value in one line, as names with strange signs may not be."""
    if len(text.splitlines()) != 1:
        return False
    try:
        return bool(yaml.safe_load(f"{{a: {text}}}") == {"a": value})
    except yaml.YAMLError:
        return False
