"""How large structures are in a few cases, and which of them share voxels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from slicewise.dataset.case import Case
from slicewise.errors import SlicewiseError
from slicewise.survey.glance import Glance
from slicewise.survey.looking import Looker, spread
from slicewise.survey.sample import IMAGES, first_image, path_of
from slicewise.volumes.described import folded
from slicewise.volumes.dicom.annotations import annotation_kind, read_annotation
from slicewise.volumes.dicom.painting import Drawn, Painting
from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.segments import Segment
from slicewise.volumes.text_headers import read_layers
from slicewise.wording import plural

SIZED = 5
"""Cases whose structures are measured, of those whose images are read."""


@dataclass(frozen=True)
class Extents:
    """What is known of structures.

    Attributes
    ----------
    ml : dict of str to list of float
        The size of each in the cases that have it.
    shared : set of frozenset of str
        Pairs that share voxels in a case.
    """

    ml: dict[str, list[float]] = field(default_factory=dict)
    shared: set[frozenset[str]] = field(default_factory=set)

    def add(self, name: str, ml: float) -> None:
        """Take down the size of a structure in a case, unless it is empty."""
        if ml > 0:
            self.ml.setdefault(name, []).append(ml)

    def size(self, name: str) -> float:
        """Return the median size of a structure in ml, 0 where it was not seen."""
        return float(np.median(self.ml.get(name, [0.0])))

    def said(self, name: str, before: Mapping[str, str]) -> str:
        """Return the end of a comment on a label: how large it is, and whom it takes voxels from.

        Parameters
        ----------
        name : str
        before : mapping of str to str
            The structures that are named before it, and what their labels are called.
        """
        text = ""
        if name in self.ml:
            size = self.size(name)
            number = len(self.ml[name])
            text = f", {size:.3g} ml" if size < 100 else f", {size:,.0f} ml"
            text += f" in {plural(number, 'case')}{' (median)' if number > 1 else ''}"
        under = [label for other, label in before.items() if {name, other} in self.shared]
        if under:
            text += f"; named later, it has the voxels that it shares with {', '.join(under)}"
        return text


def measured(number: int) -> list[int]:
    """Return which of so many cases are measured."""
    return [int(n) for n in spread(spread([str(n) for n in range(number)], IMAGES), SIZED)]


def extents_of_files(
    cases: Sequence[Sequence[tuple[str, Sequence[Path]]]], looker: Looker
) -> Extents:
    """Measure structures that lie in a file each.

    Parameters
    ----------
    cases : sequence of sequence of (str, sequence of Path)
        The name and the files of each structure, by case.
    looker : Looker
        However late it is, a structure is looked for until it is found: in another order, one
        that holds others would hide them.
    """
    extents = Extents()
    for number in measured(len(cases)):
        seen: dict[str, Glance] = {}
        for name, files in cases[number]:
            needed = name not in extents.ml
            glance = looker.glance(path_of(files, looker.root), files, late=needed)
            if glance is None:
                continue
            counts = glance.counts or {}
            inside = sum(number for value, number in counts.items() if value)
            extents.add(name, inside * float(np.prod(glance.spacing)) / 1000.0)
            seen[name] = glance
        for one, other in combinations(seen, 2):
            if one != other and _share(seen[one], seen[other]):
                extents.shared.add(frozenset((one, other)))
    return extents


def _share(one: Glance, other: Glance) -> bool:
    """Tell whether two masks share one of the voxels at which it was noted where they are."""
    if one.mark is None or other.mark is None or one.shape != other.shape:
        return False
    alike = np.allclose(one.affine, other.affine, rtol=0, atol=1e-3)
    return alike and bool((one.mark & other.mark).any())


def extents_of_segments(cases: Sequence[Case], looker: Looker) -> Extents:
    """Measure the segments or regions of interest of masks, by their folded names.

    Parameters
    ----------
    cases : sequence of Case
    looker : Looker
        However late it is, one case is measured.
    """
    extents = Extents()
    for number in measured(len(cases)):
        if looker.is_late and extents.ml:
            break
        try:
            _measure(cases[number], looker, extents)
        except SlicewiseError:
            continue
    return extents


def _measure(case: Case, looker: Looker, extents: Extents) -> None:
    """Take down the segments of a case."""
    if annotation_kind(case.mask[0]) is None:
        segments, drawn, grid = _of_layers(case.mask)
    else:
        files = first_image(case)
        image = looker.glance(path_of(files, looker.root), files, late=True)
        if image is None:
            return
        grid = VoxelGrid(image.shape, image.affine, str(files[0]))
        segments, drawn, grid = _of_annotations(case.mask, grid)
    keys = list(dict.fromkeys(folded(one.name) for one in segments))
    numbers = {one: keys.index(folded(one.name)) + 1 for one in segments}
    painting = Painting(grid.shape, numbers, {number: number for number in numbers.values()})
    for part in drawn:
        painting.add(part)
    ml = abs(float(np.linalg.det(grid.affine[:3, :3]))) / 1000.0
    for one, key in enumerate(keys, start=1):
        count = sum(painting.counts[part] for part, own in numbers.items() if own == one)
        extents.add(key, count * ml)
    for pair in painting.overlaps:
        extents.shared.add(frozenset(keys[number - 1] for number in pair))


def _of_layers(paths: Sequence[Path]) -> tuple[list[Segment], Iterator[Drawn], VoxelGrid]:
    """Return the segments of a file of 3D Slicer, where each of them is, and the grid."""
    layers, segments, affine = read_layers(paths)
    whole = tuple(slice(size) for size in layers[0].shape)
    drawn = (Drawn(one, whole, layers[one.layer] == one.value) for one in segments)
    return segments, drawn, VoxelGrid(layers[0].shape, affine, str(paths[0]))


def _of_annotations(
    paths: Sequence[Path], image: VoxelGrid
) -> tuple[list[Segment], Iterator[Drawn], VoxelGrid]:
    """Return the same of masks of DICOM; of several, of those on the grid of their image."""
    files = [read_annotation(path, layer) for layer, path in enumerate(paths)]
    grid = files[0].grid_on(image) if len(files) == 1 else image
    files = [one for one in files if len(files) == 1 or one.grid_on(image) is image]
    segments = [segment for one in files for segment in one.segments]
    return segments, (part for one in files for part in one.drawn_on(grid)), grid
