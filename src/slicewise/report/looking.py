"""Looking at the voxels of a shard of cases, once each, and keeping what was seen."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slicewise.config import UNDRAWN, Content, Plane
from slicewise.dataset.case_record import CaseRecord, case_record_of, check_read
from slicewise.dataset.looked import (
    CaseLook,
    Thumbnail,
    body_quantiles,
    kept_look,
    look_at_labels,
    outside_quantiles,
    shown_slice,
)
from slicewise.dataset.truth import read_labels
from slicewise.files import digest, sweep, write_json
from slicewise.job import now
from slicewise.report.outlines import PLANE_AXES, display_slice
from slicewise.report.picture import outline, webp
from slicewise.report.window import display_window
from slicewise.sources import sources_digest
from slicewise.stored import write_sealed
from slicewise.volumes.read import read_image
from slicewise.volumes.volume import Volume

LONGEST = 176
"""Pixels of the longer side of a thumbnail."""
LONGEST_PATH = 3_000
"""Characters of its outline at most."""
COARSER = 1.25
"""Slices lie across the axis with the coarsest voxels, if these are so much coarser."""


@dataclass(frozen=True)
class CaseVolumes:
    """The NIfTI files of a case that was ingested, and its record."""

    record: CaseRecord
    image: Path
    mask: Path


def volumes_of(
    known: dict[str, CaseRecord],
    cases: Sequence[str],
    images: Sequence[str],
    masks: Sequence[str],
    path: object,
) -> list[CaseVolumes]:
    """Return the files of cases with their records.

    Parameters
    ----------
    known : dict of str to CaseRecord
        Records by case.
    cases : sequence of str
        Names.
    images, masks : sequences of str
        Their NIfTI files.
    path : object
        What holds the records, for the message.

    Raises
    ------
    SlicewiseError
        When a case has no record.
    """
    return [
        CaseVolumes(case_record_of(known, case, path), Path(image), Path(mask))
        for case, image, mask in zip(cases, images, masks, strict=True)
    ]


def look_at_cases(cases: Sequence[CaseVolumes], content: Content, folder: Path) -> list[CaseLook]:
    """Look at cases, one after the other, and keep what is still true of them.

    Parameters
    ----------
    cases : sequence of CaseVolumes
        What to read.
    content : Content
        What they hold.
    folder : Path
        The place of ``<case>/look.json``.

    Returns
    -------
    list of CaseLook
        In the order of the cases.

    Raises
    ------
    SlicewiseError
        When a file was changed since it was ingested.
    """
    code = sources_digest(Path(__file__))
    looks = []
    for case in cases:
        path = folder / case.record.case / "look.json"
        made_from = digest([case.record.made_from, content.on_pages, code])
        look = kept_look(path, made_from)
        if look is None:
            sweep(path)
            now.info(f"case {case.record.case}")
            look = look_at_case(case, content, made_from)
            write_sealed(path, look.model_dump())
        looks.append(look)
    return looks


def look_at_case(case: CaseVolumes, content: Content, made_from: str = "nothing") -> CaseLook:
    """Read the image and the mask of a case, and measure and draw what the page shows.

    Parameters
    ----------
    case : CaseVolumes
        Its files.
    content : Content
        What they hold.
    made_from : str
        A digest of all that it is made from.

    Raises
    ------
    SlicewiseError
        When a file cannot be read, or was changed since it was ingested.
    """
    check_read(case.record, "image", case.image)
    check_read(case.record, "mask", case.mask)
    source = read_image(case.image, content)
    labels = read_labels(str(case.mask), content, source).canonical().array
    image = source.canonical()
    return CaseLook(
        case=case.record.case,
        spacing=[round(step, 6) for step in image.spacing],
        field=[round(s * n, 3) for s, n in zip(image.spacing, image.array.shape, strict=True)],
        labels=look_at_labels(image, labels, content),
        outside=outside_quantiles(image.array, labels),
        body=body_quantiles(image.array, content.intensity),
        thumbnail=thumbnail(image, labels, content),
        made_from=made_from,
    )


def write_looks(path: str | Path, looks: Sequence[CaseLook]) -> None:
    """Write what was seen of the cases of a shard."""
    write_json(path, [look.model_dump() for look in looks])


# --- the picture ---------------------------------------------------------------------------


def thumbnail(image: Volume, labels: np.ndarray, content: Content) -> Thumbnail:
    """Draw the slice that shows most of all labels, or the middle one where there is none.

    Parameters
    ----------
    image : Volume
        In canonical orientation.
    labels : ndarray of integers, shape (x, y, z)
        Label numbers on its grid.
    content : Content
        The unit of intensities, by which black and white are chosen.
    """
    plane = acquired_plane(image.spacing)
    across, up, normal = PLANE_AXES[plane]
    index = shown_slice(labels, normal)
    shown = display_slice(labels, index, plane)
    width = image.array.shape[across] * image.spacing[across]
    height = image.array.shape[up] * image.spacing[up]
    # no finer than the voxels, but a few of them are enlarged smoothly rather than shown as specks
    scale = LONGEST / max(width, height)
    undrawn = shown == UNDRAWN
    window = display_window(image.array, content)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = display_slice(image.array, index, plane)
    blunt = max(0.5, max(shown.shape) / LONGEST / 2)
    return Thumbnail(
        plane=plane,
        index=index,
        slices=image.array.shape[normal],
        webp=base64.b64encode(webp(picture, window, size, undrawn)).decode(),
        width=round(width, 3),
        height=round(height, 3),
        outline=outline(np.where(undrawn, 0, shown), blunt, LONGEST_PATH),
        columns=shown.shape[1],
        rows=shown.shape[0],
    )


def acquired_plane(spacing: Sequence[float]) -> Plane:
    """Return the plane whose pixels are finest: axial, unless another axis is clearly coarser.

    Parameters
    ----------
    spacing : sequence of float
        Millimetres of a voxel along each axis, in canonical orientation.

    Examples
    --------
    >>> acquired_plane([0.7, 0.7, 5.0]), acquired_plane([4.0, 0.5, 0.5])
    ('axial', 'sagittal')
    """
    coarsest = max(range(3), key=lambda axis: (spacing[axis], axis))
    if spacing[coarsest] < COARSER * spacing[2]:
        return "axial"
    planes: tuple[Plane, ...] = ("sagittal", "coronal", "axial")
    return planes[coarsest]
