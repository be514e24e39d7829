"""Asking what the data do not say: one question a thing, the first guess as default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import yaml

from slicewise.config.configuration import parse_yaml
from slicewise.errors import SlicewiseError
from slicewise.survey.said import Said


def asked(
    said: Sequence[Said], ask: Callable[[str], str], say: Callable[[str], None]
) -> list[Said]:
    """Ask what is not known.

    Parameters
    ----------
    said : sequence of Said
    ask : callable
        From a prompt to what was answered.
    say : callable
        Takes a line for the one who answers.

    Returns
    -------
    list of Said
        With the answers; those that were asked have no question any more.
    """
    return [_answered(one, ask, say) if one.question else one for one in said]


def _answered(one: Said, ask: Callable[[str], str], say: Callable[[str], None]) -> Said:
    say(f"{one.question} ({one.why})")
    values = [one.value, *(other.value for other in one.others)]
    say(f"  1: {'.'.join(one.path)}: {_shown(one.value)} (the first guess)")
    for number, other in enumerate(one.others, start=2):
        say(f"  {number}: {_shown(other.value)}: {other.when}")
    while True:
        answer = ask("A number, another value, or Enter for the first guess: ").strip()
        if not answer:
            value = one.value
        elif answer.isdecimal() and 1 <= int(answer) <= len(values):
            value = values[int(answer) - 1]
        else:
            try:
                value = parse_yaml(answer)
            except SlicewiseError as error:
                say(f"  as YAML, this cannot be read: {error}")
                continue
        why = one.why if value == one.value else "as you said"
        return replace(one, value=value, why=why, question="", others=())


def _shown(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**9).split("\n")[0]
