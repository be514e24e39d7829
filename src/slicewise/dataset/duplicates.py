"""Finding the same scan after it was padded, cropped, turned, mirrored, resampled or windowed.

A suspicion comes first, from two kinds of marks that are quick to compare among thousands of scans:

- every axial slice is described by its low cosine frequencies, as in the perceptual hash pHash
  (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010), of the whole
  canvas with intensities clipped to a range of ranks (which windows leave alone), of the same with
  inverted contrast, and of what is inside the content;
- single places are named by their very voxels (`keys`), which finds parts of a scan.

Frequencies are weighted by their distance from zero, which evens out the falling spectrum of
images: else all bodies are alike. Mirroring only changes signs of cosine coefficients, and swapping
the axes only transposes them, so all eight ways to lay a slice are compared at no cost.

Then thumbnails of the slices are laid over each other (`overlay`), and how well they agree decides.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from slicewise.dataset.content import SIDE, Frame, evened, find_content, thumbnail
from slicewise.dataset.keys import find_keys, how_laid, shared_by
from slicewise.dataset.overlay import SURE, agreement, laid
from slicewise.errors import SlicewiseError
from slicewise.files import atomic
from slicewise.stored import read_arrays, refused
from slicewise.volumes.volume import Volume

METHOD = 2
"""To be raised by whoever changes what `slice_marks` returns: marks of two methods differ."""

ALIKE = 0.7
"""Scans that agree so well are one; benchmarks/leaks.py measures how far off all others are."""

FREQUENCIES = 16
RANKS = (0.8, 0.97)
INVERTED = (0.03, 0.2)
INSIDE = (0.02, 0.98)
FINEST = 320  # pixels along a side that are enough for so low frequencies
STEADY = 0.97  # slices more alike than this to the last one kept are left out
PLAIN = 1e-3  # amplitudes below this share of the contrast are rounding
SHARE = 0.25  # of the slices of the smaller scan that have to be found in the other
PROBES = 6  # so many that one lies in any quarter of a scan
NEAR = 0.85  # slices whose marks are so alike make a suspicion
MOST = 16  # other scans that a scan is suspected to be by its marks
LAID = 12  # slices that are laid over each other
TOGETHER = 128  # scans whose marks are multiplied at once

CANVAS, NEGATIVE, CONTENT = range(3)
KINDS = ((CANVAS, CANVAS), (NEGATIVE, CANVAS), (CANVAS, NEGATIVE), (CONTENT, CONTENT))
"""The marks that are compared with each other."""
PROBED_WITH = (((CANVAS, NEGATIVE), CANVAS), ((CONTENT,), CONTENT))
"""The marks of which few slices are compared with all of another mark."""

_U, _V = np.indices((FREQUENCIES, FREQUENCIES))
_RADIUS = np.hypot(_U, _V).astype(np.float32)
_USED = (_RADIUS >= 2) & (_RADIUS < FREQUENCIES)
COEFFICIENTS = int(_USED.sum())
_SIGNS = np.array([(x**_U * y**_V)[_USED] for x in (1, -1) for y in (1, -1)], np.float32)
_PLACES = np.full(_USED.shape, -1)
_PLACES[_USED] = np.arange(COEFFICIENTS)
_SWAPPED = _PLACES.T[_USED]


@dataclass(frozen=True)
class Scan:
    """What is kept of a scan to know it again.

    Attributes
    ----------
    frame : Frame
        Its canvas and its content.
    heights : ndarray of int16, shape (n,)
        The slices that are kept, from the feet up.
    marks : ndarray of int8, shape (n, 3, COEFFICIENTS)
        Their marks: of the canvas, of its negative, of the content.
    thumbs : ndarray of uint8, shape (n, SIDE, SIDE)
        Small pictures of their content by rank of intensity; 0 is background.
    keys : ndarray of uint64, shape (k,)
        Names of single places.
    places : ndarray of int16, shape (k, 3)
        Where these are.
    """

    frame: Frame
    heights: np.ndarray
    marks: np.ndarray
    thumbs: np.ndarray
    keys: np.ndarray
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.heights)


Marks = Mapping[str, Scan]
"""What is kept of each case of a data set."""


def slice_marks(image: Volume, canvas: np.ndarray | None = None) -> Scan:
    """Describe a scan.

    Parameters
    ----------
    image : Volume
        Any intensities; slices lie across the last axis in canonical orientation.
    canvas : ndarray, optional
        What `all_marks` returns, where it is known already.

    Returns
    -------
    Scan
        With the slices that differ from the last one kept and have any contrast.
    """
    array = image.canonical().array
    canvas = all_marks(image) if canvas is None else canvas
    frame, background = find_content(array)
    heights: list[int] = []
    marks: list[np.ndarray] = []
    pictures = []
    for k in range(array.shape[2]):
        content = _content_mark(array[:, :, k], frame, background)
        if content is None:
            continue
        if marks and _steady(marks[-1], canvas[k], content):
            continue
        negative = _mark(array[:, :, k], INVERTED)
        marks.append(
            np.stack([canvas[k], -negative if negative is not None else 0 * content, content])
        )
        heights.append(k)
        pictures.append(thumbnail(_inside(array[:, :, k], frame), background))
    keys, places = find_keys(array, background)
    images, masks = np.array(pictures, np.float32).reshape(-1, 2, SIDE, SIDE).swapaxes(0, 1)
    return Scan(
        frame=frame,
        heights=np.array(heights, np.int16),
        marks=_stored(np.array(marks, np.float32).reshape(-1, 3, COEFFICIENTS)),
        thumbs=evened(images, masks),
        keys=keys,
        places=places,
    )


def _steady(last: np.ndarray, canvas: np.ndarray, content: np.ndarray) -> bool:
    return bool(min(canvas @ last[CANVAS], content @ last[CONTENT]) >= STEADY)


def _stored(marks: np.ndarray) -> np.ndarray:
    highest = np.abs(marks).max(axis=-1, keepdims=True)
    return np.rint(marks * (127 / np.maximum(highest, 1e-9))).astype(np.int8)


def _inside(pixels: np.ndarray, frame: Frame) -> np.ndarray:
    return pixels[frame.left : frame.left + frame.across, frame.top : frame.top + frame.along]


def _content_mark(pixels: np.ndarray, frame: Frame, background: float) -> np.ndarray | None:
    """Return the mark of what is inside the content; the outline of the background is no sign."""
    pixels = _coarser(_inside(pixels, frame))
    held = pixels != background
    if not held.any():
        return None
    if not held.all():
        pixels = np.where(held, pixels, np.median(pixels[held]).astype(pixels.dtype))
    return _mark(pixels, INSIDE)


def all_marks(image: Volume) -> np.ndarray:
    """Return the mark of every axial slice's canvas, float32; zeros where it has no contrast."""
    array = image.canonical().array
    marks = np.zeros((array.shape[2], COEFFICIENTS), np.float32)
    for k in range(array.shape[2]):
        mark = _mark(array[:, :, k])
        if mark is not None:
            marks[k] = mark
    return marks


@cache
def _cosines(size: int) -> np.ndarray:
    """Return the lowest cosines over `size` pixels, of shape (FREQUENCIES, size)."""
    places = (np.arange(size) + 0.5) / size
    waves = np.cos(np.pi * np.arange(FREQUENCIES)[:, None] * places)
    return (waves * (2 / size)).astype(np.float32)


def _coarser(pixels: np.ndarray) -> np.ndarray:
    steps = [-(-size // FINEST) for size in pixels.shape]
    return pixels[:: steps[0], :: steps[1]]


def _mark(pixels: np.ndarray, between: tuple[float, float] = RANKS) -> np.ndarray | None:
    """Return the weighted coefficients of a slice as a vector of length 1, if it has any."""
    pixels = _coarser(pixels).astype(np.float32)
    ranks = [int(rank * pixels.size) for rank in between]
    low, high = np.partition(pixels.ravel(), ranks)[ranks]
    if low == high:
        return None
    across = _cosines(pixels.shape[0])
    along = _cosines(pixels.shape[1])
    bounded = (np.clip(pixels, low, high) - low) / (high - low)
    values = ((across @ bounded @ along.T) * _RADIUS)[_USED]
    length = np.linalg.norm(values)
    return values / length if length > PLAIN else None


def likeness(one: Scan, other: Scan) -> float:
    """Say how alike two scans are.

    Parameters
    ----------
    one, other : Scan
        What `slice_marks` returned of them.

    Returns
    -------
    float
        At most 1: the absolute correlation of the detail in their thumbnails,
        laid as marks or keys say. -1 where neither gives a reason to lay them
        over each other.
    """
    if not len(one) or not len(other):
        return -1.0
    best = -1.0
    for slices, turn, axes in _ways(one, other):
        mine, yours = slices[:, :LAID]
        best = max(best, agreement(laid(one.thumbs[mine], turn), other.thumbs[yours], axes))
        if best >= SURE:
            break
    return min(1.0, best)


Way = tuple[np.ndarray, int, tuple[tuple[float, float], tuple[float, float]]]
"""Slices of one and the other, how the first are turned, and where they lie along each axis."""


def _ways(one: Scan, other: Scan) -> Iterator[Way]:
    """Yield the ways in which two scans may lie on each other."""
    by_keys = _by_keys(one, other)
    if by_keys is not None:
        yield by_keys
    turned_back = len(one) > len(other)
    smaller = other if turned_back else one
    larger = one if turned_back else other
    for first, second in KINDS:
        way = _by_marks(smaller, larger, first, second)
        if way is None:
            continue
        slices, turn = way
        if turned_back:
            slices = slices[::-1]
            turn = _undone(turn)
        yield slices, turn, _axes(one, other, turn, whole=first != CONTENT)


def _undone(turn: int) -> int:
    """Return the turn that takes a turn back: what was swapped is mirrored before, not after."""
    return turn if not turn & 4 else 4 | (turn & 1) << 1 | (turn & 2) >> 1


def _axes(
    one: Scan, other: Scan, turn: int, *, whole: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Place content on content, or, through these, the whole canvas on the whole canvas."""
    if not whole:
        return (1.0, 0.0), (1.0, 0.0)
    a = one.frame.turned(turn)
    b = other.frame
    return (
        _on(a.width / b.width, 0, (a.left, a.across), (b.left, b.across)),
        _on(a.height / b.height, 0, (a.top, a.along), (b.top, b.along)),
    )


def _on(
    scale: float, shift: float, mine: tuple[int, int], yours: tuple[int, int]
) -> tuple[float, float]:
    """Place boxes (start, length) where a pixel p of yours is scale · p - shift of mine."""
    return scale * yours[1] / mine[1], (scale * yours[0] - shift - mine[0]) / mine[1]


def _by_keys(one: Scan, other: Scan) -> Way | None:
    a = one.frame
    b = other.frame
    place = how_laid((one.keys, one.places), (other.keys, other.places), (a.width, a.height))
    if place is None:
        return None
    turn, up, (x, y, z) = place
    away = np.abs(up * one.heights.astype(int)[:, None] + z - other.heights)
    nearest = away.argmin(axis=1)
    distance = away[np.arange(len(one)), nearest]
    order = np.argsort(distance, kind="stable")
    order = order[distance[order] <= max(1, distance[order[0]])]
    if len(order) > LAID:
        order = np.sort(order)[np.linspace(0, len(order) - 1, LAID).astype(int)]
    a = a.turned(turn)
    axes = (
        _on(1.0, x, (a.left, a.across), (b.left, b.across)),
        _on(1.0, y, (a.top, a.along), (b.top, b.along)),
    )
    return np.stack([order, nearest[order]]), turn, axes


def _by_marks(small: Scan, large: Scan, first: int, second: int) -> tuple[np.ndarray, int] | None:
    """Find the slices of the larger scan that those of the smaller are most alike to."""
    mine = _unit(small.marks[:, first])
    yours = _unit(large.marks[:, second])
    wanted = math.ceil(SHARE * len(mine))
    few = np.abs(_turns(_spread(mine)).reshape(-1, COEFFICIENTS) @ yours.T)
    if few.max() < NEAR:  # a quarter of the slices would hold one of these
        return None
    products = (_turns(mine).reshape(-1, COEFFICIENTS) @ yours.T).reshape(8, len(mine), -1)
    if first == second == CONTENT:
        products = np.abs(products)
    best = products.max(axis=2)
    turn = int(np.sort(best, axis=1)[:, -wanted].argmax())
    order = np.argsort(-best[turn], kind="stable")[:wanted]
    if best[turn][order[-1]] < NEAR:
        return None
    return np.stack([order, products[turn].argmax(axis=1)[order]]), turn


def find_alike(ours: Marks, theirs: Marks) -> list[tuple[str, str, float]]:
    """List the pairs of scans that are one.

    Parameters
    ----------
    ours, theirs : mapping of case to Scan
        Two data sets, or the same twice.

    Returns
    -------
    list of (str, str, float)
        A case of ours, one of theirs and their `likeness`, the most alike first.
    """
    pairs = _candidates(ours, theirs)
    pairs |= {(a, b) for b, a in (pairs if ours is theirs else _candidates(theirs, ours))}
    mine = list(ours)
    yours = list(theirs)
    shared = shared_by([ours[c].keys for c in mine], [theirs[c].keys for c in yours])
    pairs |= {(mine[a], yours[b]) for a, b in shared}
    if ours is theirs:  # each pair once, as both ways agree
        known = {(a, b): likeness(ours[a], ours[b]) for a, b in sorted(pairs) if a <= b}
        known |= {(b, a): score for (a, b), score in known.items()}
        scored = [(a, b, score) for (a, b), score in sorted(known.items())]
    else:
        scored = [(a, b, likeness(ours[a], theirs[b])) for a, b in sorted(pairs)]
    return sorted((pair for pair in scored if pair[2] >= ALIKE), key=lambda pair: -pair[2])


def _candidates(probed: Marks, searched: Marks) -> set[tuple[str, str]]:
    """Pairs in which some slice of the first may be one of the second, the `MOST` for each."""
    names = [case for case in probed if len(probed[case])]
    others = [case for case in searched if len(searched[case])]
    most = min(MOST, len(others))
    if not most:
        return set()
    pairs: set[tuple[str, str]] = set()
    for first in range(0, len(names), TOGETHER):
        block = names[first : first + TOGETHER]
        scores = _at_most([probed[name] for name in block], [searched[name] for name in others])
        nearest = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        near = np.argwhere(np.take_along_axis(scores, nearest, 1) >= NEAR)
        pairs |= {(block[row], others[nearest[row, column]]) for row, column in near}
    return pairs


def _at_most(probed: Sequence[Scan], searched: Sequence[Scan]) -> np.ndarray:
    """Return how alike a slice of each scan is at most to one of each other.

    Parameters
    ----------
    probed, searched : sequence of Scan
        Scans with slices.

    Returns
    -------
    ndarray of float32, shape (probed, searched)
        The greatest bound over all slices that are compared (see `_bounds`).
    """
    scores = np.zeros((len(probed), len(searched)), np.float32)
    for kinds, kind in PROBED_WITH:
        few = [_spread(scan.marks[:, k]) for scan in probed for k in kinds]
        probes = _bounds(_unit(np.concatenate(few)))
        owner = _starts(few)[:: len(kinds)]
        for start in range(0, len(searched), TOGETHER):
            rows = [scan.marks[:, kind] for scan in searched[start : start + TOGETHER]]
            products = probes @ _bounds(_unit(np.concatenate(rows))).T
            by_scan = np.maximum.reduceat(products, _starts(rows), 1)
            best = np.maximum.reduceat(by_scan, owner, 0)
            part = scores[:, start : start + len(rows)]
            np.maximum(part, best, out=part)
    return scores


def _starts(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return where each part begins once all are concatenated."""
    return np.cumsum([0, *(len(part) for part in parts)])[:-1]


def _spread(marks: np.ndarray) -> np.ndarray:
    """Return `PROBES` slices, evenly spread, or all where there are no more."""
    if len(marks) <= PROBES:
        return marks
    return marks[((np.arange(PROBES) + 0.5) * (len(marks) / PROBES)).astype(int)]


def _unit(marks: np.ndarray) -> np.ndarray:
    values = marks.astype(np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


def _square(values: np.ndarray) -> np.ndarray:
    square = np.zeros((len(values), FREQUENCIES, FREQUENCIES), np.float32)
    square[:, _USED] = values
    return square


def _turns(values: np.ndarray) -> np.ndarray:
    """Return the coefficients of n slices in the ways that they may lie, of shape (8, n, …)."""
    ways = (values, values[:, _SWAPPED])
    return np.array([way * signs for way in ways for signs in _SIGNS])


def _bounds(values: np.ndarray) -> np.ndarray:
    """Return vectors whose product is at least the likeness of two slices, however they lie.

    Mirroring changes signs and swapping the axes exchanges (u, v) with (v, u),
    so the lengths of these pairs bound the product (Cauchy and Schwarz).
    """
    square = _square(values)
    pairs = np.hypot(square, square.swapaxes(1, 2))
    diagonal = np.arange(FREQUENCIES)
    pairs[:, diagonal, diagonal] = np.abs(square[:, diagonal, diagonal])
    return pairs[:, np.triu(_USED)]


# --- files ---------------------------------------------------------------------------------


TYPES = {
    "frame": np.int32,
    "heights": np.int16,
    "marks": np.int8,
    "thumbs": np.uint8,
    "keys": np.uint64,
    "places": np.int16,
}
SHAPES = {
    "frame": (len(Frame._fields),),
    "heights": (),
    "marks": (3, COEFFICIENTS),
    "thumbs": (SIDE, SIDE),
    "keys": (),
    "places": (3,),
}


def _arrays(scan: Scan) -> dict[str, np.ndarray]:
    """Return the parts of a scan as arrays, of which the first axis counts."""
    parts = {name: getattr(scan, name) for name in TYPES} | {"frame": [scan.frame]}
    return {name: np.asarray(part, TYPES[name]) for name, part in parts.items()}


def _scan(arrays: Mapping[str, np.ndarray]) -> Scan:
    (frame,) = arrays["frame"].tolist()
    rest = {name: arrays[name] for name in TYPES if name != "frame"}
    if len({len(rest[name]) for name in ("heights", "marks", "thumbs")}) > 1:
        raise ValueError("parts of different lengths")
    if len(rest["keys"]) != len(rest["places"]):
        raise ValueError("keys without places")
    return Scan(frame=Frame(*frame), **rest)


def pack(scan: Scan) -> str:
    """Return what is kept of a scan as text for a case record."""
    arrays = _arrays(scan).values()
    numbers = np.array([len(array) for array in arrays], np.int64)
    content = b"".join([numbers.tobytes(), *(array.tobytes() for array in arrays)])
    return f"{METHOD}:{base64.b64encode(zlib.compress(content, 6)).decode()}"


def unpack(text: str) -> Scan:
    """Return the scan that `pack` made text of.

    Raises
    ------
    SlicewiseError
        When another version of slicewise made it.
    """
    method, _, packed = text.rpartition(":")
    if method != str(METHOD):
        raise SlicewiseError(
            "the marks in the case records were made by another version of slicewise; delete the "
            "folder cases/_shards of these results, and let snakemake make them again"
        )
    content = zlib.decompress(base64.b64decode(packed))
    numbers = np.frombuffer(content, np.int64, len(TYPES))
    place = numbers.nbytes
    arrays = {}
    for name, number in zip(TYPES, numbers, strict=True):
        size = int(number) * math.prod(SHAPES[name])
        array = np.frombuffer(content, TYPES[name], size, place)
        arrays[name] = array.reshape(-1, *SHAPES[name])
        place += array.nbytes
    return _scan(arrays)


def beside(table: str | Path) -> Path:
    """Return the file that holds the marks of a table of cases."""
    return Path(table).with_suffix(".npz")


def write_marks(path: Path, marks: Marks) -> None:
    """Write the marks of a data set."""
    every = [_arrays(scan) for scan in marks.values()]
    stored = {
        name: np.concatenate([*(arrays[name] for arrays in every), _nothing(name)])
        for name in TYPES
    }
    numbers = [[len(arrays[name]) for name in TYPES] for arrays in every]
    with atomic(path) as temporary:
        np.savez_compressed(
            temporary,
            allow_pickle=False,
            method=np.int64(METHOD),
            cases=np.array(list(marks), np.str_),
            numbers=np.array(numbers, np.int64).reshape(-1, len(TYPES)),
            **stored,
        )


def _nothing(name: str) -> np.ndarray:
    return np.empty((0, *SHAPES[name]), TYPES[name])


def read_marks(path: Path, cases: Iterable[str]) -> dict[str, Scan]:
    """Read the marks of a data set.

    Parameters
    ----------
    path : Path
        What `write_marks` wrote.
    cases : iterable of str
        The cases of the table that the file lies beside.

    Returns
    -------
    dict of case to Scan

    Raises
    ------
    SlicewiseError
        When the file is missing, damaged, of other cases than the table, or
        of another version of slicewise.
    """
    again = "delete it and the table beside it, and let snakemake make both again"
    if not path.exists():
        raise SlicewiseError(
            f"{path}: it is missing, and without it only exact copies of the scans in the table "
            "beside it would be found; copy it there, or let snakemake make both again"
        )
    stored = read_arrays(path, ("method",), again)
    try:
        if int(stored["method"]) != METHOD:
            raise SlicewiseError(f"{path}: another version of slicewise made it; {again}")
        ends = np.cumsum(stored["numbers"].reshape(-1, len(TYPES)), axis=0)
        parts = {}
        for column, name in enumerate(TYPES):
            whole = stored[name].reshape(-1, *SHAPES[name])
            if len(whole) != ends[-1:, column].sum():
                raise ValueError("marks and cases differ in number")
            parts[name] = np.split(whole, ends[:-1, column])
        marks = {
            str(case): _scan({name: parts[name][number] for name in TYPES})
            for number, case in enumerate(stored["cases"])
        }
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise refused(path, error, again) from None
    if set(marks) != set(cases):
        raise SlicewiseError(f"{path}: it holds other cases than the table beside it; {again}")
    return marks
