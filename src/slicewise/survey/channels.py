"""Channels of an image: kinds of images that share their masks, or what a dataset.json names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slicewise.config.channels import CHANNEL
from slicewise.errors import SlicewiseError
from slicewise.survey.arrangement import Arrangement, Images
from slicewise.survey.content import Grid
from slicewise.survey.known import Known
from slicewise.survey.listing import Listing
from slicewise.survey.looking import Looker, spread
from slicewise.survey.naming import differing
from slicewise.survey.said import Other, Said, some_of
from slicewise.volumes.described import read_description
from slicewise.volumes.header import Header
from slicewise.volumes.volume import Volume

CHECKED = 3
"""Cases in which the grids of channels are compared."""
NEAR = 0.01
"""Millimetres by which the same grid may lie elsewhere in two headers."""

_SEQUENCE = re.compile(
    r"(t1|t2|pd|flair|dwi|adc|swi|swan|dti|fa|md|dce|dsc|asl|tof|stir|tirm|mprage|vibe|dixon|hbv|"
    r"ssfp|bssfp|lge|inphase|outphase|mr)(w|c|n|f|ce|gd|km|post|pre|star|tse|spir|fs)*"
)
"""What people call sequences of MR, such as ``t1ce`` and ``T2-weighted``."""
_EXTRA = (
    *("weighted", "mri", "ax", "axial", "tra", "cor", "coronal", "sag", "sagittal", "tse"),
    *("gd", "ce", "km", "contrast", "post", "pre"),
)
"""What such names say beside that."""


@dataclass(frozen=True)
class Choice:
    """What may be the image of a case.

    Attributes
    ----------
    image : str or dict of str to str
        As `dataset.pairs.image`.
    channels : tuple of str
        Their names; none of an image of one channel.
    exclude : tuple of str
        Cases that have no mask, or lack a channel.
    lacking : tuple of str
        Those of them that have a mask and lack a channel.
    when : str
        When it is the right one.
    """

    image: str | dict[str, str]
    channels: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    lacking: tuple[str, ...] = field(default=())
    when: str = ""


# --- kinds of images that share their masks -------------------------------------------------


def choices_of(arrangement: Arrangement, looker: Looker) -> list[Choice]:
    """Return what may be the image of a case, the likeliest first.

    Several kinds of images are channels of one where they are on the same voxels
    in a few cases that are compared. Together they come first where all are called
    after sequences of MR; else nobody knows, and one image does.

    Parameters
    ----------
    arrangement : Arrangement
    looker : Looker
    """
    masked = set(arrangement.masked)
    excluded = {
        each.pattern: tuple(sorted(set(each.paths) - masked)) for each in arrangement.images
    }
    patterns = [arrangement.image, *arrangement.rivals]
    single = [
        Choice(pattern, exclude=excluded.get(pattern, arrangement.alone), when="these images alone")
        for pattern in patterns
    ]
    images = _on_one_grid(arrangement.images, looker)
    if len(images) < 2:
        return single
    together = _together(images, masked)
    measures = {each.is_hu for each in images}
    if True not in measures and all(map(is_sequence, together.channels)):
        return [together, *single]
    return [single[0], together, *single[1:]]


def channels_of_table(arrangement: Arrangement, looker: Looker) -> dict[str, Images]:
    """Return the images that are channels of one in a table, by name.

    None where there are not several, or they are not all called after sequences
    of MR: a table has room for one image, and nobody is asked.

    Parameters
    ----------
    arrangement : Arrangement
    looker : Looker
    """
    images = _on_one_grid(arrangement.images, looker)
    if len(images) < 2 or any(each.is_hu for each in images):
        return {}
    names = _together(images, set(arrangement.masked)).channels
    return dict(zip(names, images, strict=True)) if all(map(is_sequence, names)) else {}


def _together(images: Sequence[Images], masked: set[str]) -> Choice:
    patterns = [each.pattern for each in images]
    names = safe_channels([_once(text) for text in differing(patterns)])
    there = set().union(*(each.paths for each in images))
    whole = masked.intersection(*(each.paths for each in images))
    when = f"{len(names)} images of a case are channels of one"
    if len({each.is_hu for each in images}) > 1:
        when += ", all with the intensity arbitrary, as not all are CT in HU"
    return Choice(
        _pattern(patterns, names) or dict(zip(names, patterns, strict=True)),
        tuple(names),
        tuple(sorted(there - whole)),
        tuple(sorted((there & masked) - whole)),
        when,
    )


def _once(text: str) -> str:
    """Return the words of a text, each once: `FLAIR/p_FLAIR` is called by one of them."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    return "_".join(dict.fromkeys(words))


def _pattern(patterns: Sequence[str], names: Sequence[str]) -> str:
    """Return the pattern that is each of several with the name of its channel, or nothing."""
    made = {p.replace(name, CHANNEL) for p, name in zip(patterns, names, strict=True)}
    if len(made) > 1:
        return ""
    (pattern,) = made
    filled = [pattern.replace(CHANNEL, name) for name in names]
    return pattern if filled == list(patterns) and CHANNEL in pattern else ""


def _on_one_grid(images: Sequence[Images], looker: Looker) -> list[Images]:
    """Return the images that lie on the voxels of the first in all cases that are compared."""
    return [each for n, each in enumerate(images) if n == 0 or _is_on_grid(images[0], each, looker)]


def _is_on_grid(first: Images, other: Images, looker: Looker) -> bool:
    both = sorted(first.paths.keys() & other.paths.keys())
    for name in spread(both, CHECKED):
        one = looker.header(first.paths[name])
        two = looker.header(other.paths[name])
        if one is None or two is None or not same_grid(one, two):
            return False
    return bool(both)


def same_grid(one: Header, other: Header) -> bool:
    """Tell whether two images have the same voxels, however they are stored."""
    if len(one.shape) != 3 or len(other.shape) != 3:
        return False
    grids = (Grid.of(one), Grid.of(other))
    if grids[0].shape != grids[1].shape:
        return False
    if one.lost or other.lost:
        return True
    return bool(np.allclose(_placed(one), _placed(other), atol=NEAR))


def _placed(header: Header) -> np.ndarray:
    empty = np.broadcast_to(np.uint8(0), header.shape[:3])
    return Volume(empty, header.affine, header.lost).canonical().affine


def is_sequence(name: str) -> bool:
    """Tell whether an image is called after a sequence of MR.

    Examples
    --------
    >>> is_sequence("T1-weighted"), is_sequence("t1ce"), is_sequence("CT"), is_sequence("raw")
    (True, True, False, False)
    """
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    words = [re.sub(r"^\d+d", "", word) for word in words if not word.isdecimal()]
    known = [bool(_SEQUENCE.fullmatch(word)) for word in words]
    extra = [word in _EXTRA or not word for word in words]
    return any(known) and all(a or b for a, b in zip(known, extra, strict=True))


def safe_channels(texts: Sequence[str]) -> list[str]:
    """Return names that channels may have, each once, by what they are called.

    Examples
    --------
    >>> safe_channels(["T2 (b=0)", "t2 b 0", "0001", ""])
    ['T2_b_0', 't2_b_0_2', 'channel_0001', 'channel_3']
    """
    names: list[str] = []
    taken = set()
    for number, text in enumerate(texts):
        plain = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
        if not plain or plain.isdecimal():
            plain = f"channel_{plain or number}"
        name = plain
        count = 1
        while name.lower() in taken:
            count += 1
            name = f"{plain}_{count}"
        taken.add(name.lower())
        names.append(name)
    return names


def said_of(chosen: Choice, choices: Sequence[Choice]) -> list[Said]:
    """Return what follows for other settings from the choice of images."""
    several = next((choice for choice in choices if choice.channels), None)
    said = []
    if chosen.exclude:
        said.append(Said(("dataset", "exclude"), list(chosen.exclude), _without(chosen)))
    if several is None:
        return said
    path = ("dataset", "channels")
    if chosen.channels:
        why = "images on the same voxels, with the same masks; named by what differs in their paths"
        others = (Other(None, "pairs.image names the images of one kind"),)
        said.append(Said(path, list(chosen.channels), why, "", others))
    else:
        others = (Other(list(several.channels), f"pairs.image is {several.image}"),)
        said.append(Said(path, None, "one image a case", "", others))
    return said + (_missing(chosen.exclude, chosen.lacking) if chosen.channels else [])


def _without(one: Choice | Described) -> str:
    """Say why cases are excluded."""
    alone = len(one.exclude) - len(one.lacking)
    whys = [f"{alone} images have no mask, or lack one of them"] if alone else []
    if one.lacking:
        whys.append(f"a channel is missing in {some_of(one.lacking)}")
    return "; ".join(whys)


def _missing(exclude: Sequence[str], lacking: Sequence[str]) -> list[Said]:
    """Say what may be done about cases that lack a channel.

    They are excluded: taking them with an empty channel changes how all others are
    trained, too, which leave channels out at random then.
    """
    if not lacking:
        return []
    rest = [name for name in exclude if name not in lacking]
    when = f"they are to be taken with an empty channel; then let exclude be {rest}"
    why = f"what lacks a channel is excluded ({some_of(lacking)})"
    return [Said(("dataset", "missing_channels"), "refuse", why, "", (Other("zero", when),))]


# --- what a dataset.json names --------------------------------------------------------------


@dataclass(frozen=True)
class Described:
    """Channels of a layout that has a place for them.

    Attributes
    ----------
    names : tuple of str
        None where images have one channel.
    exclude, lacking : tuple of str
        As of `Choice`.
    why : str
    """

    names: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    why: str = ""

    @property
    def keys(self) -> dict[str, Any]:
        """As settings of the data set."""
        keys: dict[str, Any] = {"channels": list(self.names)} if self.names else {}
        if self.exclude:
            keys["exclude"] = list(self.exclude)
        return keys

    @property
    def said(self) -> list[Said]:
        """As settings with reasons."""
        said = []
        if self.names:
            said.append(Said(("dataset", "channels"), list(self.names), self.why))
        if self.exclude:
            said.append(Said(("dataset", "exclude"), list(self.exclude), _without(self)))
        return said + _missing(self.exclude, self.lacking)


def described_channels(known: Known, listing: Listing, looker: Looker) -> Described:
    """Return the channels of the images of `msd` and `nnunet`.

    Parameters
    ----------
    known : Known
    listing : Listing
    looker : Looker
        Reads the header of an image of `msd`, as some name there of which modality
        some images are, and others are of another.
    """
    below = f"{known.root}/" if known.root else ""
    texts = _texts(f"{below}dataset.json", listing)
    if known.layout == "nnunet" and known.files:
        number = 1 + max(max(there) for _, there in known.files)
        why = f"images are called CASE_0000 to CASE_{number - 1:04d}"
    elif known.layout == "msd" and known.first:
        header = looker.header(f"{below}{known.first}")
        shape = () if header is None else header.shape
        number = shape[3] if len(shape) == 4 and len(texts) in (0, shape[3]) else 1
        why = f"images such as {known.first} have {number} channels as their fourth axis"
    else:
        return Described()
    if number < 2:
        return Described()
    if len(texts) == number:
        why += "; dataset.json names them"
    else:
        texts = [""] * number
    lacking = _lacking(known, number)
    alone = [name for name, _ in known.files if name not in known.masked]
    exclude = sorted({*lacking, *alone})
    return Described(tuple(safe_channels(texts)), tuple(exclude), tuple(lacking), why)


def _lacking(known: Known, number: int) -> list[str]:
    """Return the cases with a mask that lack a channel."""
    return sorted(
        name for name, there in known.files if len(there) < number and name in known.masked
    )


def _texts(path: str, listing: Listing) -> list[str]:
    """Return what a dataset.json calls the channels, in their order."""
    try:
        description = read_description(listing.root / path)
    except SlicewiseError:
        return []
    for key in ("channel_names", "modality"):
        named = description.get(key) if isinstance(description, dict) else None
        if isinstance(named, dict) and all(str(number).isdecimal() for number in named):
            return [str(named[number]) for number in sorted(named, key=lambda n: int(n))]
    return []
