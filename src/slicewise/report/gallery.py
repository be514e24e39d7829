"""The worst cases of a report, and their slices as its viewer shows them."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from slicewise.evaluation.detection import lacks_label
from slicewise.evaluation.statistics import (
    by_case,
    headline_subset,
)
from slicewise.report.faults import Fault
from slicewise.report.render import (
    DASH,
    usable,
)
from slicewise.report.undrawn import Undrawn
from slicewise.report.viewer import Frame, View
from slicewise.report.words import failure_note

GALLERY_LIMIT = 30
"""How many patients a gallery shows; the worst are kept."""


@dataclass(frozen=True)
class CaseFigures:
    """The overlays of one case."""

    case: str
    images: list[tuple[str, bytes]] = field(default_factory=list)
    """Caption and JPEG file of some axial slices, the worst first."""
    views: list[View] = field(default_factory=list)
    """The planes that the report shows."""
    undrawn: Undrawn | None = None
    """Why there is no picture."""
    faults: list[Fault] = field(default_factory=list)
    """What is wrong by a look at the voxels."""


def gallery_cases(metrics: pd.DataFrame, limit: int = GALLERY_LIMIT) -> list[str]:
    """Return the cases the gallery shows, worst first, so that no other needs overlays.

    Parameters
    ----------
    metrics : pandas.DataFrame
        A row per case and label, with columns case, subset, dice, and volume_ml
        and predicted_ml, which say where what was predicted is all wrong.
    limit : int
        How many at most.

    Returns
    -------
    list of str
        Test cases, or validation cases where no test patient has been scored.
    """
    shown = metrics[metrics["subset"] == headline_subset(metrics)]
    return [str(case) for case in _worst_first(shown)[:limit]]


def _worst_first(metrics: pd.DataFrame) -> list[str]:
    """Sort cases by their Dice; where none of the labels is, what was predicted is all wrong."""
    dice = by_case(metrics, "dice").reindex(metrics["case"].astype(str).unique())
    healthy = metrics[lacks_label(metrics) & metrics["predicted_ml"].gt(0)]
    wrong = dice.index.isin(healthy["case"].astype(str)) & dice.isna()
    return list(dice.mask(wrong, 0.0).sort_values(kind="stable").index)


def gallery(cases: Sequence[CaseFigures], scored: pd.DataFrame) -> list[dict[str, Any]]:
    """Lay out the slices of the worst cases, the worst first.

    Parameters
    ----------
    cases : sequence of CaseFigures
        Their pictures, in any order.
    scored : DataFrame
        The rows of the subset that the page is about.
    """
    dice = by_case(scored, "dice")
    patients = dict(zip(scored["case"].astype(str), scored["patient"].astype(str), strict=True))

    places = {case: place for place, case in enumerate(_worst_first(scored))}

    def badness(shown: CaseFigures) -> float:
        return places.get(shown.case, math.inf)

    rows: dict[str, list[dict[str, Any]]] = {}
    for row in scored.to_dict("records"):
        rows.setdefault(str(row["case"]), []).append(row)
    return [
        {
            "case": shown.case,
            "patient": patients.get(shown.case, shown.case),
            "dice": dice.get(shown.case),
            "note": failure_note(rows.get(shown.case, []), shown.faults),
            "undrawn": shown.undrawn,
            "views": [_viewed(view, shown.views) for view in shown.views],
            "frames": [_frames(view) for view in shown.views],
        }
        for shown in sorted(cases, key=badness)[:GALLERY_LIMIT]
        if shown.views or shown.undrawn
    ]


def _viewed(view: View, beside: Sequence[View]) -> dict[str, Any]:
    return {
        **on_screen(view, beside),
        "frame": view.frames[view.worst],
        "said": said_dice(view.frames[view.worst]),
        "bars": "".join(
            f"M{place} 1V{1 - dice:.2f}h1V1z"
            for place, dice in enumerate(view.dice)
            if usable(dice)
        ),
    }


def on_screen(view: View, beside: Sequence[View]) -> dict[str, Any]:
    """Lay a view out on a screen of the size of the widest and the highest one beside it."""
    width, height = (max(each.extent_mm[side] for each in beside) for side in (0, 1))
    return {
        "plane": view.plane,
        "screen": f"{width:.1f} / {height:.1f}",
        "size": [
            round(100 * a / b, 2) for a, b in zip(view.extent_mm, (width, height), strict=True)
        ],
        "voxels": view.voxels,
        "slices": view.slices,
        "scrolled": len(view.frames) > 1,
        "last": len(view.frames) - 1,
        "worst": view.worst,
        "bar": view.frames[view.worst].index - view.first,
        "span": len(view.dice),
    }


def said_dice(frame: Frame) -> str:
    """Write the Dice of a slice."""
    return f"{frame.dice:.2f}" if usable(frame.dice) else DASH


def _frames(view: View) -> dict[str, Any]:
    return frames_of(view, said_dice)


def frames_of(view: View, said: Callable[[Frame], str]) -> dict[str, Any]:
    """Return what the script of the page needs to show another slice of a plane.

    Parameters
    ----------
    view : View
    said : callable
        What the page says of a frame.
    """
    return {
        "first": view.first,
        "left": view.left,
        "top": view.top,
        "frames": [
            [
                frame.index,
                said(frame),
                base64.b64encode(frame.image).decode(),
                frame.truth,
                frame.prediction,
            ]
            for frame in view.frames
        ],
    }
