"""What Metrics Reloaded recommends for segmentation, against what was reported.

Maier-Hein et al., Nature Methods 2024, doi:10.1038/s41592-023-02151-z.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from slicewise.evaluation.statistics import headline_subset
from slicewise.publish.gathered import Gathered
from slicewise.publish.measuring import detected
from slicewise.publish.prose import Said, Section, Table
from slicewise.wording import INTERVAL_OF

SMALL = 500
"""Voxels of a label, in the median of cases, below which a voxel more or less changes Dice much."""
MANY_EMPTY = 0.1
"""Share of patients without a label from which on detection matters."""
TOLERANCE = "Is the tolerance of the surface Dice about as far as two readers differ?"
PIECES = (
    "Does a structure of which one patient has several have to be found piece by piece? Then name "
    "its label in evaluation.lesions."
)
HEAD = ("What is recommended", "Here", "Followed")
Row = tuple[str, str, str]


def recommended(every: Sequence[Gathered]) -> Section:
    """Compare what is reported with what is recommended, and name where they differ."""
    one = every[0]
    rows = [*_always(one), *_by_label(one)]
    differs = [what for what, _, followed in rows if followed == "no"]
    verdict = "no difference was found" if not differs else "they differ where it says no"
    said = [
        Said(
            "The metrics of segmentation were compared with the recommendations of Metrics "
            f"Reloaded, as far as records show it: {verdict}.",
            ("maierhein2024metrics",),
        )
    ]
    questions = [TOLERANCE] if _has_surfaces(one) else []
    if not _has_lesions(one):
        questions.append(PIECES)
    return Section("Choice of metrics", said, [Table("Metrics Reloaded.", HEAD, rows)], questions)


def _always(one: Gathered) -> list[Row]:
    has_nsd = _has_surfaces(one)
    has_spread = one.scored["patient"].nunique() >= INTERVAL_OF
    spread = "deviation, interval, all values" if has_spread else "all values, too few for more"
    distance = "A distance of surfaces beside it"
    surfaces: list[Row] = [(distance, _without_surfaces(one), "no")]
    if has_nsd:
        surfaces = [
            (distance, "NSD and HD95", "yes"),
            ("Percentiles instead of the largest distance", "HD95", "yes"),
        ]
    return [
        ("An overlap of masks", "Dice", "yes"),
        *surfaces,
        ("Patient by patient, not pooled over voxels or slices", "a value a patient", "yes"),
        ("Each label by itself, not only their mean", "a row a label", "yes"),
        (
            "Spread and uncertainty beside the mean",
            spread,
            "yes" if has_spread else "no",
        ),
        (
            "How missing values count is said",
            f"{'a distance from nothing has no value, and ' if has_nsd else ''}n says of how many "
            "means are",
            "yes",
        ),
    ]


def _has_surfaces(one: Gathered) -> bool:
    return one.is_measured and bool(one.result.metrics["nsd"].notna().any())


def _has_lesions(one: Gathered) -> bool:
    """Tell whether any label is found piece by piece."""
    named = one.block("evaluation").get("lesions")
    return bool(named) or any(each["lesions"] is not None for each in detected(one).values())


def _without_surfaces(one: Gathered) -> str:
    """Say why there is no distance of surfaces."""
    if one.is_stack:
        return "slices are no neighbours, so surfaces are not known"
    if not one.is_measured:
        return "headers do not tell how large voxels are"
    return "no scan has a whole surface of which a distance is known"


def _by_label(one: Gathered) -> list[Row]:
    subset = headline_subset(one.result.metrics)
    scored = one.scored
    rows = []
    for label in scored["label"].unique():
        own = scored[scored["label"] == label]
        voxels = _voxels(one, own)
        if voxels is not None and voxels < SMALL:
            surfaces = one.is_measured and bool(own["nsd"].notna().any())
            rows.append(
                (
                    f"{label} is small ({voxels:,.0f} voxels, median): surfaces decide",
                    "NSD stands beside Dice" if surfaces else "NSD is not known",
                    "yes" if surfaces else "no",
                )
            )
        is_told = label in detected(one)
        rows += _empty(str(label), one.result.summary[subset][label]["detection"], is_told)
    return rows


def _empty(label: str, found: dict[str, Any], is_told: bool) -> list[Row]:
    # of two scans one may lack it, so that those with and those without may be more than all
    patients = found["patients"]
    if not patients or found["without_label"] / patients < MANY_EMPTY:
        return []
    what = f"{label} is absent in {found['without_label']} of {patients} patients: detection"
    if not is_told:
        return [(what, "not counted", "no")]
    return [(what, "sensitivity and specificity by patient", "yes")]


def _voxels(one: Gathered, rows: pd.DataFrame) -> float | None:
    """Return the median size of a label, in voxels of its scans, where it is there."""
    spacing = one.cases.set_index("case")["spacing"].astype(str)
    volumes = rows.set_index("case")["volume_ml"].astype(float)
    there = volumes[(volumes > 0) & volumes.index.isin(spacing.index)]
    if there.empty:
        return None
    voxel = spacing.loc[there.index].map(lambda text: np.prod([float(s) for s in text.split("x")]))
    return float(np.median(there.to_numpy() * 1000 / voxel.to_numpy(float)))
