"""Masks that DICOM has of its own, read onto the grid of their image.

Segmentations (SEG) and structure sets (RTSTRUCT), whose regions of interest are
called segments here, too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from slicewise.errors import SlicewiseError
from slicewise.volumes.described import folded
from slicewise.volumes.dicom.headers import value_of
from slicewise.volumes.dicom.imaged import Imaged, References, check_belongs
from slicewise.volumes.dicom.painting import Drawn, Painting
from slicewise.volumes.dicom.parse import parse
from slicewise.volumes.dicom.segmentation import read_seg
from slicewise.volumes.dicom.structure_set import read_structure_set
from slicewise.volumes.formats import is_dicom, is_nifti
from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.segments import Segment, are_named, numbers_of, ranks_of
from slicewise.volumes.volume import Volume
from slicewise.wording import some

logger = logging.getLogger(__name__)

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""SOP classes: segmentations, and those that are label maps."""
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
KINDS = {**dict.fromkeys(SEGMENTATIONS, "SEG"), STRUCTURE_SET: "RTSTRUCT"}
SHOWN = 8
LARGEST = 65535


class Annotation(Protocol):
    """A file that holds segments of an image."""

    @property
    def shown(self) -> str:
        """Name the file."""

    @property
    def what(self) -> str:
        """What it is."""

    @property
    def told(self) -> References:
        """On which image it was drawn."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All that it tells of."""

    @property
    def there(self) -> tuple[Segment, ...]:
        """Those that it has anything of."""

    def grid_on(self, image: VoxelGrid) -> VoxelGrid:
        """Return the image's grid where it lies on that, else its own."""

    def own_grid(self, image: VoxelGrid) -> VoxelGrid:
        """Return its own grid, or that of the image where it has none, as far as it reaches."""

    def check_complete(self, wanted: Sequence[Segment], grid: VoxelGrid) -> None:
        """Refuse segments that lack something, on a grid that they lie on."""

    def drawn_on(self, grid: VoxelGrid) -> Iterator[Drawn]:
        """Yield what it has of each segment, part by part."""


def annotation_kind(path: Path) -> str | None:
    """Tell by its header whether a file is a mask that DICOM has of its own.

    Returns
    -------
    {"SEG", "RTSTRUCT"} or None
        None, too, where it cannot be read: what reads it says why.
    """
    if is_nifti(path) or not path.is_file() or path.suffix.lower() == ".zip" or not is_dicom(path):
        return None
    try:
        with path.open("rb") as stream:
            header = parse(stream, ["SOPClassUID"], stop_before_pixels=True)
    except Exception:  # parsers raise anything
        return None
    return KINDS.get(str(value_of(header, "SOPClassUID") or ""))


def read_annotations(
    paths: Sequence[Path],
    labels: Mapping[str, Any] | None,
    image: Imaged,
    overlaps: str = "later",
) -> Volume:
    """Read a mask from the DICOM segmentations or structure sets of an image.

    Parameters
    ----------
    paths : sequence of Path
        One or several.
    labels : mapping of str to value, values or name, or None
        ``dataset.labels``: all by the names of segments, compared without
        regard to case, blanks and signs where none fits to the letter, or all
        by their numbers. None: all segments by their numbers.
    image : Imaged
        Frames and contours are placed on its grid by their position.
    overlaps : {"refuse", "later"}
        What becomes of voxels of several labels: a fault, or those of the one
        that `labels` names later, with a line.

    Returns
    -------
    Volume
        uint8 or uint16. By number: the numbers of segments. By name: 1, 2, … in
        the order of `labels`, and larger numbers for segments that are none of
        them. On the image's grid, or, where frames lie elsewhere, on their own.

    Raises
    ------
    SlicewiseError
        When a file is damaged, no such mask, or of another series, lacks
        frames, or several files have the same label.
    """
    files = [read_annotation(path, layer) for layer, path in enumerate(paths)]
    for one in files:
        check_belongs(one.told, image, one.shown, one.what)
    segments = [segment for one in files for segment in one.segments]
    there = [segment for one in files for segment in one.there]
    chosen = labels or {}
    _check_told_apart(files, chosen)
    numbers = _in_range(numbers_of(segments, there, chosen, Path(files[0].shown)))
    ranks = ranks_of(chosen)
    by_name = are_named(chosen)
    wanted = [one for one in segments if (numbers.get(one) if by_name else one.value) in ranks]
    grid = image.grid
    for one in files:
        if one.there and one.grid_on(image.grid) is not image.grid:
            grid = _only(files).own_grid(image.grid)
    for one in files:
        one.check_complete([segment for segment in one.there if segment in wanted], grid)
    painting = _painted(files, grid, numbers, ranks)
    if painting.outside:
        # whether they may be left out, dataset.masks decides where masks meet their images
        grid = _only(files).own_grid(image.grid)
        painting = _painted(files, grid, numbers, ranks)
    _say_missing(files, chosen, wanted, painting)
    _say_overlaps(painting, chosen, overlaps, files[0].shown)
    return Volume(painting.mask, grid.affine)


def read_annotation(path: Path, layer: int = 0) -> Annotation:
    """Read what a mask says of its segments and where they lie; no voxels of frames.

    Parameters
    ----------
    path : Path
    layer : int
        Of its segments, which tells those of several files apart.

    Raises
    ------
    SlicewiseError
        When it is damaged, or no such mask.
    """
    kind = annotation_kind(path)
    if kind == "RTSTRUCT":
        return read_structure_set(path, layer)
    if kind is None:
        raise SlicewiseError(
            f"{path}: this is no DICOM segmentation or structure set, but the file beside it that "
            "it is named with is one; give only such files as the mask of a case"
        )
    return read_seg(path, layer)


def _painted(
    files: Sequence[Annotation],
    grid: VoxelGrid,
    numbers: Mapping[Segment, int],
    ranks: Mapping[int, int],
) -> Painting:
    painting = Painting(grid.shape, numbers, ranks)
    for one in files:
        for drawn in one.drawn_on(grid):
            painting.add(drawn)
    return painting


def _only(files: Sequence[Annotation]) -> Annotation:
    if len(files) > 1:
        raise SlicewiseError(
            f"{files[0].shown}: not all of the {len(files)} masks of this case lie on the voxels "
            "of their image; take those that were drawn on this image, or convert them to NIfTI"
        )
    return files[0]


def _check_told_apart(files: Sequence[Annotation], labels: Mapping[str, Any]) -> None:
    """Refuse several files that have segments of the same name or number, as labels mean them."""
    by_name = are_named(labels)
    listed = [value if isinstance(value, list) else [value] for value in labels.values()]
    for key in (key for several in listed for key in several):
        meant = [
            one.shown
            for one in files
            if any(
                folded(segment.name) == folded(key) if by_name else segment.value == key
                for segment in one.segments
            )
        ]
        if len(meant) > 1:
            kind = "segment" if by_name else "segment number"
            way_out = "" if by_name else ", or name segments in dataset.labels instead of numbers"
            raise SlicewiseError(
                f"{some(meant, SHOWN, ' and ')}: each has a {kind} {key}; keep one of these "
                f"files for this case{way_out}"
            )


def _in_range(numbers: Mapping[Segment, int]) -> dict[Segment, int]:
    """Give numbers that no mask can hold others that are free: labels never mean them."""
    taken = set(numbers.values())
    free = (number for number in range(1, LARGEST + 1) if number not in taken)
    return {
        one: number if 1 <= number <= LARGEST else next(free) for one, number in numbers.items()
    }


def _say_missing(
    files: Sequence[Annotation],
    labels: Mapping[str, Any],
    wanted: Sequence[Segment],
    painting: Painting,
) -> None:
    """Say which labels have no segment, where these are numbers, or no voxel."""
    empty = [one.name for one in wanted if not painting.counts.get(one)]
    if empty:
        logger.warning("%s: no voxel of its segment %s", files[0].shown, some(empty, SHOWN))
    if are_named(labels):
        return  # said when they were looked for
    known = {one.value for each in files for one in each.segments}
    for label, value in labels.items():
        missing = [v for v in (value if isinstance(value, list) else [value]) if v not in known]
        if missing:
            there = [f"{one.name} ({one.value})" for each in files for one in each.segments]
            logger.warning(
                "%s: it has no segment number %s, so nothing of that in the label %s; it has %s",
                files[0].shown,
                some([str(v) for v in missing], SHOWN),
                label,
                some(there, SHOWN),
            )


def _say_overlaps(painting: Painting, labels: Mapping[str, Any], overlaps: str, shown: str) -> None:
    """Refuse voxels of several labels, or say how many there are."""
    if not painting.overlaps:
        return
    rank = ranks_of(labels)
    names = list(labels)
    count = sum(painting.overlaps.values())
    (one, other), _ = max(painting.overlaps.items(), key=lambda item: item[1])
    pair = " and ".join(names[place - 1] for place in sorted({rank[one], rank[other]}))
    if overlaps == "refuse":
        raise SlicewiseError(
            f"{shown}: {count} voxels belong to several labels, such as {pair}; correct the mask, "
            "or set dataset.pairs.overlaps to later, which gives a voxel to the label that "
            "dataset.labels names last"
        )
    logger.warning(
        "%s: %d voxels are in two labels, such as %s; the later one of dataset.labels has them",
        shown,
        count,
        pair,
    )
