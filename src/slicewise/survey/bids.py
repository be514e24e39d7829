"""Which images and masks of a BIDS data set may be meant."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

from slicewise.config.entities import Entities
from slicewise.dataset.layouts.bids_files import MASKS, NO_IMAGES, SEVERAL_VOLUMES
from slicewise.survey.listing import Entry, Listing

Block = dict[str, Any]
DERIVATIVES = "derivatives"
MOSTLY = 0.5
"""Share of the files of subjects that lie below one folder, at least."""


def root_of(listing: Listing) -> str | None:
    """Return the folder of a BIDS data set below a folder; None where there is none.

    It holds `sub-…` folders and, here or among `derivatives/`, masks. Where each
    subject lies in a folder of its own, there is none that is one.
    """
    roots = Counter(
        "/".join(entry.parts[: _subject(entry)])
        for entry in listing.entries
        if _subject(entry) is not None and DERIVATIVES not in entry.parts
    )
    root, number = roots.most_common(1)[0] if roots else ("", 0)
    return root if number > MOSTLY * roots.total() else None


def _subject(entry: Entry) -> int | None:
    """Return at which part of its path a file has its subject."""
    folders = entry.parts[:-1]
    return next((n for n, part in enumerate(folders) if part.startswith("sub-")), None)


def blocks_of(listing: Listing, root: str) -> Iterator[tuple[Block, dict[str, int]]]:
    """Yield settings that may be meant, with the labels of mask files of one each.

    Parameters
    ----------
    listing : Listing
    root : str
        From `root_of`.

    Yields
    ------
    dict, dict of str to int
        `dataset.bids`, what is null left out, and labels that files
        `label-NAME_mask` name; the likelier ones first.
    """
    below = [e for e in listing.entries if not root or e.path.startswith(f"{root}/")]
    told = [(entry, Entities.of(entry.parts[-1])) for entry in below]
    known = [(entry, says) for entry, says in told if says is not None]
    images = Counter(
        says.suffix
        for entry, says in known
        if says.suffix not in NO_IMAGES
        and DERIVATIVES not in entry.parts
        and not set(SEVERAL_VOLUMES) & set(entry.parts)
    )
    drawn = [(entry, says) for entry, says in known if says.suffix in MASKS]
    masks = Counter(_kind(says) for _, says in drawn)
    places = Counter(_place(entry) for entry, _ in drawn)
    named = [says.values["label"] for _, says in drawn if "label" in says.values]
    labels = {name: n for n, name in enumerate(dict.fromkeys(named), start=1)}
    suffixes = [None, *(suffix for suffix, _ in images.most_common())]
    kinds = [None, *(kind for kind, _ in masks.most_common())]
    froms = [None, *(place for place, _ in places.most_common())]
    for image, place, kind in itertools.product(suffixes, froms, kinds):
        chosen = {"image": image, "mask_from": place, "mask": kind}
        block = {key: value for key, value in chosen.items() if value is not None}
        if labels and kind is None:
            yield block, labels
        yield block, {}


def _kind(says: Entities) -> str:
    """Return the kind of a mask: what a structure it shows, and its suffix."""
    own = [f"{key}-{value}" for key, value in says.values.items() if key in ("desc", "label")]
    return "_".join([*own, says.suffix])


def _place(entry: Entry) -> str:
    parts = entry.parts
    if DERIVATIVES not in parts:
        return "raw"
    return parts[parts.index(DERIVATIVES) + 1]
