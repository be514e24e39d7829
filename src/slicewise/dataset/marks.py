"""What is kept of a scan to know it again, in case records and beside the table of cases."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slicewise.dataset.content import SIDE, Frame
from slicewise.errors import SlicewiseError
from slicewise.files import atomic
from slicewise.stored import read_arrays, refused

METHOD = 2
"""To be raised by whoever changes what `slice_marks` returns: marks of two methods differ."""

FREQUENCIES = 16
"""Of a slice so many cosine frequencies are kept along each side."""
CANVAS, NEGATIVE, CONTENT = range(3)
"""The marks of a slice: of its canvas, of that with inverted contrast, of its content."""

ACROSS, ALONG = np.indices((FREQUENCIES, FREQUENCIES))
RADIUS = np.hypot(ACROSS, ALONG).astype(np.float32)
USED = (RADIUS >= 2) & (RADIUS < FREQUENCIES)
COEFFICIENTS = int(USED.sum())


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
