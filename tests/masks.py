"""Small masks of a tumour that is there, is not, or is elsewhere, and tables of their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slicewise.config import UNDRAWN, Evaluation
from slicewise.evaluation.statistics import UNSCORED, Masks, case_rows, metrics_table

HIT, WRONG, NOTHING = np.zeros((3, 8, 8, 8), np.uint8)
UNKNOWN = np.where(np.arange(8) > 3, np.uint8(UNDRAWN), NOTHING)
"""Half of it was not drawn, and nothing in the other half."""
HIT[1:3, 1:3, 1:3] = 1  # 8 voxels
WRONG[5:7, 5:7, 5:6] = 1  # 4 voxels, apart from them


def scored(
    patients: dict[str, list[tuple[np.ndarray, np.ndarray]]],
    subset: str = "test",
    labels: tuple[str, ...] = ("tumour",),
    **how: Any,
) -> pd.DataFrame:
    """Score the scans of patients, each a ground truth and a prediction, voxels of 1 ml."""
    rows = []
    for patient, scans in patients.items():
        for number, (truth, guess) in enumerate(scans):
            case = patient if len(scans) == 1 else f"{patient}-{number}"
            known = {"case": case, "patient": patient, "subset": subset, "fold": None}
            masks = Masks(truth, guess, labels, 1.0, (1.0, 1.0, 1.0))
            rows += case_rows(known, masks, Evaluation(**how))
    return metrics_table(rows)


def untrained(table: pd.DataFrame, label: str = "tumour", patients: str = "") -> pd.DataFrame:
    """Empty what models that were trained without a label leave empty, of all patients or some."""
    empty = (table["label"] == label) & (table["patient"].isin([*patients]) | (not patients))
    kept = ["case", "patient", "subset", "fold", "label", *UNSCORED]
    return table.mask(empty, table.assign(**dict.fromkeys(table.columns.difference(kept), np.nan)))
