"""Overlap of two masks.

Definitions for empty masks: where the ground truth is empty, no ratio has a
value (NaN), whatever was predicted. There is nothing to find, so that 1 for
finding nothing would praise a model that never finds anything (Maier-Hein et
al., Nature Methods 2024). How much was predicted is in the volumes. Where only
the prediction is empty, every ratio is 0.
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
        dice, jaccard, precision, recall (0 to 1) and volume_error_percent, NaN
        where the ground truth is empty; volume_ml of the ground truth,
        predicted_ml and volume_error_ml (predicted minus true).
    """
    both = int(np.count_nonzero(truth & prediction))
    true = int(np.count_nonzero(truth))
    predicted = int(np.count_nonzero(prediction))
    error = (predicted - true) * voxel_ml
    ratios = {
        "dice": _ratio(2 * both, true + predicted),
        "jaccard": _ratio(both, true + predicted - both),
        "precision": _ratio(both, predicted),
        "recall": _ratio(both, true),
    }
    return {
        **(ratios if true else dict.fromkeys(ratios, float("nan"))),
        "volume_ml": true * voxel_ml,
        "predicted_ml": predicted * voxel_ml,
        "volume_error_ml": error,
        "volume_error_percent": 100 * error / (true * voxel_ml) if true else float("nan"),
    }


def _ratio(above: int, below: int) -> float:
    return above / below if below else 0.0
