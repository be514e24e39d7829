"""That a model is asked only about people whom it has not seen."""

from __future__ import annotations

from collections.abc import Mapping

from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError


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


def check_all_unseen(patients: Mapping[str, str], place: str, training: TrainingRecord) -> None:
    """Refuse cases that a model was trained on, see `check_unseen`.

    Parameters
    ----------
    patients : mapping of str to str
        The patient of each case.
    place, training
        As `check_unseen` takes them.
    """
    for case, patient in patients.items():
        check_unseen(case, patient, place, training)
