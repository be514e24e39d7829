"""From scores of cases to means over patients, each of whom counts once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def patient_scores(scores: np.ndarray, patients: Sequence[str]) -> np.ndarray:
    """Average the cases of each patient.

    Parameters
    ----------
    scores : array_like, shape (cases, labels)
        A score of each case and label; NaN where there is none, such as the
        Dice of a label that the case does not have.
    patients : sequence of str
        The patient of each case.

    Returns
    -------
    ndarray, shape (patients, labels)
        Patients in the order of their first case. A mean leaves out what is
        NaN, and is NaN where nothing is left.

    Examples
    --------
    >>> patient_scores([[0.5], [0.7], [0.9]], ["anna", "anna", "bert"])
    array([[0.6],
           [0.9]])
    """
    scores = np.asarray(scores, np.float64)
    places = {name: place for place, name in enumerate(dict.fromkeys(patients))}
    owners = np.array([places[name] for name in patients], np.intp)
    known = ~np.isnan(scores)
    total = np.zeros((len(places), scores.shape[1]))
    number = np.zeros_like(total)
    np.add.at(total, owners, np.where(known, scores, 0.0))
    np.add.at(number, owners, known)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def mean_over_patients(scores: np.ndarray, patients: Sequence[str]) -> float:
    """Return the mean over patients of each one's mean over the labels.

    Parameters
    ----------
    scores, patients
        As of `patient_scores`.

    Returns
    -------
    float
        NaN where nobody has a score.

    Examples
    --------
    >>> mean_over_patients([[0.5], [0.7], [0.9]], ["anna", "anna", "bert"])
    0.75
    """
    return float(mean_of(mean_of(patient_scores(scores, patients), axis=1), axis=0))


def mean_of(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of what is not NaN along an axis; NaN where nothing is left."""
    known = ~np.isnan(values)
    number = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
