"""The layout of a folder, tried: one that finds cases, or a table that names them."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from slicewise.config import Dataset
from slicewise.dataset.case import Case
from slicewise.dataset.finding import find_cases
from slicewise.dataset.layouts.dicom import HASHED
from slicewise.dataset.names import find_alike, stems_of
from slicewise.errors import SlicewiseError
from slicewise.survey import bids, bids_channels, dicom_channels
from slicewise.survey import channels as of_channels
from slicewise.survey.arrangement import Arrangement, Images, Row, arranged, starred
from slicewise.survey.channels import Choice, described_channels
from slicewise.survey.further import with_further
from slicewise.survey.kinds import MOST, kinds_of
from slicewise.survey.known import Known, known_layouts, looks_like
from slicewise.survey.listing import SERIES, Listing
from slicewise.survey.looking import Looker
from slicewise.survey.matching import matched
from slicewise.survey.naming import structure_names
from slicewise.survey.organs import organs_of
from slicewise.survey.pairing import framed, pairings
from slicewise.survey.said import Other, Said, some_of
from slicewise.survey.words import words_of
from slicewise.volumes.dicom.annotations import annotation_kind
from slicewise.volumes.frames import labelled_frames
from slicewise.wording import plural

TRIES = 200
"""Choices of images and masks of a BIDS data set that are tried."""
EXCLUDE = ("dataset", "exclude")
TEMPLATES = re.compile(r"(?:fsaverage|cvs_avg35)\w*")
"""What FreeSurfer calls average subjects."""
SPELLINGS = "different_patients"
"""What the refusal of patients that look alike names."""
ALIKE = Said(
    ("dataset", SPELLINGS),
    [],
    "names of patients differ in leading zeros, case or signs only, which runs refuse until they "
    "are spelt in one way or listed here",
    "Are patients whose names differ so little different ones?",
    (Other("all", "they are different patients"),),
)
"""What is said of such patients."""


@dataclass(frozen=True)
class Layout:
    """A layout that finds the cases of a folder.

    Attributes
    ----------
    said : tuple of Said
        Settings of the files' arrangement.
    cases : tuple of Case
        What it finds.
    structures : tuple of str
        Labels whose masks are files or folders of their own.
    table : str
        A table that has to be written for it, or nothing.
    arrangement : Arrangement or None
        Where names were not those of a layout.
    notes : tuple of str
        What was left aside.
    """

    said: tuple[Said, ...]
    cases: tuple[Case, ...]
    structures: tuple[str, ...] = ()
    table: str = ""
    arrangement: Arrangement | None = None
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """How many channels images have."""
        return len(self.cases[0].channels) or 1

    @property
    def name(self) -> str:
        """What `dataset.layout` is."""
        return next(one.value for one in self.said if one.path[-1] == "layout")


def layout_of(
    listing: Listing, looker: Looker, root: str, image: Any = None, mask: str = ""
) -> Layout:
    """Find the layout of a folder.

    Parameters
    ----------
    listing : Listing
    looker : Looker
    root : str
        How `dataset.root` names the folder, or its whole path.
    image : str or dict, optional
        As `dataset.pairs.image` or `dataset.dicom.image`: which of several kinds of images to
        take; "" of an archive is the series with the mask alone.
    mask : str, optional
        As `dataset.pairs.mask`: which of several kinds of masks to take.

    Returns
    -------
    Layout

    Raises
    ------
    SlicewiseError
        When none finds images with masks; it says what the folder looks like.
    """
    for known in known_layouts(listing):
        layout = _try_known(known, listing, looker, root)
        if layout is not None and known.unlisted:
            return _with_tested(layout, partial(_by_names, listing, looker, root, image, mask))
        if layout is not None:
            return layout
    return _by_names(listing, looker, root, image, mask)


def _with_tested(layout: Layout, by_names: Callable[[], Layout]) -> Layout:
    """Return what names find where these are the same cases and others to test on."""
    try:
        other = by_names()
    except SlicewiseError:
        return layout
    found = {case.image for case in other.cases if case.subset != "test"}
    tested = any(case.subset == "test" for case in other.cases)
    same = found == {case.image for case in layout.cases} and other.channels == layout.channels
    return other if tested and same else layout


def _by_names(listing: Listing, looker: Looker, root: str, image: Any, mask: str) -> Layout:
    """Find a layout by names that no description lists, as `layout_of`."""
    layout = _try_bids(listing, looker, root, image)
    if layout is not None:
        return layout
    best = _arranged(listing, looker, mask)
    if best is not None and best.patterns:
        choices = _wanted(of_channels.choices_of(best, looker), image)
        ways = [[one, *(each for each in choices if each is not one)] for one in choices]
        tried = (_try_pairs(best, listing, root, way) for way in ways)
        layout = next((each for each in tried if each is not None), None)
    layout = _try_dicom(listing, looker, root, layout, image) or layout
    if layout is not None:
        return layout
    if best is not None:
        return _as_table(best, listing, of_channels.channels_of_table(best, looker))
    layout = _try_frames(listing, looker)
    if layout is not None:
        return layout
    by_words = matched(kinds_of(listing.entries, channels=True), looker)
    if by_words is None:
        raise _nothing(listing, looker)
    return _as_table(by_words, listing)


def _arranged(listing: Listing, looker: Looker, mask: str) -> Arrangement | None:
    """Return the arrangement of most cases, be a number in names a channel's or a case's."""
    for most in (MOST, 1):
        options = []
        for channels in (True, False):
            kinds = kinds_of(listing.entries, channels=channels, most=most)
            arrangement = arranged(pairings(kinds, looker, starred(mask)), starred(mask))
            if arrangement is not None:
                options.append(with_further(arrangement, listing, looker))
        if options:
            return max(options, key=lambda one: len(one.rows))
    return None


def _nothing(listing: Listing, looker: Looker) -> SlicewiseError:
    if listing.pictures:
        return SlicewiseError(
            f"{listing.root}: its images are pictures, such as {listing.pictures[0]}, which tell "
            "neither intensities nor millimetres; take the DICOM series that they were made from "
            "(their masks may stay PNG), or put the slices of each scan into one NIfTI, NRRD or "
            "MetaImage volume, with its mask as another"
        )
    frames = [p for p, h in looker.seen_headers.items() if len(h.shape) > 3]
    more = f"; {len(frames)} files such as {frames[0]} have four dimensions" if frames else ""
    packed = listing.packed
    faults = {path: fault for path, fault in looker.faults.items() if path not in packed}
    unread = next(iter(faults.values()), "")
    more += f"; the first that could not be read: {unread}" if unread and not frames else ""
    seen = ((path, looker.known(path)) for path in sorted(looker.glanced))
    soft = [f"{path} (0 and {one.high:.6g})" for path, one in seen if one and one.is_unrounded]
    more += f"; masks are to hold whole numbers, unlike {soft[0]}" if soft else ""
    more += f"; they may be packed in {some_of(packed)}, to be unpacked first" if packed else ""
    return SlicewiseError(
        f"{listing.root}: no images with masks of the same cases were found; {looks_like(listing)}"
        f"{more}; give each image a mask, both as 3-D volumes, or name the files in a table "
        "(layout: table in docs/data.md)"
    )


def _cases(keys: Mapping[str, Any], listing: Listing) -> tuple[list[Case], list[Said]]:
    """Return the cases that settings find, and what has to be said of their patients' names."""
    try:
        return find_cases(Dataset(name="x", **keys), listing.root), []
    except SlicewiseError as error:
        if SPELLINGS not in str(error):
            raise
    dataset = Dataset(name="x", different_patients="all", **keys)
    return find_cases(dataset, listing.root), [ALIKE]


def _wanted(choices: list[Choice], image: Any) -> list[Choice]:
    """Put the choice first that somebody has made."""
    return sorted(choices, key=lambda choice: image is None or choice.image != image)


def _try_known(known: Known, listing: Listing, looker: Looker, root: str) -> Layout | None:
    labels: dict[str, Any] = {"label_1": 1}
    structures: list[str] = []
    if known.layout == "ircad":
        structures = organs_of(listing.root / known.root)
        labels = {f"organ{n}": name for n, name in enumerate(structures)}
    try:
        keys = {"layout": known.layout, "root": known.root or ".", "labels": labels}
        if known.lists:
            keys["msd"] = {"train": "training", **{k: list(v) for k, v in known.lists.items()}}
        described = described_channels(known, listing, looker)
        keys |= described.keys
        cases, spelt = _cases(keys, listing)
    except (SlicewiseError, ValueError):
        return None
    said = (
        Said(("dataset", "layout"), known.layout, known.why),
        Said(("dataset", "root"), f"{root}/{known.root}" if known.root else root, ""),
        *described.said,
        *spelt,
        *_lists(known, cases),
    )
    return Layout(said, tuple(cases), tuple(structures))


def _lists(known: Known, cases: Sequence[Case]) -> list[Said]:
    """Return which lists of dataset.json are trained and tested on, where there are several."""
    if not known.lists:
        return []
    number = Counter(case.subset for case in cases)
    block = ("dataset", "msd")
    said = [Said((*block, "train"), "training", f"{number['train']} cases")]
    for subset, lists in known.lists.items():
        why = f"{sum(case.subset == subset for case in cases)} more cases with masks"
        said.append(Said((*block, subset), list(lists), why))
    return said


def _try_dicom(
    listing: Listing, looker: Looker, root: str, pairs: Layout | None, image: Any
) -> Layout | None:
    """Return the layout `dicom` where headers tell which masks were drawn on which series.

    Where names told it, too, only if headers find more cases or channels, or names of
    folders tell who the patients are: that layout calls nobody by them.
    """
    if pairs is not None and annotation_kind(pairs.cases[0].mask[0]) is None:
        return None
    if not any(entry.drawn or entry.suffix == SERIES for entry in listing.entries):
        return None
    keys: dict[str, Any] = {"layout": "dicom", "root": ".", "labels": {"label_1": 1}}
    try:
        cases, spelt = _cases(keys, listing)
    except (SlicewiseError, ValueError):
        return None
    hidden = any(case.name.startswith(HASHED) for case in cases)
    beside = dicom_channels.beside(looker)
    more = len(cases) > len(pairs.cases) if pairs is not None else True
    channels = beside is not None and pairs is not None and not _asks_channels(pairs)
    if not (more or channels or hidden):
        return None
    why = f"headers of DICOM tell which masks were drawn on which of {len(cases)} series"
    said = (Said(("dataset", "layout"), "dicom", why), Said(("dataset", "root"), root, ""), *spelt)
    layout = Layout(said, tuple(cases))
    return layout if beside is None else _with_series(layout, keys, looker, beside, image)


def _asks_channels(layout: Layout) -> bool:
    """Tell whether images of a layout have channels, or it says that they may have."""
    return any(one.path == dicom_channels.CHANNELS for one in layout.said)


def _with_series(
    layout: Layout,
    keys: dict[str, Any],
    looker: Looker,
    beside: dicom_channels.Beside,
    image: Any,
) -> Layout:
    """Return a layout with other series of its studies as channels, or as another choice."""
    chosen = image is not None
    together = image != dicom_channels.ALONE if chosen else beside.together
    if not together:
        return replace(layout, said=(*layout.said, *beside.said(together=False)))
    cases = find_cases(Dataset(name="x", **{**keys, **beside.keys}), looker.root)
    said = (*layout.said, *beside.said(together=True))
    return replace(layout, said=said, cases=tuple(cases))


def _try_bids(listing: Listing, looker: Looker, root: str, image: Any) -> Layout | None:
    """Return the layout `bids` with the first choice of images and masks that it takes."""
    below = bids.root_of(listing)
    if below is None:
        return None
    off_grid = None
    for block, named in itertools.islice(bids.blocks_of(listing, below), TRIES):
        if isinstance(image, str) and block.get("image") != image:
            continue
        labels = named or {"label_1": 1}
        keys: dict[str, Any] = {"layout": "bids", "root": below or ".", "labels": labels}
        if named:
            block = {**block, "overlaps": "later"}
        if block:
            keys["bids"] = block
        try:
            cases, spelt = _cases(keys, listing)
        except (SlicewiseError, ValueError):
            continue
        masked = [case for case in cases if not case.lacks]
        number = plural(len(masked), "image")
        said = [
            Said(("dataset", "layout"), "bids", f"folders sub-… with masks of {number}"),
            Said(("dataset", "root"), f"{root}/{below}" if below else root, ""),
            *spelt,
        ]
        why = "there are several kinds, and these have masks"
        said += [Said(("dataset", "bids", key), value, why) for key, value in block.items()]
        layout = Layout(tuple(said), tuple(cases), tuple(named))
        pair = [masked[0].image[0], masked[0].mask[0]]
        names = [path.relative_to(looker.root).as_posix() for path in pair]
        if looker.on_grid(*names) is not False:
            channels = None if isinstance(image, str) else _with_bids_channels(layout, keys, looker)
            return channels or layout
        off_grid = off_grid or layout
    return off_grid


def _with_bids_channels(layout: Layout, keys: dict[str, Any], looker: Looker) -> Layout | None:
    """Return a layout with the other sequences of its images as channels, if there are any."""
    channels = bids_channels.beside(layout.cases, looker)
    if not channels.names:
        return None
    more = bids_channels.keys_of(channels)
    block = {**keys.get("bids", {}), **more["bids"]}
    try:
        cases = find_cases(Dataset(name="x", **{**keys, **more, "bids": block}), looker.root)
    except (SlicewiseError, ValueError):
        return None
    said = [one for one in layout.said if one.path != bids_channels.IMAGE]
    return replace(layout, said=(*said, *bids_channels.said_of(channels)), cases=tuple(cases))


def _try_pairs(
    arrangement: Arrangement, listing: Listing, root: str, choices: Sequence[Choice]
) -> Layout | None:
    """Return the layout `pairs` if its patterns find just the cases that were seen.

    Of several choices of images, the first is taken, and the others are named.
    """
    chosen = choices[0]
    names = _names_of(arrangement)
    labels = {name: n for n, name in enumerate(names, start=1)} or {"label_1": 1}
    pairs: dict[str, Any] = {"image": chosen.image}
    if names:
        pairs["masks"] = dict(zip(names, arrangement.masks, strict=True))
        pairs["overlaps"] = "later"
    else:
        pairs["mask"] = arrangement.masks[0]
        if annotation_kind(listing.root / arrangement.rows[0].masks[0]) is not None:
            pairs["overlaps"] = "later"
    pairs["train"] = arrangement.folders["train"] or None
    pairs["test"] = arrangement.folders.get("test")
    keys: dict[str, Any] = {"layout": "pairs", "root": ".", "labels": labels, "pairs": pairs}
    if chosen.exclude:
        keys["exclude"] = list(chosen.exclude)
    if chosen.channels:
        keys["channels"] = list(chosen.channels)
    try:
        cases, spelt = _cases(keys, listing)
    except (SlicewiseError, ValueError):
        return None
    seen = {row.case for row in arrangement.rows}
    if chosen.image == arrangement.image and {case.name for case in cases} != seen:
        return None
    if chosen.channels and {case.name for case in cases} != _whole(arrangement, chosen):
        return None
    said = [
        Said(("dataset", "layout"), "pairs", f"{len(cases)} images with masks of the same names"),
        Said(("dataset", "root"), root, ""),
        *of_channels.said_of(chosen, choices),
        *spelt,
        *_pairs_said(pairs, arrangement, choices),
    ]
    return Layout(tuple(said), tuple(cases), tuple(names), "", arrangement)


def _names_of(arrangement: Arrangement) -> list[str]:
    """Return the labels of masks that lie in a file each."""
    return structure_names(arrangement.masks) if len(arrangement.masks) > 1 else []


def _whole(arrangement: Arrangement, chosen: Choice) -> set[str]:
    """Return the cases that have a mask and all channels."""
    return set(arrangement.masked) - set(chosen.exclude)


def _pairs_said(
    pairs: Mapping[str, Any], arrangement: Arrangement, choices: Sequence[Choice]
) -> list[Said]:
    rows = arrangement.rows
    block = ("dataset", "pairs")
    why = f"many values, such as {rows[0].image}"
    question = "Which images are to be segmented?" if len(choices) > 1 else ""
    if any(choice.channels for choice in choices):
        question = "Which images are to be segmented, one a case or several as its channels?"
    if choices[0].channels:
        why = f"{choices[0].when}; many values, such as {rows[0].image}"
    others = tuple(Other(choice.image, choice.when) for choice in choices[1:])
    said = [Said((*block, "image"), pairs["image"], why, question, others)]
    if "mask" in pairs:
        why = f"few whole values in patches, such as {rows[0].masks[0]}"
        others = tuple(Other(mask, "these masks are meant") for mask in arrangement.readings)
        others += tuple(
            Other(mask, f"these masks are meant, with image: {image}")
            for mask, image in arrangement.instead
        )
        asks = others and not question
        question = "Which masks are the ground truth?" if asks else ""
        said.append(Said((*block, "mask"), pairs["mask"], why, question, others))
    train = len([row for row in rows if row.subset != "test"])
    if pairs["test"] is None:
        said.append(Said((*block, "train"), pairs["train"], "the folder of all cases"))
        said.append(Said((*block, "test"), None, "no folder of its own, so the split is drawn"))
    else:
        train = len([row for row in rows if row.image.startswith(f"{pairs['train']}/")])
        said.append(Said((*block, "train"), pairs["train"], plural(train, "case")))
        rest = f"{plural(len(rows) - train, 'case')}, tested on and not trained on"
        said.append(Said((*block, "test"), pairs["test"], rest))
    if "masks" not in pairs and pairs.get("overlaps"):
        why = "of two segments in a voxel, the one that labels names later has it"
        said.append(Said((*block, "overlaps"), "later", why))
    if "masks" in pairs:
        why = "of two structures in a voxel, the one that labels names later has it"
        said.append(Said((*block, "overlaps"), "later", why))
        said += [
            Said((*block, "masks", name), pattern, "") for name, pattern in pairs["masks"].items()
        ]
    return said


def _try_frames(listing: Listing, looker: Looker) -> Layout | None:
    """Return a table of the frames of 4-D images whose masks hold anything."""
    arrangement = arranged(framed(kinds_of(listing.entries, channels=True), looker))
    if arrangement is None:
        return None
    rows: list[Row] = []
    unread = 0
    whose = stems_of(row.case for row in arrangement.rows)
    for row in arrangement.rows:
        if looker.is_late:
            unread += 1
            continue
        for frame in labelled_frames(listing.root / row.masks[0]):
            name = f"{row.case}_frame{frame:02d}"
            patient = row.patient or whose[row.case]
            rows.append(replace(row, case=name, patient=patient, frame=frame))
    widened = replace(arrangement, rows=tuple(rows), tells_patient=True)
    note = f"{unread} files of four dimensions were not looked at in time, and are left out."
    made = _as_table(widened, listing)
    return replace(made, notes=(*made.notes, note)) if unread else made


# --- a table --------------------------------------------------------------------------------


def _as_table(
    arrangement: Arrangement, listing: Listing, channels: Mapping[str, Images] | None = None
) -> Layout:
    """Return the layout `table` with a table of the cases that were seen."""
    channels = channels or {}
    if len(arrangement.masks) > 1:
        raise SlicewiseError(
            f"{listing.root}: each label has a mask file of its own, and no pattern of paths tells "
            f"the cases apart ({some_of([row.image for row in arrangement.rows])}); let the files "
            "of a case lie in a folder of its own"
        )
    rows = arrangement.rows
    called = [row.case for row in rows]
    if not any(row.patient for row in rows) and find_alike({*called}, []):
        # names of cases are told apart by numbers, which would hide that people are called alike
        rows = tuple(replace(row, patient=row.case) for row in rows)
    whole = [row for row in rows if all(row.case in each.paths for each in channels.values())]
    text = table_text(whole, listing.root, {n: each.paths for n, each in channels.items()})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.tsv"
        path.write_text(text, encoding="utf-8")
        keys: dict[str, Any] = {"layout": "table", "root": str(path), "labels": {"label_1": 1}}
        if channels:
            keys["channels"] = list(channels)
        cases, spelt = _cases(keys, listing)
    how = "matched by what their names share: look through" if arrangement.by_words else "in"
    why = f"{len(cases)} pairs that no pattern of paths names, {how} the table beside this file"
    said = [Said(("dataset", "layout"), "table", why), *spelt]
    if channels:
        why = "images on the same voxels, with the same masks: a column image_… each in the table"
        said.append(Said(("dataset", "channels"), list(channels), why))
    notes = [
        f"Left aside, although the same {these}: {pattern}; a table may name them instead."
        for these, patterns in (
            ("masks fit them", () if channels else arrangement.rivals),
            ("images have them, too", arrangement.readings),
        )
        for pattern in patterns
    ]
    if arrangement.alone:
        number = plural(len(arrangement.alone), "image has", "images have")
        notes.append(f"Left aside: {number} no mask, {some_of(arrangement.alone)}.")
    if len(whole) < len(rows):
        lacking = some_of([row.case for row in rows if row not in whole])
        notes.append(f"Left aside, as a channel is missing: {lacking}.")
    return Layout(tuple(said), tuple(cases), (), text, arrangement, tuple(notes))


def table_text(
    rows: Sequence[Row], root: Path, channels: Mapping[str, Mapping[str, str]] | None = None
) -> str:
    """Return a table of cases, with names that are safe in file names.

    Parameters
    ----------
    rows : sequence of Row
    root : Path
    channels : mapping of str to mapping of str to str, optional
        By channel, the image of each case, in place of the one of its row.
    """
    channels = channels or {}
    names = _safe([row.case for row in rows])
    patients = [row.patient for row in rows]
    columns = ["case", *(f"image_{name.lower()}" for name in channels), "mask"]
    if not channels:
        columns.insert(1, "image")
    tells = any(patients)
    placed = any(row.subset for row in rows)
    if tells:
        columns.append("patient")
    if placed:
        columns.append("subset")
    framed_rows = any(row.frame is not None for row in rows)
    if framed_rows:
        columns.append("frame")
    tested = any(row.subset == "test" for row in rows)
    lines = ["\t".join(columns)]
    for name, row in zip(names, rows, strict=True):
        images = [paths[row.case] for paths in channels.values()] or [row.image]
        cells = [name, *(str(root.absolute() / path) for path in (*images, row.masks[0]))]
        if tells:
            cells.append(row.patient)
        if placed:
            cells.append(subset_in_table(row.subset, tested=tested))
        if framed_rows:
            cells.append("" if row.frame is None else str(row.frame))
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def subset_in_table(given: str, *, tested: bool) -> str:
    """Return what a table says of a subset: who validates is tested on where nobody else is."""
    if given == "validation":
        return given if tested else "test"
    return given or "train"


def _safe(names: Sequence[str]) -> list[str]:
    """Return names of letters, digits and signs that no file system minds, each once."""
    safe: list[str] = []
    taken = set()
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-") or "case"
        number = 1
        candidate = plain
        while candidate.lower() in taken:
            number += 1
            candidate = f"{plain}_{number}"
        taken.add(candidate.lower())
        safe.append(candidate)
    return safe


def without_templates(layout: Layout) -> Layout:
    """Return a layout without the average subjects that FreeSurfer puts beside those of a study."""
    templates = [case.name for case in layout.cases if TEMPLATES.fullmatch(case.name)]
    why = "an average of subjects that FreeSurfer brings along, and no patient"
    return _without(layout, templates, f"{', '.join(templates)}: {why}")


def without_lacking(layout: Layout) -> Layout:
    """Return a layout without the cases that lack their mask, or one of several."""
    lacking = [case.name for case in layout.cases if case.lacks]
    one = "image has no mask, or lacks one of them"
    several = "images have no mask, or lack one of them"
    return _without(layout, lacking, plural(len(lacking), one, several))


def _without(layout: Layout, names: Sequence[str], why: str) -> Layout:
    """Exclude cases by name, beside those that are excluded already."""
    if not names:
        return layout
    before = next((one for one in layout.said if one.path == EXCLUDE), Said(EXCLUDE, [], ""))
    whole = f"{before.why}; {why}" if before.why else why
    said = [one for one in layout.said if one.path != EXCLUDE]
    said.append(replace(before, value=[*before.value, *names], why=whole))
    cases = tuple(case for case in layout.cases if case.name not in names)
    return replace(layout, said=tuple(said), cases=cases)


def told_of(listing: Listing, paths: Sequence[str]) -> set[str]:
    """Return the words for modalities in the names of folder and files."""
    known = {"ct", "mr", "mri", "pet", "us", "flair", "suv"}
    words = {word for path in [listing.root.name, *paths] for word in words_of(path)}
    return words & known
