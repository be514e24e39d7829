"""Images and masks of which no pattern of paths says who belongs to whom: by words they share."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from slicewise.survey.arrangement import Arrangement, Row
from slicewise.survey.kinds import Kind
from slicewise.survey.listing import suffix_of
from slicewise.survey.looking import Looker, spread
from slicewise.survey.pairing import sorted_out

COMMON = 0.5
"""Share of the images that have a word in their paths, at least, which then tells nothing."""
MATCHED = 0.8
"""Share of the masks that have an image of their own, at least."""
FEWEST = 2
CHECKED = 5
"""Pairs whose grids are compared."""


def matched(kinds: Sequence[Kind], looker: Looker) -> Arrangement | None:
    """Return images with the masks whose names share most with theirs, one each.

    A word counts the more the fewer images have it; numbers count without their
    leading zeros, too. A mask and an image belong together where each is the one
    that shares most with the other.

    Parameters
    ----------
    kinds : sequence of Kind
    looker : Looker

    Returns
    -------
    Arrangement or None
        None where most masks have no image of their own, or one on other voxels.
    """
    sorts = sorted_out(kinds, looker)
    images = [path for kind in sorts["image"] for path in kind.paths]
    masks = [path for kind in sorts["mask"] for path in kind.paths]
    pairs = _pairs(images, masks)
    if len(pairs) < max(FEWEST, MATCHED * len(masks)):
        return None
    grids = [looker.on_grid(image, pairs[image]) for image in spread(sorted(pairs), CHECKED)]
    if False in grids:
        return None
    rows = [
        Row(name, "", image, (pairs[image],))
        for image, name in zip(sorted(pairs), _names(pairs), strict=True)
    ]
    return Arrangement("", ("",), {}, tuple(rows), patterns=False, by_words=True)


def _pairs(images: Sequence[str], masks: Sequence[str]) -> dict[str, str]:
    """Return the mask of each image that has one of its own."""
    weights = _weights(images)
    having: dict[str, list[str]] = defaultdict(list)
    for image in images:
        for word in tokens(image) & weights.keys():
            having[word].append(image)
    scores: dict[str, dict[str, float]] = {}
    back: dict[str, dict[str, float]] = defaultdict(dict)
    for mask in masks:
        score: dict[str, float] = defaultdict(float)
        for word in sorted(tokens(mask) & weights.keys()):
            for image in having[word]:
                score[image] += weights[word]
        scores[mask] = score
        for image, value in score.items():
            back[image][mask] = value
    best = {mask: _one(score) for mask, score in scores.items()}
    return {
        image: mask
        for mask, image in best.items()
        if image is not None and _one(back[image]) == mask
    }


def _weights(images: Sequence[str]) -> dict[str, float]:
    """Return how much each word says of an image; nothing where many have it."""
    number: dict[str, int] = defaultdict(int)
    for image in images:
        for word in tokens(image):
            number[word] += 1
    return {word: 1 / n for word, n in number.items() if n <= max(1, COMMON * len(images))}


def _one(scores: Mapping[str, float]) -> str | None:
    """Return what has the greatest score, if nothing else has it."""
    ordered = sorted(scores.items(), key=lambda item: -item[1])
    if not ordered or (len(ordered) > 1 and ordered[0][1] == ordered[1][1]):
        return None
    return ordered[0][0]


def tokens(path: str) -> set[str]:
    """Return the words of a path in lower case, and its numbers.

    Examples
    --------
    >>> sorted(tokens("CT/K3x-007.nii.gz"))
    ['007', '3', '7', 'ct', 'k3x']
    """
    text = path[: len(path) - len(suffix_of(path))].lower()
    words = set(re.findall(r"[^\W_]+", text))
    return words | {str(int(run)) for run in re.findall(r"\d+", text)}


def _names(pairs: Mapping[str, str]) -> list[str]:
    """Return what cases are called: by the words that image and mask share, or as the image is."""
    names = []
    weights = _weights(list(pairs))
    for image in sorted(pairs):
        both = tokens(image) & tokens(pairs[image]) & weights.keys()
        names.append("_".join(_in_order(both, image)))
    if len(set(names)) == len(names) and all(names):
        return names
    return [PurePosixPath(image).name.removesuffix(suffix_of(image)) for image in sorted(pairs)]


def _in_order(words: Iterable[str], path: str) -> list[str]:
    """Return words as they stand in a path, each once."""
    known = {word.lower() for word in words}
    there = [word for word in re.findall(r"[^\W_]+", path) if word.lower() in known]
    return list(dict.fromkeys(there))
