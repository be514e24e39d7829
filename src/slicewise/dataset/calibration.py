"""What a model's masks told of patients whose truth is known: a fold's ``calibration.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import ConfigDict, Field

from slicewise.files import digest
from slicewise.stored import Count, Form, Loose, Name

FEWEST = 9
"""Of fewer patients no interval follows that holds nine of ten: the largest of 8 deviations is
exceeded by a ninth patient one time in nine."""
MOST = 24
"""Patients of a fold that are predicted again and again; more make it longer and hardly better."""

OFTEN = 0.1
"""A label that so many of the training cases lack is not missed where it is not found."""


class KnownMask(Loose):
    """A mask whose Dice is known.

    Attributes
    ----------
    patient : int
        Its number in the file, which tells nobody who it is.
    label : str
        A label, or region, that the truth has.
    spoilt : str
        How the scan was spoilt on purpose; empty of one as it is.
    signs : list of float
        `slicewise.metrics.expected.Signs`; the first five of earlier versions.
    dice : float
    """

    model_config = ConfigDict(frozen=True)

    patient: Count
    label: Name
    spoilt: str = ""
    signs: Annotated[list[float], Field(min_length=5, max_length=7)]
    dice: Annotated[float, Field(ge=0, le=1)]


class Calibration(Loose):
    """What the masks of one model told.

    Attributes
    ----------
    weights_sha256 : str
        Digest of its weights.
    masks : list of KnownMask
        Of patients that it was not trained on, none of them a test patient.
    """

    model_config = ConfigDict(frozen=True)

    weights_sha256: Name
    masks: list[KnownMask]


CALIBRATION = Form(Calibration)


def by_chance(patients: Mapping[str, str]) -> list[str]:
    """Return cases in an order that hangs on nothing but the names of patients, then their own.

    Parameters
    ----------
    patients : mapping of str to str
        The patient of each case.
    """
    return sorted(patients, key=lambda case: (digest(patients[case]), case))


def chosen_patients(patients: Mapping[str, str], most: int = MOST) -> list[str]:
    """Choose the cases that a model is calibrated on: of each patient one, of many patients some.

    Parameters
    ----------
    patients : mapping of str to str
        The patient of each case that may be chosen.
    most : int
        How many patients at most.

    Returns
    -------
    list of str
        Cases, in the order of `by_chance`.
    """
    first: dict[str, str] = {}
    for case in by_chance(patients):
        first.setdefault(patients[case], case)
    return [*first.values()][:most]


def joined(calibrations: Iterable[Calibration]) -> list[KnownMask]:
    """Return the masks of several models, whose patients are others.

    Parameters
    ----------
    calibrations : iterable of Calibration
        Of the folds of one experiment.
    """
    masks: list[KnownMask] = []
    for one in calibrations:
        before = 1 + max((mask.patient for mask in masks), default=-1)
        masks += _moved(one.masks, before)
    return masks


def _moved(masks: Sequence[KnownMask], by: int) -> list[KnownMask]:
    return [mask.model_copy(update={"patient": mask.patient + by}) for mask in masks]
