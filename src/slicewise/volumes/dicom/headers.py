"""What is taken of a DICOM header: single elements, and what is needed of a slice or frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom


@dataclass(frozen=True)
class Slice:
    """What is needed of one slice's header; lengths in mm, directions in LPS.

    Attributes
    ----------
    name : str
        The file that it is in, below the source.
    frame : int
        Its number in that file, from 0 on.
    series : str
        SeriesInstanceUID, which no message shows.
    number : str
        SeriesNumber, which tells series apart in messages.
    modality : str
        Such as ``CT``.
    kind : str
        ``localizer``, ``screenshot``, or nothing for an ordinary image.
    rows, columns : int
        Pixels.
    spacing : (float, float)
        Of rows and columns.
    orientation : ndarray, shape (6,), or None
        Directions of growing column and row.
    position : ndarray, shape (3,), or None
        Centre of the first pixel.
    thickness : float or None
        Distance to the next slice as the header says it.
    slope, intercept : float
        From stored values to intensities.
    padding : (int, int) or None
        First and last stored value that mean that nothing was measured there.
    lossy : bool
        Whether compression has changed the values, those of padding included.
    volume : tuple of (str, str)
        What tells several volumes of one file apart: stacks, echoes, points in time.
    """

    name: str
    series: str
    rows: int
    columns: int
    spacing: tuple[float, float]
    orientation: np.ndarray | None
    position: np.ndarray | None
    thickness: float | None
    slope: float
    intercept: float
    frame: int = 0
    number: str = ""
    modality: str = ""
    kind: str = ""
    padding: tuple[int, int] | None = None
    lossy: bool = False
    volume: tuple[tuple[str, str], ...] = ()


def value_of(header: pydicom.Dataset, keyword: str) -> Any:
    """Return an element; None where it is missing or makes no sense."""
    try:
        return header.get(keyword)
    except Exception:  # pydicom converts values lazily and raises many types
        return None


def is_filled(header: pydicom.Dataset, keyword: str) -> bool:
    """Tell whether an element is there and not empty, whether or not it makes sense."""
    if keyword not in header:
        return False
    return header.get_item(keyword).value not in (None, b"", "")


def whole(header: pydicom.Dataset, keyword: str, default: int) -> int:
    """Return an element as a whole number, or a default where it is none."""
    value = numbers(header, keyword, 1)
    return default if value is None else int(value[0])


def numbers(header: pydicom.Dataset, keyword: str, count: int) -> np.ndarray | None:
    """Return an element of `count` finite numbers, or None when it is anything else."""
    try:
        values = np.atleast_1d(np.asarray(value_of(header, keyword), dtype=np.float64))
    except (TypeError, ValueError):
        return None
    return values if values.shape == (count,) and np.isfinite(values).all() else None
