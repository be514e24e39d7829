"""The sample of cases whose headers and voxels tell of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slicewise.dataset.case import Case
from slicewise.survey.content import Grid, Placed
from slicewise.survey.glance import Glance
from slicewise.survey.looking import Looker, spread
from slicewise.volumes.dicom.annotations import annotation_kind
from slicewise.volumes.frames import frames_of

IMAGES = 8
"""Images whose voxels are read; of those of several channels, each of these is one."""
FEWEST = 2
"""Cases of which all channels are read, at least."""
HEADERS = 400
"""Images whose headers are read."""
GRIDS = 6
"""Pairs whose grids are compared."""


@dataclass(frozen=True)
class Sample:
    """What was looked at.

    Attributes
    ----------
    images, masks : dict of str to Glance
        Those whose voxels were read, by their path.
    grids : list of Grid
        Of images whose headers were read.
    placed : Placed
        Whether masks lie on the voxels of their images.
    cases : int
        How many cases there are.
    """

    images: dict[str, Glance]
    masks: dict[str, Glance]
    grids: list[Grid]
    placed: Placed
    cases: int

    @property
    def words(self) -> str:
        """What was looked at, in words."""
        return (
            f"headers of {len(self.grids)}, voxels of {len(self.images)} images and "
            f"{len(self.masks)} masks of {self.cases} cases"
        )


def sampled(
    cases: Sequence[Case], looker: Looker, *, masks: bool, structures: bool = False
) -> Sample:
    """Look at a sample of cases, evenly spread over their names.

    Parameters
    ----------
    cases : sequence of Case
    looker : Looker
        Which stops to read voxels when its time is over.
    masks : bool
        Whether a mask is a file of all labels, and to be read.
    structures : bool
        Whether it is a file a label, of which one is held against the image.
    """
    chosen = spread([str(n) for n in range(len(cases))], IMAGES)
    images = {}
    for number in chosen:
        case = cases[int(number)]
        channels = channels_of(case)
        few = max(FEWEST, IMAGES // len(channels))
        for files, frame in channels if number in spread(chosen, few) else ():
            path = path_of(files, looker.root)
            path = path if frame is None else f"{path}, frame {frame}"
            glance = looker.glance(path, files, frame)
            if glance is not None:
                images[path] = glance
    grids = _grids(cases, looker)
    compared = [cases[int(n)] for n in chosen[:GRIDS]] if masks or structures else []
    seen = _masks(cases, looker) if masks else {}
    return Sample(images, seen, grids, _placed(compared, looker), len(cases))


def _placed(cases: Sequence[Case], looker: Looker) -> Placed:
    """Hold the masks of cases against the voxels of their images."""
    off = []
    alike = []
    compared = 0
    for case in cases:
        image = path_of(first_image(case), looker.root)
        mask = path_of(case.mask, looker.root)
        on_grid = looker.on_grid(image, mask)
        if on_grid is None:
            continue
        compared += 1
        if not on_grid:
            off.append(mask)
            if looker.same_shape(image, mask):
                alike.append(mask)
    return Placed(compared, tuple(off), tuple(alike))


def path_of(files: Sequence[Path], root: Path) -> str:
    """Return how a volume is called below a folder: by its first file, which no other has."""
    one = files[0]
    return one.relative_to(root).as_posix() if one.is_relative_to(root) else str(one)


def channels_of(case: Case) -> list[tuple[tuple[Path, ...], int | None]]:
    """Return the files of each channel of an image, and which frame of them it is."""
    if case.in_one:
        return [(case.image, frame) for frame in range(len(case.channels))]
    if not case.channels:
        return [(case.image, case.frame)]
    images: list[tuple[tuple[Path, ...], int | None]] = []
    start = 0
    for _, number in case.channels:
        if number:
            images.append((case.image[start : start + number], None))
        start += number
    return images


def first_image(case: Case) -> tuple[Path, ...]:
    """Return the files of an image, or of the first channel that it has."""
    return channels_of(case)[0][0]


def shown_of(case: Case, files: Sequence[Path], root: Path) -> str:
    """Return how a volume of a case is called: as `path_of`, and by its frame."""
    path = path_of(files, root)
    return path if case.frame is None else f"{path}, frame {case.frame}"


def _grids(cases: Sequence[Case], looker: Looker) -> list[Grid]:
    grids = []
    for number in spread([str(n) for n in range(len(cases))], HEADERS):
        case = cases[int(number)]
        files = first_image(case)
        header = looker.header(path_of(files, looker.root), files)
        framed = case.frame is not None or case.in_one
        if header is not None and (len(header.shape) == 3 or framed):
            grids.append(Grid.of(header))
    return grids


def _masks(cases: Sequence[Case], looker: Looker) -> dict[str, Glance]:
    """Look at as many masks as there is time for, those first that are farthest apart."""
    seen = {}
    for number in _ever_finer(len(cases)):
        if annotation_kind(cases[number].mask[0]) is not None:
            continue  # read with its image only, and it names what it holds
        case = cases[number]
        path = shown_of(case, case.mask, looker.root)
        frame = case.frame if frames_of(case.mask[0]) is not None else None
        glance = looker.glance(path, case.mask, frame, first_image(case))
        if glance is not None and glance.is_mask:
            seen[path] = glance
    return seen


def _ever_finer(number: int) -> Iterator[int]:
    """Yield 0 to number - 1, each once, evenly spread whenever one stops.

    Examples
    --------
    >>> list(_ever_finer(5))
    [0, 4, 2, 1, 3]
    """
    step = 1
    while step < number:
        step *= 2
    seen = set()
    while step:
        for place in range(0, number, step):
            if place not in seen:
                seen.add(place)
                yield place
        step //= 2
