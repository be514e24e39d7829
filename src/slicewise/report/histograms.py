"""How voxels, fields of view, intensities and volumes are spread over the cases of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from slicewise.report.quantities import AXES
from slicewise.report.seen import SeenCase, SeenData
from slicewise.report.style import CYCLE, INK, clipped_apart, rc_params

BINS = 30
INTENSITY_BINS = 80
MOST_LABELS = 8
"""Labels that have a panel or a line of their own; the first."""
SIZE = (4.7, 2.1)
"""Inches of a panel."""

Panels = Mapping[str, Sequence[float]]
"""By its title, the values of a panel, one a case."""


def spacing_panels(data: SeenData) -> Panels:
    """Return the millimetres of voxels along each axis."""
    return {axis: [case.look.spacing[n] for case in data.cases] for n, axis in enumerate(AXES)}


def field_panels(data: SeenData) -> Panels:
    """Return the millimetres of volumes along each axis."""
    return {axis: [case.look.field[n] for case in data.cases] for n, axis in enumerate(AXES)}


def volume_panels(data: SeenData) -> Panels:
    """Return the millilitres of each label, of the cases that have it; of the first labels.

    Of what was drawn in part nobody knows the volume.
    """
    panels = {}
    whole = sum(not case.record.undrawn for case in data.cases)
    drawn = " drawn as a whole" if whole < len(data.cases) else ""
    for label, short in clipped_apart(data.labels[:MOST_LABELS]).items():
        having = [ml for case in data.cases if (ml := case.whole_ml(label))]
        if having:
            panels[f"{short} ({len(having)} of {whole} cases{drawn})"] = having
    return panels


def histograms(panels: Panels, unit: str) -> Figure:
    """Draw a histogram for each panel, below each other, a small line for each case.

    Parameters
    ----------
    panels : mapping of str to sequence of float
        By title, the values of all cases.
    unit : str
        Of the values.
    """
    ink = INK["light"]
    with matplotlib.rc_context(rc_params()):
        figure = Figure(figsize=(SIZE[0], 0.4 + 1.35 * len(panels)), layout="constrained")
        rows = figure.subplots(len(panels), squeeze=False)[:, 0]
        for axes, (title, values) in zip(rows, panels.items(), strict=True):
            axes.hist(values, bins=bin_edges(values), color=CYCLE[0], linewidth=0)
            # the cases themselves, so that a lone one is seen beside hundreds
            axes.plot(
                values,
                np.zeros(len(values)),
                "|",
                color=ink["text"],
                markersize=7,
                alpha=0.6,
                clip_on=False,
            )
            axes.set_title(title, fontsize=9, color=ink["muted"], loc="left")
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
        rows[-1].set_xlabel(unit)
        figure.supylabel("cases", fontsize=9, color=ink["muted"])
    return figure


def bin_edges(values: Sequence[float]) -> np.ndarray:
    """Return edges of bins over all values; of one value, bins around it.

    >>> bin_edges([2.0, 2.0])[[0, -1]].tolist()
    [1.9, 2.1]
    """
    low = min(values)
    high = max(values)
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        margin = 0.05 * abs(low) or 0.5
        low = low - margin
        high = high + margin
    return np.linspace(low, high, BINS + 1)


def intensities(data: SeenData) -> Figure:
    """Draw how intensities are spread inside each label and outside of all.

    Each case counts the same, however many voxels it has. The axis ends where
    all lines together have all but a two hundredth at either end.
    """
    lines = {
        "outside": [case.look.outside for case in data.cases],
        **{label: _inside(data.cases, label) for label in data.labels[:MOST_LABELS]},
    }
    lines = {name: [each for each in cases if each] for name, cases in lines.items()}
    known = {name: cases for name, cases in lines.items() if cases}
    short = clipped_apart(known)
    ink = INK["light"]
    edges = _intensity_edges(known)
    with matplotlib.rc_context(rc_params()):
        figure = Figure(figsize=(SIZE[0], 3.2), layout="constrained")
        axes = figure.subplots()
        for place, (name, cases) in enumerate(known.items()):
            outside = name == "outside"
            axes.stairs(
                density(cases, edges),
                edges,
                label=name if outside else f"in {short[name]}",
                color=ink["muted"] if outside else CYCLE[(place - 1) % len(CYCLE)],
                fill=outside,
                alpha=0.35 if outside else 1.0,
                linewidth=1.6,
            )
        axes.set_xlabel("Hounsfield units" if data.intensity == "hu" else "intensity")
        axes.set_ylabel("share of voxels")
        axes.set_yticks([])
        axes.grid(visible=False, axis="y")
        axes.legend(fontsize=8.5)
    return figure


def _inside(cases: Sequence[SeenCase], label: str) -> list[list[float]]:
    seen = [case.look.labels.get(label) for case in cases]
    return [each.quantiles for each in seen if each is not None]


def _intensity_edges(lines: Mapping[str, Sequence[Sequence[float]]]) -> np.ndarray:
    """Return bins over what nearly all voxels have: a clip of metal would leave one bar."""
    ends = [(cases_end(cases, 0.005), cases_end(cases, 0.995)) for cases in lines.values()]
    low = min((first for first, _ in ends), default=0.0)
    high = max((last for _, last in ends), default=1.0)
    if high <= low:
        low = low - 0.5
        high = high + 0.5
    return np.linspace(low, high, INTENSITY_BINS + 1)


def cases_end(cases: Sequence[Sequence[float]], share: float) -> float:
    """Return the median over cases of a quantile, of their stored quantiles."""
    return float(np.median([np.quantile(each, share) for each in cases]))


def density(cases: Sequence[Sequence[float]], edges: np.ndarray) -> np.ndarray:
    """Return the share of each bin, the mean over cases, scaled to 1 at its highest.

    Parameters
    ----------
    cases : sequence of sequence of float
        Of each case, evenly spaced quantiles from the lowest value to the
        highest: between two of them lies the same share of its voxels.
    edges : ndarray of float, shape (bins + 1,)
        Of the bins, growing.
    """
    below = np.zeros(len(edges))
    for stored in cases:
        values, first = np.unique(np.asarray(stored, np.float64), return_index=True)
        last = np.append(first[1:], len(stored)) - 1
        # Where many voxels have one value the share jumps there: from that of its first
        # quantile to that of its last, over a hair's breadth
        hair = 1e-9 * max(1.0, float(np.abs(values).max()))
        places = np.column_stack([values - hair, values]).ravel()
        shares = np.column_stack([first, last]).ravel() / (len(stored) - 1)
        below += np.interp(edges, places, shares, left=0.0, right=1.0)
    counts = np.diff(below)
    return np.asarray(counts / max(float(counts.max()), 1e-12))
