"""Labels, as settings: values of the masks, their names, and what is said of empty ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slicewise.config.regions import check_regions, numbered
from slicewise.dataset.names import find_shared, pattern_for
from slicewise.errors import SlicewiseError
from slicewise.survey.content import Grid
from slicewise.survey.extents import Extents
from slicewise.survey.glance import Glance
from slicewise.survey.listing import Listing
from slicewise.survey.looking import spread
from slicewise.survey.naming import Named, label_name, names_in
from slicewise.survey.said import Other, Said, some_of
from slicewise.survey.words import words_of
from slicewise.volumes.described import described_labels, folded, read_description
from slicewise.volumes.dicom.annotations import annotation_kind
from slicewise.volumes.dicom.segmentation import read_seg
from slicewise.volumes.dicom.structure_set import read_structure_set
from slicewise.volumes.segments import read_segments
from slicewise.wording import plural

BODIES = ("body", "external", "skin", "outline")
"""What regions are called that hold all others."""

READ = 100
"""Masks whose segments are read at most."""
COMMON = 0.5
"""Share of the masks in which the segments lie that are proposed as labels."""
SHOWN = 5
"""Segments that are named of those that are no labels."""
DESCRIBED = "dataset.json"
IGNORED = "ignore"
"""What nnU-Net calls voxels that nobody drew."""


@dataclass(frozen=True)
class Masks:
    """What is known of the masks of a data set.

    Attributes
    ----------
    glances : mapping of str to Glance
        Those that were read, by path.
    number : int
        How many there are.
    word : str
        What their names say of their content, or nothing.
    """

    glances: Mapping[str, Glance]
    number: int
    word: str = ""

    @property
    def how_many(self) -> str:
        """How many were read, in words."""
        read = len(self.glances)
        return f"all {read} masks" if read == self.number else f"{read} of {self.number} masks read"


def labels_by_value(masks: Masks, listing: Listing) -> list[Said]:
    """Return the labels of masks that hold all of them.

    Parameters
    ----------
    masks : Masks
    listing : Listing
        Where files that name values are looked for.

    Returns
    -------
    list of Said
        A label each, and ``empty_masks`` where some are.
    """
    seen = Counter(value for glance in masks.glances.values() for value in glance.values)
    named = names_in(listing, seen) or Named({}, "")
    names = dict(named.names)
    source = named.source
    values = set(seen)
    if source.endswith(DESCRIBED):
        values = values.union(names, named.disputed)
    described = described_in(listing)
    if any(len(several) > 1 for several in described.values()):
        # names are those of regions, and a label may not be called as one
        names = {value: text for value, text in names.items() if folded(text) == IGNORED}
        values = values.union(*described.values())
    said: list[Said] = []
    for value in sorted(values):
        is_disputed = value in named.disputed
        text = names.get(value, masks.word if len(values) == 1 and not is_disputed else "")
        if folded(text) == IGNORED:
            why = f"{source} calls it {text}: voxels that nobody drew"
            said.append(Said(("dataset", "ignore"), value, why))
            continue
        name = label_name(text or f"label_{value}", value, [one.path[-1] for one in said])
        why = f"value {value} is in {seen[value]} of {masks.how_many}"
        if value in names:
            why += f"; {source} names it"
        elif text:
            why += "; the name is from the files' names"
        question = ""
        if is_disputed:
            question = (
                f"rename {name} to what value {value} is, and where masks mean something else "
                "by it, correct them or leave their cases out by dataset.exclude"
            )
            why += f"; {_called_otherwise(named.disputed[value], masks)}"
        said.append(Said(("dataset", "labels", name), value, why, question))
    if not said:
        return [Said(("dataset", "labels", "label_1"), 1, "no mask could be read in time")]
    return said + _regions(described, said)


def _called_otherwise(names: Mapping[str, Sequence[str]], masks: Masks) -> str:
    """Say which files give a value which name, and which masks lie in their folders."""
    parts = []
    for name, files in names.items():
        folders = {PurePosixPath(path).parent for path in files}
        below = sorted(path for path in masks.glances if folders & {*PurePosixPath(path).parents})
        number = plural(len(below), "mask")
        where = f" (in its folder {number}, such as {below[0]})" if below else ""
        parts.append(f"{name} by {some_of(files)}{where}")
    return f"it is called {' but '.join(parts)}"


def _regions(described: Mapping[str, set[int]], said: Sequence[Said]) -> list[Said]:
    """Return the regions that a dataset.json names, where one of them is of several labels."""
    labels = {one.path[-1]: [one.value] for one in said if one.path[1] == "labels"}
    known = {value for values in labels.values() for value in values}
    regions: dict[str, list[int]] = {}
    for text, values in described.items():
        if folded(text) != IGNORED and values <= known:
            name = label_name(text, len(regions) + 1, [*labels, *regions])
            regions[name] = sorted(values)
    if not any(len(values) > 1 for values in regions.values()):
        return []
    try:
        check_regions(numbered(regions, labels), list(labels))
    except ValueError:
        return []
    why = f"{DESCRIBED} names it: a region of several values of the mask"
    return [Said(("dataset", "regions", name), values, why) for name, values in regions.items()]


def described_in(listing: Listing) -> dict[str, set[int]]:
    """Return the values that a dataset.json gives to each name, background left out.

    Nothing where another one gives other values to a name.
    """
    found = []
    for path in listing.named(DESCRIBED):
        try:
            named = described_labels(read_description(listing.root / path))
        except SlicewiseError:
            continue
        found.append({name: values for name, values in named.items() if 0 not in values})
    if not found:
        return {}
    first = found[0]
    same = all(one.get(name, own) == own for one in found for name, own in first.items())
    return first if same else {}


def empty_masks(masks: Masks) -> list[Said]:
    """Return the setting that masks without any label need."""
    empty = [path for path, glance in masks.glances.items() if not glance.values]
    if not empty:
        return []
    why = f"{len(empty)} of {masks.how_many} hold no label, such as {Path(empty[0]).name}"
    return [Said(("dataset", "empty_masks"), "allow", why)]


def labels_by_segment(
    paths: Sequence[Path], measure: Callable[[], Extents] = Extents
) -> list[Said]:
    """Return the labels of masks by the names of their segments or regions of interest.

    Parameters
    ----------
    paths : sequence of Path
        All masks, of which some are read; nothing is returned unless these name their segments.
    measure : callable
        Returns how large these are.
    """
    per_file: list[list[str]] = []
    read = [Path(path) for path in spread([str(path) for path in paths], READ)]
    for path in read:
        named = _segments(path)
        if not named:
            return []
        per_file.append(named)
    return labels_of_segments(per_file, measure())


def labels_of_segments(
    per_mask: Sequence[Collection[str]], extents: Extents | None = None
) -> list[Said]:
    """Return the labels of masks by the names of their segments, however these are spelt.

    Parameters
    ----------
    per_mask : sequence of collection of str
        What the segments or regions of interest of each mask are called.
    extents : Extents, optional
        How large these are, by their folded names.

    Returns
    -------
    list of Said
        A label each for what at least half of them have, or else for all that there is, by
        their commonest spelling, the largest first; other segments become background, and are
        named.
    """
    extents = extents or Extents()
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    counts: Counter[str] = Counter()
    for names in per_mask:
        for name in names:
            spellings[folded(name)][name] += 1
        counts.update({folded(name) for name in names})
    called = {key: names.most_common(1)[0][0] for key, names in spellings.items()}
    common = [key for key in counts if counts[key] >= COMMON * len(per_mask)] or list(counts)
    # of labels that share a voxel the later one has it, and the body holds all others
    common.sort(
        key=lambda key: (
            not {*words_of(called[key])} & {*BODIES},
            -extents.size(key),
            -counts[key],
            key,
        )
    )
    said: list[Said] = []
    before: dict[str, str] = {}
    for number, key in enumerate(common, start=1):
        label = label_name(called[key], number, list(before.values()))
        why = f"segment or region of interest in {counts[key]} of {len(per_mask)} masks read"
        why += extents.said(key, before)
        said.append(Said(("dataset", "labels", label), called[key], why))
        before[key] = label
    rest = sorted((key for key in counts if key not in common), key=lambda key: -counts[key])
    if rest:
        few = some_of([called[key] for key in rest], SHOWN)
        why = f"background is what less than half of the masks have: {few}"
        others = (Other("refuse", "a segment that labels does not name is a fault"),)
        said.append(Said(("dataset", "other_labels"), "background", why, "", others))
    return said


def _segments(path: Path) -> list[str]:
    """Return the names of a file's segments; none of what has no names."""
    kind = annotation_kind(path)
    try:
        if kind is None:
            return [segment.name for segment in read_segments(path)]
        read = read_seg if kind == "SEG" else read_structure_set
        return [segment.name for segment in read(path).there]
    except SlicewiseError:
        return []


def labels_by_file(names: Sequence[str], extents: Extents, why: str) -> list[Said]:
    """Return the labels of masks that lie in a file each, the largest first.

    Where two structures share a voxel, the one that is named later has it, so
    that a vessel within an organ is not lost.
    """
    ordered = sorted(names, key=lambda name: (-extents.size(name), name))
    said = []
    before: dict[str, str] = {}
    for number, name in enumerate(ordered, start=1):
        text = f"{why}{extents.said(name, before)}"
        said.append(Said(("dataset", "labels", name), number, text))
        before[name] = name
    return said


def patients_of(names: Sequence[str]) -> list[Said]:
    """Return whose the cases are, as far as their names tell.

    Nothing where no two look like one's: a `null` would silence for good what runs say of names,
    and further scans of the same patients may come.
    """
    path = ("dataset", "patient_pattern")
    shared = find_shared(names)
    if not shared:
        return []
    pattern = pattern_for(names, shared)
    cases = " and ".join(shared[0].cases[:2])
    question = "Whose are the cases?"
    if pattern is None:
        why = f"{cases} may be of one patient, and no simple pattern says so: look at it"
        return [Said(path, None, why, question)]
    other = Other(None, "each case is a patient of its own")
    return [Said(path, pattern, f"{cases} look like one patient's", question, (other,))]


def patients_of_slices(grids: Sequence[Grid], cases: int) -> list[Said]:
    """Ask whose the cases are where each image is a single slice, of which patients have many.

    Parameters
    ----------
    grids : sequence of Grid
        Of images whose headers were read.
    cases : int
        How many there are, each taken for a patient of its own.
    """
    if cases < 2 or not grids or any(min(grid.shape) > 1 for grid in grids):
        return []
    why = (
        f"each of {len(grids)} images read is a single slice, and names do not tell which are one "
        "patient's, who would be trained on and tested on"
    )
    return [Said(("dataset", "patient_pattern"), None, why, "Whose are the cases?")]
