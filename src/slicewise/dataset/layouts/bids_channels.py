"""Which images of a BIDS subject are the channels of one image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from slicewise.config.entities import Kind
from slicewise.dataset.layouts.bids_files import BidsFile, image_of, only_image

Kinds = Mapping[str, Kind]
"""The kind of each channel, in the order of channels."""
Channels = dict[BidsFile, dict[str, list[BidsFile]]]
"""By the first file that there is of an image: the files of each of its channels."""


def kinds_there(kinds: Kinds, files: Iterable[BidsFile]) -> Kinds:
    """Spell the suffixes of kinds as files do, where only upper and lower case differ."""
    there = {one.says.suffix for one in files}
    spelled = {}
    for channel, kind in kinds.items():
        *entities, suffix = kind.text.split("_")
        alike = [one for one in sorted(there) if one.casefold() == suffix.casefold()]
        known = alike[0] if suffix not in there and len(alike) == 1 else suffix
        spelled[channel] = Kind("_".join([*entities, known]))
    return spelled


def by_channel(kinds: Kinds, files: Iterable[BidsFile]) -> dict[str, list[BidsFile]]:
    """Return the files of each channel; one of two kinds is of that which says more of its name."""
    images: dict[str, list[BidsFile]] = {channel: [] for channel in kinds}
    for one in files:
        fitting = [channel for channel, kind in kinds.items() if kind.fits(one.says)]
        if fitting:
            images[max(fitting, key=lambda channel: len(kinds[channel].text.split("_")))].append(
                one
            )
    return images


def together(kinds: Kinds, files: Mapping[str, Sequence[BidsFile]]) -> Channels:
    """Put the channels of images together.

    Those of one image are of one session and of no two runs. Of several such
    files the one is taken that agrees in all else that its kind does not say,
    or else those that contradict it in nothing.

    Parameters
    ----------
    kinds : mapping of str to Kind
        Of each channel, in their order.
    files : mapping of str to sequence of BidsFile
        From `by_channel`.

    Returns
    -------
    dict of BidsFile to dict
        More than one file of a channel is a fault, and so may be none.
    """
    images: Channels = {}
    taken: set[BidsFile] = set()
    for position, channel in enumerate(kinds):
        for first in files[channel]:
            if first in taken:
                continue
            own = {channel: [first]}
            for other in list(kinds)[position + 1 :]:
                own[other] = _fitting(first, files[other], (kinds[channel], kinds[other]))
            images[first] = own
            taken |= {one for several in own.values() for one in several}
    return images


def _fitting(first: BidsFile, files: Sequence[BidsFile], kinds: Iterable[Kind]) -> list[BidsFile]:
    """Return the files that may be another channel of an image."""
    said = {part.split("-")[0] for kind in kinds for part in kind.text.split("_")[:-1]}
    mine = _told(first, said)
    of_session = [
        (one, _told(one, said))
        for one in files
        if all(one.own.get(key) == first.own.get(key) for key in ("sub", "ses"))
        and not _contradict(mine, _told(one, said), ("run",))
    ]
    equal = [one for one, told in of_session if told == mine]
    alike = [one for one, told in of_session if not _contradict(mine, told, mine)]
    return equal or alike or [one for one, _ in of_session]


def _told(one: BidsFile, said: set[str]) -> dict[str, str]:
    return {key: value for key, value in one.own.items() if key not in said}


def _contradict(mine: Mapping[str, str], theirs: Mapping[str, str], keys: Iterable[str]) -> bool:
    return any(key in mine and key in theirs and mine[key] != theirs[key] for key in keys)


def drawn_on(mask: BidsFile, images: Channels) -> BidsFile | None:
    """Return the image that a mask was drawn on: on its first channel, or else on another.

    Parameters
    ----------
    mask : BidsFile
        The mask.
    images : dict
        Images of its subject, from `together`.

    Raises
    ------
    SlicewiseError
        When it may be of several.
    """
    of_channel: dict[str, dict[BidsFile, list[BidsFile]]] = defaultdict(lambda: defaultdict(list))
    for image, channels in images.items():
        for channel, files in channels.items():
            for one in files:
                of_channel[channel][one].append(image)
    for owners in of_channel.values():
        name = image_of(mask, owners)
        if name is not None:
            only_image(mask, owners[name])
            return owners[name][0]
    return None
