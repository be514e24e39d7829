"""Whether files and models are those that the records of a case and of a training tell of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from slicewise.dataset.duplicates import unpack
from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import sha256
from slicewise.stored import AGAIN, Count, Form, Loose, Name, Positive, read_stored, refused


def _are_marks(text: str) -> str:
    unpack(text)
    return text


class _File(Loose):
    file: str
    sha256: Name


class _CaseRecord(Loose):
    case: Name
    patient: Name
    image: _File
    mask: _File
    shape: Annotated[list[Count], Field(min_length=3, max_length=3)]
    spacing: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    orientation: Name
    lost: bool
    intensity: dict[str, float]
    ml: dict[str, float]
    fingerprint: Name
    marks: Annotated[str, AfterValidator(_are_marks)]
    content: dict[str, Any] = Field({})
    read: dict[str, str] = Field({})
    made_from: Name


CASE_RECORD = Form(_CaseRecord)
CASE_RECORDS = Form(Annotated[list[_CaseRecord], Field(min_length=1)])


def read_case_records(paths: Iterable[str | Path]) -> dict[str, dict[str, Any]]:
    """Read the case records of batches, by case.

    Raises
    ------
    SlicewiseError
        When a file is damaged, or a case is in it twice.
    """
    known: dict[str, dict[str, Any]] = {}
    for path in paths:
        for case_record in read_stored(path, CASE_RECORDS):
            case = case_record["case"]
            if known.setdefault(case, case_record) is not case_record:
                raise refused(path, f"case {case} is there twice")
    return known


def case_record_of(known: Mapping[str, dict[str, Any]], case: str, path: object) -> dict[str, Any]:
    """Return the record of a case.

    Raises
    ------
    SlicewiseError
        When the file, which is named, has none of it.
    """
    if case not in known:
        raise SlicewiseError(f"{path}: it has no record of case {case}; {AGAIN}")
    return known[case]


def check_unseen(case: str, patient: str, place: str, training: TrainingRecord) -> None:
    """Refuse a case that a model was trained on, or one of a patient whom it was trained on.

    Parameters
    ----------
    case, patient : str
        Whom the model is to predict, or has predicted.
    place : str
        Its folder, ``fold-<k>``, for the message.
    training : TrainingRecord
        What made the model.

    Raises
    ------
    SlicewiseError
        When it has seen the case or the patient, whatever the split says now.
    """
    seen = [one for one in training.train if one == case or training.patients.get(one) == patient]
    if seen:
        same = "" if case in seen else f", of the same patient ({patient}) as {case}"
        raise SlicewiseError(
            f"case {case}: the model in {place} was trained on {seen[0]}{same}, so it cannot be "
            f"scored on it; delete {place} and run snakemake again, which trains anew"
        )


def check_read(case_record: Mapping[str, Any], kind: str, path: Path) -> None:
    """Compare an image or mask that is about to be read with the file that was ingested.

    Parameters
    ----------
    case_record : mapping
        From `ingest`; one without the SHA-256 of what was read is not compared.
    kind : {"image", "mask"}
        Which of the two.
    path : Path
        The NIfTI file.

    Raises
    ------
    SlicewiseError
        When it was changed since.
    """
    wanted = case_record.get("read", {}).get(kind)
    if wanted is not None and sha256(path) != wanted:
        raise SlicewiseError(
            f"{path}: it was changed since it was checked as the {kind} of case "
            f"{case_record['case']}; run snakemake again, which checks it anew"
        )
