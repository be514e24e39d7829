"""Ingesting a batch of cases: each is checked and described, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.config import Content
from slicewise.dataset.agree import CASE_RECORD
from slicewise.dataset.case_record import describe_files, make_record
from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.files import digest, sha256, sweep
from slicewise.job import now
from slicewise.stored import kept, write_sealed

EARLIER = "passport.json"
"""What the record of a case was called before."""


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Attributes
    ----------
    case, patient : str
        Names.
    image, mask : Path
        NIfTI files.
    sources : mapping of {"image", "mask"} to paths
        The files they come from: themselves, or a DICOM series.
    """

    case: str
    patient: str
    image: Path
    mask: Path
    sources: Mapping[str, Sequence[Path]]


def case_files(
    cases: Sequence[tuple[str, str]],
    files: Mapping[str, Sequence[str]],
    sources: Mapping[str, Sequence[str]],
) -> list[CaseFiles]:
    """Return the files of each case of a group.

    Parameters
    ----------
    cases : sequence of (case, patient)
        Names, in the order of `files`.
    files : mapping of {"image", "mask"} to sequences of path
        One NIfTI file a case.
    sources : mapping of {"image", "mask"} to sequences of path
        What the files were converted from; none where they were not. A case
        that was converted is in a group of its own.
    """
    paths = {kind: [Path(path) for path in listed] for kind, listed in files.items()}
    converted = {kind: [Path(path) for path in listed] for kind, listed in sources.items()}
    return [
        CaseFiles(
            name,
            patient,
            paths["image"][n],
            paths["mask"][n],
            {kind: converted[kind] or [listed[n]] for kind, listed in paths.items()},
        )
        for n, (name, patient) in enumerate(cases)
    ]


def ingest(
    cases: Iterable[CaseFiles], content: Content, version: str, folder: Path
) -> list[dict[str, Any]]:
    """Check and describe cases, and keep what is still true of them.

    A case record is written as soon as its case was checked, so that a fault of
    one case, or the end of the job, costs no other.

    Parameters
    ----------
    cases : iterable of CaseFiles
        What to read.
    content : Content
        What the files should hold.
    version : str
        Another one makes all case records anew.
    folder : Path
        The place of ``<case>/record.json``.

    Returns
    -------
    list of dict
        The case records (see `make_record`), with the content that the files
        were checked for, the SHA-256 of the files that were read, and a digest
        of all that each was made from.

    Raises
    ------
    SeveralErrors
        When cases fail a check, after all others are done.
    """
    case_records, errors = [], []
    for case in cases:
        path = folder / case.case / "record.json"
        key = _made_from(case, content, version)
        case_record = kept(path, key, CASE_RECORD)
        if case_record is None:
            # what is no longer true must not outlive a case that is refused now
            path.unlink(missing_ok=True)
            sweep(path)
            now.info(f"case {case.case}")
            try:
                case_record = make_record(
                    case.case, case.patient, case.image, case.mask, case.sources, content
                )
            except SlicewiseError as error:
                errors.append(error)
                continue
            case_record["content"] = content.model_dump()
            case_record["read"] = {"image": sha256(case.image), "mask": sha256(case.mask)}
            case_record["made_from"] = key
            write_sealed(path, case_record)
        (path.parent / EARLIER).unlink(missing_ok=True)
        case_records.append(case_record)
    if errors:
        raise SeveralErrors(errors)
    return case_records


def _made_from(case: CaseFiles, content: Content, version: str) -> str:
    sources = {kind: describe_files(case.sources[kind]) for kind in ("image", "mask")}
    converted = [sha256(p) for p in (case.image, case.mask) if [p] not in case.sources.values()]
    return digest([version, content.model_dump(), case.patient, sources, converted])
