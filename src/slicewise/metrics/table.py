"""The one table of what is measured: its name, title, unit, digits, and where it is shown.

A new metric is one entry here and the function that measures it: the columns of ``metrics.tsv``,
means in ``summary.json``, rows and columns of pages, comparisons, names in MLflow and the
documentation of the columns follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slicewise.metrics.failures import failures
from slicewise.metrics.lesions import lesions
from slicewise.metrics.overlap import overlap
from slicewise.metrics.surface import surface_distances

Kind = Literal["overlap", "distance", "volume", "error", "failure", "lesion", "note"]
"""An overlap is a share from 0 to 1 that a missed organ makes 0. A distance has no value where an
organ was missed. A volume counts where the label is there. A note is no score: it says by what
truth or setting the scores of a row were made."""

Place = Literal["means", "summary", "labels", "cases", "failures", "comparison", "mlflow", "runs"]
"""``means``: averaged in summary.json. ``summary``: in the report's table of means, and
``labels``: there of each label, too. ``cases``: a column of the report's tables of cases, and
``failures``: of that of whole pieces. ``comparison``: compared between experiments. ``mlflow``:
its mean is a metric of a run. ``runs``: in the table by which MLflow compares runs case by case."""


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


@dataclass(frozen=True)
class Metric:
    """A column of ``metrics.tsv``, and what is known of it.

    Attributes
    ----------
    name : str
        The column.
    meaning : str
        What it is, for the documentation.
    kind : str
        How it behaves where a mask is empty, see `Kind`.
    title : str
        What pages call it.
    unit : str
        ``ml``, ``mm``, ``%``, or nothing.
    digits : int
        How many pages show after the point.
    higher_is_better : bool or None
        None where neither is.
    needs_neighbours : bool
        Whether it is left out where slices are no neighbours.
    shown : frozenset of str
        Where, see `Place`.
    measure : callable or None
        What measures it, maybe along with others; None where `score_cases` knows it.
    rank : int
        Where it stands on pages, the lowest first.
    short : str
        Its title among the columns of a case, where that is shorter.
    long : str
        Its title among the means, where that is longer; ``{tolerance}`` stands for mm.
    signed : bool
        Whether its sign is written; experiments are compared by its size.
    compared_as : str
        Its title in comparisons, where that is another.
    of_truth : bool
        Whether it says nothing of a prediction, so that it is there without one.
    is_text : bool
        Whether it is no number.
    """

    name: str
    meaning: str
    kind: Kind
    title: str = ""
    unit: str = ""
    digits: int = 3
    higher_is_better: bool | None = None
    needs_neighbours: bool = False
    shown: frozenset[Place] = frozenset()
    measure: Measure | None = None
    rank: int = 100
    short: str = ""
    long: str = ""
    signed: bool = False
    compared_as: str = ""
    of_truth: bool = False
    is_text: bool = False

    def heading(self, of: str = "") -> str:
        """Return its title, or another one, with its unit.

        Examples
        --------
        >>> metric("hd95_mm").heading()
        'HD95, mm'
        >>> metric("dice").heading()
        'Dice'
        """
        title = of or self.title
        return f"{title}, {self.unit}" if self.unit else title

    @property
    def column_heading(self) -> str:
        """What heads its column in tables of cases."""
        return self.heading(self.short)

    @property
    def comparison_heading(self) -> str:
        """What heads its rows in comparisons."""
        return self.heading(self.compared_as)

    def mean_heading(self, tolerance: str | None) -> str:
        """Return what heads its mean; with the tolerance, in mm, where it has one."""
        return self.long.format(tolerance=tolerance) if self.long else self.heading()


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


def _places(*places: Place) -> frozenset[Place]:
    return frozenset(places)


METRICS: tuple[Metric, ...] = (
    Metric(
        "dice",
        "2·both / (true + predicted), in voxels; like all ratios and distances empty where the "
        "ground truth does not have the label",
        "overlap",
        title="Dice",
        higher_is_better=True,
        shown=_places("means", "summary", "labels", "cases", "comparison", "mlflow", "runs"),
        measure=_overlap,
        rank=0,
    ),
    Metric(
        "jaccard",
        "both / (true + predicted - both)",
        "overlap",
        title="Jaccard",
        higher_is_better=True,
        shown=_places("means", "summary", "cases", "mlflow", "runs"),
        measure=_overlap,
        rank=1,
    ),
    Metric(
        "precision",
        "both / predicted",
        "overlap",
        title="Precision",
        higher_is_better=True,
        shown=_places("means", "summary", "cases", "mlflow"),
        measure=_overlap,
        rank=2,
    ),
    Metric(
        "recall",
        "both / true",
        "overlap",
        title="Recall",
        higher_is_better=True,
        shown=_places("means", "summary", "cases", "mlflow"),
        measure=_overlap,
        rank=3,
    ),
    Metric(
        "volume_ml",
        "volume of the ground truth, millilitres",
        "volume",
        title="Volume",
        unit="ml",
        digits=1,
        shown=_places("means", "cases"),
        measure=_overlap,
        rank=20,
        of_truth=True,
    ),
    Metric(
        "predicted_ml",
        "volume of the prediction",
        "volume",
        title="Predicted",
        unit="ml",
        digits=1,
        shown=_places("means", "cases"),
        measure=_overlap,
        rank=21,
    ),
    Metric(
        "volume_error_ml",
        "predicted minus true",
        "volume",
        title="Volume error",
        short="Error",
        unit="ml",
        digits=1,
        signed=True,
        shown=_places("means", "summary", "cases", "mlflow", "runs"),
        measure=_overlap,
        rank=22,
    ),
    Metric(
        "volume_error_percent",
        "of the true volume",
        "error",
        title="Volume error",
        short="Error",
        compared_as="Size of the volume error",
        unit="%",
        digits=1,
        signed=True,
        higher_is_better=False,
        shown=_places("means", "summary", "labels", "cases", "comparison", "mlflow"),
        measure=_overlap,
        rank=23,
    ),
    Metric(
        "hd95_mm",
        "95 % Hausdorff distance: from 95 % of either surface it is at most so far to the other",
        "distance",
        title="HD95",
        unit="mm",
        digits=1,
        higher_is_better=False,
        needs_neighbours=True,
        shown=_places("means", "summary", "labels", "cases", "comparison", "mlflow"),
        measure=_surface,
        rank=11,
    ),
    Metric(
        "assd_mm",
        "average symmetric surface distance: the mean distance to the other surface, of both",
        "distance",
        title="ASSD",
        unit="mm",
        digits=2,
        higher_is_better=False,
        needs_neighbours=True,
        shown=_places("means", "summary", "cases", "comparison", "mlflow"),
        measure=_surface,
        rank=12,
    ),
    Metric(
        "nsd",
        "normalised surface Dice: the share of both surfaces within `tolerance_mm` of the other",
        "overlap",
        title="NSD",
        long="Surface Dice (NSD) at {tolerance} mm",
        higher_is_better=True,
        needs_neighbours=True,
        shown=_places("means", "summary", "labels", "cases", "comparison", "mlflow"),
        measure=_surface,
        rank=10,
    ),
    Metric(
        "tolerance_mm",
        "of `nsd`; the setting `evaluation.tolerance_mm`",
        "note",
        needs_neighbours=True,
        measure=_surface,
        of_truth=True,
    ),
    Metric(
        "false_islands",
        "components of the prediction that share no voxel with the truth: how many",
        "failure",
        title="False islands",
        digits=0,
        needs_neighbours=True,
        shown=_places("failures"),
        measure=_failures,
        rank=30,
    ),
    Metric(
        "false_islands_ml",
        "volume of all these islands together",
        "failure",
        digits=1,
        needs_neighbours=True,
        measure=_failures,
    ),
    Metric(
        "largest_false_ml",
        "volume of the largest of them",
        "failure",
        title="Largest island",
        unit="ml",
        digits=1,
        needs_neighbours=True,
        shown=_places("failures"),
        measure=_failures,
        rank=31,
    ),
    Metric(
        "largest_false_mm",
        "distance of the largest of them from the truth",
        "failure",
        title="Off by",
        unit="mm",
        digits=0,
        needs_neighbours=True,
        shown=_places("failures"),
        measure=_failures,
        rank=32,
    ),
    Metric(
        "missed_parts",
        "components of the truth that share no voxel with the prediction: how many",
        "failure",
        title="Missed parts",
        digits=0,
        needs_neighbours=True,
        shown=_places("failures"),
        measure=_failures,
        rank=33,
    ),
    Metric(
        "missed_parts_ml",
        "volume of all these parts together",
        "failure",
        measure=_failures,
        digits=1,
        needs_neighbours=True,
    ),
    Metric(
        "largest_missed_ml",
        "volume of the largest of them",
        "failure",
        title="Largest part",
        unit="ml",
        digits=1,
        needs_neighbours=True,
        shown=_places("failures"),
        measure=_failures,
        rank=34,
    ),
    Metric(
        "largest_bulge_ml",
        "the largest thick region that was added to what was found otherwise",
        "failure",
        title="Bulge",
        unit="ml",
        digits=1,
        needs_neighbours=True,
        shown=_places("failures"),
        measure=_failures,
        rank=36,
    ),
    Metric(
        "largest_gap_ml",
        "the largest thick region that is missing from what was found otherwise",
        "failure",
        title="Gap",
        unit="ml",
        digits=1,
        needs_neighbours=True,
        shown=_places("failures"),
        measure=_failures,
        rank=35,
    ),
    Metric(
        "lesions",
        "of labels named in `evaluation.lesions`: components of the truth",
        "lesion",
        needs_neighbours=True,
        measure=_lesions,
    ),
    Metric(
        "lesions_found",
        "those of them that were found",
        "lesion",
        needs_neighbours=True,
        measure=_lesions,
    ),
    Metric(
        "lesions_false",
        "components of the prediction that found none",
        "lesion",
        needs_neighbours=True,
        measure=_lesions,
    ),
    Metric(
        "lesion_iou",
        "by which overlap a lesion counts as found; the setting `evaluation.lesion_iou`",
        "note",
        needs_neighbours=True,
        measure=_lesions,
    ),
    Metric(
        "recipe_dice",
        "the Dice that the slices allow at all: of the truth itself, cut and brought back as a "
        "prediction is",
        "note",
        of_truth=True,
    ),
    Metric(
        "truth_sha256",
        "digest of the ground truth: label numbers and grid, however the file is packed",
        "note",
        of_truth=True,
        is_text=True,
    ),
)
"""In the order of the columns: an nsd says nothing without its tolerance, a lesion nothing without
the overlap by which it was found, no score without what the slices allow and without its truth."""

FALSE_ML = Metric(
    "false_ml",
    "what was predicted of labels that are not there",
    "volume",
    title="Predicted where a label is not",
    unit="ml",
    digits=1,
    higher_is_better=False,
    shown=_places("comparison"),
    rank=1000,
)
"""No column: experiments are compared by it over those who do not have a label."""


def metric(name: str) -> Metric:
    """Return the entry of a column.

    Raises
    ------
    KeyError
        When there is no such column.
    """
    return {each.name: each for each in METRICS}[name]


def names(place: Place) -> tuple[str, ...]:
    """Return the columns that are shown somewhere, in the order of ``metrics.tsv``.

    Examples
    --------
    >>> names("runs")
    ('dice', 'jaccard', 'volume_error_ml')
    """
    return tuple(each.name for each in METRICS if place in each.shown)


def names_of(kind: Kind) -> tuple[str, ...]:
    """Return the columns of a kind, in the order of ``metrics.tsv``.

    Examples
    --------
    >>> names_of("distance")
    ('hd95_mm', 'assd_mm')
    """
    return tuple(each.name for each in METRICS if each.kind == kind)


def shown_in(place: Place) -> list[Metric]:
    """Return the metrics that a page shows somewhere, in its order.

    Examples
    --------
    >>> [each.name for each in shown_in("labels")]
    ['dice', 'nsd', 'hd95_mm', 'volume_error_percent']
    """
    every = (*METRICS, FALSE_ML)
    return sorted((each for each in every if place in each.shown), key=lambda each: each.rank)


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
    wanted = [each for each in METRICS if pair.spacing is not None or not each.needs_neighbours]
    row: dict[str, float] = {}
    for measure in dict.fromkeys(each.measure for each in wanted if each.measure is not None):
        row |= measure(pair)
    return row
