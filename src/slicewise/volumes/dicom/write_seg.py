"""Writing a mask as a DICOM segmentation (SEG) of the series that it lies on."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from slicewise import __version__
from slicewise.files import atomic
from slicewise.volumes.dicom.headers import whole
from slicewise.volumes.dicom.referred import referred, uid_of, unreferable
from slicewise.volumes.dicom.stack import Grid

KIND = "SEG"
NUMBER = 1000
"""Added to the number of the series, so that the segmentation is listed behind it."""


def write_seg(
    path: Path, sources: Sequence[Path], mask: np.ndarray, labels: Mapping[str, int]
) -> None:
    """Write a mask as a binary segmentation, a segment a label, that refers to slices.

    It belongs to the patient and study of its series and carries what these
    say of the patient, as it must: nothing else that is written of a scan does.

    Parameters
    ----------
    path : Path
        The file, written in one step.
    sources : sequence of Path
        The files of the series.
    mask : ndarray, shape (columns, rows, slices)
        On the grid of `read_series`.
    labels : mapping of str to int
        The value in the mask of each label; they become segments 1, 2, ….

    Raises
    ------
    SlicewiseError
        When a header is damaged or lacks what a segmentation refers to, or the
        frames of the series lie in several files.
    """
    series = referred(sources, mask, KIND)
    numbers = np.zeros(int(mask.max(initial=0)) + 1, np.uint8)
    for number, value in enumerate(labels.values(), start=1):
        numbers[value : value + 1] = number
    frames = numbers[mask].transpose(2, 1, 0)[_order(series.grid)]
    try:
        with warnings.catch_warnings(), atomic(path) as temporary:
            warnings.simplefilter("ignore")  # they quote headers
            _segmentation(
                series.headers,
                np.ascontiguousarray(frames),
                list(labels),
                series.digest(mask, labels),
            ).save_as(temporary)
    except (AttributeError, KeyError, TypeError, ValueError):  # with texts that quote headers
        raise unreferable(series.shown, "its headers do not fit together", KIND) from None


def _order(grid: Grid) -> list[int]:
    """Return the place in the stack of each frame as the file has them."""
    order = np.argsort([one.frame for one in grid.slices], kind="stable")
    return [int(place) for place in order]


def _segmentation(
    headers: list[pydicom.Dataset], frames: np.ndarray, labels: list[str], content: str
) -> Any:
    """Make the segmentation of frames (n, rows, columns) that hold the numbers of segments."""
    # only now, as it loads slowly
    import highdicom
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        "slicewise", codes.DCM.ArtificialIntelligence, __version__
    )
    described = [
        SegmentDescription(
            segment_number=number,
            segment_label=label[:64],
            **_coded(label, codes),
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
        )
        for number, label in enumerate(labels, start=1)
    ]
    return Segmentation(
        source_images=headers,
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=uid_of(headers[0], f"series {content}"),
        series_number=whole(headers[0], "SeriesNumber", 0) + NUMBER,
        sop_instance_uid=uid_of(headers[0], f"instance {content}"),
        instance_number=1,
        manufacturer="slicewise",
        manufacturer_model_name="slicewise",
        software_versions=__version__,
        device_serial_number="-",
        series_description="slicewise segmentation",
    )


def _coded(label: str, codes: Any) -> dict[str, Any]:
    """Return what a label is by SNOMED CT, if it is called by the name of a structure.

    A direction or side, as `anterior`, is a code, too, and no structure.
    """
    name = "".join(word.capitalize() for word in re.split(r"[^A-Za-z]+", label))
    own = getattr(codes.SCT, name, None)
    kind = codes.SCT.AnatomicalStructure
    code = kind
    if own is not None and own in codes.cid7192.concepts.values():
        code = own
    elif own is not None and own in codes.cid7194.concepts.values():
        kind = codes.SCT.MorphologicallyAbnormalStructure
        code = own
    return {"segmented_property_category": kind, "segmented_property_type": code}
