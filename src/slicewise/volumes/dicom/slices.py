"""The slices that files hold, as their headers tell: their geometry, and how values are scaled.

A file of many frames (`multiframe`) becomes as many slices as it has frames.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace

import pydicom

from slicewise.errors import SlicewiseError
from slicewise.volumes import padding
from slicewise.volumes.dicom import multiframe, scouts
from slicewise.volumes.dicom.headers import Slice, is_filled, numbers, value_of, whole
from slicewise.volumes.dicom.parse import header_of
from slicewise.volumes.dicom.source import SourceFiles

logger = logging.getLogger(__name__)

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


def slices_of(files: SourceFiles, *, beside: bool = False) -> list[Slice]:
    """Read what is needed of every header; files that are no DICOM are left aside, with a line.

    Parameters
    ----------
    files : SourceFiles
    beside : bool
        Whether localizers and reports, too, are left aside with a line.

    Returns
    -------
    list of Slice
        In the order of the names of their files.

    Raises
    ------
    SlicewiseError
        When a file is damaged or no grey image, or there is none.
    """
    headers = [(name, header_of(files, name)) for name in files.names]
    images = [(name, header) for name, header in headers if header is not None]
    if not images:
        raise SlicewiseError(
            f"{files.shown}: it holds no DICOM image; check the path, or convert the image to NIfTI"
        )
    if len(images) < len(headers):
        logger.warning(
            "%s: %d of %d files are no DICOM and were left aside",
            files.shown,
            len(headers) - len(images),
            len(headers),
        )
    if not beside:
        return [one for name, header in images for one in _slices_in(files, name, header)]
    images, aside = scouts.without_others(images)
    small = scouts.small_series(images)
    slices: list[Slice] = []
    for name, header in images:
        try:
            slices += _slices_in(files, name, header)
        except SlicewiseError:
            if name not in small or _is_segmentation(header):
                raise
            aside.append((name, "image that is no slice"))
    say_aside(files, aside)
    return slices


def _modality(header: pydicom.Dataset) -> str:
    """Return the modality if it is one, and no other text, because messages show it."""
    modality = str(value_of(header, "Modality") or "").strip()
    return modality if re.fullmatch(r"[A-Z]{2,9}", modality) else ""


def say_aside(files: SourceFiles, aside: Sequence[tuple[str, str]]) -> None:
    """Say in a line which files, by name and what they are, were left aside; nothing of none."""
    if aside:
        logger.warning(
            "%s: %d of its files are no slices of the series and were left aside: %s",
            files.shown,
            len(aside),
            scouts.listed(aside, files.short),
        )


def _slices_in(files: SourceFiles, name: str, header: pydicom.Dataset) -> list[Slice]:
    """Take the slice of a file, or all frames of an enhanced one."""
    shown = files.file(name)
    _check_kind(shown, header)
    if not multiframe.is_multi_frame(header):
        return [slice_of(shown, name, header)]
    frames = multiframe.frames_of(header, shown)
    volumes = multiframe.volume_of(header)
    return [
        replace(slice_of(f"{shown}, frame {number + 1},", name, frame), frame=number, volume=volume)
        for number, (frame, volume) in enumerate(zip(frames, volumes, strict=True))
    ]


def _is_segmentation(header: pydicom.Dataset) -> bool:
    return value_of(header, "SOPClassUID") == _SEGMENTATION or value_of(header, "Modality") == "SEG"


def _check_kind(shown: str, header: pydicom.Dataset) -> None:
    """Refuse what is no grey image."""
    if _is_segmentation(header):
        raise SlicewiseError(
            f"{shown} is a DICOM segmentation (SEG), which is a mask and no image; name "
            "it as the mask of its image, and keep only the image series in the image's folder"
        )
    if not value_of(header, "Rows") or not value_of(header, "Columns"):
        raise SlicewiseError(
            f"{shown} is DICOM but has no pixel data (a report, contours or a plan); "
            "keep only the image series in the folder"
        )
    colour = str(value_of(header, "PhotometricInterpretation") or "MONOCHROME2")
    if whole(header, "SamplesPerPixel", 1) != 1 or not colour.startswith("MONOCHROME"):
        raise SlicewiseError(
            f"{shown} is a colour image; name the grey original series instead of a screenshot"
        )
    if value_of(header, "ModalityLUTSequence"):
        raise SlicewiseError(
            f"{shown} stores its intensities behind a lookup table, which is not applied; "
            "convert the series to NIfTI (for example with dcm2niix)"
        )


def slice_of(shown: str, name: str, header: pydicom.Dataset) -> Slice:
    """Take the geometry of a slice or frame, and what turns its values into intensities."""
    spacing = numbers(header, "PixelSpacing", 2)
    if spacing is None or spacing.min() <= 0:
        raise SlicewiseError(
            f"{shown} does not say how large its pixels are (PixelSpacing); "
            "export the original series again or convert it to NIfTI with the right spacing"
        )
    slope = numbers(header, "RescaleSlope", 1)
    intercept = numbers(header, "RescaleIntercept", 1)
    for keyword, number in (("RescaleSlope", slope), ("RescaleIntercept", intercept)):
        if number is None and is_filled(header, keyword):
            raise SlicewiseError(
                f"{shown} has a {keyword} that is no number; export the original series again or "
                "exclude the case"
            )
    thickness = numbers(header, "SpacingBetweenSlices", 1)
    if thickness is None or thickness[0] <= 0:
        thickness = numbers(header, "SliceThickness", 1)
    return Slice(
        name=name,
        series=str(value_of(header, "SeriesInstanceUID") or ""),
        rows=int(header.Rows),
        columns=int(header.Columns),
        spacing=(float(spacing[0]), float(spacing[1])),
        orientation=numbers(header, "ImageOrientationPatient", 6),
        position=numbers(header, "ImagePositionPatient", 3),
        thickness=None if thickness is None or thickness[0] <= 0 else float(thickness[0]),
        slope=1.0 if slope is None else float(slope[0]),
        intercept=0.0 if intercept is None else float(intercept[0]),
        number="" if numbers(header, "SeriesNumber", 1) is None else str(header.SeriesNumber),
        modality=_modality(header),
        padding=padding.padding_of(header),
        lossy=str(value_of(header, "LossyImageCompression")) == "01",
    )
