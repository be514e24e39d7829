"""What stays here: folders of this machine, and the name of its owner in them."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from slicewise.config.training import STORES
from slicewise.errors import SlicewiseError
from slicewise.files import data_folder, expanded
from slicewise.tracking.secrets import redact_value

MACHINE = ("host", "slurm_job")
"""What the record of a training says of the machine that it ran on."""
ELSEWHERE = re.compile(r"^([A-Za-z]:[\\/]|/|~[\w.-]*(/|$)|\$[\w{]|\\\\)|(^|[\\/])\.\.([\\/]|$)")
"""How a path begins that leads out of the folder of the data, and what does so within one."""
RESULTS = "results"
OF_FOLD = re.compile(r"(fold-\d+(/model\.keras)?)?")
"""What of an experiment's folder a training may start from, beside all of it."""
NO_PATH = "patient_pattern"
"""A key whose value may look like one."""


def portable(settings: Mapping[str, Any], cases: Container[str], results: Path) -> dict[str, Any]:
    """Return settings that say the same on any machine: of each path the last part alone.

    Parameters
    ----------
    settings : mapping
        Of a run, complete. Other data sets that the leakage check read stay behind, as their
        tables do not travel, and so do scans that were only segmented.
    cases : container of str
        The names of all cases.
    results : Path
        The folder ``results`` of the run. What trainings start from within it is called the same
        anywhere, where it is made again with them.
    """
    shown: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(settings)))
    dataset = shown["dataset"]
    if dataset.get("root") is not None:
        dataset["root"] = last_part(dataset["root"])
    if dataset.get("corrections") is not None:
        # what the table names lies beside it, so it keeps a folder, which is nobody's own
        table = last_part(dataset["corrections"])
        dataset["corrections"] = f"{dataset['name']}-corrections/{table}"
    if dataset.get("metadata") is not None:
        dataset["metadata"]["table"] = last_part(dataset["metadata"]["table"])
    split = shown["split"]
    if split.get("strata") is not None:
        split["strata"] = last_part(split["strata"])
    split["check_against"] = []
    split["not_the_same"] = [
        pair for pair in split["not_the_same"] if all(case in cases for case in pair)
    ]
    shown["segment"] = None
    shown["tracking"]["register"] = False
    for training in started_from_files(shown):
        name = training["start_from"]
        training["start_from"] = own_start(shown, name, results) or last_part(name)
    return without_paths(shown)


def started_from_files(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks ``training`` that begin with a model that is no store's."""
    blocks = settings["experiments"].values()
    # an ensemble has none
    trainings = [each["training"] for each in blocks if "training" in each]
    starts = [(training, training.get("start_from")) for training in trainings]
    return [each for each, start in starts if start is not None and not start.startswith(STORES)]


def start_place(name: str, results: Path) -> Path:
    """Return where a model lies that a training starts from.

    Parameters
    ----------
    name : str
        As settings have it, of a run that was made in the folder of `results`.
    results : Path
        The folder ``results``.

    Raises
    ------
    SlicewiseError
        When a variable in it is not set.
    """
    given = Path(os.path.normpath(expanded(name, "training.start_from")))
    # results may be a link, beside which nothing else lies
    is_within = given.parts[:1] == (RESULTS,)
    return results / given.relative_to(RESULTS) if is_within else results.parent / given


def own_start(settings: Mapping[str, Any], name: str, results: Path) -> str | None:
    """Return what a model is called in any folder that settings are used in.

    Parameters
    ----------
    settings : mapping
        Complete settings of a run.
    name : str
        What one of its trainings starts from.
    results : Path
        The folder ``results`` of the run.

    Returns
    -------
    str or None
        None where it is of none of the experiments that the settings have.
    """
    made = results / settings["dataset"]["name"]
    try:
        below = start_place(name, results).resolve().relative_to(made.resolve())
    except (SlicewiseError, ValueError):  # of a variable that is not set, nobody knows more
        return None
    experiment, *fold = below.parts or ("",)
    if experiment not in settings["experiments"] or not OF_FOLD.fullmatch("/".join(fold)):
        return None
    return "/".join((RESULTS, made.name, *below.parts))


def without_paths(value: Any) -> Any:
    """Return nested plain values in which each path that leads elsewhere is its last part."""
    if isinstance(value, Mapping):
        return {k: each if k == NO_PATH else without_paths(each) for k, each in value.items()}
    if isinstance(value, list):
        return [without_paths(each) for each in value]
    if isinstance(value, str):
        text = redact_value(value)
        return last_part(text) if ELSEWHERE.search(text) else text
    return value


def last_part(path: str) -> str:
    r"""Return the last part of a path of any system.

    Examples
    --------
    >>> last_part("/export/anna/livers"), last_part("C:\\data\\livers"), last_part("~")
    ('livers', 'livers', 'data')
    """
    pure = PureWindowsPath(path) if "\\" in path else PurePosixPath(path)
    name = pure.name
    return "data" if not name or name == ".." or name[0] in "~$" else name


def training_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``config.yaml`` of a training without paths, and without its machine's name."""
    shown = without_paths(dict(record))
    origin = shown.get("origin") or {}
    return {**shown, "origin": {k: v for k, v in origin.items() if k not in MACHINE}}


def refuse_traces(files: Mapping[str, bytes], results: Path) -> None:
    """Refuse files that name a folder of this machine.

    Parameters
    ----------
    files : mapping of str to bytes
        Texts, by their names in the crate.
    results : Path
        The folder ``results``.

    Raises
    ------
    SlicewiseError
        Naming the first such file.
    """
    places = {Path.home(), results.resolve(), data_folder().resolve(), Path.cwd()}
    traces = sorted(os.fspath(place) for place in places if len(place.parts) > 1)
    for trace in traces:
        pattern = re.compile(rf"(?<![\w.-]){re.escape(trace)}(?![\w-])".encode())
        for name, content in files.items():
            if pattern.search(content):
                raise SlicewiseError(
                    f"{name}: it names a folder of this machine ({trace}), which is not to be "
                    "published; name it otherwise in the settings and run snakemake again, or "
                    "publish without a crate (--no-crate)"
                )
