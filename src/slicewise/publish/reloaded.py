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
from slicewise.publish.prose import Said, Section, Table

SMALL = 500
"""Voxels of a label, in the median of cases, below which a voxel more or less changes Dice much."""
MANY_EMPTY = 0.1
"""Share of patients without a label from which on detection matters."""
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
    questions = (
        "Is the tolerance of the surface Dice about as far as two readers differ?",
        "Does a structure of which one patient has several have to be found piece by piece? Then "
        "name its label in evaluation.lesions.",
    )
    return Section("Choice of metrics", said, [Table("Metrics Reloaded.", HEAD, rows)], questions)


def _always(one: Gathered) -> list[Row]:
    metrics = one.result.metrics
    has_nsd = bool(metrics["nsd"].notna().any())
    return [
        ("An overlap of masks", "Dice", "yes"),
        (
            "A distance of surfaces beside it",
            "NSD and HD95" if has_nsd else "slices are no neighbours, so surfaces are not known",
            "yes" if has_nsd else "no",
        ),
        ("Percentiles instead of the largest distance", "HD95", "yes" if has_nsd else "no"),
        ("Patient by patient, not pooled over voxels or slices", "a value a patient", "yes"),
        ("Each label by itself, not only their mean", "a row a label", "yes"),
        ("Spread and uncertainty beside the mean", "deviation, interval, all values", "yes"),
        (
            "How missing values count is said",
            "a distance from nothing has no value, and n says of how many means are",
            "yes",
        ),
    ]


def _by_label(one: Gathered) -> list[Row]:
    subset = headline_subset(one.result.metrics)
    scored = one.scored
    rows = []
    for label in scored["label"].unique():
        own = scored[scored["label"] == label]
        voxels = _voxels(one, own)
        if voxels is not None and voxels < SMALL:
            surfaces = bool(own["nsd"].notna().any())
            rows.append(
                (
                    f"{label} is small ({voxels:,.0f} voxels, median): surfaces decide",
                    "NSD stands beside Dice" if surfaces else "NSD is not known",
                    "yes" if surfaces else "no",
                )
            )
        rows += _empty(str(label), one.result.summary[subset][label]["detection"])
    return rows


def _empty(label: str, found: dict[str, Any]) -> list[Row]:
    patients = found["with_label"] + found["without_label"]
    if not patients or found["without_label"] / patients < MANY_EMPTY:
        return []
    what = f"{label} is absent in {found['without_label']} of {patients} patients: detection"
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
