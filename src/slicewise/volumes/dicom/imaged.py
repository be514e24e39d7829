"""The image that a DICOM mask was drawn on: where its voxels lie, and what DICOM knows it by."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pydicom

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.headers import value_of, whole
from slicewise.volumes.dicom.parse import damaged, parse
from slicewise.volumes.dicom.source import SourceFiles, opened
from slicewise.volumes.formats import is_dicom, is_nifti
from slicewise.volumes.placing import VoxelGrid

logger = logging.getLogger(__name__)

KNOWN_BY = ["SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "NumberOfFrames"]


@dataclass(frozen=True)
class Known:
    """What DICOM knows a series by; no message shows it.

    Attributes
    ----------
    series : str
        SeriesInstanceUID.
    frame_of_reference : str
        FrameOfReferenceUID.
    instances : frozenset of str
        SOPInstanceUID of each file.
    """

    series: str = ""
    frame_of_reference: str = ""
    instances: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Imaged:
    """An image.

    Attributes
    ----------
    grid : VoxelGrid
        Where its voxels lie.
    sources : tuple of Path
        Its files, of any format.
    """

    grid: VoxelGrid
    sources: tuple[Path, ...] = ()

    @cached_property
    def known(self) -> Known:
        """What DICOM knows it by, of the series that has most slices; nothing of other formats.

        Raises
        ------
        SlicewiseError
            When a file is damaged.
        """
        sources = self.sources
        if not sources or is_nifti(sources[0]) or not is_dicom(sources[0]):
            return Known()
        with opened(sources if len(sources) > 1 else sources[0]) as files:
            known = [_known(files, name) for name in files.names]
        slices: Counter[str] = Counter()
        for header in known:
            slices[_text(header, "SeriesInstanceUID")] += max(1, whole(header, "NumberOfFrames", 1))
        series = slices.most_common(1)[0][0] if slices else ""
        own = [header for header in known if _text(header, "SeriesInstanceUID") == series]
        references = {_text(header, "FrameOfReferenceUID") for header in own}
        return Known(
            series,
            references.pop() if len(references) == 1 else "",
            frozenset(_text(header, "SOPInstanceUID") for header in own) - {""},
        )


@dataclass(frozen=True)
class References:
    """What a mask says of the image that it was drawn on.

    Attributes
    ----------
    series, instances : frozenset of str
        Their UIDs.
    frame_of_reference : str
    """

    series: frozenset[str] = frozenset()
    instances: frozenset[str] = frozenset()
    frame_of_reference: str = ""


def check_belongs(told: References, image: Imaged, shown: str, what: str) -> None:
    """Refuse a mask that was drawn on another series.

    The series that it names decide; where it names none, the slices that it
    names, and else the frame of reference. A line says where nothing does.

    Parameters
    ----------
    told : References
    image : Imaged
    shown : str
        How messages name the mask.
    what : str
        What it is, such as ``DICOM segmentation (SEG)``.

    Raises
    ------
    SlicewiseError
        When it belongs to another.
    """
    checked = "which series it was drawn on"
    known = image.known
    if not known.series:
        logger.warning(
            "%s: its image is no DICOM, so %s is not checked: it is placed by position",
            shown,
            checked,
        )
        return
    if told.series:
        belongs = known.series in told.series
    elif told.instances and known.instances:
        belongs = bool(told.instances & known.instances)
    elif told.frame_of_reference and known.frame_of_reference:
        belongs = told.frame_of_reference == known.frame_of_reference
    else:
        logger.warning("%s: it does not say %s: it is placed by position", shown, checked)
        return
    if not belongs:
        raise SlicewiseError(
            f"{shown}: this {what} was drawn on another series than its image {image.grid.shown} "
            "(it refers to another UID); give the image series that it was drawn on, or, if the "
            "export changed the UIDs, convert the mask to NIfTI"
        )


def items_of(header: pydicom.Dataset, *keywords: str) -> Iterable[pydicom.Dataset]:
    """Yield the items of sequences within sequences; none where one is missing or none."""
    value = value_of(header, keywords[0])
    for item in value if isinstance(value, pydicom.Sequence) else ():
        if len(keywords) == 1:
            yield item
        else:
            yield from items_of(item, *keywords[1:])


def texts_of(items: Iterable[pydicom.Dataset], keyword: str) -> frozenset[str]:
    """Return what an element says in any of these items."""
    return frozenset(_text(item, keyword) for item in items) - {""}


def _text(header: pydicom.Dataset, keyword: str) -> str:
    return str(value_of(header, keyword) or "").strip()


def _known(files: SourceFiles, name: str) -> Any:
    try:
        with files.open(name) as stream:
            return parse(stream, KNOWN_BY, stop_before_pixels=True)
    except Exception as error:  # parsers raise anything; their texts may quote the header
        raise SlicewiseError(damaged(files, name, error)) from None
