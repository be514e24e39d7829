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
