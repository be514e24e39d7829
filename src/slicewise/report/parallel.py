"""Parallel coordinates: each combination of a sweep as a line through its values and its Dice."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slicewise.evaluation.sweep import Tried, shown
from slicewise.report.style import CYCLE, INK, clipped_apart, rc_params
from slicewise.wording import plural

WIDE = 20.0
"""Numbers that differ by this factor have a logarithmic axis."""
TICKS = 8
"""Values that are written beside an axis."""


def parallel(tried: Sequence[Tried], best: str, epochs: Sequence[int]) -> Figure:
    """Draw the combinations of a sweep.

    Parameters
    ----------
    tried : sequence of Tried
        At least one.
    best : str
        The name of the one that is drawn over the others.
    epochs : sequence of int
        When each rung ended; a line ends with its combination.

    Returns
    -------
    matplotlib.figure.Figure
        An axis for each setting, then one for the Dice at the end of each rung.
    """
    settings = list(tried[0].values)
    width = len(settings) + len(epochs)
    with matplotlib.rc_context(rc_params()):
        figure = Figure(figsize=(max(5.0, 1.5 * width), 3.6), layout="constrained")
        axes = figure.subplots()
        heights = [_axis(axes, x, key, tried) for x, key in enumerate(settings)]
        low, high = _dice_axes(axes, len(settings), tried, epochs)
        for number, each in sorted(enumerate(tried), key=lambda item: item[1].name == best):
            dice = [d for d in each.dice if d is not None]
            points = [height[number] for height in heights]
            points += [(value - low) / (high - low) for value in dice]
            _line(axes, points, _kind(each, best, len(epochs)))
        _dress(axes, settings, epochs)
        kinds = list(dict.fromkeys(_kind(each, best, len(epochs)) for each in tried))
        handles = [
            Line2D([], [], color=LOOKS[kind][0], linewidth=LOOKS[kind][1], label=kind)
            for kind in LOOKS
            if kind in kinds
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


LOOKS = {
    "the best": (CYCLE[1], 2.6),
    "trained to the end": (CYCLE[0], 1.4),
    "ended before": (INK["light"]["muted"], 0.8),
}
"""What lines look like: colour and width, by what became of their combination."""


def _kind(each: Tried, best: str, rungs: int) -> str:
    if each.name == best:
        return "the best"
    return "trained to the end" if len(each.dice) == rungs else "ended before"


def _line(axes: Axes, points: Sequence[float], kind: str) -> None:
    colour, width = LOOKS[kind]
    front = 3 if kind == "the best" else 2
    axes.plot(range(len(points)), points, color=colour, linewidth=width, zorder=front)
    axes.plot(len(points) - 1, points[-1], "o", color=colour, markersize=3 + width, zorder=front)


def _axis(axes: Axes, x: int, setting: str, tried: Sequence[Tried]) -> list[float]:
    """Draw the axis of a setting; return the height of each combination on it, from 0 to 1."""
    values = [each.values[setting] for each in tried]
    distinct = {shown(value): value for value in values}
    places = _places(distinct)
    step = -(-len(places) // TICKS)
    short = clipped_apart(places, 16)
    for name, height in [*places.items()][::step]:
        _write(axes, x, height, short[name])
    return [places[shown(value)] for value in values]


def _write(axes: Axes, x: int, height: float, text: str) -> None:
    """Write a value beside its axis, over the lines."""
    paper = {"facecolor": INK["light"]["paper"], "edgecolor": "none", "pad": 0.8}
    axes.text(x + 0.05, height, text, va="center", fontsize=8, zorder=4, bbox=paper)


def _places(distinct: dict[str, Any]) -> dict[str, float]:
    """Return how high each value is: numbers by their size, others at equal distances."""
    numbers = [v for v in distinct.values() if isinstance(v, int | float) and v is not True]
    if len(distinct) < 2 or len(numbers) < len(distinct) or False in numbers:
        return {
            name: float(height)
            for name, height in zip(distinct, np.linspace(0, 1, len(distinct)), strict=True)
        }
    heights = np.array(numbers, float)
    if heights.min() > 0 and heights.max() / heights.min() >= WIDE:
        heights = np.log(heights)
    scaled = (heights - heights.min()) / np.ptp(heights)
    placed = dict(zip(distinct, map(float, scaled), strict=True))
    return dict(sorted(placed.items(), key=lambda item: item[1]))


def _dice_axes(
    axes: Axes, first: int, tried: Sequence[Tried], epochs: Sequence[int]
) -> tuple[float, float]:
    """Draw the axes of the Dice, which have one scale; return its ends."""
    known = [value for each in tried for value in each.dice if value is not None]
    low = min(known, default=0.0)
    high = max(known, default=1.0)
    if low == high:
        # lines of one Dice are drawn in the middle
        low -= 0.01
        high += 0.01
    for x in range(first, first + len(epochs)):
        for height in (0.0, 0.5, 1.0):
            _write(axes, x, height, f"{low + height * (high - low):.3f}")
    return low, high


def _dress(axes: Axes, settings: Sequence[str], epochs: Sequence[int]) -> None:
    names = ["\n".join(textwrap.wrap(key.replace(".", ". "), 14)) for key in settings]
    names = [name.replace(". ", ".").replace(".\n", ".\n") for name in names]
    names += [f"Dice after\n{plural(epoch, 'epoch')}" for epoch in epochs]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks([])
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlim(-0.15, len(names) - 0.55)
    axes.set_ylim(-0.08, 1.08)
