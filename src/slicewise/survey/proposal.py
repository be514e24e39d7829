"""All settings that follow from a look at a folder, in the order of a configuration."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from slicewise.config import Effort
from slicewise.dataset.proposal import Plan
from slicewise.errors import SlicewiseError
from slicewise.files import refuse_no_text
from slicewise.survey import content, labels
from slicewise.survey.archive import labels_of_archive
from slicewise.survey.beside import PATIENT, with_tables
from slicewise.survey.extents import extents_of_files, extents_of_segments
from slicewise.survey.hidden import with_folders
from slicewise.survey.kinds import kinds_of
from slicewise.survey.known import Known, known_layouts
from slicewise.survey.layout import (
    Layout,
    layout_of,
    told_of,
    without_lacking,
    without_templates,
)
from slicewise.survey.listing import Listing, list_folder
from slicewise.survey.looking import PATIENCE, Looker
from slicewise.survey.naming import word_of_mask
from slicewise.survey.organs import sizes_of
from slicewise.survey.pairing import sorted_out
from slicewise.survey.said import Said, some_of
from slicewise.survey.sample import Sample, path_of, sampled
from slicewise.survey.training import as_settings, planned, training_cases
from slicewise.survey.words import subset_of
from slicewise.survey.writing import in_blocks
from slicewise.volumes.described import read_description
from slicewise.volumes.dicom.png import is_png_stack
from slicewise.volumes.structures import grouped
from slicewise.wording import plural

TOGETHER = 8
"""Folders of several cases each, which are named where they are taken together, at most."""


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a folder.

    Attributes
    ----------
    said : tuple of Said
        The settings.
    head : tuple of str
        What the comment at the top says.
    table : str
        A table that has to be written beside the configuration, or nothing.
    aside : tuple of str
        What was left aside; the comment has it, too.
    """

    said: tuple[Said, ...]
    head: tuple[str, ...]
    table: str = ""
    aside: tuple[str, ...] = ()


def propose(
    folder: Path,
    name: str,
    root: str,
    effort: Effort = "laptop",
    patience: float = PATIENCE,
    *,
    image: Any = None,
    mask: str = "",
) -> Proposal:
    """Look at a folder and propose a configuration.

    Parameters
    ----------
    folder : Path
        It is only read.
    name : str
        Of the data set.
    root : str
        How `dataset.root` names the folder.
    effort : {"quick", "laptop", "workstation", "gpu"}
        What a training may cost.
    patience : float
        Seconds for the voxels of a sample.
    image : str or dict, optional
        As `dataset.pairs.image`: which of several kinds of images to take.
    mask : str, optional
        As `dataset.pairs.mask`: which of several kinds of masks to take.

    Returns
    -------
    Proposal

    Raises
    ------
    SlicewiseError
        When no layout fits; it says what the folder looks like.
    """
    listing = _listed(folder)
    looker = Looker(folder, patience)
    found = without_templates(without_lacking(layout_of(listing, looker, root, image, mask)))
    layout = with_folders(with_tables(found, listing, root), folder)
    sample = _sample(layout, looker)
    files = _content(layout, listing, looker, sample)
    left = _left(layout, listing, looker)
    said = [
        Said(("dataset", "name"), name, "of the folder; results/ and MLflow know it by this name"),
        *layout.said,
        *files,
        *_split(layout, left),
        *as_settings(_plan(layout, files, looker, effort)),
    ]
    aside = _aside(layout, listing, left)
    head = (
        f"Written by slicewise init from the folder {folder.name}: behind each value stands what",
        f"it follows from. Looked at: names of all files, {sample.words}.",
        "Every setting is described in docs/settings.md.",
        *aside,
    )
    return Proposal(tuple(in_blocks(said)), head, layout.table, aside)


def _sample(layout: Layout, looker: Looker) -> Sample:
    # what DICOM has of masks names its segments, and is read with its image only
    in_masks = not layout.structures and layout.name != "dicom"
    return sampled(layout.cases, looker, masks=in_masks, structures=bool(layout.structures))


def _plan(layout: Layout, files: Sequence[Said], looker: Looker, effort: Effort) -> Plan:
    intensity = next(one.value for one in files if one.path[-1] == "intensity")
    contiguous = next(one.value for one in files if one.path[-1] == "contiguous")
    named = [one for one in files if one.path[:2] == ("dataset", "labels")]
    regions = [one for one in files if one.path[:2] == ("dataset", "regions")]
    ignore = next((one.value for one in files if one.path == ("dataset", "ignore")), None)
    return planned(
        training_cases(layout.cases, named, looker, ignore),
        len(layout.cases),
        intensity,
        effort,
        contiguous=contiguous,
        labels=len(regions or named),
        channels=layout.channels,
    )


def _of_words(layout: Layout) -> list[str]:
    """Say which words are taken for patients whose scans are numbers, as they may be places."""
    if layout.arrangement is None or not layout.arrangement.tells_patient:
        return []
    rows = layout.arrangement.rows
    if not all(row.case.removeprefix(f"{row.patient}_").isdigit() for row in rows):
        return []
    patients = sorted({row.patient for row in rows})
    if any(letter.isdigit() for patient in patients for letter in patient):
        return []
    return [
        f"Taken for patients with several scans each: {some_of(patients)}; if these are places of "
        "several patients each, say in a table whose the cases are (layout: table in docs/data.md)."
    ]


def _together(layout: Layout) -> list[str]:
    """Say which folders are taken together: one may be to test on, or have other labels."""
    arrangement = layout.arrangement
    if arrangement is None or not layout.cases or any(case.subset for case in layout.cases):
        return []
    stars = [n for n, part in enumerate(arrangement.image.split("/")[::-1]) if part == "*"]
    folders = [row.image.split("/")[::-1] for row in arrangement.rows]
    for star in stars:
        held = Counter(names[star] for names in folders if len(names) > star)
        # folders that are numbered are parts of one thing
        called = {re.sub(r"\d+", "", name) for name in held}
        if 1 < len(held) <= TOGETHER and len(called) == len(held) < len(folders):
            which = ", ".join(f"{name} ({plural(held[name], 'case')})" for name in sorted(held))
            return [
                f"Taken together, as one data set: {which}; if one is to be tested on, let "
                "dataset.pairs.train and dataset.pairs.test name them in place of the *, and if "
                "labels mean something else in one, give slicewise init each alone."
            ]
    return []


def _aside(layout: Layout, listing: Listing, left: _Left) -> tuple[str, ...]:
    """Say what is told in the last lines: what was taken for what, and what was not taken."""
    return (
        *layout.notes,
        *_of_words(layout),
        *_together(layout),
        *_not_cases(layout),
        *_left_masks(layout, left),
        *_left_data(left),
        *_unfinished(layout, listing),
    )


def _unfinished(layout: Layout, listing: Listing) -> list[str]:
    """Say which archives were not looked into, and which downloads have not ended."""
    used = {path.as_posix() for path in _within(layout, listing)}
    # patients of IRCAD are archives, beside others of theirs
    zipped = [] if layout.name == "ircad" else [path for path in listing.packed if path not in used]
    said = []
    if zipped:
        said.append(
            f"Not looked into: {some_of(zipped)}; where scans or masks are packed there, unpack "
            "them, and run this again with --force."
        )
    if unfinished := listing.unfinished:
        said.append(
            f"Left aside, as a download has not ended: {some_of(unfinished)}; end it, and "
            "run this again with --force."
        )
    return said


def _not_cases(layout: Layout) -> list[str]:
    """Say which images with masks are not among the cases, and which masks are not."""
    arrangement = layout.arrangement
    if arrangement is None:
        return []
    why = (
        "of another modality or view, with other labels, or called otherwise; a configuration of "
        "their own, or a table of all cases, takes them"
    )
    said = [f"Left aside, although they have masks: {path}, {why}." for path in arrangement.aside]
    if arrangement.partial:
        which = some_of(arrangement.partial)
        said.append(f"Left aside, as many cases have no such mask: {which}.")
    if arrangement.empty:
        which = some_of(arrangement.empty)
        said.append(f"Left aside, as nothing is drawn in those that were looked at: {which}.")
    return said


def _files_of(layout: Layout) -> list[Path]:
    return [path for case in layout.cases for path in (*case.image, *case.mask)]


@dataclass(frozen=True)
class _Left:
    """What is not taken: masks that belong to no case, and other data sets."""

    masks: list[str]
    data: list[Known]


def _left(layout: Layout, listing: Listing, looker: Looker) -> _Left:
    data = _other_data(layout, listing)
    return _Left(_of_no_case(layout, listing, data, looker), data)


def _other_data(layout: Layout, listing: Listing) -> list[Known]:
    """Return the data sets of known layouts of which no case is taken."""
    within = _within(layout, listing)
    above = {folder.as_posix() for path in within for folder in (path, *path.parents)}
    named = [one for one in known_layouts(listing) if one.root and one.root not in above]
    return [one for one in named if one.layout != "table" or layout.name == "table"]


def _left_data(left: _Left) -> list[str]:
    """Say which data sets lie beside the one that is taken."""
    if not left.data:
        return []
    which = some_of([f"{one.root} (layout {one.layout}: {one.why})" for one in left.data])
    return [
        f"Left aside, as a configuration is of one data set: {which}; slicewise init of its own "
        "folder takes each."
    ]


def _of_no_case(
    layout: Layout, listing: Listing, others: Sequence[Known], looker: Looker
) -> list[str]:
    """Return the masks that belong to no case, though their kind is not named: scans may be lost.

    Those of BIDS, of organs and of DICOM are many beside those that are taken.
    """
    if layout.arrangement is None and layout.name not in ("msd", "nnunet", "table"):
        return []
    # of a series of slices, the folder that they lie in
    within = _within(layout, listing)
    used = {place.as_posix() for path in within for place in (path, *path.parents)}
    used |= layout.arrangement.named if layout.arrangement is not None else set()
    roots = tuple(f"{one.root}/" for one in others)
    entries = [entry for entry in listing.entries if not entry.path.startswith(roots)]
    sorts = sorted_out(kinds_of(entries, channels=False), looker)
    is_framed = _is_framed(layout)
    found = [path for kind in sorts["frames" if is_framed else "mask"] for path in kind.paths]
    # what lies alone in a folder may be called like nothing else there
    mixed = [] if is_framed else [path for kind in sorts["mixed"] for path in kind.paths]
    found += [path for path in mixed if (seen := looker.glance(path)) and seen.is_mask]
    return sorted({path for path in found if path not in used})


def _within(layout: Layout, listing: Listing) -> list[Path]:
    """Return the files of all cases below the folder."""
    # a table has whole paths, whatever the folder is called by
    root = listing.root.absolute()
    files = [path.absolute() for path in _files_of(layout)]
    return [path.relative_to(root) for path in files if path.is_relative_to(root)]


def _is_framed(layout: Layout) -> bool:
    return any(case.frame is not None for case in layout.cases)


def _left_masks(layout: Layout, left: _Left) -> list[str]:
    """Say which masks belong to no case."""
    if not left.masks:
        return []
    framed = ("file of four dimensions", "files of four dimensions")
    what = framed if _is_framed(layout) else ("mask",)
    why = "by its name no case has it, or has another one"
    if layout.arrangement is None:
        why = f"layout {layout.name} finds no case of it"
    return [f"Left aside, as {why}: {plural(len(left.masks), *what)}, {some_of(left.masks)}."]


# --- what files hold ------------------------------------------------------------------------


def _listed(folder: Path) -> Listing:
    """List what lies in a folder, where all names of volumes are text."""
    listing = list_folder(folder)
    refuse_no_text([folder, *(entry.path for entry in listing.entries)])
    return listing


def _content(layout: Layout, listing: Listing, looker: Looker, sample: Sample) -> list[Said]:
    listing = listing.of_cases(_files_of(layout))
    told = told_of(listing, [path_of(case.image, looker.root) for case in layout.cases[:20]])
    told |= _modalities(listing)
    said = content.intensity_of(sample.images, told)
    contiguous = content.contiguous_of(sample.images, sample.grids)
    said.append(contiguous)
    spacing = content.spacing_of(sample.grids, said[0].value, contiguous.value)
    if spacing is not None:
        said.append(spacing)
    said += content.masks_of(sample.placed)
    arrangement = layout.arrangement
    told_patient = arrangement is not None and arrangement.tells_patient
    told_patient = told_patient or any(one.path == PATIENT for one in layout.said)
    if layout.name not in ("bids", "dicom") and not told_patient:
        whose = labels.patients_of([case.name for case in layout.cases])
        said += whose or labels.patients_of_slices(sample.grids, len(layout.cases))
    return said + _labels(layout, listing, looker, sample)


def _modalities(listing: Listing) -> set[str]:
    """Return the modalities that each dataset.json names, in lower case."""
    told = set()
    for path in listing.named(labels.DESCRIBED):
        try:
            description = read_description(listing.root / path)
        except SlicewiseError:
            continue
        keys = ("modality", "channel_names") if isinstance(description, dict) else ()
        blocks = [description[key] for key in keys if isinstance(description.get(key), dict)]
        told |= {str(value).lower() for block in blocks[:1] for value in block.values()}
    return told


def _labels(layout: Layout, listing: Listing, looker: Looker, sample: Sample) -> list[Said]:
    if layout.name == "ircad":
        return _organs(layout, listing, looker)
    if layout.structures:
        return _structures(layout, looker)
    measure = partial(extents_of_segments, layout.cases, looker)
    if layout.name == "dicom":
        return labels_of_archive(layout.cases, measure)
    segments = labels.labels_by_segment([case.mask[0] for case in layout.cases], measure)
    if segments:
        return segments
    arrangement = layout.arrangement
    word = ""
    if arrangement is not None:
        # a folder of pictures is called by what it is, and they by what they show
        pictures = layout.cases[0].mask if is_png_stack(layout.cases[0].mask) else ()
        mask = pictures[0].name if pictures else arrangement.masks[0]
        word = word_of_mask(arrangement.image, mask)
    masks = labels.Masks(sample.masks, len(layout.cases), word)
    return labels.labels_by_value(masks, listing) + labels.empty_masks(masks)


def _organs(layout: Layout, listing: Listing, looker: Looker) -> list[Said]:
    sizes = sizes_of(listing.root / _below(layout, listing), layout.structures, looker)
    why = f"a folder of organ masks in all {len(layout.cases)} cases"
    said = labels.labels_by_file(layout.structures, sizes, why)
    return [Said(one.path, one.path[-1], one.why) for one in said]


def _below(layout: Layout, listing: Listing) -> str:
    """Return where a known layout begins below the folder."""
    first = layout.cases[0].image[0].relative_to(listing.root).parts
    names = [n for n, part in enumerate(first) if part.startswith("3Dircadb")]
    return "/".join(first[: names[0]])


def _structures(layout: Layout, looker: Looker) -> list[Said]:
    masks = [grouped(case.mask, case.structures) for case in layout.cases]
    why = f"a mask file in each of {len(layout.cases)} cases"
    return labels.labels_by_file(layout.structures, extents_of_files(masks, looker), why)


# --- split ----------------------------------------------------------------------------------


def _split(layout: Layout, left: _Left) -> list[Said]:
    patients = {case.patient for case in layout.cases}
    placed = any(case.subset for case in layout.cases)
    said = []
    if not placed:
        share = 0.35 if len(patients) < 30 else 0.2
        told = "as no folder says who is tested on"
        aside = layout.arrangement.aside if layout.arrangement is not None else ()
        named = [path for path in (*aside, *left.masks) if _tells_test(path)]
        if named:
            told = f"though names may say who is tested on: {some_of(named)} are of no case"
        why = f"of {len(patients)} patients, {told}"
        said.append(Said(("split", "test"), share, why))
    if not any(case.subset == "validation" for case in layout.cases):
        said.append(Said(("split", "validation"), 0.2, "of the other patients"))
    return said


def _tells_test(path: str) -> bool:
    """Tell whether a path names who is tested on."""
    return "test" in map(subset_of, PurePosixPath(path.split(".")[0]).parts)
