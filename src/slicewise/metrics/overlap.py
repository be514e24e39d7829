"""Overlap of two masks.

Definitions for empty masks: when ground truth and prediction are both empty,
every ratio is 1; when only one of them is, every ratio is 0. The volume error
in percent has no value when the ground truth is empty.
"""

from __future__ import annotations

import numpy as np


def overlap(truth: np.ndarray, prediction: np.ndarray, voxel_ml: float) -> dict[str, float]:
    """Compare two boolean masks of the same shape.

    Parameters
    ----------
    truth, prediction : ndarray of bool
        Ground truth and prediction.
    voxel_ml : float
        Volume of a voxel in millilitres.

    Returns
    -------
    dict
        dice, jaccard, precision, recall (0 to 1); volume_ml of the ground
        truth, predicted_ml, volume_error_ml (predicted minus true) and
        volume_error_percent.
    """
    both = int(np.count_nonzero(truth & prediction))
    true, predicted = int(np.count_nonzero(truth)), int(np.count_nonzero(prediction))
    error = (predicted - true) * voxel_ml
    return {
        "dice": _ratio(2 * both, true + predicted),
        "jaccard": _ratio(both, true + predicted - both),
        "precision": _ratio(both, predicted, empty=float(true == 0)),
        "recall": _ratio(both, true, empty=float(predicted == 0)),
        "volume_ml": true * voxel_ml,
        "predicted_ml": predicted * voxel_ml,
        "volume_error_ml": error,
        "volume_error_percent": 100 * error / (true * voxel_ml) if true else float("nan"),
    }


def _ratio(above: int, below: int, empty: float = 1.0) -> float:
    return above / below if below else empty


def mean_dice_by_case(
    both: np.ndarray, true: np.ndarray, predicted: np.ndarray, case_of: np.ndarray
) -> float:
    """Average the 3-D Dice of cases from voxel counts of their slices.

    Parameters
    ----------
    both, true, predicted : ndarray, shape (slices, labels)
        Voxels in both masks, in the ground truth and in the prediction.
    case_of : ndarray of int, shape (slices,)
        The case of each slice.

    Returns
    -------
    float
        Mean over labels, then over cases; NaN without cases.
    """
    number = int(case_of.max()) + 1 if len(case_of) else 0
    sums = [np.zeros((number, both.shape[1])) for _ in range(3)]
    for total, part in zip(sums, (both, true, predicted), strict=True):
        np.add.at(total, case_of, part)
    volume = sums[1] + sums[2]
    dice = np.where(volume > 0, 2 * sums[0] / np.maximum(volume, 1), 1.0)
    return float(dice.mean()) if number else float("nan")
