"""Segmentations of 3D Slicer: a NRRD file whose segments have names, values and layers.

Each segment has a name, a value, and the layer it is in; segments that overlap
are in several layers (https://slicer.readthedocs.io, Segmentations, file format).
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slicewise.errors import SlicewiseError
from slicewise.volumes.checks import LARGEST_LABEL, mask_values
from slicewise.volumes.described import check_described, folded
from slicewise.wording import some

logger = logging.getLogger(__name__)

SUFFIXES = (".nrrd", ".nhdr")
HEADER = 1 << 20
_KEY = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer)")
SHOWN = 20


@dataclass(frozen=True)
class Segment:
    """A segment.

    Attributes
    ----------
    name : str
        As people see it in 3D Slicer.
    value : int
        Of its voxels.
    layer : int
        In which it is.
    """

    name: str
    value: int
    layer: int


def has_segments(path: Path) -> bool:
    """Tell by its header whether a file is a segmentation of 3D Slicer."""
    if not path.name.lower().endswith(SUFFIXES) or not path.is_file():
        return False
    with path.open("rb") as stream:
        header = re.split(rb"\r?\n\r?\n", stream.read(HEADER), maxsplit=1)[0]
    return re.search(rb"^Segment\d+_\w+:=", header, re.M) is not None


def segments_of(fields: Mapping[str, str], layers: int, path: str) -> list[Segment]:
    """Return the segments that a header's fields tell of.

    Parameters
    ----------
    fields : mapping of str to str
        ``Segment0_Name``, ``Segment0_LabelValue``, ``Segment0_Layer``, …. Files of
        old versions have neither value nor layer: there each segment is a layer
        of its own, with the value 1.
    layers : int
        How many the file has.
    path : str
        How messages name it.

    Raises
    ------
    SlicewiseError
        When a value or a layer is none.
    """
    numbered: dict[int, dict[str, str]] = {}
    for key, text in fields.items():
        if match := _KEY.fullmatch(key):
            numbered.setdefault(int(match[1]), {})[match[2]] = text.strip()
    segments = []
    for position, (number, known) in enumerate(sorted(numbered.items())):
        name = known.get("Name") or f"Segment{number}"
        value = known.get("LabelValue", "1" if layers > 1 else str(position + 1))
        layer = known.get("Layer", str(position) if layers > 1 else "0")
        fits = re.fullmatch(r"\d{1,5}", value) and re.fullmatch(r"\d{1,5}", layer)
        if not fits or not 1 <= int(value) <= LARGEST_LABEL or int(layer) >= layers:
            raise SlicewiseError(
                f"{path}: its segment {name} has the value {value[:20]} in layer {layer[:20]} of "
                f"{layers}, which cannot be; save it again with 3D Slicer"
            )
        segments.append(Segment(name, int(value), int(layer)))
    return segments


def label_map(
    layers: Sequence[np.ndarray],
    segments: Sequence[Segment],
    labels: Mapping[str, Any],
    path: Path,
) -> np.ndarray:
    """Put the layers of a segmentation into one mask.

    Parameters
    ----------
    layers : sequence of ndarray, each of shape (i, j, k)
        Values of each layer.
    segments : sequence of Segment
    labels : mapping of str to value, values or name
        ``dataset.labels``: either all give names of segments, or none. Names
        are compared without regard to case, blanks and signs where none fits
        to the letter.
    path : Path
        How messages name the file.

    Returns
    -------
    ndarray of uint8 or uint16, shape (i, j, k)
        By value: the values. By name: 1, 2, … in the order of `labels`, and
        larger numbers for segments that are none of them. Where labels overlap
        the later one of `labels` has the voxel, as with organ folders, and a
        line says so; a segment that is no label gives way to all that are.

    Raises
    ------
    SlicewiseError
        When a name fits several segments, values are those of other labels
        (see `check_described`), or several segments share a value.
    """
    arrays = [mask_values(layer, str(path)) for layer in layers]
    known = {(one.layer, one.value): one for one in segments}
    there = [
        known.get((layer, int(value)), Segment("", int(value), layer))
        for layer, array in enumerate(arrays)
        for value in np.unique(array)
        if value
    ]
    numbers = numbers_of(segments, there, labels, path)
    placed, overlapping = _in_one(arrays, there, numbers, ranks_of(labels))
    if overlapping:
        logger.warning(
            "%s: %d voxels are in two labels; the later one of dataset.labels has them",
            path,
            overlapping,
        )
    return mask_values(placed, str(path))


def _in_one(
    arrays: Sequence[np.ndarray],
    there: Sequence[Segment],
    numbers: Mapping[Segment, int],
    ranks: Mapping[int, int],
) -> tuple[np.ndarray, int]:
    """Put the segments of all layers into one mask, and count the voxels in several labels.

    Parameters
    ----------
    arrays : sequence of ndarray, each of shape (i, j, k)
        Values of each layer.
    there : sequence of Segment
        Those that have voxels.
    numbers : mapping of Segment to int
        What the voxels of a segment become.
    ranks : mapping of int to int
        Of these numbers: where segments overlap, the highest has the voxel.
    """
    placed = np.zeros(arrays[0].shape, np.uint16)
    rank = np.zeros(arrays[0].shape, np.uint8)
    overlapping = 0
    for one in sorted(there, key=lambda one: ranks.get(numbers[one], 0)):
        own = ranks.get(numbers[one], 0)
        inside = arrays[one.layer] == one.value
        overlapping += int(np.count_nonzero(rank[inside] * (rank[inside] != own)))
        placed[inside] = numbers[one]
        rank[inside] = own
    return placed, overlapping


def are_named(labels: Mapping[str, Any]) -> bool:
    """Tell whether labels give names of segments, and not values."""
    return any(isinstance(value, str) for value in labels.values())


def numbers_of(
    segments: Sequence[Segment], there: Sequence[Segment], labels: Mapping[str, Any], path: Path
) -> dict[Segment, int]:
    """Return what the voxels of each segment become in a mask.

    Parameters
    ----------
    segments : sequence of Segment
        All that a file tells of.
    there : sequence of Segment
        Those that have voxels.
    labels : mapping of str to value, values or name
    path : Path
        How messages name the file.

    Raises
    ------
    SlicewiseError
        As `label_map`.
    """
    return (_by_name if are_named(labels) else _by_value)(segments, there, labels, path)


def ranks_of(labels: Mapping[str, Any]) -> dict[int, int]:
    """Return for each number in the mask the place of its label; the later one goes before."""
    by_name = are_named(labels)
    ranks: dict[int, int] = {}
    for place, value in enumerate(labels.values(), start=1):
        values = [place] if by_name else value if isinstance(value, list) else [value]
        ranks |= dict.fromkeys(values, place)
    return ranks


def _by_value(
    segments: Sequence[Segment], there: Sequence[Segment], labels: Mapping[str, Any], path: Path
) -> dict[Segment, int]:
    values = Counter(one.value for one in {*segments, *there})
    if shared := sorted(value for value, number in values.items() if number > 1):
        names = [one.name for one in segments if one.value == shared[0]]
        raise SlicewiseError(
            f"{path}: its segments {some(names, SHOWN)} are in several layers with the same value "
            f"{shared[0]}; name segments in dataset.labels instead of values, as in "
            "labels: {liver: Liver}"
        )
    check_described(labels, path, {"labels": {one.name: one.value for one in segments}})
    return {one: one.value for one in there}


def _by_name(
    segments: Sequence[Segment], there: Sequence[Segment], labels: Mapping[str, Any], path: Path
) -> dict[Segment, int]:
    chosen: dict[Segment, int] = {}
    for place, (label, name) in enumerate(labels.items(), start=1):
        fitting = [one for one in segments if one.name == name]
        fitting = fitting or [one for one in segments if folded(one.name) == folded(name)]
        if len(fitting) > 1:
            raise SlicewiseError(
                f"{path}: {some([one.name for one in fitting], SHOWN)} both fit the segment {name} "
                f"of the label {label}; rename one of them in the program that wrote the file"
            )
        if not fitting:
            logger.warning(
                "%s: it has no segment called %s, so nothing of the label %s; it has %s",
                path,
                name,
                label,
                some([one.name for one in segments], SHOWN),
            )
        for one in fitting:
            if one in chosen:
                raise SlicewiseError(
                    f"{path}: its segment {one.name} fits several labels; correct dataset.labels"
                )
            chosen[one] = place
    others = [one for one in there if one not in chosen]
    if others:
        numbered = {one: len(labels) + k for k, one in enumerate(others, start=1)}
        logger.warning(
            "%s: segments that dataset.labels does not name, and the values they get: %s",
            path,
            some(
                [f"{one.name or f'value {one.value}'} ({n})" for one, n in numbered.items()], SHOWN
            ),
        )
        chosen |= numbered
    return chosen


def read_segments(path: Path) -> list[Segment]:
    """Return the segments that the header of a file names; none of what is no segmentation.

    Parameters
    ----------
    path : Path
        Of any format; only NRRD names segments.

    Raises
    ------
    SlicewiseError
        As of `segments_of`.
    """
    if not has_segments(path):
        return []
    with path.open("rb") as stream:
        header = re.split(rb"\r?\n\r?\n", stream.read(HEADER), maxsplit=1)[0]
    lines = header.decode("utf-8", errors="replace").splitlines()
    fields = dict(line.split(":=", 1) for line in lines if ":=" in line)
    plain = dict(line.split(":", 1) for line in lines if ":" in line and ":=" not in line)
    layers = 1
    if plain.get("dimension", "3").strip() == "4":
        first = plain.get("sizes", "1").split()[:1]
        layers = int(first[0]) if first and first[0].isdecimal() else 1
    return segments_of(fields, layers, str(path))
