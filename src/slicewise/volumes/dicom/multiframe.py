"""Enhanced multi-frame DICOM: a file with all frames, each with its place in functional groups.

That is what newer scanners write of CT, MR and PET, and archives make of older
series (legacy converted). See part 3 of the standard, section C.7.6.16.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pydicom

from slicewise.errors import SlicewiseError
from slicewise.volumes.dicom.headers import Slice, is_filled, value_of, whole

SHARED = "SharedFunctionalGroupsSequence"
PER_FRAME = "PerFrameFunctionalGroupsSequence"
GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
}
"""The functional groups that make a volume of frames, and what is read of them."""
VOLUMES = {
    "stacks": ("FrameContentSequence", "StackID"),
    "points in time": ("FrameContentSequence", "TemporalPositionIndex"),
    "echo times": ("MREchoSequence", "EffectiveEchoTime"),
    "b-values": ("MRDiffusionSequence", "DiffusionBValue"),
    "directions of diffusion": ("MRDiffusionSequence", "DiffusionGradientDirectionSequence"),
    "heart phases": ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
    "respiratory phases": (
        "RespiratorySynchronizationSequence",
        "NominalPercentageOfRespiratoryPhase",
    ),
    "inversion times": ("MRModifierSequence", "InversionTimes"),
    "X-ray energies": ("CTXRayDetailsSequence", "KVP"),
    "kinds of image": ("MRImageFrameTypeSequence", "FrameType"),
    "components of a complex image": ("MRImageFrameTypeSequence", "ComplexImageComponent"),
    "kinds of CT image": ("CTImageFrameTypeSequence", "FrameType"),
    "kernels": ("CTReconstructionSequence", "ConvolutionKernel"),
}
"""What tells several volumes of one file apart: the plural, the group and the element."""


def is_multi_frame(header: pydicom.Dataset) -> bool:
    """Tell whether a file keeps the place of its frames in functional groups."""
    return bool(value_of(header, PER_FRAME)) or whole(header, "NumberOfFrames", 1) != 1


def frames_of(header: pydicom.Dataset, shown: str) -> Iterator[pydicom.Dataset]:
    """Yield a header for each frame, as if it were a file of its own.

    A group of the frame goes before one that all frames share, and that before
    an element of the file itself.

    Parameters
    ----------
    header : pydicom.Dataset
        Of a multi-frame file, without its pixels.
    shown : str
        How messages name the file.

    Raises
    ------
    SlicewiseError
        When the file does not say where each of its frames lies.
    """
    own = _items(header, PER_FRAME)
    number = whole(header, "NumberOfFrames", 1)
    if not own:
        raise SlicewiseError(
            f"{shown} is a multi-frame DICOM file that does not say where its {number} frames lie "
            "(no functional groups, as enhanced CT and MR have them), which is not read; convert "
            "the series to NIfTI (for example with dcm2niix)"
        )
    if number != len(own):
        raise SlicewiseError(
            f"{shown} is a multi-frame DICOM file that says it has {number} frames (NumberOfFrames)"
            f", but where {len(own)} lie (functional groups); export the series again"
        )
    shared = next(iter(_items(header, SHARED)), pydicom.Dataset())
    plain = pydicom.Dataset()
    # elements as they were parsed: iterating over a data set would convert them
    plain.update({key: header.get_item(key) for key in header.keys()})  # noqa: SIM118
    for keyword in (SHARED, PER_FRAME):
        if keyword in plain:
            delattr(plain, keyword)
    plain.NumberOfFrames = 1
    for one in own:
        yield _flat(plain, shared, one)


def _flat(plain: pydicom.Dataset, shared: pydicom.Dataset, own: pydicom.Dataset) -> pydicom.Dataset:
    """Return the header of a frame with its groups laid out flat."""
    flat = pydicom.Dataset()
    flat.update(plain)
    for name, keywords in GROUPS.items():
        for group in (*_items(shared, name)[:1], *_items(own, name)[:1]):
            for keyword in keywords:
                if is_filled(group, keyword):
                    # as it was parsed: what makes no sense is said where it is used
                    flat[keyword] = group.get_item(keyword)
    return flat


def volume_of(header: pydicom.Dataset) -> list[tuple[tuple[str, str], ...]]:
    """Return, for each frame, what it is of: its stack, echo time, point in time and so on."""
    shared = next(iter(_items(header, SHARED)), pydicom.Dataset())
    return [
        tuple((plural, _told(own, shared, *where)) for plural, where in VOLUMES.items())
        for own in _items(header, PER_FRAME)
    ]


def _told(own: pydicom.Dataset, shared: pydicom.Dataset, group: str, keyword: str) -> str:
    for groups in (own, shared):
        for item in _items(groups, group)[:1]:
            value = value_of(item, keyword)
            if value is not None:
                return str(value)
    return ""


def _items(header: pydicom.Dataset, keyword: str) -> Sequence[Any]:
    """Return the items of a sequence; none where it is missing or no sequence."""
    value = value_of(header, keyword)
    return value if isinstance(value, pydicom.Sequence) else []


def check_one_volume(slices: Iterable[Slice], shown: str) -> None:
    """Refuse frames of several volumes.

    Several stacks or points in time that make one stack of frames are one
    volume; so only frames that share a place, or lie otherwise, are refused.

    Raises
    ------
    SlicewiseError
        Which says what tells the volumes apart.
    """
    frames = [one for one in slices if one.volume]
    places = Counter(
        tuple(np.round(np.concatenate([one.orientation, one.position]), 2) + 0.0)
        for one in frames
        if one.orientation is not None and one.position is not None
    )
    turned = len({place[:6] for place in places}) > 1
    if not turned and max(places.values(), default=1) < 2:
        return
    told = {plural: len({dict(one.volume)[plural] for one in frames}) for plural in VOLUMES}
    several = [f"{count} {plural}" for plural, count in told.items() if count > 1]
    why = f"{len(frames)} frames at {len(places)} places"
    apart = f"{why}: {', '.join(several)}" if several else why
    if turned and not several:
        return  # the file that is turned is named elsewhere
    raise SlicewiseError(
        f"{shown}: its frames make several volumes ({apart}); export the one that is meant as a "
        "series of its own, or convert it to NIfTI (dcm2niix writes a file for each)"
    )


def check_length(header: pydicom.Dataset, shown: str) -> None:
    """Refuse more pixels than the header says; decoders refuse too few.

    Raises
    ------
    SlicewiseError
        Which says how many there are.
    """
    frames = whole(header, "NumberOfFrames", 1)
    if frames < 2:
        return
    there = len(header.PixelData)
    if header.file_meta.TransferSyntaxUID.is_encapsulated:
        # one offset a frame, where the table is filled
        offsets = len(pydicom.encaps.parse_basic_offsets(header.PixelData))
        more = offsets > frames
        counted = f"{offsets}"
    else:
        pixels = whole(header, "Rows", 0) * whole(header, "Columns", 0)
        one = pixels * whole(header, "BitsAllocated", 16) // 8
        # one byte makes an odd number even
        more = there > frames * one + 1
        counted = f"{there / max(one, 1):.4g}"
    if more:
        raise SlicewiseError(
            f"{shown} is a multi-frame DICOM file that says it has {frames} frames "
            f"(NumberOfFrames) of {header.Columns} × {header.Rows} pixels, but holds the pixels "
            f"of {counted}; export the series again"
        )
