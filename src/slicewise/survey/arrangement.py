"""An arrangement of images and masks as settings say it: patterns of paths, or a row a case."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from slicewise.dataset.names import (
    FRAMES,
    PLACES,
    SCANS,
    SMALL_GROUP,
    are_scans_of,
    stems_of,
)
from slicewise.survey.kinds import Kind
from slicewise.survey.naming import differing, structure_names
from slicewise.survey.pairing import Pairing
from slicewise.survey.words import (
    IMAGES,
    MASKS,
    is_person,
    subset_of,
    without_subset,
    words_of,
)

NEARLY = 0.8
"""So many of all cases have an image of a kind, at least, that may be a channel of all."""
FLATTER = 3.0
"""Images so many times as flat as others show another view: one slice along the heart is no further
case beside the stack across it."""
MANY = 3
"""Numbers that go on from folder to folder are of patients where each has so many, on average."""
NAMES = {1: ("case",), 2: ("patient", "case"), 3: ("patient", "case", "frame")}
"""What varying parts are called, by how many there are, outer folders first."""


@dataclass(frozen=True)
class Row:
    """A case.

    Attributes
    ----------
    case, patient : str
    image : str
        Path below the folder.
    masks : tuple of str
        One of all labels, or one a label.
    subset : str
        ``train``, ``validation``, ``test`` or nothing.
    frame : int or None
        Of files of four dimensions, from 0.
    """

    case: str
    patient: str
    image: str
    masks: tuple[str, ...]
    subset: str = ""
    frame: int | None = None


@dataclass(frozen=True)
class Images:
    """Images of one kind.

    Attributes
    ----------
    pattern : str
        As of `Arrangement`.
    paths : mapping of str to str
        Below the folder, by the name of the case.
    is_hu : bool or None
        Whether one of them holds Hounsfield units.
    """

    pattern: str
    paths: Mapping[str, str]
    is_hu: bool | None


@dataclass(frozen=True)
class Arrangement:
    """How images and masks lie.

    Attributes
    ----------
    image : str
        Pattern of images below `folders`.
    masks : tuple of str
        Patterns of masks; several: one a label.
    folders : mapping of str to str
        Folders of ``train`` and ``test``; the former may be "" (the folder itself).
    rows : tuple of Row
        All cases.
    alone : tuple of str
        Names of cases whose image has no mask.
    patterns : bool
        Whether the patterns say all; else only a table does.
    tells_patient : bool
        Whether paths say whose the cases are.
    rivals : tuple of str
        Patterns of other images that the same masks fit as well.
    aside : tuple of str
        Images that have masks of their own and are not among the cases, as they
        are of another modality or drawn with other labels.
    images : tuple of Images
        Those of the cases, and those of other kinds that nearly all of the same
        masks fit, too.
    masked : tuple of str
        Names of cases that have masks, whichever images they have.
    readings : tuple of str
        Patterns of other masks that may be meant instead.
    partial : tuple of str
        Masks of one structure that many of the cases lack.
    by_words : bool
        Whether images and masks were matched by words that their names share.
    instead : tuple of (str, str)
        Patterns of masks and of their images that as many cases have, and that may be meant.
    empty : tuple of str
        Masks in which nothing is drawn, as far as they were looked at.
    named : frozenset of str
        Masks of no case whose kind is named above.
    """

    image: str
    masks: tuple[str, ...]
    folders: Mapping[str, str]
    rows: tuple[Row, ...]
    alone: tuple[str, ...] = ()
    patterns: bool = True
    tells_patient: bool = False
    rivals: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    images: tuple[Images, ...] = ()
    masked: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    by_words: bool = False
    instead: tuple[tuple[str, str], ...] = ()
    empty: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()


@dataclass
class _Parts:
    """What varying parts are called."""

    names: dict[int, str] = field(default_factory=dict)
    whole: bool = False
    """Whether a patient is called by all of them together, as numbers begin anew in each place."""

    def fill(self, template: str) -> str:
        return re.sub(r"\{(\d+)\}", lambda m: self._token(int(m[1])), template)

    def _token(self, number: int) -> str:
        return f"{{{self.names[number]}}}" if number in self.names else "*"

    @property
    def kept(self) -> list[int]:
        """What varies, in the order in which the layout `pairs` names a case by it."""
        return sorted(self.names, key=lambda number: (self.names[number] != "patient", number))

    def name_of(self, key: Sequence[str]) -> str:
        """Return what a case is called, as the layout `pairs` does it."""
        name = ""
        for number in self.kept:
            value = key[number]
            name = value if value.startswith(name) else f"{name}_{value}"
        return name

    def patient_of(self, key: Sequence[str]) -> str:
        return key[self.kept[0]] if self.tells_patient else ""

    @property
    def tells_patient(self) -> bool:
        """Whether one part says whose a case is."""
        return "patient" in self.names.values() and not self.whole


def arranged(pairings: Sequence[Pairing], mask: str = "") -> Arrangement | None:
    """Return the arrangement that explains most.

    Parameters
    ----------
    pairings : sequence of Pairing
        From `pairings`, the likeliest first.
    mask : str
        As of `pairings`: the images whose masks these are come first.

    Returns
    -------
    Arrangement or None
        None where nothing pairs up.
    """
    if not pairings:
        return None
    grouped: dict[tuple[tuple[str, ...], bool | None], list[Pairing]] = defaultdict(list)
    for pair in pairings:
        grouped[pair.rests, pair.is_hu].append(pair)
    groups = list(grouped.values())
    # of equals, the first is the likelier one
    best = max(groups, key=lambda group: _rank(group, mask))
    more = [
        group[0] for group in groups if group is not best and _is_other_subset(group[0], best[0])
    ]
    rivals = [pair.rests[0] for pair in _rivals(best[0], pairings)]
    apart = _apart([group for group in groups if group[0] not in (best[0], *more)], best)
    alike = [group for group in apart if _is_alike(group[0], best[0])]
    made = _of_group(best, more, rivals)
    made = _with_images(made, best, more, pairings)
    if alike:
        made = _united([best, *alike], pairings)
    others = [group for group in apart if group not in alike]
    aside = tuple(starred(group[0].image.template) for group in others)
    named = {path for group in others for path in _files(group)}
    for pair in (pair for group in (best, *alike) for pair in group):
        kinds = (*pair.readings, *pair.partial, *pair.empty)
        named |= {path for kind in kinds for path in kind.members.values()}
    return replace(
        made,
        rows=_placed(made.rows),
        aside=aside,
        instead=_instead(best, others) if not alike else (),
        named=frozenset(named),
    )


def _rank(group: Sequence[Pairing], mask: str) -> tuple[bool, float, bool, int, float]:
    """Return by what groups are ordered: what is asked for, cases, CT, labels, thickness."""
    first = group[0]
    asked = bool(mask) and starred(first.masks[0].template).endswith(mask)
    worth = sum(pair.worth for pair in group)
    return asked, worth, bool(first.is_hu), len(first.values), first.extent


def _instead(
    best: Sequence[Pairing], others: Sequence[Sequence[Pairing]]
) -> tuple[tuple[str, str], ...]:
    """Return the masks, and their images, that as many cases have, and that may be meant."""
    pairs = []
    for group in others:
        pair = group[0]
        known = pair.base == best[0].base and len(pair.masks) == 1
        if known and _rank(group, "")[1] >= _rank(best, "")[1]:
            parts = _parts(group)
            image, mask = (parts.fill(rest) for rest in pair.rests)
            pairs.append((mask, image))
    return tuple(pairs)


def starred(template: str) -> str:
    """Return a path with a star for what varies.

    Examples
    --------
    >>> starred("{0}/{0}_ct.nii"), starred("{case}/ct.nii")
    ('*/*_ct.nii', '*/ct.nii')
    """
    return re.sub(r"\{\w+\}", "*", template)


def _with_images(
    made: Arrangement,
    group: Sequence[Pairing],
    more: Sequence[Pairing],
    pairings: Sequence[Pairing],
) -> Arrangement:
    """Name all kinds of images that nearly all of the same masks fit."""
    parts = _parts(group)
    by_rest: dict[str, list[Pairing]] = defaultdict(list)
    masked = set()
    for pair in (*group, *more):
        by_rest[without_subset(pair.rests[0])].append(pair)
        keys = set.intersection(*(set(mask.members) for mask in pair.masks))
        masked |= {parts.name_of(key) for key in keys}
    for pair in (*group, *more):
        for other in pairings:
            if other.rests[0] != pair.rests[0] and _share_masks(other, pair):
                by_rest[without_subset(other.rests[0])].append(other)
    start = made.image.removesuffix(parts.fill(group[0].rests[0]))
    images = []
    for pairs in by_rest.values():
        rest = pairs[0].rests[0]
        members = [item for pair in pairs for item in pair.image.members.items()]
        paths = {parts.name_of(key): path for key, path in members}
        if len(paths.keys() & masked) < NEARLY * len(masked) or len(paths) < len(members):
            continue
        images.append(Images(f"{start}{parts.fill(rest)}", paths, pairs[0].is_hu))
    return replace(made, images=tuple(images), masked=tuple(sorted(masked)))


def _share_masks(pair: Pairing, other: Pairing) -> bool:
    """Tell whether two kinds of images have the same masks, in the same folders."""
    masks = [[kind.template for kind in each.masks] for each in (pair, other)]
    same = pair.base == other.base and pair.image.width == other.image.width
    return masks[0] == masks[1] and same and pair.on_grid == other.on_grid


def _apart(groups: Sequence[list[Pairing]], best: Sequence[Pairing]) -> list[list[Pairing]]:
    """Return the groups with images and masks of their own, which have as many cases or half."""
    taken = _files(best)
    least = sum(pair.worth for pair in best) / 2
    apart = []
    for group in groups:
        mine = _files(group)
        if mine & taken or sum(pair.worth for pair in group) < least:
            continue
        taken |= mine
        apart.append(group)
    return apart


def _files(group: Sequence[Pairing]) -> set[str]:
    kinds = [kind for pair in group for kind in (pair.image, *pair.masks)]
    return {path for kind in kinds for path in kind.members.values()}


def _is_alike(pair: Pairing, best: Pairing) -> bool:
    """Tell whether further images may be further cases: of one modality, with the same labels."""
    same = pair.is_hu == best.is_hu and pair.values == best.values
    flat, thick = sorted([pair.extent, best.extent])
    same = same and thick <= FLATTER * flat
    return same and pair.image.width == best.image.width and len(pair.masks) == len(best.masks)


def _rivals(first: Pairing, pairings: Sequence[Pairing]) -> list[Pairing]:
    """Return the pairings of the same masks with other images, which fit them as well."""
    masks = [kind.template for kind in first.masks]
    return [
        pair
        for pair in pairings
        if [kind.template for kind in pair.masks] == masks
        and pair.image.template != first.image.template
        and pair.worth >= first.worth
    ]


def _united(groups: Sequence[Sequence[Pairing]], pairings: Sequence[Pairing]) -> Arrangement:
    """Return all groups as one, in which what their images are called tells cases apart.

    The same patient's scans of another day, phase or frame are cases of theirs, where cases of
    several groups are called alike. Else the groups only call people differently.
    """
    rests = [group[0].rests[0] for group in groups]
    made = [_of_group(group, (), ()) for group in groups]
    called = Counter(name for one in made for name in {row.case for row in one.rows})
    patients = _patients(rests, list(called))
    if patients:
        rows = [
            replace(row, case=f"{name}_{row.case}", patient=name)
            for name, one in zip(patients, made, strict=True)
            for row in one.rows
        ]
    elif max(called.values()) > 1 or any(row.patient for one in made for row in one.rows):
        whose = stems_of(called)
        rows = [
            replace(row, case=_joined(row.case, name), patient=row.patient or whose[row.case])
            for name, one in zip(_names(rests), made, strict=True)
            for row in one.rows
        ]
    else:
        words = _plain(differing([rest.rpartition("/")[2] for rest in rests]))
        rows = [
            replace(row, case=_joined(row.case, word))
            for word, one in zip(words, made, strict=True)
            for row in one.rows
        ]
    rivals = (pair for group in groups for pair in _rivals(group[0], pairings))
    return replace(
        made[0],
        rivals=tuple(dict.fromkeys(starred(pair.image.template) for pair in rivals)),
        rows=tuple(sorted(rows, key=lambda row: row.case)),
        alone=(),
        images=(),
        patterns=False,
        tells_patient=all(row.patient for row in rows),
    )


def _names(rests: Sequence[str]) -> list[str]:
    """Return what tells cases of one name apart by the paths of their images."""
    names = _plain(differing(rests))
    return names if len({*names}) == len(names) else structure_names(rests)


def _plain(texts: Sequence[str]) -> list[str]:
    return [re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("-_.") for text in texts]


def _joined(case: str, word: str) -> str:
    return f"{case}_{word}" if word else case


def _patients(rests: Sequence[str], cases: Sequence[str]) -> list[str]:
    """Return what paths differ by where these are patients, and the cases scans, else nothing.

    `p01` and `p02` of `baseline/p01`, `followup/p01` and `baseline/p02`.
    """
    names = _plain(differing(rests))
    told = all(names) and len({*names}) == len(names) and are_scans_of({*cases}, names)
    return names if told else []


def _placed(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return rows without their subsets where these leave nobody to train on or to test on.

    Also where a patient would be in several.
    """
    whose: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        whose[row.patient].add(row.subset or "train")
    torn = any(patient and len(subsets) > 1 for patient, subsets in whose.items())
    if torn or len(set().union(*whose.values())) < 2:
        return tuple(replace(row, subset="") for row in rows)
    return tuple(rows)


def _is_other_subset(pair: Pairing, best: Pairing) -> bool:
    """Tell whether files lie as those of the best pairing, in folders of another subset."""
    one = [without_subset(kind.template) for kind in (pair.image, *pair.masks)]
    other = [without_subset(kind.template) for kind in (best.image, *best.masks)]
    mine = subset_of(pair.image.template)
    return one == other and mine is not None and mine != subset_of(best.image.template)


def _of_group(
    group: Sequence[Pairing], more: Sequence[Pairing], rivals: Sequence[str]
) -> Arrangement:
    first = group[0]
    parts = _parts(group)
    image, *masks = (parts.fill(rest) for rest in first.rests)
    subsets = {pair.base: subset_of(pair.base) for pair in group}
    every = [*group, *more]
    rows = []
    for pair in every:
        subset = subset_of(pair.image.template)
        for key in pair.keys:
            paths = tuple(mask.members[key] for mask in pair.masks)
            name = parts.name_of(key)
            row = Row(name, parts.patient_of(key), pair.image.members[key], paths, subset or "")
            rows.append(row)
    alone = [
        parts.name_of(key)
        for pair in group
        for key in pair.image.members
        if any(key not in mask.members for mask in pair.masks)
    ]
    folders = _folders(subsets)
    start = len(first.base) + 1 if first.base else 0
    readings = [parts.fill(kind.template[start:]) for kind in first.readings]
    in_one = folders is None and len(set(subsets.values())) == 1 and _unique(group, parts)
    if in_one:
        shared = _shared_base(list(subsets))
        image = f"{shared}{image}"
        masks = [f"{shared}{mask}" for mask in masks]
        readings = [f"{shared}{mask}" for mask in readings]
        folders = {"train": ""}
    return Arrangement(
        image,
        tuple(masks),
        folders or {},
        tuple(rows),
        tuple(sorted(alone)),
        patterns=folders is not None and not more and _is_said(parts),
        tells_patient=parts.tells_patient,
        rivals=tuple(parts.fill(rest) for rest in rivals),
        readings=tuple(readings),
        partial=tuple(starred(kind.template) for kind in first.partial),
        empty=tuple(starred(kind.template) for kind in first.empty),
    )


def _is_said(parts: _Parts) -> bool:
    """Tell whether patterns have names for what varies."""
    return len(parts.names) in NAMES and not parts.whole


def _folders(subsets: Mapping[str, str | None]) -> dict[str, str] | None:
    """Return the folders of training and test cases; None where two do not say it."""
    if len(subsets) == 1:
        return {"train": next(iter(subsets))}
    by_subset: dict[str, list[str]] = defaultdict(list)
    for base, subset in subsets.items():
        by_subset[subset or "train"].append(base)
    if len(subsets) != 2 or len(by_subset) != 2:
        return None
    trained = "train" if "train" in by_subset else "validation"
    tested = "test" if "test" in by_subset else "validation"
    if trained == tested:
        return None
    return {"train": by_subset[trained][0], "test": by_subset[tested][0]}


def _unique(group: Sequence[Pairing], parts: _Parts) -> bool:
    """Tell whether no two cases in different folders are called alike."""
    names = Counter(parts.name_of(key) for pair in group for key in pair.keys)
    return max(names.values()) == 1


def _shared_base(bases: Sequence[str]) -> str:
    """Return a pattern of some folders: their shared part, and a star."""
    split = [base.split("/") for base in bases]
    if len({len(names) for names in split}) > 1:
        return "*/"
    return "".join(
        f"{names[0] if len(set(names)) == 1 else '*'}/" for names in zip(*split, strict=True)
    )


def _parts(group: Sequence[Pairing]) -> _Parts:
    """Name what varies, and leave out what tells nothing more."""
    width = group[0].image.width
    kept = list(range(width))
    places = [0] if width > 1 and _is_place(group, 0) else []
    for number in (*places, *reversed(range(len(places), width))):
        others = [n for n in kept if n != number]
        if not others or not _tell_apart(group, others):
            continue
        if number == kept[0] and not _is_place(group, number):
            continue
        kept = others
    names = list(NAMES.get(len(kept), ("patient", *(f"part{n}" for n in kept[1:]))))
    if len(kept) > 1 and _is_frame(group[0].image, kept[-1]):
        names[-1] = "frame"
    if len(kept) > 1 and names[1] != "frame" and _are_scans(group, kept):
        names[:2] = reversed(names[:2])
        return _Parts(dict(zip(kept, names, strict=True)))
    whole = len(kept) > 1 and "frame" not in names and _is_called_place(group, kept[0])
    return _Parts(dict(zip(kept, names, strict=True)), whole)


def _are_scans(group: Sequence[Pairing], kept: Sequence[int]) -> bool:
    """Tell whether outer folders are visits, phases or days, which hold many patients each."""
    keys = [key for pair in group for key in pair.image.members]
    return are_scans_of({key[kept[0]] for key in keys}, {key[kept[1]] for key in keys})


def _tell_apart(group: Sequence[Pairing], kept: Sequence[int]) -> bool:
    """Tell whether some of what varies is enough to tell the files of each kind apart."""
    for pair in group:
        for kind in (pair.image, *pair.masks):
            if len({tuple(key[n] for n in kept) for key in kind.members}) < len(kind.members):
                return False
    return True


def _is_place(group: Sequence[Pairing], number: int) -> bool:
    """Tell whether outer folders hold many patients each, as those of a hospital do."""
    keys = [key for pair in group for key in pair.image.members]
    outer = {key[number] for key in keys}
    return len(keys) > SMALL_GROUP * len(outer) or _is_called_place(group, number)


def _is_called_place(group: Sequence[Pairing], number: int) -> bool:
    """Tell whether folders are called as places are, or what is in them as patients are."""
    keys = [key for pair in group for key in pair.image.members]
    outer = {key[number] for key in keys}
    if all(any(word in PLACES for word in words_of(name)) for name in outer):
        return True
    if len(keys[0]) < number + 2:
        return False
    inner = {key[number : number + 2] for key in keys}
    names = {name for _, name in inner}
    if all(is_person(name) for name in names) and not all(is_person(name) for name in outer):
        return True
    if any(re.search(r"\d", name) for name in outer):
        return False
    # `HGG/Brats18_2013_10_1`: numbers that go on from one folder to the next, and no visits
    numbered = all(re.search(r"[A-Za-z].*\d|\d.*[A-Za-z]", name) for name in names)
    numbered = numbered or _count_on(inner)
    scans = any(word in (*SCANS, *IMAGES, *MASKS) for name in names for word in words_of(name))
    return len(names) == len(inner) and len(inner) > len(outer) and numbered and not scans


def _count_on(inner: Collection[tuple[str, ...]]) -> bool:
    """Tell whether bare numbers are of patients: `Utrecht/0` to `9`, and `Singapore/10` to `19`.

    Those of scans begin anew with each patient, or are long ones of a hospital, and are few.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for outer, name in inner:
        if not re.fullmatch(r"\d{1,3}", name):
            return False
        numbers[outer].append(int(name))
    spans = sorted((min(each), max(each)) for each in numbers.values())
    apart = all(one[1] < other[0] for one, other in itertools.pairwise(spans))
    return apart and len(inner) >= MANY * len(numbers)


def _is_frame(kind: Kind, number: int) -> bool:
    """Tell whether a part of a name is the number of a frame."""
    before = kind.template.rsplit("/", 1)[-1].partition(f"{{{number}}}")[0]
    words = words_of(before)
    return bool(words) and words[-1] in FRAMES
