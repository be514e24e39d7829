"""The least configuration, changes of it, and what is said of a wrong one."""

import copy

import pytest

from slicewise.config import load_settings
from slicewise.config.load import settings_of
from slicewise.errors import SlicewiseError

LEAST = {
    "dataset": {"name": "x", "layout": "msd", "root": "x", "labels": {"liver": 1}},
    "slices": {"r": {"size": 64}},
    "experiments": {"e": {"slices": "r"}},
}


def changed(key: str, value) -> dict:
    """The least configuration with one key set; `...` removes it."""
    config = copy.deepcopy(LEAST)
    block = config
    *path, last = key.split("/")
    for part in path:
        block = block.setdefault(part, {})
    if value is ...:
        del block[last]
    else:
        block[last] = value
    return config


def fault(config) -> str:
    with pytest.raises(SlicewiseError) as caught:
        load_settings(config)
    message = str(caught.value)
    assert "\n" not in message
    # neither pydantic's own names nor its addresses help a user
    assert not [word for word in ("pydantic", "https://", "Value error", "ctx") if word in message]
    return message


def used_settings(config, experiment: str) -> str:
    """The complete settings of a configuration with one of its experiments, as YAML."""
    return settings_of(load_settings(config), experiment)
