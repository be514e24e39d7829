"""The record of a case: its files, geometry, intensities and labels, as they were checked."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from slicewise.dataset.marks import unpack
from slicewise.errors import SlicewiseError
from slicewise.files import sha256, write_json
from slicewise.stored import (
    AGAIN,
    Count,
    Form,
    Loose,
    Name,
    Positive,
    kept,
    read_typed,
    refused,
    write_sealed,
)
from slicewise.volumes.tones import Tones


def _are_marks(text: str) -> str:
    try:
        unpack(text)
    except zlib.error as error:
        raise ValueError(error) from None
    return text


class SourceFiles(Loose):
    """The files that an image or mask comes from.

    Attributes
    ----------
    file : str
        Name of the file, or of the folder with the number of its files.
    sha256 : str
        Of the file, or of the hashes of all.
    bytes : int, optional
        Of all together.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    sha256: Name
    bytes: Count | None = None


class CaseRecord(Loose):
    """What is known of a case once it was checked.

    Attributes
    ----------
    case, patient : str
        Names.
    image, mask : SourceFiles
        Where they come from.
    mask_stored : dict, optional
        How the mask is stored where not on the grid of its image (attributes of `Stored`).
    shape : list of int
        Voxels along each axis of the image, as it is stored.
    spacing : list of float
        Millimetres of a voxel along each axis.
    orientation : str
        Where the axes point, such as ``LPS``.
    lost : bool
        Whether the image has lost its geometry.
    intensity : dict of str to float
        ``min``, percentiles (``p50``) and ``max``.
    ml : dict of str to float
        Millilitres of each label.
    tones : list of Tones or None
        How bright the body is in each channel; None of one that is missing.
    centres : dict of str to list of float
        Where the centre of each label that there is lies in the volume: from 0
        to 1 from left to right, from back to front and from foot to head. None
        of piles of slices.
    largest : dict of str to float
        Which share of the voxels of each label that there is lies in its largest
        component, see `slicewise.components`. None of piles of slices.
    undrawn : float, optional
        Share of the voxels of the mask that nobody drew; None where all were drawn.
    fingerprint : str
        A hash of the voxels, however they are stored.
    marks : str
        What a changed copy of the image is known by (`duplicates.pack`).
    content : dict
        The settings of content that the files were checked for.
    read : dict of str to str
        SHA-256 of the NIfTI files ``image`` and ``mask`` that were read.
    made_from : str
        A digest of all that it was made from.
    """

    model_config = ConfigDict(frozen=True)

    case: Name
    patient: Name
    image: SourceFiles
    mask: SourceFiles
    mask_stored: dict[str, Any] | None = None
    shape: Annotated[list[Count], Field(min_length=3, max_length=3)]
    spacing: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    orientation: Name
    lost: bool
    intensity: dict[str, float]
    ml: dict[str, float]
    tones: list[Tones | None] = Field([])
    centres: dict[str, list[float]] = Field({})
    largest: dict[str, float] = Field({})
    undrawn: Annotated[float, Field(gt=0, le=1)] | None = None
    fingerprint: Name
    marks: Annotated[str, AfterValidator(_are_marks)]
    content: dict[str, Any] = Field({})
    read: dict[str, str] = Field({})
    made_from: Name

    @property
    def is_unsized(self) -> bool:
        """Whether nobody said how large its voxels are, and 1 × 1 × 1 mm was taken."""
        return self.lost and self.content.get("spacing") is None

    def dump(self) -> dict[str, Any]:
        """Return it as it is stored; what is not known of it is left out."""
        return {
            key: value
            for key, value in self.model_dump(exclude_unset=True).items()
            if value is not None
        }


class CaseSources(Loose):
    """What records of any version tell: files of a case, and whether the size of voxels is lost."""

    case: Name
    image: SourceFiles
    mask: SourceFiles
    lost: bool = False


CASE_RECORD = Form(CaseRecord)
CASE_RECORDS = Form(Annotated[list[CaseRecord], Field(min_length=1)])
CASE_SOURCES = Form(list[CaseSources])
"""Of the same files, where results of an earlier version are looked at, too."""


def kept_record(path: Path, made_from: str) -> CaseRecord | None:
    """Return the record that `keep_record` wrote, if it was made from just this.

    Parameters
    ----------
    path : Path
        The file of one case.
    made_from : str
        A digest of all that the record would be made from now.

    Returns
    -------
    CaseRecord or None
        None also for a file that is damaged, which is said: it is to be made again.
    """
    record: CaseRecord | None = kept(path, made_from, CASE_RECORD)
    return record


def keep_record(path: Path, record: CaseRecord) -> None:
    """Write the record of one case, sealed, so that an edit is noticed."""
    write_sealed(path, record.dump())


def write_case_records(path: str | os.PathLike[str], records: Iterable[CaseRecord]) -> None:
    """Write the records of cases that one job checked."""
    write_json(path, [record.dump() for record in records])


def read_case_records(paths: Iterable[str | Path]) -> dict[str, CaseRecord]:
    """Read what `write_case_records` wrote.

    Parameters
    ----------
    paths : iterable of path
        A file or several.

    Returns
    -------
    dict of str to CaseRecord
        By case.

    Raises
    ------
    SlicewiseError
        When a file is damaged, or a case is in it twice.
    """
    known: dict[str, CaseRecord] = {}
    for path in paths:
        for record in read_typed(path, CASE_RECORDS):
            if record.case in known:
                raise refused(path, f"case {record.case} is there twice")
            known[record.case] = record
    return known


def case_record_of(known: Mapping[str, CaseRecord], case: str, path: object) -> CaseRecord:
    """Return the record of a case.

    Parameters
    ----------
    known : mapping of str to CaseRecord
        From `read_case_records`.
    case : str
        Its name.
    path : object
        The file that was read, for the message.

    Raises
    ------
    SlicewiseError
        When the file has none of it.
    """
    if case not in known:
        raise SlicewiseError(f"{path}: it has no record of case {case}; {AGAIN}")
    return known[case]


def check_read(record: CaseRecord, kind: str, path: Path) -> str:
    """Compare an image or mask that is about to be read with the file that was ingested.

    Parameters
    ----------
    record : CaseRecord
        One without the SHA-256 of what was read is not compared.
    kind : {"image", "mask"}
        Which of the two.
    path : Path
        The NIfTI file.

    Returns
    -------
    str
        Its SHA-256.

    Raises
    ------
    SlicewiseError
        When it was changed since.
    """
    wanted = record.read.get(kind)
    sha = sha256(path)
    if wanted is not None and sha != wanted:
        raise SlicewiseError(
            f"{path}: it was changed since it was checked as the {kind} of case "
            f"{record.case}; run snakemake again, which checks it anew"
        )
    return sha


def check_volumes(
    records: Sequence[str], cases: Sequence[str], **files: Sequence[str]
) -> dict[str, list[str]]:
    """Compare images or masks that are about to be read with the files that were ingested.

    Parameters
    ----------
    records : sequence of str
        Files of case records, of these cases and of others.
    cases : sequence of str
        Their names.
    **files : sequence of str
        As ``image`` or ``mask``, or both, the NIfTI file of each case.

    Returns
    -------
    dict of str to list of str
        The SHA-256 of these files, by the same names.

    Raises
    ------
    SlicewiseError
        When one was changed since, or has no record.
    """
    known = read_case_records(records)
    shown = ", ".join(records)
    return {
        kind: [
            check_read(case_record_of(known, case, shown), kind, Path(path))
            for case, path in zip(cases, paths, strict=True)
        ]
        for kind, paths in files.items()
    }
