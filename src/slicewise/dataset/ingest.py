"""Ingesting a batch of cases: each is checked and described, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from slicewise.config import Content
from slicewise.dataset.case_record import CaseRecord, SourceFiles, keep_record, kept_record
from slicewise.dataset.describe import CaseFiles, make_record
from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.files import digest, sha256, sweep
from slicewise.job import now

EARLIER = "passport.json"
"""What the record of a case was called before."""


def case_files(
    cases: Sequence[tuple[str, str]],
    files: Mapping[str, Sequence[str]],
    sources: Mapping[str, Sequence[str]],
    named: Mapping[str, Mapping[str, str]] | None = None,
    *,
    hidden: bool = False,
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
    named : mapping of case to {"image", "mask"} to str, optional
        What tells the files of a case from those of others, where their own
        names do not.
    hidden : bool
        Whether no message may name the files by their paths.
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
            (named or {}).get(name, {}),
            hidden,
        )
        for n, (name, patient) in enumerate(cases)
    ]


def ingest(
    cases: Iterable[CaseFiles],
    content: Content,
    version: str,
    folder: Path,
    lacking: Mapping[str, str] | None = None,
) -> list[CaseRecord]:
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
    lacking : mapping of str to str, optional
        Further cases that lack a mask, and what to say of each.

    Returns
    -------
    list of CaseRecord
        In the order of the cases.

    Raises
    ------
    SeveralErrors
        When cases fail a check or lack a mask, after all others are done.
    """
    records = []
    errors = []
    for case, said in (lacking or {}).items():
        _path_of(folder, case).unlink(missing_ok=True)
        errors.append(SlicewiseError(said))
    for files in cases:
        try:
            records.append(_record_of(files, content, version, _path_of(folder, files.case)))
        except SlicewiseError as error:
            errors.append(error)
    if errors:
        raise SeveralErrors(errors)
    return records


def _record_of(files: CaseFiles, content: Content, version: str, path: Path) -> CaseRecord:
    """Check and describe a case, unless its record is still true."""
    sources = files.described()
    made_from = _made_from(files, sources, content, version)
    record = kept_record(path, made_from)
    if record is None:
        # what is no longer true must not outlive a case that is refused now
        path.unlink(missing_ok=True)
        sweep(path)
        now.info(f"case {files.case}")
        record = make_record(files, sources, content, made_from)
        keep_record(path, record)
    (path.parent / EARLIER).unlink(missing_ok=True)
    return record


def _path_of(folder: Path, case: str) -> Path:
    return folder / case / "record.json"


def _made_from(
    files: CaseFiles, sources: Mapping[str, SourceFiles], content: Content, version: str
) -> str:
    described = {kind: sources[kind].model_dump() for kind in ("image", "mask")}
    converted = [sha256(p) for p in (files.image, files.mask) if [p] not in files.sources.values()]
    return digest([version, content.model_dump(), files.patient, described, converted])
