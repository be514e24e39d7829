"""Images of a BIDS data set that may be channels of one: other sequences on the same voxels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slicewise.dataset.case import Case
from slicewise.dataset.layouts.bids_files import NO_IMAGES
from slicewise.survey.arrangement import NEARLY
from slicewise.survey.channels import CHECKED, Described, is_sequence, same_grid
from slicewise.survey.looking import Looker, spread
from slicewise.survey.said import Other, Said

IMAGE = ("dataset", "bids", "image")


def beside(cases: Sequence[Case], looker: Looker) -> Described:
    """Return the kinds of images that are called as those of all cases but for their suffix.

    Parameters
    ----------
    cases : sequence of Case
        Each of one image.
    looker : Looker

    Returns
    -------
    Described
        The kind of the cases' own images first; of no names where there is no
        other, or one is no sequence of MR.
    """
    own = _suffix(cases[0].image[0])
    if any(_suffix(case.image[0]) != own for case in cases) or not is_sequence(own):
        return Described()
    there: dict[str, dict[str, Path]] = {}
    for case in cases:
        image = case.image[0]
        stem = image.name.partition(f"_{own}.")[0]
        for path in sorted(image.parent.glob(f"{stem}_*.nii*")):
            if path.name.partition(".")[0].count("_") == stem.count("_") + 1:
                there.setdefault(_suffix(path), {})[case.name] = path
    others = [
        suffix
        for suffix, paths in sorted(there.items())
        if suffix != own and suffix not in NO_IMAGES and is_sequence(suffix)
        if len(paths) >= NEARLY * len(cases) and _on_grid(there[own], paths, looker)
    ]
    if not others:
        return Described()
    lacking = sorted(c.name for c in cases if any(c.name not in there[s] for s in others))
    why = f"images {', '.join([own, *others])} of a subject lie on the same voxels"
    return Described((own, *others), tuple(lacking), tuple(lacking), why)


def _suffix(path: Path) -> str:
    return path.name.partition(".")[0].rpartition("_")[2]


def _on_grid(own: dict[str, Path], other: dict[str, Path], looker: Looker) -> bool:
    for name in spread(sorted(other), CHECKED):
        pair = [path.relative_to(looker.root).as_posix() for path in (own[name], other[name])]
        one, two = (looker.header(path) for path in pair)
        if one is None or two is None or not same_grid(one, two):
            return False
    return True


def keys_of(channels: Described) -> dict[str, Any]:
    """Return settings of the data set: channels are called as their kinds."""
    return {**channels.keys, "bids": {"image": {name: name for name in channels.names}}}


def said_of(channels: Described) -> list[Said]:
    """Return the settings with their reasons; that they are channels is a first guess."""
    question = "Which images are to be segmented, one a case or several as its channels?"
    value = {name: name for name in channels.names}
    others = tuple(Other(name, "these images alone") for name in channels.names)
    why = f"{len(value)} images of a case are channels of one"
    return [*channels.said, Said(IMAGE, value, why, question, others)]
