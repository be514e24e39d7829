"""Write docs/settings.md from the settings' own definitions.

Run it after a change of src/slicewise/config:
python docs/make_settings.py
"""

from __future__ import annotations

import re
import types
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from slicewise.config import PRESETS, Ensemble, Settings
from slicewise.config.block import block_of

TARGET = Path(__file__).with_name("settings.md")

PLACE = "experiments.<name>."
HEAD = """\
# Settings

<!-- Written by docs/make_settings.py from src/slicewise/config; do not edit. -->

A file in `config/` describes one data set and the experiments on it. It is complete:
`snakemake --cores all --configfile config/mydata.yaml` reads it and no other. More files after it
are laid over it in their order, map by map; a list replaces a list, and `null` takes out what an
earlier file says, as if it were not there, where it is no value of its own below.

What is not said has the default below. A wrong key, type or value stops the workflow before any
job with a sentence that names the key; so does a key that stands twice in a map.
`config/schema.json` is the same as a JSON schema: an editor that knows it checks and completes
while you type.
"""

PRESET = """\
## Preset `{name}`

`preset: {name}` changes these defaults of an experiment; what the experiment says itself wins.

```yaml
{text}```
"""


def page() -> str:
    """Return the text of docs/settings.md."""
    parts = [HEAD, *_block(Settings, "Top level", "")]
    for name, values in PRESETS.items():
        if values:
            text = yaml.safe_dump(values, sort_keys=False)
            parts.append(PRESET.format(name=name, text=text))
    return "\n".join(parts)


def _block(model: type[BaseModel], title: str, path: str) -> list[str]:
    """Return the section of a block, then those of the blocks in it."""
    lines = [f"## {title}\n"]
    if model.__doc__:
        lines.append(f"{' '.join(model.__doc__.split())}\n")
    lines.append("| key | type | default | meaning |\n| --- | --- | --- | --- |")
    below: list[str] = []
    for name, field in model.model_fields.items():
        inner, named = block_of(field.annotation)
        if inner is Ensemble:
            # its blocks are those of an experiment
            below.append(_block(inner, "`experiments.<name>` with `ensemble`", PLACE)[0])
            continue
        default, meaning = _default(field), field.description or ""
        if inner is None:
            kind = _type(field)
        else:
            place = f"{path}{name}.<name>" if named else f"{path}{name}"
            kind = "blocks by name" if named else "block"
            if not field.is_required():
                default = "null" if field.default is None else "see below"
            if inner.__name__ == "Augmentation":
                kind, meaning = "block or null", "null: none."
            if inner.__name__ in ("Pairs", "Phantom"):
                default = f"see below with `layout: {name}`"
            meaning = f"{meaning} See `{place}`.".strip()
            below += _block(inner, f"`{place}`", f"{place}.")
        lines.append(f"| `{name}` | {kind} | {default} | {_cell(meaning)} |")
    return ["\n".join(lines) + "\n", *below]


def _type(field: FieldInfo) -> str:
    text = _name(field.annotation)
    limits = _limits(field.metadata)
    return _cell(f"{text} ({limits})" if limits else text)


def _name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = _limits(arguments[1:])
        text = _name(arguments[0])
        return f"{text} ({limits})" if limits else text
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_name(argument) for argument in arguments)
    if origin is list:
        return f"[{_name(arguments[0])}, …]"
    if origin is dict:
        return f"map of names to {_name(arguments[1])}"
    if annotation is type(None):
        return "null"
    return {int: "whole number", float: "number", str: "text", bool: "true or false"}[annotation]


def _limits(metadata: Any) -> str:
    """Say what numbers or names are allowed."""
    said = []
    for item in metadata:
        if isinstance(item, FieldInfo):
            said.append(_limits(item.metadata))
            continue
        for attribute, words in (
            ("ge", "at least {}"),
            ("gt", "above {}"),
            ("le", "at most {}"),
            ("lt", "below {}"),
            ("min_length", "{} or more of them"),
            ("max_length", "at most {}"),
            ("pattern", "letters, digits, `_` and `-`"),
        ):
            value = getattr(item, attribute, None)
            if value is not None:
                said.append(words.format(value))
    text = ", ".join(part for part in said if part)
    return re.sub(r"\b(\d+) or more of them, at most \1\b", r"\1 of them", text)


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default is PydanticUndefined:
        return "**required**"
    value = field.default
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, float):
        # YAML takes 1e-05 for a text
        return f"`{format(Decimal(repr(value)), 'f')}`"
    plain = {None: "null", True: "true", False: "false"}
    return f"`{plain[value] if value is None or isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("results/<name>", "`results/<name>`")


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
