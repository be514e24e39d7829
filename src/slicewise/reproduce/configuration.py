"""The configuration at hand that a run's settings are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from os.path import relpath
from pathlib import Path
from typing import Any

import yaml

from slicewise.config import Settings, load_settings, merge
from slicewise.config.configuration import read_configuration
from slicewise.config.load import settings_of
from slicewise.errors import SlicewiseError
from slicewise.reproduce.original import place_starts
from slicewise.tracking import flatten

LARGEST_CONFIG = 1 << 20
"""Bytes; a larger file beside it is something else."""


def candidates(
    workflow: Path, project: Path, dataset: str, given: Sequence[Path] = ()
) -> dict[str, dict[str, Any]]:
    """Return configurations by what they are called: those given, or those that are found.

    Looked for in the folder that `snakemake` was run in and two folders deep,
    and where none is of the data set, in ``config/`` and the folder of the workflow.
    """
    if given:
        return {" and ".join(map(relpath, given)): read_configuration(given)}
    places = [[path for place in (workflow / "config", workflow) for path in place.glob("*.*")]]
    if project.resolve() != workflow.resolve():
        places.insert(0, [path for path in _files(project, depth=2) if path.is_file()])
    configurations: dict[str, dict[str, Any]] = {}
    for here in places:
        for path in sorted({path.resolve(): path for path in here}.values()):
            if path.suffix in (".yaml", ".yml", ".json") and path.stat().st_size < LARGEST_CONFIG:
                with suppress(SlicewiseError):
                    configurations[relpath(path)] = read_configuration([path])
        if any(_is_of(dataset, each) for each in configurations.values()):
            break
    return configurations


def setting_differences(
    settings: Mapping[str, Any],
    name: str,
    candidates: Mapping[str, Mapping[str, Any]],
    results: Path,
) -> list[str]:
    """Compare with the configuration of the same data set that is nearest to what it was.

    Parameters
    ----------
    settings : mapping
        Of the run, as `slicewise.reproduce.original.bring_original` has them.
    name : str
        Of its experiment.
    candidates : mapping of str to mapping
        Configurations, as `candidates` returns them.
    results : Path
        The folder ``results`` that all of them are used in.
    """
    written = yaml.safe_load(settings_of(load_settings(settings, dumped=True), name))
    then = flatten(written)
    differences = []
    dataset = settings["dataset"]["name"]
    none = [f"no configuration of data set {dataset} was found to compare with: --configfile"]
    for shown, here in candidates.items():
        if not _is_of(dataset, here):
            continue  # something else, such as an overlay
        try:
            used = _used(written, name, here)
            place_starts(used, results)
            now = flatten(used)
        except (SlicewiseError, KeyError):
            none = [f"{shown} has no experiment {name} that can be used"]
            continue
        differences.append(
            [
                f"{key} is {_value(then.get(key))} then, {_value(now.get(key))} in {shown}"
                for key in sorted(then.keys() | now.keys())
                # these say nothing of how a model is trained and scored
                if not key.startswith(("tracking.", "run", "split.check_against"))
                and then.get(key) != now.get(key)
            ]
        )
    return min(differences, key=len, default=none)


def _used(then: Mapping[str, Any], name: str, here: Mapping[str, Any]) -> dict[str, Any]:
    """Return complete settings; of `preset: auto`, what is written over what was planned then.

    Of a sweep, the combination that was the best then, if it is still one.
    """
    settings = _chosen(load_settings(here), then)
    used: dict[str, Any] = yaml.safe_load(settings_of(settings, name))
    blocks = settings.blocks
    for each in used["experiments"].keys() & blocks.keys():
        if blocks[each].effort is not None:
            # what a plan says follows from the cases, and is no setting that was changed
            planned = then["experiments"][each]
            for recipe in _recipes(used["experiments"][each]):
                used["slices"].pop(recipe, None)
            used["slices"] |= {recipe: then["slices"][recipe] for recipe in _recipes(planned)}
            used["experiments"][each] = merge(planned, blocks[each].written)
    return used


def _chosen(settings: Settings, then: Mapping[str, Any]) -> Settings:
    """Return settings in which each experiment with a sweep is the combination that it was."""
    was = then["experiments"]
    for sweep, swept in settings.sweeps.items():
        own = [name for name in settings.repeats.get(sweep, [sweep]) if name in was]
        for tried in (settings.with_best(sweep, each) for each in swept.candidates):
            if own and all(tried.blocks[name].model_dump(mode="json") == was[name] for name in own):
                settings = tried
                break
    return settings


def _recipes(block: Mapping[str, Any]) -> list[str]:
    """Return the recipes of the slices that an experiment is trained on."""
    return [block["slices"], *block["also"]]


def _is_of(dataset: str, config: Mapping[str, Any]) -> bool:
    block = config.get("dataset")
    return isinstance(block, Mapping) and block.get("name") == dataset


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the files of a folder and of those in it that may hold a configuration."""
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            yield path
        elif depth and not path.name.startswith((".", "results", "data")):
            with suppress(OSError):
                yield from _files(path, depth - 1)


def _value(value: Any) -> str:
    return "not set" if value is None else str(value)
