"""Turning what a user wrote into validated settings, or into sentences that help."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from slicewise.config.schema import Settings
from slicewise.config.unused import unused
from slicewise.errors import SlicewiseError


def load_settings(config: Mapping[str, Any], *, dumped: bool = False) -> Settings:
    """Check a configuration and fill in its defaults.

    Parameters
    ----------
    config : mapping
        The configuration as read from YAML.
    dumped : bool
        Whether it is no user's, but settings as they were written down, which
        name what has no effect beside another setting, too.

    Returns
    -------
    Settings
        The complete, typed settings.

    Raises
    ------
    SlicewiseError
        Naming each wrong key, its value, what is allowed and, for an unknown
        key, the nearest right spelling; or each key that was written and does
        nothing beside another one.
    """
    try:
        settings = Settings.model_validate(dict(config))
    except ValidationError as error:
        problems = [_sentence(e) for e in error.errors()]
        # Unions report one problem per member; the reader needs each key once.
        unique = dict(reversed(problems))
        raise SlicewiseError("configuration: " + "; ".join(reversed(unique.values()))) from None
    idle = [] if dumped else unused(config, settings)
    if idle:
        raise SlicewiseError("configuration: " + "; ".join(idle))
    return settings


def used_settings(config: Mapping[str, Any], experiment: str) -> str:
    """Return, as YAML, the complete settings of a configuration with one of its experiments."""
    settings = load_settings(config)
    used = settings.model_dump(mode="json")
    used["experiments"] = {experiment: used["experiments"][experiment]}
    used["run"] = [experiment]
    wanted = settings.experiments[experiment]
    used["slices"] = {k: used["slices"][k] for k in (wanted.slices, *wanted.also)}
    return yaml.safe_dump(used, sort_keys=False, allow_unicode=True)


def _sentence(error: Any) -> tuple[str, str]:
    path = [str(part) for part in error["loc"]]
    kind, value = error["type"], error.get("input")
    key = ".".join(_shown(path))
    if kind == "extra_forbidden":
        allowed = list(_fields(path[:-1]))
        near = difflib.get_close_matches(path[-1], allowed, n=1, cutoff=0.4)
        hint = f", did you mean {near[0]}?" if near else ""
        return key, f"{key} is no known key{hint} Allowed here: {', '.join(allowed)}"
    if kind == "missing":
        return key, f"{key} is missing"
    if kind == "value_error":
        message = str(error["ctx"]["error"])
        return key, f"{key} {message}" if key and not message.startswith(key) else message
    text = error["msg"]
    if kind == "string_pattern_mismatch":
        text = "names are letters, digits, _ and -, and begin with a letter or digit"
    text = text.removeprefix("Input ")
    return key, f"{key} is {json.dumps(value, default=str)}: {text}"


def _shown(path: list[str]) -> list[str]:
    # pydantic adds the names of union members and validators to the location
    keep = []
    for part in path:
        if "[" in part:
            continue
        if part in ("int", "float", "str", "list", "constrained-int", "constrained-float"):
            continue
        keep.append(part)
    return keep


def _fields(path: list[str]) -> Mapping[str, Any]:
    model: Any = Settings
    for part in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            break
        field = model.model_fields.get(part)
        if field is None:
            continue  # the name of an experiment or recipe
        model = _model_in(field.annotation)
    return model.model_fields if issubclass(model, BaseModel) else {}


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the settings, for editors and for the docs."""
    schema = Settings.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
