"""Whether files and models are those that the records of a case and of a training tell of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError
from slicewise.files import sha256


def check_unseen(case: str, patient: str, place: str, used: Mapping[str, Any]) -> None:
    """Refuse a case that a model was trained on, or one of a patient whom it was trained on.

    Parameters
    ----------
    case, patient : str
        Whom the model is to predict, or has predicted.
    place : str
        Its folder, ``fold-<k>``, for the message.
    used : mapping
        Content of its ``config.yaml``: the list ``train``, and from case to
        patient ``patients``.

    Raises
    ------
    SlicewiseError
        When it has seen the case or the patient, whatever the split says now.
    """
    whose = used.get("patients", {})
    seen = [one for one in used["train"] if one == case or whose.get(one) == patient]
    if seen:
        same = "" if case in seen else f", of the same patient ({patient}) as {case}"
        raise SlicewiseError(
            f"case {case}: the model in {place} was trained on {seen[0]}{same}, so it cannot be "
            f"scored on it; delete {place} and run snakemake again, which trains anew"
        )


def check_read(passport: Mapping[str, Any], kind: str, path: Path) -> None:
    """Compare an image or mask that is about to be read with the file that was ingested.

    Parameters
    ----------
    passport : mapping
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
    wanted = passport.get("read", {}).get(kind)
    if wanted is not None and sha256(path) != wanted:
        raise SlicewiseError(
            f"{path}: it was changed since it was checked as the {kind} of case "
            f"{passport['case']}; run snakemake again, which checks it anew"
        )
