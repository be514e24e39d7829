"""Finding the same scan after it was resampled, turned, mirrored or windowed.

Every axial slice is described by its low cosine frequencies, as in the
perceptual hash pHash (Zauner, Implementation and Benchmarking of Perceptual
Image Hash Functions, 2010). Three things make that hold for medical images:

- intensities are clipped to a range of ranks of the slice, so that windows and
  scales do not matter that leave the soft tissue and contrast in it;
- frequencies are weighted by their distance from zero, which evens out the
  falling spectrum of images: else all bodies are alike;
- mirroring only changes signs of cosine coefficients, and swapping the axes
  only transposes them, so all eight ways to lay a slice are compared at no cost.

Two slices are compared by the correlation of their coefficients. A slice whose
field of view was cut or moved, or that was turned by an odd angle, is not found.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.files import atomic, load_arrays
from slicewise.volumes.volume import Volume

METHOD = 1
"""To be raised by whoever changes what `slice_marks` returns: marks of two methods differ."""

ALIKE = 0.95
"""Scans at least so alike are one; benchmarks/leaks.py measures how far off all others are."""

FREQUENCIES = 16
RANKS = (0.8, 0.97)
FINEST = 320  # pixels along a side that are enough for so low frequencies
STEADY = 0.97  # slices more alike than this to the last one kept are left out
PLAIN = 1e-3  # amplitudes below this share of the contrast are rounding
SHARE = 0.25  # of the slices of the smaller scan that have to be found in the other
PROBES = 6  # so many that one lies in any quarter of a scan
NEAR = 0.9  # bound from which a pair of scans is compared in full
BLOCK = 2048

_U, _V = np.indices((FREQUENCIES, FREQUENCIES))
_RADIUS = np.hypot(_U, _V).astype(np.float32)
_USED = (_RADIUS >= 2) & (_RADIUS < FREQUENCIES)
COEFFICIENTS = int(_USED.sum())
_SIGNS = np.array([(x**_U * y**_V)[_USED] for x in (1, -1) for y in (1, -1)], np.float32)
_PLACES = np.full(_USED.shape, -1)
_PLACES[_USED] = np.arange(COEFFICIENTS)
_SWAPPED = _PLACES.T[_USED]

Marks = Mapping[str, np.ndarray]
"""The marks of each case of a data set."""


def slice_marks(image: Volume) -> np.ndarray:
    """Describe the axial slices of a scan.

    Parameters
    ----------
    image : Volume
        Any intensities; slices lie across the last axis in canonical orientation.

    Returns
    -------
    ndarray of int8, shape (n, COEFFICIENTS)
        A row a slice, from the feet up, without those that hardly differ from
        the last one and those without any contrast.
    """
    return changing(all_marks(image))


def all_marks(image: Volume) -> np.ndarray:
    """Return the mark of every axial slice, float32; zeros where it has no contrast."""
    array = image.canonical().array
    marks = np.zeros((array.shape[2], COEFFICIENTS), np.float32)
    for k in range(array.shape[2]):
        mark = _mark(array[:, :, k])
        if mark is not None:
            marks[k] = mark
    return marks


def changing(every: np.ndarray) -> np.ndarray:
    """Return what `slice_marks` does, from `all_marks`."""
    found: list[np.ndarray] = []
    for mark in every:
        if mark.any() and not (found and float(mark @ found[-1]) >= STEADY):
            found.append(mark)
    marks = np.array(found, np.float32).reshape(-1, COEFFICIENTS)
    return np.rint(marks * (127 / np.abs(marks).max(axis=1, keepdims=True))).astype(np.int8)


@cache
def _cosines(size: int) -> np.ndarray:
    """Return the lowest cosines over `size` pixels, of shape (FREQUENCIES, size)."""
    places = (np.arange(size) + 0.5) / size
    waves = np.cos(np.pi * np.arange(FREQUENCIES)[:, None] * places)
    return (waves * (2 / size)).astype(np.float32)


def _mark(pixels: np.ndarray) -> np.ndarray | None:
    """Return the weighted coefficients of a slice as a vector of length 1, if it has any."""
    steps = [-(-size // FINEST) for size in pixels.shape]
    pixels = pixels[:: steps[0], :: steps[1]].astype(np.float32)
    ranks = [int(rank * pixels.size) for rank in RANKS]
    low, high = np.partition(pixels.ravel(), ranks)[ranks]
    if low == high:
        return None
    across, along = (_cosines(size) for size in pixels.shape)
    bounded = (np.clip(pixels, low, high) - low) / (high - low)
    values = ((across @ bounded @ along.T) * _RADIUS)[_USED]
    length = np.linalg.norm(values)
    return values / length if length > PLAIN else None


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Say how alike two scans are.

    Parameters
    ----------
    one, other : ndarray of int8, shapes (n, COEFFICIENTS) and (m, COEFFICIENTS)
        Their marks.

    Returns
    -------
    float
        A correlation, at most 1: a quarter of the slices of the smaller scan
        have one in the other that is at least so alike, all laid the same way.
        -1 where a scan has no mark.
    """
    if not len(one) or not len(other):
        return -1.0
    small, large = sorted((_unit(one), _unit(other)), key=len)
    wanted = math.ceil(SHARE * len(small))
    best = (_turns(small).reshape(-1, COEFFICIENTS) @ large.T).max(axis=1)
    return float(np.sort(best.reshape(8, -1), axis=1)[:, -wanted].max())


def find_alike(ours: Marks, theirs: Marks) -> list[tuple[str, str, float]]:
    """List the pairs of scans that are one.

    Parameters
    ----------
    ours, theirs : mapping of case to ndarray
        Marks of two data sets, or the same twice.

    Returns
    -------
    list of (str, str, float)
        A case of ours, one of theirs and their `likeness`, the most alike first.
    """
    pairs = _candidates(ours, theirs)
    pairs |= {(a, b) for b, a in (pairs if ours is theirs else _candidates(theirs, ours))}
    found = [(a, b, likeness(ours[a], theirs[b])) for a, b in sorted(pairs)]
    return sorted((pair for pair in found if pair[2] >= ALIKE), key=lambda pair: -pair[2])


def _candidates(probed: Marks, searched: Marks) -> set[tuple[str, str]]:
    """Pairs in which some slice of the first may be one of the second."""
    names, others = ([case for case in side if len(side[case])] for side in (probed, searched))
    if not names:
        return set()
    few = [_spread(probed[name]) for name in names]
    probes = _bounds(_unit(np.concatenate(few)))
    owner = np.repeat(np.arange(len(names)), [len(marks) for marks in few])
    found: set[tuple[str, str]] = set()
    for start in range(0, len(others), BLOCK // 16):
        block = others[start : start + BLOCK // 16]
        slices = _bounds(_unit(np.concatenate([searched[name] for name in block])))
        holder = np.repeat(np.arange(len(block)), [len(searched[name]) for name in block])
        for first in range(0, len(probes), BLOCK):
            row, column = np.nonzero(probes[first : first + BLOCK] @ slices.T >= NEAR)
            for pair in np.unique(owner[first + row] * len(block) + holder[column]):
                found.add((names[pair // len(block)], block[pair % len(block)]))
    return found


def _spread(marks: np.ndarray) -> np.ndarray:
    """Return `PROBES` slices, evenly spread, or all where there are no more."""
    if len(marks) <= PROBES:
        return marks
    return marks[((np.arange(PROBES) + 0.5) * (len(marks) / PROBES)).astype(int)]


def _unit(marks: np.ndarray) -> np.ndarray:
    values = marks.astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


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


def pack(marks: np.ndarray) -> str:
    """Return marks as text for a passport."""
    return base64.b64encode(marks.tobytes()).decode()


def unpack(text: str) -> np.ndarray:
    """Return the marks that `pack` made text of."""
    return np.frombuffer(base64.b64decode(text), np.int8).reshape(-1, COEFFICIENTS)


def beside(table: str | Path) -> Path:
    """Return the file that holds the marks of a table of cases."""
    return Path(table).with_suffix(".npz")


def write_marks(path: Path, marks: Marks) -> None:
    """Write the marks of a data set."""
    with atomic(path) as temporary:
        np.savez(
            temporary,
            method=np.int64(METHOD),
            cases=np.array(list(marks), np.str_),
            numbers=np.array([len(rows) for rows in marks.values()], np.int64),
            marks=np.concatenate([*marks.values(), np.empty((0, COEFFICIENTS), np.int8)]),
        )


def read_marks(path: Path, cases: Iterable[str]) -> dict[str, np.ndarray]:
    """Read the marks of a data set.

    Parameters
    ----------
    path : Path
        What `write_marks` wrote.
    cases : iterable of str
        The cases of the table that the file lies beside.

    Returns
    -------
    dict of case to ndarray

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
    try:
        stored = load_arrays(path)
        if int(stored["method"]) != METHOD:
            raise SlicewiseError(f"{path}: another version of slicewise made it; {again}")
        ends = np.cumsum(stored["numbers"])
        rows = np.split(stored["marks"].reshape(-1, COEFFICIENTS), ends[:-1])
        marks = dict(zip(map(str, stored["cases"]), rows, strict=True))
    except (OSError, KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise SlicewiseError(f"{path}: it is cut short or damaged; {again}") from error
    if set(marks) != set(cases):
        raise SlicewiseError(f"{path}: it holds other cases than the table beside it; {again}")
    return marks
