"""Turning what a user wrote into validated settings, or into sentences that help."""

from __future__ import annotations

import copy
import difflib
import functools
import json
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from slicewise.config.block import block_of
from slicewise.config.settings import Settings
from slicewise.config.sweep import EXPONENT
from slicewise.config.unused import unused
from slicewise.errors import SlicewiseError

ENSEMBLES = "ensembles"
"""Where settings keep what of `experiments` is an ensemble."""
NUMBERS = ("float_type", "float_parsing", "int_type", "int_parsing")


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

    Examples
    --------
    >>> config = {
    ...     "dataset": {"name": "demo", "layout": "phantom", "labels": {"liver": 1}},
    ...     "slices": {"small": {"size": 64}},
    ...     "experiments": {"first": {"slices": "small"}},
    ... }
    >>> load_settings(config).experiments["first"].training.epochs
    60
    >>> load_settings(config | {"run": ["x"]})
    Traceback (most recent call last):
    ...
    slicewise.errors.SlicewiseError: configuration: run: no experiment is called 'x'; there are: ...
    """
    try:
        settings, config = _validated(config)
    except ValidationError as error:
        problems = [_sentence(e) for e in error.errors()]
        # Unions report one problem per member; the reader needs each key once.
        unique = dict(reversed(problems))
        raise SlicewiseError("configuration: " + "; ".join(reversed(unique.values()))) from None
    idle = [] if dumped else unused(config, settings)
    if idle:
        raise SlicewiseError("configuration: " + "; ".join(idle))
    return settings


def _validated(config: Mapping[str, Any]) -> tuple[Settings, Mapping[str, Any]]:
    """Check a configuration as it is meant.

    Numbers that YAML 1.1 calls text are taken for what they are: to it 1e-3 is a
    word, as the dot and a sign are missing. Only where a number is asked for:
    elsewhere it may be a name. Null takes a key out that it is no value of.
    Returns the settings, and the configuration with these numbers, without these keys.
    """
    try:
        return Settings.model_validate(dict(config)), config
    except ValidationError as error:
        repaired = copy.deepcopy(dict(config))
        meant = [
            _put_number(repaired, each) or _take_out(repaired, each) for each in error.errors()
        ]
        if not any(meant):
            raise
    return Settings.model_validate(repaired), repaired


def _take_out(config: Any, error: Any) -> bool:
    """Take a key out that is null and has a default; tell whether the error was of this kind.

    So a file that is laid over others can unset what they say. Names of labels, recipes and
    experiments are no keys with a default: one without a value was forgotten.
    """
    place = _place(config, error["loc"])
    # what a validator refuses is a value of its key; and each member of a union tells of one
    is_null = functools.reduce(operator.getitem, place, config) is None
    field = _field_at(error["loc"][: len(place)])
    if error["type"] == "value_error" or not is_null or field is None or field.is_required():
        return False
    *above, last = place
    del functools.reduce(operator.getitem, above, config)[last]
    return True


def _field_at(location: Sequence[Any]) -> FieldInfo | None:
    """Return the field that a location in settings is of; None of a name, or within a value."""
    model: type[BaseModel] | None = Settings
    field: FieldInfo | None = None
    are_names = False
    for part in location:
        if are_names:
            field = None
            are_names = False
            continue
        field = None if model is None else model.model_fields.get(part)
        if field is None:
            return None
        model, are_names = block_of(field.annotation)
    return field


def _put_number(config: Any, error: Any) -> bool:
    """Put a number in the place of its text; tell whether the error was of this kind."""
    text = error.get("input")
    if error["type"] not in NUMBERS or not isinstance(text, str) or not EXPONENT.fullmatch(text):
        return False
    read = float(text)
    if not math.isfinite(read):
        return False
    # a whole number is one of either kind
    number = int(read) if read.is_integer() else read
    return _put(config, _place(config, error["loc"]), text, number)


def read_back(config: Any, given: Any) -> None:
    """Take for what they are the numbers, booleans and nulls of a map that `--config` gave.

    Snakemake hands all within such a map over as text. What is refused as text
    and can be read as something else is that; so is ``null``, whatever is asked for.

    Parameters
    ----------
    config : dict
        The whole configuration, which is changed.
    given : mapping
        What of it the command line gave.

    Examples
    --------
    >>> config = {"experiments": {"one": {"training": {"epochs": "5", "minutes": "null"}}}}
    >>> read_back(config, copy.deepcopy(config))
    >>> config["experiments"]["one"]["training"]
    {'epochs': 5, 'minutes': None}
    """
    read = {place: (text, yaml.safe_load(text)) for place, text in _texts(given) if text}
    for place, (text, value) in read.items():
        # any value may be tried in a sweep, so nobody refuses it as text
        if value is None or ("sweep" in place and isinstance(value, bool | int | float)):
            _put(config, place, text, value)
    try:
        Settings.model_validate(dict(config))
    except ValidationError as error:
        for place in {_place(config, each["loc"]) for each in error.errors()} & read.keys():
            text, value = read[place]
            if isinstance(value, bool | int | float):
                _put(config, place, text, value)


def _texts(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield all that is text within maps and lists, and where it stands."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inside in value.items():
            yield from _texts(inside, (*place, key))
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from _texts(inside, (*place, number))


def _put(config: Any, place: Sequence[Any], text: str, value: Any) -> bool:
    """Put a value in the place of its text in nested maps and lists; tell whether it was there."""
    if not place:
        return False
    *above, last = place
    holder = functools.reduce(operator.getitem, above, config)
    if holder[last] != text:
        return False
    holder[last] = value
    return True


def _place(config: Any, location: Sequence[Any]) -> tuple[Any, ...]:
    """Return the keys and positions in a configuration of what an error is about."""
    inside = config
    place = []
    for part in _as_written(location):
        there = isinstance(inside, dict) and part in inside
        # the names of union members are parts of a location, too, and keys of nothing
        if there or (isinstance(inside, list) and isinstance(part, int) and part < len(inside)):
            inside = inside[part]
            place.append(part)
    return tuple(place)


def settings_of(settings: Settings, experiment: str) -> str:
    """Return, as YAML, complete settings with one of their experiments.

    An ensemble comes with its members, and who learns from others with these. New scans stay
    behind: another experiment may segment them.
    """
    used = settings.model_dump(mode="json") | {"segment": None}
    used.pop(ENSEMBLES, None)
    named = settings.learnt_from(experiment)
    trained = {name: settings.blocks[name] for name in named if name not in settings.ensembles}
    mixed = {name: settings.ensembles[name] for name in named if name in settings.ensembles}
    blocks = {**trained, **mixed}
    used["experiments"] = {name: each.model_dump(mode="json") for name, each in blocks.items()}
    used["run"] = [experiment]
    recipes = dict.fromkeys(r for each in trained.values() for r in (each.slices, *each.also))
    used["slices"] = {name: used["slices"][name] for name in recipes}
    return yaml.safe_dump(used, sort_keys=False, allow_unicode=True)


def _sentence(error: Any) -> tuple[str, str]:
    """Return the key that an error is about, and what to tell of it."""
    path = [str(part) for part in error["loc"]]
    kind = error["type"]
    value = error.get("input")
    key = ".".join(_shown(list(_as_written(path))))
    if kind == "extra_forbidden":
        allowed = [name for name in _fields(path[:-1]) if name != ENSEMBLES]
        near = difflib.get_close_matches(path[-1], allowed, n=1, cutoff=0.4)
        hint = f", did you mean {near[0]}?" if near else ""
        return key, f"{key} is no known key{hint} Allowed here: {', '.join(allowed)}"
    if kind == "missing":
        return key, f"{key} is missing"
    if kind == "value_error":
        message = str(error["ctx"]["error"])
        return key, f"{key} {message}" if key and not message.startswith(key) else message
    text = error["msg"]
    if kind == "string_type" and value is not None and not isinstance(value, dict | list):
        return key, f"{key} is {json.dumps(value, default=str)}: {_unquoted(value)}"
    if kind == "string_pattern_mismatch":
        text = "names are letters, digits, _ and -, and begin with a letter or digit"
    text = text.removeprefix("Input ")
    return key, f"{key} is {json.dumps(value, default=str)}: {text}"


def _as_written(location: Sequence[Any]) -> Sequence[Any]:
    """Return a location in settings as users write it: ensembles stand among experiments."""
    return (
        ["experiments", *location[1:]] if location[:1] in ([ENSEMBLES], (ENSEMBLES,)) else location
    )


def _unquoted(value: Any) -> str:
    """Say what became of a name that was written without quotes."""
    what = "true or false" if isinstance(value, bool) else "a number or a date"
    became = "no becomes false" if isinstance(value, bool) else "001 becomes 1"
    return (
        f"quotes are missing: YAML has taken this name for {what} ({became}); write it in quotes, "
        "as it is called"
    )


def _shown(path: list[str]) -> list[str]:
    """Return the parts of a location that a user wrote."""
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
    """Return the fields of the block at a place."""
    model: type[BaseModel] | None = Settings
    for part in path:
        if model is None:
            return {}
        field = model.model_fields.get(part)
        if field is None:
            continue  # the name of an experiment or recipe
        model, _ = block_of(field.annotation)
    return {} if model is None else model.model_fields


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the settings, for editors and for the docs.

    Examples
    --------
    >>> json_schema()["required"]
    ['dataset', 'slices', 'experiments']
    """
    schema = Settings.model_json_schema()
    keys = schema["properties"]
    of_names = keys["experiments"]["patternProperties"]
    (ensembles,) = keys.pop(ENSEMBLES)["patternProperties"].values()
    for pattern, experiment in of_names.items():
        of_names[pattern] = {"anyOf": [experiment, ensembles]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
