"""Cases whose images have several channels, in whatever layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from slicewise.config import Dataset
from slicewise.dataset.layouts.found import FoundCase, files_of_series, listed
from slicewise.errors import SlicewiseError
from slicewise.volumes.companions import whole_volume
from slicewise.volumes.described import folded

Paths = Mapping[str, Sequence[Path]]
"""Files, or folders of a series, by channel; more than one is a fault."""


def with_channels(case: FoundCase, paths: Paths, dataset: Dataset) -> FoundCase:
    """Give a case the files of all channels of its image.

    Parameters
    ----------
    case : FoundCase
        With its mask, and any of the files as its image.
    paths : mapping of str to sequence of Path
        What was found of each channel.
    dataset : Dataset
        With its channels.

    Raises
    ------
    SlicewiseError
        When a channel is there twice, or is missing and may not be.
    """
    if case.name in dataset.exclude or case.lacks:
        return case
    files: dict[str, tuple[Path, ...]] = {}
    called = []
    for name in dataset.channels or []:
        candidates = paths.get(name, ())
        if len(candidates) > 1:
            shown = listed(sorted(map(str, candidates)))
            raise SlicewiseError(
                f"case {case.name}: two candidates for the channel {name}, {shown}; keep one"
            )
        own = _volume(candidates[0]) if candidates else ()
        if twice := sorted(set(own) & {path for several in files.values() for path in several}):
            raise SlicewiseError(
                f"case {case.name}: {twice[0]} is given for two channels, {name} and another; give "
                "each its own file"
            )
        files[name] = own
        called += [path.name for path in candidates]
    beside = listed([str(path) for each in paths.values() for path in each])
    case = with_files(case, files, dataset, beside)
    named = dict(case.named)
    named["image"] = " + ".join([named.get("image", called[0]), *called[1:]])
    named.setdefault("mask", case.mask[0].name)
    return replace(case, named=tuple(named.items()))


def with_files(
    case: FoundCase, files: Mapping[str, tuple[Path, ...]], dataset: Dataset, beside: str
) -> FoundCase:
    """Give a case the files of all channels of its image, as they are.

    Parameters
    ----------
    case : FoundCase
        With its mask.
    files : mapping of str to tuple of Path
        Of each channel, in their order; none of one that is missing.
    dataset : Dataset
        Whether one may be missing.
    beside : str
        What a message names in its place.

    Raises
    ------
    SlicewiseError
        When a channel is missing and may not be.
    """
    missing = [name for name, own in files.items() if not own]
    if missing and dataset.missing_channels == "refuse":
        raise SlicewiseError(
            f"case {case.name}: it has no file of the channel {missing[0]} beside {beside}; "
            "add it, exclude the case, or set dataset.missing_channels to zero, which leaves "
            "that channel empty"
        )
    counts = tuple((name, len(own)) for name, own in files.items())
    image = tuple(path for own in files.values() for path in own)
    return replace(case, image=image, channels=counts)


def with_channels_in_one(case: FoundCase, channels: Sequence[str]) -> FoundCase:
    """Say that the 4-D image of a case holds all channels."""
    return replace(case, channels=tuple((name, 1) for name in channels), in_one=True)


def check_described_channels(channels: Sequence[str], path: Path, description: Any) -> None:
    """Compare channels with those that a dataset.json gives.

    Raises
    ------
    SlicewiseError
        When their number differs, or a name is that of another one there.
    """
    if not isinstance(description, dict):
        return
    given = description.get("modality") or description.get("channel_names")
    if not isinstance(given, dict):
        return
    theirs = [str(given[key]) for key in sorted(given, key=_number)]
    shown = ", ".join(theirs)
    if len(theirs) != len(channels):
        raise SlicewiseError(
            f"dataset.channels: names {len(channels)} ({', '.join(channels)}), but {path} gives "
            f"{len(theirs)} ({shown}); name them all, in that order"
        )
    known = [folded(name) for name in theirs]
    for position, name in enumerate(channels):
        if folded(name) in known and known[position] != folded(name):
            raise SlicewiseError(
                f"dataset.channels: {name} is number {position + 1}, but {path} gives them in the "
                f"order {shown}; name them in that order"
            )


def _number(key: str) -> tuple[int, str]:
    """Order numbers as such, 2 before 10."""
    return (int(key) if str(key).isdecimal() else 0, str(key))


def _volume(path: Path) -> tuple[Path, ...]:
    return files_of_series(path) if path.is_dir() else whole_volume(path)
