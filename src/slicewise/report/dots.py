"""A dot for every patient: Dice, and differences in Dice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from slicewise.evaluation import statistics
from slicewise.report.render import without_rough_interval
from slicewise.report.style import CROWD, CYCLE, INK, MANY, clipped, clipped_apart, rc_params


@dataclass(frozen=True)
class DotRow:
    """One row of a dot plot: a dot for every patient, and their mean."""

    name: str
    values: pd.Series
    """By patient."""
    mean: float | None = None
    low: float | None = None
    high: float | None = None


def dice_dots(metrics: pd.DataFrame, summary: Mapping[str, Any] | None = None) -> Figure:
    """Draw every scored patient as a dot, one row a label.

    Parameters
    ----------
    metrics : pandas.DataFrame
        A row per case and label, with columns patient, subset, label, dice.
        Test patients are shown, or validation patients where none is; of many
        labels the worst first.
    summary : mapping, optional
        ``{subset: {label: {"dice": {mean, ci_low, ci_high}}}}``: the mean and
        interval to mark, so that the picture and the text agree. Without it
        the plain mean is marked.

    Returns
    -------
    matplotlib.figure.Figure
    """
    subset = statistics.headline_subset(metrics)
    shown = metrics[metrics["subset"] == subset]
    rows = []
    labels = list(shown["label"].unique())
    if len(labels) > MANY:
        means = {label: dice_by_patient(shown[shown["label"] == label]).mean() for label in labels}
        labels.sort(key=lambda label: np.nan_to_num(means[label], nan=np.inf))
    for label in labels:
        own = shown[shown["label"] == label]
        values = dice_by_patient(own)
        patients = own["patient"].nunique()
        some = f"\n{len(values)} of {patients}" if len(values) < patients else ""
        marks = ((summary or {}).get(subset, {}).get(label) or {}).get("dice")
        rows.append(dot_row(f"{label}{some}", values, marks))
    return dot_plot(rows)


def dice_by_patient(metrics: pd.DataFrame) -> pd.Series:
    """Return Dice by patient, the mean over cases and labels; of those who have any."""
    return statistics.by_patient(metrics, "dice").dropna()


def dot_row(name: str, values: pd.Series, marks: Mapping[str, Any] | None = None) -> DotRow:
    """Make a row, its mean and interval taken from a summary where there is one."""
    marks = without_rough_interval(marks or {})
    mean = marks.get("mean")
    if mean is None and len(values):
        mean = float(values.mean())
    return DotRow(name, values, mean, marks.get("ci_low"), marks.get("ci_high"))


def dot_plot(rows: Sequence[DotRow]) -> Figure:
    """Draw rows of dots with their means and intervals, the lowest dot named."""
    ink = INK["light"]
    with matplotlib.rc_context(rc_params()):
        inches = 0.95 if len(rows) <= MANY else 0.55
        figure = Figure(figsize=(4.7, 1.0 + inches * max(len(rows), 1)), layout="constrained")
        axes = figure.subplots()
        low = _dot_axis(rows)
        crowded = sum(len(row.values) for row in rows) > CROWD
        for place, row in enumerate(rows):
            _draw_dots(axes, row, place, low, ink, crowded=crowded)
        axes.set(xlim=(low, 1.0 + 0.02 * (1.0 - low)), ylim=(len(rows) - 0.4, -0.6), xlabel="Dice")
        names = _row_names(rows, "\n", "\n")
        axes.set_yticks(range(len(rows)), names)
        axes.tick_params(axis="y", length=0, labelcolor=ink["text"])
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
    return figure


def _row_names(rows: Sequence[DotRow], joint: str, written: str) -> list[str]:
    """Return the names of rows, each part in a line of its own, as short as tells them apart."""
    parts = [row.name.split(joint) for row in rows]
    short = clipped_apart(part for each in parts for part in each)
    return [written.join(short[part] for part in each) for each in parts]


def _dot_axis(rows: Sequence[DotRow]) -> float:
    """Start at a round tenth below the lowest dot, to leave room to see differences."""
    lowest = [v for row in rows for v in (row.values.min(), row.low) if v is not None and v == v]
    return max(0.0, math.floor(min(lowest, default=0.0) * 10 - 0.8) / 10)


def _draw_dots(
    axes: Axes,
    row: DotRow,
    place: int,
    axes_start: float,
    ink: Mapping[str, str],
    *,
    crowded: bool,
) -> None:
    offsets = _swarm(row.values.to_numpy(float), bin_width=(1.0 - axes_start) / 55)
    _scatter(axes, row, place + offsets, ink, crowded=crowded)
    if len(row.values) > 1:
        worst = row.values.idxmin()
        roomy = row.values[worst] - axes_start > 0.28 * (1.0 - axes_start)
        axes.annotate(
            clipped(str(worst)),
            (row.values[worst], place + offsets[row.values.index.get_loc(worst)]),
            # To the left there is no other dot, but there may be no room.
            xytext=(-6, 0) if roomy else (0, 6),
            textcoords="offset points",
            ha="right" if roomy else "left",
            va="center" if roomy else "bottom",
            fontsize=8.5,
            color=ink["muted"],
        )
    _draw_mean(axes, row, place, ink)


def _scatter(
    axes: Axes, row: DotRow, places: np.ndarray, ink: Mapping[str, str], *, crowded: bool
) -> None:
    axes.scatter(
        row.values,
        places,
        s=12 if crowded else 30,
        rasterized=crowded,
        color=CYCLE[0],
        alpha=0.9,
        edgecolor=ink["paper"],
        linewidth=0.6,
        zorder=3,
    )


def _draw_mean(axes: Axes, row: DotRow, place: int, ink: Mapping[str, str]) -> None:
    """Draw mean and interval on a track under the dots, so that neither hides the other."""
    track = place + 0.34
    if row.low is not None and row.high is not None:
        axes.plot([row.low, row.high], [track] * 2, color=ink["text"], linewidth=2.2, zorder=4)
    if row.mean is not None:
        axes.plot(row.mean, track, "D", color=ink["text"], markersize=6, zorder=5)


def _swarm(values: np.ndarray, bin_width: float) -> np.ndarray:
    """Spread dots that would lie on each other: up and down in turn, within the row."""
    bins = np.floor(values / bin_width).astype(int)
    rank = pd.Series(bins).groupby(bins).cumcount().to_numpy()
    step = min(0.11, 0.5 / max(int(rank.max(initial=0)), 1))
    side = np.where(rank % 2 == 0, 1, -1)
    return -0.05 - side * ((rank + 1) // 2) * step


def difference_plot(rows: Sequence[DotRow]) -> Figure:
    """Draw paired differences of Dice: a dot for every patient, the mean and its interval.

    The farthest patient of each row is named.
    """
    ink = INK["light"]
    reach = [v for row in rows for v in (*row.values, row.low, row.high, 0.0) if v is not None]
    margin = 0.08 * (max(reach, default=0.0) - min(reach, default=0.0)) or 0.01
    start = min(reach, default=0.0) - margin
    end = max(reach, default=0.0) + margin
    with matplotlib.rc_context(rc_params()):
        figure = Figure(figsize=(4.7, 1.0 + 0.95 * max(len(rows), 1)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color=ink["muted"], linewidth=1.0)
        for place, row in enumerate(rows):
            _draw_difference(axes, row, place, (start, end), ink)
        axes.set(xlim=(start, end), ylim=(len(rows) - 0.4, -0.6), xlabel="Difference in Dice")
        names = _row_names(rows, " − ", "\n− ")
        axes.set_yticks(range(len(rows)), names)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.tick_params(axis="y", length=0, labelcolor=ink["text"])
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
    return figure


def _draw_difference(
    axes: Axes, row: DotRow, place: int, ends: tuple[float, float], ink: Mapping[str, str]
) -> None:
    offsets = _swarm(row.values.to_numpy(float), bin_width=(ends[1] - ends[0]) / 55)
    _scatter(axes, row, place + offsets, ink, crowded=len(row.values) > CROWD)
    if len(row.values) > 1:
        far = row.values.abs().idxmax()
        axes.text(
            row.values[far],
            place + offsets.min() - 0.1,  # above all dots
            clipped(str(far)),
            ha="right" if row.values[far] > sum(ends) / 2 else "left",
            va="bottom",
            fontsize=8.5,
            color=ink["muted"],
        )
    _draw_mean(axes, row, place, ink)
