"""Looks at cases that nobody looked at, and a data set of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from slicewise.dataset.assignment import Assignment
from slicewise.dataset.looked import QUANTILES, CaseLook, LabelLook, Thumbnail
from slicewise.report.picture import webp
from slicewise.report.seen import SeenCase, SeenData
from tests.case_records import case_record

PICTURE = base64.b64encode(
    webp(np.tile(np.linspace(-160, 240, 32), (32, 1)), (-160, 240), (32, 32))
).decode()


def label_look(**changed: Any) -> LabelLook:
    """A label of 1500 ml in one piece, away from all sides, of 60 to 140 HU."""
    keys: dict[str, Any] = {
        "voxels": 1000,
        "ml": 1500.0,
        "islands": 1,
        "islands_ml": 0.0,
        "quantiles": np.linspace(60, 140, QUANTILES).tolist(),
    }
    return LabelLook(**keys | changed)


def case_look(case: str = "a1", **changed: Any) -> CaseLook:
    """A look in which all is filled in; what else is given replaces it."""
    thumbnail = Thumbnail(
        plane="axial",
        index=2,
        slices=5,
        webp=PICTURE,
        width=300.0,
        height=240.0,
        outline="M2 2l8 0 0 8-8 0z",
        columns=16,
        rows=12,
    )
    keys: dict[str, Any] = {
        "case": case,
        "spacing": [0.75, 0.75, 2.5],
        "field": [300.0, 240.0, 200.0],
        "labels": {"liver": label_look()},
        "outside": np.linspace(-1000, 400, QUANTILES).tolist(),
        "body": np.linspace(-110, 190, QUANTILES).tolist(),
        "thumbnail": thumbnail,
        "made_from": "all of it",
    }
    return CaseLook(**keys | changed)


def seen_case(
    case: str = "a1", subset: str = "train", fold: int | None = None, **changed: Any
) -> SeenCase:
    """A case; `look` and `record` replace what they hold of it."""
    record = {"fingerprint": f"voxels of {case}", "patient": f"of-{case}", "ml": {"liver": 1500.0}}
    record |= {"intensity": {"p5": -1000.0, "p50": 30.0, "p95": 150.0}}
    record |= changed.get("record", {})
    known = case_record(case, **record)
    assigned = Assignment(case, known.patient, subset, fold)
    return SeenCase(known, case_look(case, **changed.get("look", {})), assigned)


def seen(cases: Sequence[SeenCase], **more: Any) -> SeenData:
    """A data set of cases with a liver."""
    return SeenData(**{"cases": cases, "labels": ["liver"], "intensity": "hu"} | more)
