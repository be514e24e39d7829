"""Which masks of a BIDS data set are meant: of which place, and of which kind."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from slicewise.config import Bids, Dataset
from slicewise.config.entities import Kind
from slicewise.dataset.layouts.bids_files import MASKS, RAW, BidsFile, called, counted
from slicewise.dataset.layouts.found import listed
from slicewise.errors import SlicewiseError
from slicewise.volumes.described import folded

_log = logging.getLogger(__name__)

Kinds = Mapping[str | None, list[Kind]]
"""Kinds of mask files by label; those of all labels by None."""


def choose_masks(
    places: Mapping[str, list[BidsFile]], images: list[BidsFile], bids: Bids, dataset: Dataset
) -> tuple[list[BidsFile], Kinds]:
    """Return the masks that are meant of images (all files of these), and their kinds by label."""
    types = {"", *(image.datatype for image in images)}
    contrasts = {None, *(image.says.suffix for image in images)}
    there = {
        place: [
            one
            for one in files
            if one.is_mask and one.datatype in types and one.contrast in contrasts
        ]
        for place, files in places.items()
    }
    given = _given(bids)
    fitting = {
        place: [one for one in files if given is None or _is_any(one, given)]
        for place, files in there.items()
    }
    place = _place(there, fitting, bids)
    masks = fitting[place]
    if given is None:
        given = _guessed(masks, called(place), dataset)
        masks = [one for one in masks if _is_any(one, given)]
    return masks, given


def _given(bids: Bids) -> Kinds | None:
    if bids.masks is not None:
        several = {
            label: kinds if isinstance(kinds, list) else [kinds]
            for label, kinds in bids.masks.items()
        }
        return {label: [*map(Kind, kinds)] for label, kinds in several.items()}
    return None if bids.mask is None else {None: [Kind(bids.mask)]}


def _is_any(mask: BidsFile, kinds: Kinds) -> bool:
    return any(kind.fits(mask.says) for several in kinds.values() for kind in several)


def _place(
    there: Mapping[str, list[BidsFile]], fitting: Mapping[str, list[BidsFile]], bids: Bids
) -> str:
    """Return where the masks are."""
    places = [place for place, masks in fitting.items() if masks]
    if bids.mask_from is not None:
        if bids.mask_from not in places:
            raise SlicewiseError(
                f"dataset.bids.mask_from: no such mask in {called(bids.mask_from)}; masks are in "
                f"{listed(places) or 'no place'}"
            )
        return bids.mask_from
    if not places:
        kinds = Counter(one.kind for masks in there.values() for one in masks)
        raise SlicewiseError(
            "dataset.bids: no mask of these images is found"
            + (f" of the kind that is asked for; there are {counted(kinds)}" if kinds else "")
            + f"; masks are files *_{', *_'.join(MASKS)} below derivatives/ or beside the images"
        )
    if len(places) > 1:
        counts = {place: len(fitting[place]) for place in places}
        raise SlicewiseError(
            f"dataset.bids.mask_from: masks are in several places, {counted(counts)}; name one "
            f"of them (these are folders of derivatives; {RAW} is the data set itself)"
        )
    return places[0]


def _guessed(masks: list[BidsFile], place: str, dataset: Dataset) -> Kinds:
    """Return the only kind of masks, or that of each label by its name."""
    counts = Counter(one.kind for one in masks)
    if len(counts) == 1 and not _needs_a_value(masks[0], dataset):
        return {None: [Kind(next(iter(counts)))]}
    of_labels: dict[str | None, list[Kind]] = {}
    for label in dataset.labels:
        named = {
            one.kind
            for one in masks
            if one.says.suffix != "dseg"
            and folded(one.says.values.get("label", "")) == folded(label)
        }
        if len(named) != 1:
            what = "several kinds of files" if named else "no file"
            raise SlicewiseError(
                f"dataset.bids.mask: {what} of the label {label} in {place}; there are "
                f"{counted(counts)}: name one kind in mask, or one for each label in masks; each "
                "is a suffix after entities that it has to have"
            )
        of_labels[label] = [Kind(named.pop())]
    several = [label for label in of_labels if not isinstance(dataset.labels[str(label)], int)]
    if several:
        raise SlicewiseError(
            f"dataset.labels.{several[0]}: must be one mask value, which the voxels of its file "
            f"({of_labels[several[0]][0].text}) get; split it into labels of one value"
        )
    used = {kind.text for kinds in of_labels.values() for kind in kinds}
    unused = {kind: number for kind, number in counts.items() if kind not in used}
    if unused:
        _log.warning(
            "%s: masks whose name is none of dataset.labels are not read: %s",
            place,
            counted(unused),
        )
    return of_labels


def _needs_a_value(mask: BidsFile, dataset: Dataset) -> bool:
    """Tell whether a mask shows one of several labels, or one whose value is not its voxels'."""
    if mask.says.suffix == "dseg" or "label" not in mask.says.values:
        return False
    return [*dataset.labels.values()] not in ([1], [[1]])
