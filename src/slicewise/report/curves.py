"""Loss and Dice by epoch."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw

from slicewise.report.formats import png
from slicewise.report.style import CYCLE, INK, clipped_apart, look, rc_params
from slicewise.report.undrawn import Undrawn, drawn

Quantity = Literal["loss", "dice"]
MARKED = 8
"""Epochs of a line that are marked, about, where its colour does not tell it."""


def curves(
    histories: Mapping[str, pd.DataFrame],
    *,
    selected: Mapping[str, int] | None = None,
    panels: Sequence[Quantity] = ("loss", "dice"),
) -> Figure:
    """Draw loss and Dice by epoch.

    Parameters
    ----------
    histories : mapping of str to pandas.DataFrame
        One table a fold (or a run), with columns ``epoch``, ``train/loss``,
        ``train/dice`` and, where there is validation, ``val/loss``,
        ``val/dice``. Missing columns and missing values are left out.
    selected : mapping of str to int, optional
        The epoch whose weights were kept, marked by a ring.
    panels : sequence of {"loss", "dice"}
        Which panels, from left to right.

    Returns
    -------
    matplotlib.figure.Figure
        Training is dashed, validation solid, one colour a fold.
    """
    with matplotlib.rc_context(rc_params()):
        handles = _curve_legend(histories, bool(selected), INK["light"]["muted"])
        # from the third row on the legend would take the room of the panels
        inches = 3.3 + 0.2 * max(0, math.ceil(len(handles) / 3) - 2)
        figure = Figure(figsize=(4.9 * len(panels), inches), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, quantity in zip(row, panels, strict=True):
            for number, (name, history) in enumerate(histories.items()):
                kept = (selected or {}).get(name)
                _draw_history(axes, history, quantity, number, kept)
            axes.set(xlabel="Epoch", ylabel={"loss": "Loss", "dice": "Dice"}[quantity])
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            _bound(axes, quantity)
        if handles:
            figure.legend(
                handles=handles,
                loc="outside lower center",
                ncols=3 if len(handles) > 3 else len(handles),
            )
    return figure


def _draw_history(
    axes: Axes, history: pd.DataFrame, quantity: str, number: int, kept: int | None
) -> None:
    colour, shape = look(number)
    for part, line, width in (("train", "--", 1.2), ("val", "-", 1.8)):
        points = _points(history, f"{part}/{quantity}")
        if points.empty:
            continue
        # A single epoch has no line, and a colour that comes again does not tell a line.
        marker = shape if len(points) == 1 or number >= len(CYCLE) else ""
        axes.plot(
            points.index,
            points,
            line,
            color=colour,
            linewidth=width,
            marker=marker,
            markevery=max(1, len(points) // MARKED),
            markersize=5,
            alpha=0.95,
        )
        if part == "val" and kept is not None and kept in points.index:
            axes.plot(kept, points[kept], "o", color=colour, markersize=8, fillstyle="none")


def _points(history: pd.DataFrame, column: str) -> pd.Series:
    if column not in history:
        return pd.Series(dtype=float)
    return pd.Series(history[column].to_numpy(float), index=history["epoch"]).dropna()


def _bound(axes: Axes, quantity: str) -> None:
    """Keep Dice within its range and loss at or above zero, without hiding a line."""
    low, high = axes.get_ylim()
    if quantity == "dice":
        axes.set_ylim(max(low, -0.02), 1.0 if high > 0.9 else high)
    elif axes.dataLim.y0 >= 0:
        axes.set_ylim(min(0.0, low), high)


def _curve_legend(histories: Mapping[str, pd.DataFrame], ring: bool, neutral: str) -> list[Line2D]:
    columns = {
        column.split("/")[0]
        for table in histories.values()
        for column in table.dropna(axis=1, how="all")
    }
    several = len(histories) > 1
    ink = neutral if several else CYCLE[0]
    handles = [
        _handle(number, short)
        for number, short in enumerate(clipped_apart(histories).values())
        if several
    ]
    if "train" in columns:
        handles.append(Line2D([], [], color=ink, linestyle="--", linewidth=1.2, label="training"))
    if "val" in columns:
        handles.append(Line2D([], [], color=ink, linewidth=1.8, label="validation"))
        if ring:
            circle = Line2D([], [], color=ink, marker="o", fillstyle="none", linestyle="")
            circle.set_label("weights kept")
            handles.append(circle)
    return handles


def _handle(number: int, name: str) -> Line2D:
    colour, shape = look(number)
    marker = shape if number >= len(CYCLE) else ""
    return Line2D([], [], color=colour, linewidth=3, marker=marker, markersize=7, label=name)


def curves_png(
    histories: Mapping[str, pd.DataFrame], selected: Mapping[str, int] | None = None
) -> bytes:
    """Return loss and Dice by epoch as a PNG file, which holds a sentence where drawing fails."""
    made = drawn("The curves of the training", lambda: png(curves(histories, selected=selected)))
    if not isinstance(made, Undrawn):
        return made
    note = Image.new("RGB", (900, 60), "white")
    ImageDraw.Draw(note).multiline_text(
        (10, 10),
        "\n".join(textwrap.wrap(made.sentence.encode("ascii", "replace").decode(), 120)),
        "black",
    )
    return png(np.asarray(note))
