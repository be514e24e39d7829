"""What images hold, as settings: intensities, neighbouring slices, planes and sizes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slicewise.survey.glance import OFFSET, Glance
from slicewise.survey.said import Other, Said, some_of
from slicewise.volumes.header import Header
from slicewise.volumes.volume import Volume

AT_ENDS = 0.0005
"""Share of voxels at the greatest value, at least, where values were cut to a window."""
UNLIKE = 0.8
"""Correlation of neighbouring slices below which a file without geometry is a pile of slices."""


@dataclass(frozen=True)
class Grid:
    """The voxels of an image in canonical orientation.

    Attributes
    ----------
    shape : tuple of int
    spacing : tuple of float
        In mm.
    lost : bool
        Whether the header says nothing of the spacing.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    lost: bool

    @classmethod
    def of(cls, header: Header) -> Grid:
        """Turn a header to canonical orientation."""
        empty = np.broadcast_to(np.uint8(0), header.shape[:3])
        volume = Volume(empty, header.affine, header.lost).canonical()
        return cls(volume.array.shape, volume.spacing, header.lost)


@dataclass(frozen=True)
class Placed:
    """Whether masks lie on the voxels of their images.

    Attributes
    ----------
    compared : int
        Of how many it is known.
    off : tuple of str
        Paths of those that do not.
    alike : tuple of str
        Of these, those that have as many voxels as their image along each axis.
    """

    compared: int = 0
    off: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()


def intensity_of(glances: Mapping[str, Glance], told: Collection[str]) -> list[Said]:
    """Tell what the intensities of images are, by the checks that ingest applies.

    Parameters
    ----------
    glances : mapping of str to Glance
        Images whose voxels were read, by name.
    told : collection of str
        What the data set says of itself, in lower case: ``ct``, ``mri``, ….

    Returns
    -------
    list of Said
        ``intensity``, and ``offset`` where one is needed.
    """
    path = ("dataset", "intensity")
    number = len(glances)
    if not glances:
        why = "no image could be read in time; the check at the start of a run will tell"
        others = (Other("arbitrary", "MR, PET, …"), Other("clipped_hu", "CT cut to a window"))
        return [Said(path, "hu", why, "What are the intensities of the images?", others)]
    holds = {kind: [n for n, g in glances.items() if kind in g.fits] for kind in ("hu", "offset")}
    if len(holds["hu"]) == number:
        low = min(glance.low for glance in glances.values())
        why = f"all {number} images read have air (down to {low:g}) and soft tissue, as CT in HU"
        return [Said(path, "hu", why)]
    if len(holds["offset"]) == number:
        why = f"all {number} images read are HU with 1024 added"
        return [Said(path, "hu", why), Said(("dataset", "offset"), OFFSET, "air lies at 0 to 24")]
    return [_no_hounsfield(glances, told, holds["hu"])]


def _no_hounsfield(glances: Mapping[str, Glance], told: Collection[str], hu: Sequence[str]) -> Said:
    path = ("dataset", "intensity")
    ends = {(glance.low, glance.high) for glance in glances.values()}
    low, high = next(iter(ends))
    cut = len(ends) == 1 and all(
        "clipped_hu" in g.fits and min(g.at_low, g.at_high) >= AT_ENDS for g in glances.values()
    )
    if hu:
        odd = [name for name in glances if name not in hu]
        why = f"{len(odd)} of {len(glances)} images read are no HU ({some_of(odd)})"
        return Said(path, "arbitrary", why)
    if cut and not set(told) & {"mr", "mri", "pet", "us"}:
        why = f"all {len(glances)} images read end at {low:g} and {high:g}, with many voxels there"
        question = "Are the images CT that was cut to a window?"
        return Said(path, "clipped_hu", why, question, (Other("arbitrary", "MR or other"),))
    reach = [min(low for low, _ in ends), max(high for _, high in ends)]
    named = f", and they are called {some_of(sorted(told))}" if told else ""
    why = f"values of the {len(glances)} images read go from {reach[0]:g} to {reach[1]:g}: no HU"
    return Said(path, "arbitrary", f"{why}{named}")


def contiguous_of(glances: Mapping[str, Glance], grids: Sequence[Grid]) -> Said:
    """Tell whether the slices of a file are neighbours."""
    path = ("dataset", "contiguous")
    likeness = [g.likeness for g in glances.values() if g.likeness is not None]
    lost = bool(grids) and all(grid.lost for grid in grids)
    single = bool(grids) and all(min(grid.shape) == 1 for grid in grids)
    if single:
        return Said(path, False, "each file is a single slice")
    if not likeness:
        return Said(path, True, "not looked at; the usual case")
    middle = float(np.median(likeness))
    if lost and middle < UNLIKE:
        why = (
            f"no geometry in the headers, and slices unlike the next one (correlation {middle:.2f})"
        )
        question = "Are the slices of a file neighbours?"
        return Said(path, False, why, question, (Other(True, "the slices are neighbours"),))
    return Said(path, True, f"slices are like the next one (correlation {middle:.2f})")


def masks_of(placed: Placed) -> list[Said]:
    """Return whether masks are resampled, where some lie on other voxels than their images.

    A mask that has as many voxels as its image was most likely drawn on them, and lies elsewhere
    as its header is wrong; and a single one is more likely of another image than meant so. Such
    masks stay refused, which names them, until somebody says that their place is right.
    """
    if not placed.off:
        return []
    path = ("dataset", "masks")
    question = "Do masks whose voxels are not those of their images lie in the right place?"
    resample = Other("resample", "they do, and are to be resampled")
    exact = Other("exact", "not all: one that lies elsewhere is refused")
    number = f"{len(placed.off)} of {placed.compared} masks looked at"
    if placed.alike:
        why = (
            f"{some_of(placed.alike)}: elsewhere than the image, though of as many voxels, so the "
            "header may be wrong"
        )
        return [Said(path, "exact", why, question, (resample,))]
    if 2 * len(placed.off) <= placed.compared:
        why = f"{number} on other voxels than their images: {some_of(placed.off)}"
        return [Said(path, "exact", why, question, (resample,))]
    why = f"{number} on other voxels than their images, and of other shapes"
    return [Said(path, "resample", why, question, (exact,))]


def spacing_of(grids: Sequence[Grid], intensity: str, contiguous: bool) -> Said | None:
    """Return the setting that a CT data set needs whose headers have lost the geometry."""
    if intensity != "hu" or not contiguous or not grids or not all(g.lost for g in grids):
        return None
    why = "no header says how large voxels are: millilitres and mm are WRONG until you correct it"
    question = "How large are the voxels along each axis of the arrays, in mm ([x, y, z])?"
    return Said(("dataset", "spacing"), [1.0, 1.0, 1.0], why, question)
