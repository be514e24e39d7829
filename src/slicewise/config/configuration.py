"""Configurations as users write them: YAML files, one laid over the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os.path import relpath
from pathlib import Path
from typing import Any

import yaml

from slicewise.config.presets import merge
from slicewise.errors import SlicewiseError, explained


def read_configuration(paths: Sequence[Path]) -> dict[str, Any]:
    """Read configuration files as ``snakemake --configfile`` takes them: a later one wins.

    Parameters
    ----------
    paths : sequence of Path
        YAML or JSON files.

    Returns
    -------
    dict
        For `load_settings`.

    Raises
    ------
    SlicewiseError
        When one cannot be read, holds no settings, or has a key twice.
    """
    whole: dict[str, Any] = {}
    for path in paths:
        whole = merge(whole, _mapping(path))
    return whole


def parse_yaml(text: str) -> Any:
    """Read YAML that somebody wrote.

    Raises
    ------
    SlicewiseError
        Saying in which line what is wrong, and what to do; also about a key that stands twice in
        a map, of which YAML itself would silently take the last.

    Examples
    --------
    >>> parse_yaml("labels: {liver: 1, liver: 2}")
    Traceback (most recent call last):
    ...
    slicewise.errors.SlicewiseError: line 1: liver is there twice; keep one
    """
    try:
        return _Once(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        raise SlicewiseError(_told(error, text)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SlicewiseError(
            f"line {line}: YAML takes no character U+{error.character:04X}; delete it"
        ) from None
    except (RecursionError, ValueError, OverflowError, AttributeError, TypeError) as error:
        # dates of no calendar and the like end in PyYAML's constructors
        raise SlicewiseError(f"it has a value that is none in YAML ({error}); correct it") from None


class _Once(yaml.SafeLoader):
    """Refuses a key that stands twice in a map as it is written, whatever `<<` brings beside."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            # << itself has no constructor
            if isinstance(key, yaml.ScalarNode) and key.tag in self.yaml_constructors:
                line = key.start_mark.line + 1
                first = lines.get(name := self.construct_object(key))
                if first is not None:
                    also = f" (also in line {first})" if first != line else ""
                    raise SlicewiseError(f"line {line}: {key.value} is there twice{also}; keep one")
                lines[name] = line
        return node


def _told(error: yaml.MarkedYAMLError, text: str) -> str:
    """Say what is no YAML, and in which line."""
    line = error.problem_mark.line if error.problem_mark else 0
    begun = error.context_mark
    since = "" if begun is None or begun.line == line else f" (line {begun.line + 1})"
    context = f"{error.context}{since}, " if error.context else ""
    has_tab = "\t" in "".join(text.splitlines()[line : line + 1])
    remedy = "write blanks for the tab in this line" if has_tab else "correct it"
    return f"line {line + 1}: {context}{error.problem}; {remedy}"


def _mapping(path: Path) -> dict[str, Any]:
    shown = relpath(path)
    try:
        settings = _parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = f"{(error.strerror or str(error)).lower()}; correct the path"
        raise SlicewiseError(explained(error) or f"{shown}: {reason}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SlicewiseError(f"{shown}: line {line}: it is no text in UTF-8; save it so") from error
    except SlicewiseError as error:
        raise SlicewiseError(f"{shown}: {error}") from None
    if not isinstance(settings, dict):
        raise SlicewiseError(f"{shown}: holds no settings; correct the path or the file")
    return settings


def _parsed(text: str) -> Any:
    """Read JSON, else YAML, as Snakemake does: JSON may hold tabs."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError):
        return parse_yaml(text)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in pairs:
        if key in settings:
            raise SlicewiseError(f"{key} is there twice in a map; keep one")
        settings[key] = value
    return settings
