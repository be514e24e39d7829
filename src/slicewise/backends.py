"""Which library Keras computes with: known, and checked, before Keras is imported."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

from slicewise.errors import SlicewiseError

VARIABLE = "KERAS_BACKEND"
TESTED = ("tensorflow", "jax")
"""What training is tested on, the preferred one first."""
EXTRAS = {"tensorflow": "'.[tensorflow]' (with CUDA: '.[gpu]')", "jax": "'.[gpu-jax]'"}


def chosen() -> str:
    """Return the backend that Keras is to use.

    That of the environment variable KERAS_BACKEND. Without it that of Keras'
    own settings, if it is installed: Keras writes that file itself, for all
    environments of a user. Else the one that is there.
    """
    if named := os.environ.get(VARIABLE):
        return named
    there = [name for name in TESTED if _installed(name)]
    configured = _configured()
    return configured if configured in there or not there else there[0]


def choose() -> str:
    """Make Keras, which is not imported yet, use the backend that `chosen` names."""
    name = chosen()
    os.environ[VARIABLE] = name
    return name


def check_backend() -> None:
    """Look whether the backend is there, before any job needs it.

    Raises
    ------
    SlicewiseError
        When it is not installed, or training is not tested on it.
    """
    name = chosen()
    where = f"{VARIABLE}={name}" if os.environ.get(VARIABLE) else f"the Keras backend {name}"
    if name not in TESTED:
        raise SlicewiseError(
            f"{where}: trainings run on {' or '.join(TESTED)}; set {VARIABLE} to one of them"
        )
    if _installed(name):
        return
    others = [other for other in TESTED if _installed(other)]
    instead = f", or set {VARIABLE}={others[0]}, which is installed" if others else ""
    raise SlicewiseError(
        f"{where}: {name} is not installed in this environment; install it with "
        f"python -m pip install --editable {EXTRAS[name]}{instead}"
    )


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _configured() -> str:
    """Return the backend of Keras' own file of settings, or its default."""
    place = os.environ.get("KERAS_HOME") or str(Path("~").expanduser() / ".keras")
    try:
        settings = json.loads((Path(place) / "keras.json").read_text(encoding="utf-8"))
        return str(settings.get("backend", TESTED[0]))
    except (OSError, ValueError, AttributeError):
        return TESTED[0]
