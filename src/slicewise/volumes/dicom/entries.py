"""What the header of one file tells where an archive is sorted; nothing of who the patient is.

UIDs and the patient's ID are kept as hashes, which tell what belongs together.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pydicom

from slicewise.volumes.dicom import multiframe, scouts
from slicewise.volumes.dicom.annotations import KINDS
from slicewise.volumes.dicom.headers import numbers, value_of, whole
from slicewise.volumes.dicom.imaged import items_of, texts_of
from slicewise.volumes.dicom.index import DAMAGED, EMPTY, IMAGE, NONE, Entry
from slicewise.volumes.dicom.parse import parse
from slicewise.volumes.dicom.source import UID

TAGS = [
    "SOPClassUID",
    "ImageType",
    "Modality",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "InstanceNumber",
    "ImagePositionPatient",
    "ReferencedSeriesSequence",
    "ReferencedFrameOfReferenceSequence",
]
CALLED_BY = ["Modality", "SeriesDescription"]
IDENTITY = [
    *("PatientID", "PatientName", "PatientBirthDate", "OtherPatientIDs", "AccessionNumber"),
    *("StudyID", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"),
]
"""What a folder may be called by, so that its name must not be shown."""
IMAGES = "Image Storage"
"""How the names of all classes of images end."""
DRAWN_ON = [multiframe.SHARED, multiframe.PER_FRAME]
NOBODY = {"patient", "anonymous", "anonymized", "anonymised", "anon"}
"""What names say that are nobody's."""
SHORTEST = 3
"""Letters and digits of a name or number by which a folder that holds it tells who is in it."""


@dataclass(frozen=True)
class _Referred:
    """Which series and instances a mask names, as UIDs."""

    series: frozenset[str]
    instances: frozenset[str] = frozenset()


def read_entry(path: Path, folder: str) -> Entry:
    """Read what the header of a file tells.

    Parameters
    ----------
    path : Path
    folder : str
        The folder below the root that it lies in, at whatever depth; nothing of a
        file beside such folders.
    """
    return entry_of(lambda: path.open("rb"), folder)


def entry_of(opened: Callable[[], BinaryIO], folder: str) -> Entry:
    """Read what the header of a file tells that may lie in a zip.

    Parameters
    ----------
    opened : callable
        Returns a stream of its bytes.
    folder : str
        As `read_entry` takes it.
    """
    try:
        with opened() as stream:
            start = stream.read(132)
            if not start:
                return Entry(EMPTY)
            if start[128:] != b"DICM" and start[:2] not in (b"\x08\x00", b"\x02\x00"):
                return Entry(NONE)
            stream.seek(0)
            header = parse(stream, [*TAGS, *IDENTITY], stop_before_pixels=True)
        return _entry(opened, header, folder)
    except Exception:  # parsers raise anything; their texts may quote the header
        return Entry(DAMAGED)


def read_called(path: Path) -> list[str]:
    """Read what a series calls itself by its Modality and SeriesDescription.

    No message may show it. Both are empty where the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            header = parse(stream, CALLED_BY, stop_before_pixels=True)
        return [str(value_of(header, name) or "").strip() for name in CALLED_BY]
    except Exception:  # parsers raise anything; their texts may quote the header
        return [""] * len(CALLED_BY)


def _entry(opened: Callable[[], BinaryIO], header: pydicom.Dataset, folder: str) -> Entry:
    kind = KINDS.get(str(value_of(header, "SOPClassUID") or ""), "")
    referred = _Referred(frozenset())
    if kind:
        referred = _referred(opened, header)
    elif not value_of(header, "Rows") or not value_of(header, "Columns"):
        # what ends before it says anything is cut short, too
        if _is_image(header) or not len(header):
            return Entry(DAMAGED)
        kind = scouts.what_else(header) or "file without an image"
    frames = texts_of(items_of(header, "ReferencedFrameOfReferenceSequence"), "FrameOfReferenceUID")
    frame = next(iter(frames), "") or str(value_of(header, "FrameOfReferenceUID") or "")
    patient = str(value_of(header, "PatientID") or "").strip()
    return Entry(
        kind or scouts.what_else(header) or IMAGE,
        series=_hashed(str(value_of(header, "SeriesInstanceUID") or "")),
        study=_hashed(str(value_of(header, "StudyInstanceUID") or "")),
        patient=_hashed_slowly(patient) if patient else "",
        instance=_hashed(str(value_of(header, "SOPInstanceUID") or "")),
        frame=_hashed(frame),
        frames=max(1, whole(header, "NumberOfFrames", 1)),
        on_series=tuple(sorted(map(_hashed, referred.series))),
        on_instances=tuple(sorted(map(_hashed, referred.instances))),
        telling=_tells(folder, header),
        once=_once(header),
    )


def _is_image(header: pydicom.Dataset) -> bool:
    """Tell whether a file is of a class of images: one without rows ends within its header."""
    return pydicom.uid.UID(str(value_of(header, "SOPClassUID") or "")).name.endswith(IMAGES)


def _once(header: pydicom.Dataset) -> str:
    """Hash what only copies of a file share: some programs give UIDs of instances more than once.

    To all slices of a series, or the same ones to the slices of each patient.
    """
    instance = str(value_of(header, "SOPInstanceUID") or "").strip()
    series = str(value_of(header, "SeriesInstanceUID") or "").strip()
    places = [numbers(header, "InstanceNumber", 1), numbers(header, "ImagePositionPatient", 3)]
    told = [None if place is None else place.tolist() for place in places]
    return _hashed(f"{instance} {series} {told}") if instance else ""


def _referred(opened: Callable[[], BinaryIO], header: pydicom.Dataset) -> _Referred:
    series = texts_of(items_of(header, "ReferencedSeriesSequence"), "SeriesInstanceUID")
    series |= texts_of(
        items_of(
            header,
            "ReferencedFrameOfReferenceSequence",
            "RTReferencedStudySequence",
            "RTReferencedSeriesSequence",
        ),
        "SeriesInstanceUID",
    )
    if series:
        return _Referred(series)
    with opened() as stream:
        more = parse(stream, [*DRAWN_ON, "ROIContourSequence"], stop_before_pixels=True)
    places = [(name, "DerivationImageSequence", "SourceImageSequence") for name in DRAWN_ON]
    places.append(("ROIContourSequence", "ContourSequence", "ContourImageSequence"))
    sources = [item for place in places for item in items_of(more, *place)]
    return _Referred(series, texts_of(sources, "ReferencedSOPInstanceUID"))


def _tells(folder: str, header: pydicom.Dataset) -> bool:
    """Tell whether the name of a folder says who the patient is, or when he was seen."""
    if UID.search(folder):
        return True
    name = _plain(folder)
    for keyword in IDENTITY:
        value = value_of(header, keyword)
        for part in re.split(r"[\^=\\\s,;]+", str(value or "")):
            told = _plain(part)
            if told in NOBODY:
                continue
            if told and (told == name or (len(told) >= SHORTEST and told in name)):
                return True
            if len(name) >= SHORTEST and name in told:
                return True
    return False


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _hashed(uid: str) -> str:
    uid = uid.strip()
    return hashlib.blake2b(uid.encode(), digest_size=10).hexdigest() if uid else ""


@functools.lru_cache(maxsize=4096)
def _hashed_slowly(patient: str) -> str:
    """Hash what is short, so that trying out all numbers takes long."""
    salt = b"slicewise patient"
    return hashlib.scrypt(patient.encode(), salt=salt, n=2**13, r=8, p=1, dklen=10).hex()
