"""The one table of what is measured: its name, title, unit, digits, and where it is shown.

A new metric is one entry here and the function that measures it: the columns of ``metrics.tsv``,
means in ``summary.json``, rows and columns of pages, comparisons, names in MLflow, the
documentation of the columns and the names that no label may have follow.

What measures is in `slicewise.metrics.measures` and is not imported here: settings read the names,
every job and every stored model reads settings, and none of them needs SciPy for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["overlap", "distance", "volume", "error", "failure", "lesion", "note"]
"""An overlap is a share from 0 to 1 that a missed organ makes 0. A distance has no value where an
organ was missed. A volume counts where the label is there. A note is no score: it says by what
truth or setting the scores of a row were made."""

Place = Literal[
    "means",
    "summary",
    "labels",
    "cases",
    "failures",
    "comparison",
    "experiments",
    "mlflow",
    "runs",
]
"""``means``: averaged in summary.json. ``summary``: in the report's table of means, and
``labels``: there of each label, too. ``cases``: a column of the report's tables of cases, and
``failures``: of that of whole pieces. ``comparison``: compared between experiments, and
``experiments``: its mean is in the table of them that comes first there, beside that of Dice.
``mlflow``: its mean is a metric of a run. ``runs``: in the table by which MLflow compares runs
case by case."""


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
    measure : str or None
        What measures it, maybe along with others, see `measures.MEASURES`; None where
        `score_cases` knows it.
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
    optional : bool
        Whether a table that has no value of it has no such column.
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
    measure: str | None = None
    short: str = ""
    long: str = ""
    signed: bool = False
    compared_as: str = ""
    of_truth: bool = False
    is_text: bool = False
    optional: bool = False

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
    def experiments_heading(self) -> str:
        """What heads its column of means in the table of experiments.

        Examples
        --------
        >>> metric("hd95_mm").experiments_heading
        'Mean HD95, mm'
        """
        return f"Mean {self.heading()}"

    @property
    def comparison_heading(self) -> str:
        """What heads its rows in comparisons."""
        return self.heading(self.compared_as)

    def mean_heading(self, tolerance: str | None) -> str:
        """Return what heads its mean; with the tolerance, in mm, where it has one."""
        return self.long.format(tolerance=tolerance) if self.long else self.heading()


def _places(*places: Place) -> frozenset[Place]:
    return frozenset(places)


def _of_pieces(
    name: str, meaning: str, *, title: str = "", unit: str = "", digits: int = 3
) -> Metric:
    """Return a column about whole pieces, which pages show where it has a title."""
    return Metric(
        name,
        meaning,
        "failure",
        title=title,
        unit=unit,
        digits=digits,
        needs_neighbours=True,
        shown=_places("failures") if title else frozenset(),
        measure="failures",
    )


MOST_PAGES = _places(
    *("means", "summary", "labels", "cases"), *("comparison", "experiments", "mlflow")
)

METRICS: tuple[Metric, ...] = (
    Metric(
        "dice",
        "2·both / (true + predicted), in voxels; like all ratios and distances empty where the "
        "ground truth does not have the label",
        "overlap",
        title="Dice",
        higher_is_better=True,
        shown=_places("means", "summary", "labels", "cases", "comparison", "mlflow", "runs"),
        measure="overlap",
    ),
    Metric(
        "jaccard",
        "both / (true + predicted - both)",
        "overlap",
        title="Jaccard",
        higher_is_better=True,
        shown=_places("means", "summary", "cases", "mlflow", "runs"),
        measure="overlap",
    ),
    Metric(
        "precision",
        "both / predicted",
        "overlap",
        title="Precision",
        higher_is_better=True,
        shown=_places("means", "summary", "cases", "mlflow"),
        measure="overlap",
    ),
    Metric(
        "recall",
        "both / true",
        "overlap",
        title="Recall",
        higher_is_better=True,
        shown=_places("means", "summary", "cases", "mlflow"),
        measure="overlap",
    ),
    Metric(
        "volume_ml",
        "volume of the ground truth, millilitres",
        "volume",
        title="Volume",
        unit="ml",
        digits=1,
        shown=_places("means", "cases"),
        measure="overlap",
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
        measure="overlap",
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
        measure="overlap",
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
        measure="overlap",
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
        shown=MOST_PAGES,
        measure="surface",
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
        measure="surface",
    ),
    Metric(
        "nsd",
        "normalised surface Dice: the share of both surfaces within `tolerance_mm` of the other",
        "overlap",
        title="NSD",
        long="Surface Dice (NSD) at {tolerance} mm",
        higher_is_better=True,
        needs_neighbours=True,
        shown=MOST_PAGES,
        measure="surface",
    ),
    Metric(
        "tolerance_mm",
        "of `nsd`; the setting `evaluation.tolerance_mm`",
        "note",
        needs_neighbours=True,
        measure="surface",
        of_truth=True,
    ),
    _of_pieces(
        "false_islands",
        "components of the prediction that share no voxel with the truth: how many",
        title="False islands",
        digits=0,
    ),
    _of_pieces("false_islands_ml", "volume of all these islands together"),
    _of_pieces(
        "largest_false_ml",
        "volume of the largest of them",
        title="Largest island",
        unit="ml",
        digits=1,
    ),
    _of_pieces(
        "largest_false_mm",
        "distance of the largest of them from the truth",
        title="Off by",
        unit="mm",
        digits=0,
    ),
    _of_pieces(
        "missed_parts",
        "components of the truth that share no voxel with the prediction: how many",
        title="Missed parts",
        digits=0,
    ),
    _of_pieces("missed_parts_ml", "volume of all these parts together"),
    _of_pieces(
        "largest_missed_ml",
        "volume of the largest of them",
        title="Largest part",
        unit="ml",
        digits=1,
    ),
    _of_pieces(
        "largest_bulge_ml",
        "the largest thick region that was added to what was found otherwise",
        title="Bulge",
        unit="ml",
        digits=1,
    ),
    _of_pieces(
        "largest_gap_ml",
        "the largest thick region that is missing from what was found otherwise",
        title="Gap",
        unit="ml",
        digits=1,
    ),
    Metric(
        "lesions",
        "of labels named in `evaluation.lesions`: components of the truth",
        "lesion",
        needs_neighbours=True,
        measure="lesions",
    ),
    Metric(
        "lesions_found",
        "those of them that were found",
        "lesion",
        needs_neighbours=True,
        measure="lesions",
    ),
    Metric(
        "lesions_false",
        "components of the prediction that found none",
        "lesion",
        needs_neighbours=True,
        measure="lesions",
    ),
    Metric(
        "lesion_iou",
        "by which overlap a lesion counts as found; the setting `evaluation.lesion_iou`",
        "note",
        needs_neighbours=True,
        measure="lesions",
    ),
    Metric(
        "recipe_dice",
        "the Dice that the slices allow at all: of the truth itself, cut and brought back as a "
        "prediction is",
        "note",
        of_truth=True,
    ),
    Metric(
        "undrawn_percent",
        "of the voxels of the case, those that nobody drew (`dataset.ignore`) and that no score "
        "looks at; the column is there only where masks have such voxels",
        "note",
        of_truth=True,
        optional=True,
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

ON_PAGES = (
    *("dice", "jaccard", "precision", "recall", "nsd", "hd95_mm", "assd_mm"),
    *("volume_ml", "predicted_ml", "volume_error_ml", "volume_error_percent"),
    *("false_islands", "largest_false_ml", "largest_false_mm"),
    *("missed_parts", "largest_missed_ml", "largest_gap_ml", "largest_bulge_ml"),
)
"""The order on pages; what is not named here comes after, in the order of the columns."""

FALSE_ML = Metric(
    "false_ml",
    "what was predicted of labels that are not there",
    "volume",
    title="Predicted where a label is not",
    unit="ml",
    digits=1,
    higher_is_better=False,
    shown=_places("comparison"),
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
    every = {each.name: each for each in (*METRICS, FALSE_ML)}
    ordered = {name: every[name] for name in ON_PAGES} | every
    return [each for each in ordered.values() if place in each.shown]
