"""Which kinds of files are images, which are their masks, and whose they are.

All combinations are scored by what they explain: how many cases they make,
and whether masks lie on the voxels of their images.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.survey.kinds import Kind, narrowed, trimmed, widened, without_part
from slicewise.survey.looking import Looker, spread
from slicewise.survey.words import PREDICTED, words_of
from slicewise.volumes.dicom.annotations import annotation_kind, read_annotation
from slicewise.volumes.dicom.png import is_png_stack
from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.segments import has_segments

SAMPLE = 2
"""Files of a kind whose voxels tell what it is."""
CHECKED = 3
"""Pairs whose grids are compared."""
ALIKE = 0.6
"""Two masks whose voxels coincide so much (Dice) are two readings of one structure."""
OFF_GRID = 0.3
"""What a pair counts whose mask lies on other voxels than its image has."""
MOST_KINDS = 400
EMPTY = 6
"""Files of a kind in which nothing is drawn, after which it is taken for one without labels."""
FEW = 0.1
"""Share of the cases that somebody has drawn, at least, beside masks that a program made."""
FULL = 0.9
"""Share of the cases that have masks of a kind, at least, which all cases then are to have."""
AGREED = ("maj", "majority", "consensus", "staple", "final", "agreed", "merged", "combined")
"""What the one mask is called that several readers agreed on."""


@dataclass(frozen=True)
class Pairing:
    """An arrangement: a kind of images, and the kinds of their masks.

    Attributes
    ----------
    image : Kind
    masks : tuple of Kind
        One of all labels, or one a label.
    keys : tuple of tuple of str
        The cases that have all of them, by what varies.
    on_grid : bool or None
        Whether the masks of the sample lie on the voxels of their images.
    is_hu : bool or None
        Whether an image of it holds Hounsfield units.
    values : frozenset of int
        The values of a few of its masks, beside 0.
    readings : tuple of Kind
        Other masks of the same cases, one of which may be meant instead.
    partial : tuple of Kind
        Masks of one structure that many of the cases lack.
    extent : float
        Millimetres of the shortest side of an image.
    empty : tuple of Kind
        Masks of many of the cases in which nothing is drawn, as far as they were looked at.
    """

    image: Kind
    masks: tuple[Kind, ...]
    keys: tuple[tuple[str, ...], ...]
    on_grid: bool | None
    is_hu: bool | None = None
    values: frozenset[int] = frozenset()
    readings: tuple[Kind, ...] = ()
    partial: tuple[Kind, ...] = ()
    extent: float = 0.0
    empty: tuple[Kind, ...] = ()

    @property
    def base(self) -> str:
        """The folders that all its files lie in, without a slash at the end."""
        folders = [kind.template.split("/")[:-1] for kind in (self.image, *self.masks)]
        shared = []
        for names in zip(*folders, strict=False):
            if len(set(names)) > 1 or "{" in names[0]:
                break
            shared.append(names[0])
        return "/".join(shared)

    @property
    def rests(self) -> tuple[str, ...]:
        """The templates of image and masks below the base."""
        start = len(self.base) + 1 if self.base else 0
        return tuple(kind.template[start:] for kind in (self.image, *self.masks))

    @property
    def worth(self) -> float:
        """What it explains, in cases."""
        return len(self.keys) * (OFF_GRID if self.on_grid is False else 1.0)


def sorted_out(kinds: Sequence[Kind], looker: Looker) -> dict[str, list[Kind]]:
    """Tell images from masks by the voxels of a few files of each kind.

    Returns
    -------
    dict of str to list of Kind
        ``image``, ``mask``, ``frames`` (four dimensions), ``mixed`` (some are
        images and some masks) and ``unread``.
    """
    sorts: dict[str, list[Kind]] = defaultdict(list)
    for kind in kinds[:MOST_KINDS]:
        sorts[_sort_of(kind, looker)].append(kind)
    return sorts


def _sort_of(kind: Kind, looker: Looker) -> str:
    votes: Counter[str] = Counter()
    for path in spread(kind.paths, SAMPLE):
        if is_png_stack(_files(looker.root / path)):
            votes["mask"] += 1
            continue
        if has_segments(looker.root / path) or annotation_kind(looker.root / path) is not None:
            votes["mask"] += 1
            continue
        glance = looker.glance(path)
        if glance is not None:
            votes["mask" if glance.is_mask else "image"] += 1
            continue
        header = looker.header(path)
        votes["frames" if header is not None and len(header.shape) > 3 else "unread"] += 1
    known = {sort: number for sort, number in votes.items() if sort != "unread"}
    if not known:
        return "unread"
    return next(iter(known)) if len(known) == 1 else "mixed"


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def framed(kinds: Sequence[Kind], looker: Looker) -> list[Pairing]:
    """Return how images and masks of four dimensions may belong together, as `pairings` does.

    Frame 0 tells which are which.
    """
    images: list[Kind] = []
    masks: list[Kind] = []
    for kind in sorted_out(kinds, looker)["frames"]:
        path = kind.paths[0]
        glance = looker.glance(f"{path}, frame 0", [looker.root / path], 0)
        if glance is not None:
            (masks if glance.is_mask else images).append(kind)
    tried = [_pair(image, mask, looker) for image in images for mask in masks]
    return sorted((p for p in tried if p.keys), key=lambda pair: (-pair.worth, pair.rests))


def pairings(kinds: Sequence[Kind], looker: Looker, mask: str = "") -> list[Pairing]:
    """Return how images and masks may belong together, the likeliest first.

    Parameters
    ----------
    kinds : sequence of Kind
    looker : Looker
    mask : str
        Which of several masks of the same cases to take: the end of its path, with
        a star for what varies.

    Returns
    -------
    list of Pairing
        For each kind of images the best masks; empty where nothing pairs up.
    """
    sorts = sorted_out(kinds, looker)
    tried = [_pair(image, mask, looker) for image in sorts["image"] for mask in sorts["mask"]]
    by_image: dict[str, list[Pairing]] = defaultdict(list)
    for pair in _nearest([pair for pair in tried if pair.keys]):
        by_image[pair.image.paths[0]].append(pair)
    pairs_seen = [
        _looked_at(_with_masks(pairs, looker, mask), looker) for pairs in by_image.values()
    ]
    drawn = [p for p in pairs_seen if len(p.masks) > 1 or not _is_empty(p.masks[0], looker)]
    return sorted(drawn or pairs_seen, key=lambda pair: (-pair.worth, not pair.is_hu, pair.rests))


def _nearest(pairs: Sequence[Pairing]) -> list[Pairing]:
    """Leave out pairs whose masks are called after other images: `frame12_gt` after `frame12`.

    Also where these make fewer cases, as one of them may be lost, but not less than half.
    """
    shared = [_shared_words(pair) for pair in pairs]
    known: dict[str, set[tuple[float, int]]] = defaultdict(set)
    for pair, of_masks in zip(pairs, shared, strict=True):
        for mask, words in of_masks.items():
            known[mask].add((pair.worth, words))
    near = []
    for pair, of_masks in zip(pairs, shared, strict=True):
        others = sum(
            any(2 * worth >= pair.worth and more > words for worth, more in known[mask])
            for mask, words in of_masks.items()
        )
        if 2 * others <= len(of_masks):
            near.append(pair)
    return near


def _shared_words(pair: Pairing) -> dict[str, int]:
    """Return how many words and numbers the path of each mask shares with that of its image.

    Whole paths, as a word of the kind may stand in what varies: `left_001` and `{0}_001`.
    """
    image = pair.image.members
    mask = pair.masks[0].members
    return {mask[key]: (_words_in(image[key]) & _words_in(mask[key])).total() for key in pair.keys}


def _words_in(path: str) -> Counter[str]:
    return Counter(re.findall(r"[a-z]+|\d+", path.lower()))


def _looked_at(pair: Pairing, looker: Looker) -> Pairing:
    """Return a pairing with what its images and masks hold."""
    image = looker.glance(pair.image.paths[0])
    masks = [looker.glance(path) for mask in pair.masks for path in spread(mask.paths, SAMPLE)]
    values = frozenset().union(*(mask.values for mask in masks if mask is not None))
    if image is None:
        return replace(pair, values=values)
    sides = [n * mm for n, mm in zip(image.shape, image.spacing, strict=True)]
    return replace(pair, is_hu="hu" in image.fits, values=values, extent=min(sides))


def _pair(image: Kind, mask: Kind, looker: Looker) -> Pairing:
    """Pair two kinds by what varies in both."""
    best = _best_way(Pairing(image, (mask,), (), None), _ways(image), _ways(mask))
    if not best.keys:
        best = _best_way(best, _more_ways(image), _more_ways(mask))
    grids = [
        looker.on_grid(best.image.members[key], best.masks[0].members[key])
        for key in _sample(best.keys)
    ]
    known = [grid for grid in grids if grid is not None]
    return Pairing(best.image, best.masks, best.keys, all(known) if known else None)


def _best_way(best: Pairing, images: Sequence[Kind], masks: Sequence[Kind]) -> Pairing:
    """Return the pairing of most cases among ways to name what varies in image and mask."""
    for first, second in itertools.product(images, masks):
        keys = tuple(sorted(first.members.keys() & second.members.keys()))
        if first.width == second.width and len(keys) > len(best.keys):
            best = Pairing(first, (second,), keys, None)
    return best


def _more_ways(kind: Kind) -> list[Kind]:
    """Return further ways: by one part alone, and by what is behind the words that all share."""
    ways = []
    for start in (kind, trimmed(kind)):
        for kept in range(start.width):
            way = start
            for number in reversed(range(start.width)):
                way = way if number == kept else without_part(way, number)
            ways.append(way)
    return [*_ways(kind), *ways]


def _ways(kind: Kind) -> list[Kind]:
    """Return the ways to name what varies in a kind, the best first."""
    ways = [widened(kind), kind]
    while narrowed(ways[-1]) is not ways[-1]:
        ways.append(narrowed(ways[-1]))
    return ways


def _sample(keys: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    places = spread([str(n) for n in range(len(keys))], CHECKED)
    return [keys[int(place)] for place in places]


def _with_masks(pairs: Sequence[Pairing], looker: Looker, wanted: str = "") -> Pairing:
    """Choose among the masks of one kind of images: one of all labels, or one a label."""
    ordered = sorted(pairs, key=lambda pair: -pair.worth)
    if not wanted:
        drawn = [pair for pair in ordered if not _is_predicted(pair)]
        least = max(2.0, FEW * ordered[0].worth)
        if len(drawn) < len(ordered) and any(pair.worth >= least for pair in drawn):
            made = tuple(p.masks[0] for p in ordered if p not in drawn)
            chosen = _with_masks(drawn, looker)
            return replace(chosen, readings=(*chosen.readings, *made))
    drawn = [pair for pair in ordered if not _is_empty(pair.masks[0], looker)]
    if not drawn:
        return _of_drawn(ordered, looker, wanted)
    empty = tuple(p.masks[0] for p in _rivals(drawn[0], ordered) if p not in drawn)
    return replace(_of_drawn(drawn, looker, wanted), empty=empty)


def _rivals(best: Pairing, pairs: Sequence[Pairing]) -> list[Pairing]:
    """Return the masks of the same images that more than half as many cases have."""
    return [p for p in pairs if p.image == best.image and 2 * p.worth > best.worth]


def _of_drawn(ordered: Sequence[Pairing], looker: Looker, wanted: str) -> Pairing:
    """Choose among masks of which each shows something."""
    best = ordered[0]
    rivals = _rivals(best, ordered)
    several = [p for p in rivals if _values(p.masks[0], looker) > 1]
    full = [p for p in rivals if len(p.keys) >= FULL * len(best.keys)]
    if several:
        return _one_of([p for p in several if p in full] or several[:1], wanted)
    if len(full) > 1 and _are_readings(full, looker):
        return _one_of(full, wanted)
    partial = tuple(p.masks[0] for p in rivals if p not in full)
    if len(full) < 2:
        return replace(best, partial=partial)
    keys = set(full[0].keys).intersection(*(p.keys for p in full[1:]))
    masks = tuple(p.masks[0] for p in sorted(full, key=lambda p: p.masks[0].template))
    return Pairing(best.image, masks, tuple(sorted(keys)), best.on_grid, partial=partial)


def _is_predicted(pair: Pairing) -> bool:
    """Tell whether masks are called as those that a program made."""
    # of TotalSegmentator and nnUNet, too, whose capitals part them into words of no meaning
    template = pair.masks[0].template
    words = {*words_of(template), *re.findall(r"[a-z]+", template.lower())}
    return bool(words & set(PREDICTED))


def _is_empty(kind: Kind, looker: Looker) -> bool:
    """Tell whether nothing is drawn in any mask of a kind."""
    glances = [looker.glance(path) for path in spread(kind.paths, EMPTY)]
    return all(glance is not None and not glance.values for glance in glances)


def _one_of(rivals: Sequence[Pairing], wanted: str) -> Pairing:
    """Choose among masks that show the same: the one that is asked for, or called the final one."""

    def key(pair: Pairing) -> tuple[bool, bool]:
        template = pair.masks[0].template
        asked = bool(wanted) and re.sub(r"\{\d+\}", "*", template).endswith(wanted)
        return not asked, not set(words_of(template)) & set(AGREED)

    chosen, *others = sorted(rivals, key=key)
    return replace(chosen, readings=tuple(pair.masks[0] for pair in others))


def _values(kind: Kind, looker: Looker) -> int:
    """Return how many values beside 0 a mask of a kind has at most."""
    glances = [looker.glance(path) for path in spread(kind.paths, SAMPLE)]
    return max((len(glance.values) for glance in glances if glance), default=0)


def _are_readings(pairs: Sequence[Pairing], looker: Looker) -> bool:
    """Tell whether masks show one structure again and again, and not each its own."""
    marks = []
    for pair in pairs[:CHECKED]:
        mark = _mark_of(pair, looker)
        if mark is None or not mark.any():
            return False
        marks.append(mark)
    if len({mark.shape for mark in marks}) > 1:
        return False
    shares = [
        2 * np.count_nonzero(one & other) / (one.sum() + other.sum())
        for one, other in itertools.combinations(marks, 2)
    ]
    return min(shares) > ALIKE


def _mark_of(pair: Pairing, looker: Looker) -> np.ndarray | None:
    """Return where the mask of a case is; of one that DICOM has of its own, on its image."""
    key = pair.keys[0]
    path = looker.root / pair.masks[0].members[key]
    if annotation_kind(path) is None:
        glance = looker.glance(pair.masks[0].members[key])
        return None if glance is None else glance.mark
    image = looker.glance(pair.image.members[key])
    if image is None:
        return None
    grid = VoxelGrid(image.shape, image.affine, str(path))
    inside = np.zeros(grid.shape, bool)
    try:
        drawing = read_annotation(path, 0)
        if drawing.grid_on(grid) is not grid:
            return None
        for part in drawing.drawn_on(grid):
            inside[part.where] |= part.inside
    except SlicewiseError:
        return None
    return inside
