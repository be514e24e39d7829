"""The layout `bids`, the Brain Imaging Data Structure: images, and masks among its derivatives."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from slicewise.config import Bids, Dataset
from slicewise.config.entities import Kind
from slicewise.dataset.layouts.bids_channels import (
    Channels,
    by_channel,
    drawn_on,
    kinds_there,
    together,
)
from slicewise.dataset.layouts.bids_files import (
    NO_IMAGES,
    RAW,
    SEVERAL_VOLUMES,
    BidsFile,
    called,
    counted,
    in_space_of,
    places_of,
    volumes_of,
)
from slicewise.dataset.layouts.bids_masks import Kinds, choose_masks
from slicewise.dataset.layouts.bids_tables import (
    Participant,
    label_table,
    read_label_names,
    read_participants,
)
from slicewise.dataset.layouts.channels import with_channels
from slicewise.dataset.layouts.found import FoundCase, listed, named_below
from slicewise.errors import SlicewiseError
from slicewise.volumes.described import check_described

_log = logging.getLogger(__name__)

ByImage = dict[BidsFile, list[BidsFile]]
ONLY = ""
"""What the channel of images of one is called here."""


def find(dataset: Dataset, root: Path) -> list[FoundCase]:
    """Find the images of a kind, or of a kind a channel, and the masks drawn on them."""
    bids = dataset.bids or Bids()
    places = {name: volumes_of(place) for name, place in places_of(root).items()}
    images, others = _images(places, bids, root, dataset.channels)
    files = [one for own in images.values() for several in own.values() for one in several]
    masks, kinds = choose_masks(places, files, bids, dataset)
    _check_label_names(masks, dataset, root)
    participants = read_participants(root / "participants.tsv", bids.split)
    of_images = _of_images(masks, images, others, set(dataset.exclude))
    cases = [_case(image, of_images.get(image, []), kinds, participants, root) for image in images]
    if dataset.channels is not None:
        paths = {
            image.name: {name: [one.path for one in several] for name, several in own.items()}
            for image, own in images.items()
        }
        cases = [with_channels(case, paths[case.name], dataset) for case in cases]
    kept = [case for case in cases if case.name not in dataset.exclude]
    if len({case.subset is None for case in kept}) > 1:
        lacking = sorted({str(case.patient) for case in kept if case.subset is None})
        raise SlicewiseError(
            f"{root / 'participants.tsv'}: {bids.split} is given for some subjects only; say it "
            f"for {listed(lacking)}, too, or set dataset.bids.split: null"
        )
    return cases


# --- images --------------------------------------------------------------------------------------


def _images(
    places: Mapping[str, list[BidsFile]], bids: Bids, root: Path, channels: list[str] | None
) -> tuple[Channels, list[BidsFile]]:
    """Return the images that are meant by their channels, and the other files of their place."""
    name = bids.image_from or RAW
    candidates = {
        place: [
            one
            for one in files
            if one.says.suffix not in NO_IMAGES
            and not one.says.bare
            and (bids.image is not None or one.datatype not in SEVERAL_VOLUMES)
        ]
        for place, files in places.items()
    }
    files = candidates.get(name, [])
    if not files:
        others = [place for place, there in candidates.items() if there]
        raise SlicewiseError(
            f"{root}: no image sub-*_*.nii.gz in {called(name)}"
            + (f", and some in {listed([*map(called, others)])}" if others else "")
            + "; choose one in dataset.bids.image_from, or another layout"
        )
    if channels is None:
        images: Channels = {one: {ONLY: [one]} for one in _of_kind(files, bids, name)}
    else:
        images = _of_channels(files, bids, name, channels)
    paths = {one.path for own in images.values() for several in own.values() for one in several}
    twice = _of_one_name([*images])
    if twice:
        raise SlicewiseError(
            f"{listed([str(one.path) for one in twice])}: two files of one name; keep one"
        )
    return images, [one for one in files if one.path not in paths]


def _of_kind(files: list[BidsFile], bids: Bids, place: str) -> list[BidsFile]:
    """Return the images of the kind that is meant, or the only one."""
    chosen = files
    if isinstance(bids.image, str):
        kind = Kind(bids.image)
        chosen = [one for one in files if kind.fits(one.says)]
    if not chosen or len({one.says.suffix for one in chosen}) > 1:
        what = f"no image is {bids.image}" if bids.image else "images of several kinds"
        counts = Counter(one.says.suffix for one in files)
        raise SlicewiseError(
            f"dataset.bids.image: {what} in {called(place)}; there are "
            f"{counted(counts)}: name one of them"
        )
    return chosen


def _of_channels(files: list[BidsFile], bids: Bids, place: str, channels: list[str]) -> Channels:
    """Return the images whose channels are of the kinds that are meant."""
    kinds = kinds_there(bids.image_kinds(channels), files)
    of_channel = by_channel(kinds, files)
    lacking = [channel for channel, images in of_channel.items() if not images]
    if lacking:
        counts = Counter(one.says.suffix for one in files)
        raise SlicewiseError(
            f"dataset.bids.image: no image is {kinds[lacking[0]].text}, the channel {lacking[0]}, "
            f"in {called(place)}; there are {counted(counts)}: name the kind of each channel"
        )
    return together(kinds, of_channel)


def _of_one_name(files: list[BidsFile]) -> list[BidsFile]:
    by_name = defaultdict(list)
    for one in files:
        by_name[one.name].append(one)
    return next((several for several in by_name.values() if len(several) > 1), [])


# --- masks ---------------------------------------------------------------------------------------


def _of_images(
    masks: list[BidsFile], images: Channels, others: list[BidsFile], exclude: set[str]
) -> ByImage:
    """Give each image its masks, and say or refuse what belongs to none."""
    mine: dict[str, Channels] = defaultdict(dict)
    theirs = defaultdict(list)
    for image, own in images.items():
        mine[image.subject][image] = own
    for other in others:
        theirs[other.subject].append(other)
    of_images: ByImage = defaultdict(list)
    elsewhere: ByImage = defaultdict(list)
    lone: list[str] = []
    for mask in masks:
        shown = drawn_on(mask, mine[mask.subject])
        if shown is None:
            if not any(mask.own.items() <= other.own.items() for other in theirs[mask.subject]):
                lone.append(str(mask.path))
        elif any(in_space_of(one, mask) for several in images[shown].values() for one in several):
            of_images[shown].append(mask)
        else:
            elsewhere[shown].append(mask)
    if lone:
        raise SlicewiseError(
            f"{listed(lone)}: mask without its image; add the image, or move the file away"
        )
    _refuse_bare([*images], of_images, elsewhere, exclude)
    return of_images


def _refuse_bare(
    images: list[BidsFile], of_images: ByImage, elsewhere: ByImage, exclude: set[str]
) -> None:
    """Refuse images whose mask lies on another grid."""
    bare = [image for image in images if image not in of_images and image.name not in exclude]
    moved = [mask for image in bare for mask in elsewhere.get(image, [])[:1]]
    if moved:
        raise SlicewiseError(
            f"{listed([str(mask.path) for mask in moved])}: the mask lies in another space than "
            "its image; choose the images of that space in dataset.bids.image_from and image, or "
            "give masks that were drawn on the images"
        )
    aside = [mask for image, masks in elsewhere.items() if image in of_images for mask in masks]
    if aside:
        _log.warning(
            "masks in another space than their image are not read: %s",
            listed([mask.path.name for mask in aside]),
        )


def _without_mask(image: BidsFile) -> str:
    return (
        f"{image.path}: image without mask; add the mask, or list the case in dataset.exclude, as "
        f"[{image.name}]"
    )


def _case(
    image: BidsFile,
    masks: list[BidsFile],
    kinds: Kinds,
    participants: Mapping[str, Participant],
    root: Path,
) -> FoundCase:
    """Put together what belongs to an image."""
    said = participants.get(image.subject, participants[""])
    paths: list[Path] = []
    structures: list[tuple[str, int]] = []
    lacks = "" if masks else _without_mask(image)
    for label, several in kinds.items():
        for kind in several if masks else ():
            fitting = [mask.path for mask in masks if kind.fits(mask.says)]
            if len(fitting) != 1:
                seen = listed([*map(str, fitting)]) or "none"
                wrong = (
                    f"case {image.name}: one mask {kind.text} is needed, and there is {seen}; "
                    "keep one (dataset.bids.mask says which kind), an empty mask if there is "
                    "none of it, or exclude the case"
                )
                if fitting:
                    raise SlicewiseError(wrong)
                lacks = wrong
            paths += fitting
            if label is not None:
                structures.append((label, 1))
    shown = {"image": image.path} | ({"mask": paths[0]} if paths else {})
    return FoundCase(
        image.name,
        (image.path,),
        tuple(paths),
        said.subset,
        image.subject,
        said.columns,
        structures=tuple(structures),
        named=named_below(root, shown),
        lacks=lacks,
    )


def _check_label_names(masks: list[BidsFile], dataset: Dataset, root: Path) -> None:
    """Compare labels with what tables of the masks call their values, each table once."""
    seen = set()
    for mask in masks:
        if mask.says.suffix not in ("dseg", "seg"):
            continue
        path = mask.path
        above = [place for place in path.parents if place.is_relative_to(root)]
        table = label_table(path, above)
        if table is None:
            continue
        names = read_label_names(table)
        if tuple(names.items()) not in seen:
            seen.add(tuple(names.items()))
            described = {str(value): name for value, name in names.items()}
            check_described(dataset.labels, table, {"labels": described})
