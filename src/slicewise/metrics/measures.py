"""What measures the metrics of `slicewise.metrics.table`: both masks of a label in, numbers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from slicewise.metrics import table
from slicewise.metrics.failures import failures
from slicewise.metrics.lesions import lesions
from slicewise.metrics.overlap import overlap
from slicewise.metrics.surface import surface_distances


@dataclass(frozen=True)
class Pair:
    """The ground truth and the prediction of one label in one case.

    Attributes
    ----------
    truth, prediction : ndarray of bool, shape (i, j, k)
        Both masks.
    voxel_ml : float
        Volume of a voxel in millilitres.
    spacing : tuple of float, or None
        Distance of neighbouring voxels along each axis, in mm; None where
        slices are no neighbours.
    tolerance_mm : float
        Up to which distance the surface Dice takes surfaces as the same.
    lesion_iou : float or None
        By which overlap a lesion counts as found; None of a label that is no lesion.
    """

    truth: np.ndarray
    prediction: np.ndarray
    voxel_ml: float
    spacing: tuple[float, float, float] | None
    tolerance_mm: float
    lesion_iou: float | None = None


Measure = Callable[[Pair], Mapping[str, float]]
"""Returns one or more metrics by their names; nothing where they do not apply."""


def _overlap(pair: Pair) -> dict[str, float]:
    return overlap(pair.truth, pair.prediction, pair.voxel_ml)


def _surface(pair: Pair) -> dict[str, float]:
    assert pair.spacing is not None
    distances = surface_distances(pair.truth, pair.prediction, pair.spacing, pair.tolerance_mm)
    return {**distances, "tolerance_mm": pair.tolerance_mm}


def _failures(pair: Pair) -> dict[str, float]:
    assert pair.spacing is not None
    return failures(pair.truth, pair.prediction, pair.voxel_ml, pair.spacing)


def _lesions(pair: Pair) -> dict[str, float]:
    if pair.lesion_iou is None:
        return {}
    return {**lesions(pair.truth, pair.prediction, pair.lesion_iou), "lesion_iou": pair.lesion_iou}


MEASURES: dict[str, Measure] = {
    "overlap": _overlap,
    "surface": _surface,
    "failures": _failures,
    "lesions": _lesions,
}
"""By the names that entries of the table have for them."""


def measured(pair: Pair) -> dict[str, float]:
    """Measure everything that applies to one label of one case.

    Parameters
    ----------
    pair : Pair
        Both masks. What needs neighbours is left out where they have no spacing.

    Returns
    -------
    dict
        By the names of columns.
    """
    wanted = [
        each for each in table.METRICS if pair.spacing is not None or not each.needs_neighbours
    ]
    row: dict[str, float] = {}
    for measure in dict.fromkeys(each.measure for each in wanted if each.measure is not None):
        row |= MEASURES[measure](pair)
    return row
