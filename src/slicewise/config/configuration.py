"""Configurations as users write them: YAML files, one laid over the other."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import relpath
from pathlib import Path
from typing import Any

import yaml

from slicewise.config.presets import merge
from slicewise.errors import SlicewiseError


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
        When one cannot be read, or holds no settings.
    """
    whole: dict[str, Any] = {}
    for path in paths:
        whole = merge(whole, _mapping(path))
    return whole


def _mapping(path: Path) -> dict[str, Any]:
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise SlicewiseError(
            f"{relpath(path)}: cannot be read as a configuration; correct the path or the file"
        ) from error
    if not isinstance(settings, dict):
        raise SlicewiseError(f"{relpath(path)}: holds no settings; correct the path or the file")
    return settings
