"""Pictures for the report: training curves, outlines on slices, a dot for every patient.

Plain arrays and tables come in; nothing here reads an image or knows a model.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw
from skimage.morphology import dilation, erosion
from skimage.segmentation import mark_boundaries
from skimage.transform import resize

from slicewise.config import Plane
from slicewise.evaluation import statistics
from slicewise.report.undrawn import Undrawn, drawn

Theme = Literal["light", "dark"]
Quantity = Literal["loss", "dice"]
Themed = dict[Theme, bytes]
"""SVG files of the same figure."""

# Yellow against blue differ in lightness as well as in hue, so the pair holds
# for every common colour blindness, on grey tissue and in a grey print.
PREDICTION_COLOUR = (255, 221, 0)
TRUTH_COLOUR = (0, 180, 255)

# Readable on white and on near-black, in this order distinguishable without red against green.
_CYCLE = (
    "#2f7fd0",
    "#e0801a",
    "#1c9e77",
    "#c455a0",
    "#8673d9",
    "#b39200",
    "#3fa9c9",
    "#c25440",
    "#7d8794",
    "#5f9e2f",
)
_INK: dict[Theme, dict[str, str]] = {
    "light": {"text": "#1d2127", "muted": "#59616c", "line": "#d9dde2", "paper": "#ffffff"},
    "dark": {"text": "#e7eaee", "muted": "#a4adb8", "line": "#333a43", "paper": "#191d22"},
}

_SMALLEST_SIDE, _LARGEST_SIDE = 384, 512
"""The longer side of an overlay in pixels: thin lines need the one, small reports the other."""


def curves(
    histories: Mapping[str, pd.DataFrame],
    *,
    selected: Mapping[str, int] | None = None,
    panels: Sequence[Quantity] = ("loss", "dice"),
    theme: Theme = "light",
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
    theme : {"light", "dark"}
        Colours of text and lines.

    Returns
    -------
    matplotlib.figure.Figure
        Training is dashed, validation solid, one colour a fold.
    """
    ink = _INK[theme]
    with matplotlib.rc_context(_style(theme)):
        figure = Figure(figsize=(4.9 * len(panels), 3.3), layout="constrained")
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, quantity in zip(row, panels, strict=True):
            for number, (name, history) in enumerate(histories.items()):
                colour = _CYCLE[number % len(_CYCLE)]
                kept = (selected or {}).get(name)
                _draw_history(axes, history, quantity, colour, kept)
            axes.set(xlabel="Epoch", ylabel={"loss": "Loss", "dice": "Dice"}[quantity])
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            _bound(axes, quantity)
        handles = _curve_legend(histories, bool(selected), ink["muted"])
        if handles:
            figure.legend(
                handles=handles,
                loc="outside lower center",
                ncols=3 if len(handles) > 3 else len(handles),
            )
    return figure


def _draw_history(
    axes: Axes, history: pd.DataFrame, quantity: str, colour: str, kept: int | None
) -> None:
    for part, line, width in (("train", "--", 1.2), ("val", "-", 1.8)):
        points = _points(history, f"{part}/{quantity}")
        if points.empty:
            continue
        # A single epoch has no line, so it gets a dot.
        marker = "o" if len(points) == 1 else ""
        axes.plot(
            points.index, points, line, color=colour, linewidth=width, marker=marker, alpha=0.95
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
    ink = neutral if several else _CYCLE[0]
    handles = [
        Line2D([], [], color=_CYCLE[number % len(_CYCLE)], linewidth=3, label=_clipped(name))
        for number, name in enumerate(histories)
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


def contact_sheet(samples: Mapping[str, np.ndarray], columns: int = 8) -> np.ndarray:
    """Lay augmented training slices side by side, the labels outlined.

    Parameters
    ----------
    samples : mapping of str to ndarray of uint8
        ``images`` and ``masks``, each (n, rows, columns), rows running right
        and columns forward as in the slices' files.
    columns : int
        Slices in a row of the sheet.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Turned as a radiologist sees an axial slice: right on the left, front on top.
    """
    tiles = []
    for image, mask in zip(samples["images"], samples["masks"], strict=True):
        grey, labels = (
            _resized(np.flip(each.T), _tile_shape(each.T.shape), order)
            for each, order in ((image, 1), (mask, 0))
        )
        outlined = mark_boundaries(
            grey / 255, labels, color=tuple(np.divide(TRUTH_COLOUR, 255)), mode="inner"
        )
        tiles.append((outlined * 255).round().astype(np.uint8))
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[k : k + columns], 1) for k in range(0, len(tiles), columns)]
    return np.concatenate(rows)


def _tile_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the rows and columns of a slice in a sheet: not more than a page can show."""
    scale = min(_LARGEST_SIDE / max(shape), 1.0)
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def overlay(
    image: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    *,
    window: tuple[float, float],
    aspect: float = 1.0,
) -> np.ndarray:
    """Draw the outlines of both masks on a slice.

    The truth is outlined just outside its pixels and the prediction just
    inside its own: where the two agree the lines run side by side, and neither
    hides the other.

    Parameters
    ----------
    image : numpy.ndarray
        Two-dimensional, already oriented for display.
    truth, prediction : numpy.ndarray
        Label arrays of the same shape, 0 is background.
    window : tuple of float
        The values shown black and white.
    aspect : float
        Height of a pixel over its width, in millimetres.

    Returns
    -------
    numpy.ndarray
        8-bit RGB, with square pixels, the longer side between 384 and 512.
    """
    shape = _display_shape(image.shape, aspect)
    low, high = window
    grey = np.clip((np.nan_to_num(image.astype(float)) - low) / max(high - low, 1e-9), 0, 1)
    grey = np.clip(_resized(grey, shape, order=3), 0, 1)
    colour = np.repeat(grey[..., None], 3, axis=2)
    for labels, line, mode, moved in (
        (truth, TRUTH_COLOUR, "outer", dilation),
        (prediction, PREDICTION_COLOUR, "inner", erosion),
    ):
        enlarged = _resized(labels.astype(np.int32), shape, order=0)
        # Two outlines, one beside the other, make a line of two pixels.
        for outlined in (enlarged, moved(enlarged)):
            colour = mark_boundaries(colour, outlined, color=np.array(line) / 255, mode=mode)
    return np.rint(colour * 255).astype(np.uint8)


def _display_shape(shape: tuple[int, ...], aspect: float) -> tuple[int, int]:
    height, width = shape[0] * max(aspect, 1.0), shape[1] * max(1.0 / aspect, 1.0)
    longest = max(height, width)
    scale = min(max(_SMALLEST_SIDE / longest, 1.0), _LARGEST_SIDE / longest)
    if scale > 1:
        # A whole factor gives every source pixel the same size.
        scale = min(math.ceil(scale), _LARGEST_SIDE / longest)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resized(array: np.ndarray, shape: tuple[int, int], order: int) -> np.ndarray:
    if array.shape == shape:
        return array
    smaller = order > 0 and (shape[0] < array.shape[0] or shape[1] < array.shape[1])
    return resize(
        array, shape, order=order, mode="edge", preserve_range=True, anti_aliasing=smaller
    ).astype(array.dtype)


def display_slice(
    array_canonical_ras: np.ndarray, index: int, plane: Plane = "axial"
) -> np.ndarray:
    """Take one slice as radiologists look at it.

    Parameters
    ----------
    array_canonical_ras : numpy.ndarray
        Three-dimensional; its axes grow to the patient's right, front, head.
    index : int
        Position along the plane's normal.
    plane : {"axial", "coronal", "sagittal"}
        Which plane.

    Returns
    -------
    numpy.ndarray
        Two-dimensional. Axial: front up; coronal and sagittal: head up. The
        patient's right is on the left of the picture (sagittal: the front is).
    """
    # a view: np.take would first copy a volume whose first axis varies fastest
    picture = np.moveaxis(array_canonical_ras, PLANE_AXES[plane][2], 0)[index]
    # What is left grows to the right/front along rows and to the front/head
    # along columns; pictures are read the other way on both.
    return picture[::-1, ::-1].T


PLANE_AXES: dict[Plane, tuple[int, int, int]] = {
    "axial": (0, 1, 2),
    "coronal": (0, 2, 1),
    "sagittal": (1, 2, 0),
}
"""The axes of a volume that run across and up a picture of `display_slice`, and its normal."""


def pixel_aspect(spacing_ras: Sequence[float], plane: Plane = "axial") -> float:
    """Return height over width of a pixel of `display_slice`, from the spacing in mm."""
    across, up, _ = PLANE_AXES[plane]
    return float(spacing_ras[up]) / float(spacing_ras[across])


@dataclass(frozen=True)
class PickedSlice:
    """A slice worth showing."""

    name: str
    """worst, median or best; only, where there is one; middle, where all are empty."""
    index: int
    dice: float
    """Dice of this slice alone; NaN where both masks are empty."""


def slice_dice(truth: np.ndarray, prediction: np.ndarray, axis: int = 2) -> np.ndarray:
    """Score every slice alone.

    Parameters
    ----------
    truth, prediction : numpy.ndarray
        Label arrays of the same shape, 0 is background.
    axis : int
        The axis along which slices are counted.

    Returns
    -------
    numpy.ndarray
        Dice by slice, the mean over the labels that occur in either mask of
        that slice; NaN where none does.
    """
    others = tuple(other for other in range(truth.ndim) if other != axis)
    labels = range(1, max(int(mask.max(initial=0)) for mask in (truth, prediction)) + 1)
    total = np.zeros(truth.shape[axis])
    present = np.zeros(truth.shape[axis])
    for label in labels:
        left, right = truth == label, prediction == label
        size = left.sum(axis=others) + right.sum(axis=others)
        shared = (left & right).sum(axis=others)
        total += 2 * shared / np.maximum(size, 1)
        present += size > 0
    return np.where(present > 0, total / np.maximum(present, 1), np.nan)


def pick_slices(truth: np.ndarray, prediction: np.ndarray, axis: int = 2) -> list[PickedSlice]:
    """Choose the worst, the median and the best slice of a case.

    Parameters
    ----------
    truth, prediction : numpy.ndarray
        Three-dimensional label arrays of the same shape, 0 is background.
    axis : int
        The axis along which slices are counted: 2 for axial slices in RAS.

    Returns
    -------
    list of PickedSlice
        Different slices, in this order, among those where either mask has
        something. Of equal Dice the worst and the best are the slices with
        the most to see, then the lowest index; the median of an even number
        is the lower one. Two such slices give worst and best, one gives
        ``only``, none gives the ``middle`` slice of the case.
    """
    dice = slice_dice(truth, prediction, axis)
    others = tuple(other for other in range(truth.ndim) if other != axis)
    area = ((truth != 0) | (prediction != 0)).sum(axis=others)
    rest = sorted(np.flatnonzero(~np.isnan(dice)), key=lambda k: (dice[k], -area[k], k))
    if not rest:
        return [PickedSlice("middle", truth.shape[axis] // 2, math.nan)]
    chosen = {"worst" if len(rest) > 1 else "only": rest.pop(0)}
    if rest:
        best = max(rest, key=lambda k: (dice[k], area[k], -k))
        rest.remove(best)
        if rest:
            # Without its extremes the list still has the same middle.
            chosen["median"] = rest[(len(rest) - 1) // 2]
        chosen["best"] = best
    return [PickedSlice(name, int(k), float(dice[k])) for name, k in chosen.items()]


@dataclass(frozen=True)
class DotRow:
    """One row of a dot plot: a dot for every patient, and their mean."""

    name: str
    values: pd.Series
    """By patient."""
    mean: float | None = None
    low: float | None = None
    high: float | None = None


def dice_dots(
    metrics: pd.DataFrame,
    summary: Mapping[str, Any] | None = None,
    *,
    theme: Theme = "light",
) -> Figure:
    """Draw every scored patient as a dot, one row a label.

    Parameters
    ----------
    metrics : pandas.DataFrame
        A row per case and label, with columns patient, subset, label, dice.
        Test patients are shown, or validation patients where none is.
    summary : mapping, optional
        ``{subset: {label: {"dice": {mean, ci_low, ci_high}}}}``: the mean and
        interval to mark, so that the picture and the text agree. Without it
        the plain mean is marked.
    theme : {"light", "dark"}
        Colours of text and lines.

    Returns
    -------
    matplotlib.figure.Figure
    """
    subset = statistics.headline_subset(metrics)
    shown = metrics[metrics["subset"] == subset]
    rows = []
    for label in shown["label"].unique():
        own = shown[shown["label"] == label]
        values, patients = by_patient(own), own["patient"].nunique()
        some = f"\n{len(values)} of {patients}" if len(values) < patients else ""
        marks = ((summary or {}).get(subset, {}).get(label) or {}).get("dice")
        rows.append(dot_row(f"{_clipped(str(label))}{some}", values, marks))
    return dot_plot(rows, theme=theme)


def by_patient(metrics: pd.DataFrame) -> pd.Series:
    """Return Dice by patient, the mean over cases and labels; of those who have any."""
    return statistics.by_patient(metrics, "dice").dropna()


def dot_row(name: str, values: pd.Series, marks: Mapping[str, Any] | None = None) -> DotRow:
    """Make a row, its mean and interval taken from a summary where there is one."""
    marks = marks or {}
    mean = marks.get("mean")
    if mean is None and len(values):
        mean = float(values.mean())
    return DotRow(name, values, mean, marks.get("ci_low"), marks.get("ci_high"))


def dot_plot(rows: Sequence[DotRow], *, theme: Theme = "light") -> Figure:
    """Draw rows of dots with their means and intervals, the lowest dot named."""
    ink = _INK[theme]
    with matplotlib.rc_context(_style(theme)):
        figure = Figure(figsize=(4.7, 1.0 + 0.95 * max(len(rows), 1)), layout="constrained")
        axes = figure.subplots()
        low = _dot_axis(rows)
        for place, row in enumerate(rows):
            _draw_dots(axes, row, place, low, ink)
        axes.set(xlim=(low, 1.0 + 0.02 * (1.0 - low)), ylim=(len(rows) - 0.4, -0.6), xlabel="Dice")
        names = ["\n".join(map(_clipped, row.name.split("\n"))) for row in rows]
        axes.set_yticks(range(len(rows)), names)
        axes.tick_params(axis="y", length=0, labelcolor=ink["text"])
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
    return figure


def _dot_axis(rows: Sequence[DotRow]) -> float:
    """Start at a round tenth below the lowest dot, to leave room to see differences."""
    lowest = [v for row in rows for v in (row.values.min(), row.low) if v is not None and v == v]
    return max(0.0, math.floor(min(lowest, default=0.0) * 10 - 0.8) / 10)


def _draw_dots(
    axes: Axes, row: DotRow, place: int, axes_start: float, ink: Mapping[str, str]
) -> None:
    offsets = _swarm(row.values.to_numpy(float), bin_width=(1.0 - axes_start) / 55)
    axes.scatter(
        row.values,
        place + offsets,
        s=30,
        color=_CYCLE[0],
        alpha=0.9,
        edgecolor=ink["paper"],
        linewidth=0.6,
        zorder=3,
    )
    if len(row.values) > 1:
        worst = row.values.idxmin()
        roomy = row.values[worst] - axes_start > 0.28 * (1.0 - axes_start)
        axes.annotate(
            _clipped(str(worst)),
            (row.values[worst], place + offsets[row.values.index.get_loc(worst)]),
            # To the left there is no other dot, but there may be no room.
            xytext=(-6, 0) if roomy else (0, 6),
            textcoords="offset points",
            ha="right" if roomy else "left",
            va="center" if roomy else "bottom",
            fontsize=8.5,
            color=ink["muted"],
        )
    # The mean has its own track under the dots, so that neither hides the other.
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


def bland_altman(
    volumes: pd.DataFrame, limits: Mapping[str, Any], *, theme: Theme = "light"
) -> Figure:
    """Draw differences of volumes against their means (Bland & Altman, Lancet 1986).

    Parameters
    ----------
    volumes : pandas.DataFrame
        By patient, columns volume_ml (reference) and predicted_ml.
    limits : mapping
        From `slicewise.evaluation.statistics.agreement`.
    theme : {"light", "dark"}
        Colours of text and lines.

    Returns
    -------
    matplotlib.figure.Figure
        A dot is a patient; the highest and the lowest are named. Bands are the
        95 % intervals of the bias and of the limits.
    """
    ink = _INK[theme]
    means = volumes.mean(axis=1)
    differences = volumes["predicted_ml"] - volumes["volume_ml"]
    with matplotlib.rc_context(_style(theme)):
        figure = Figure(figsize=(4.9, 3.3), layout="constrained")
        axes = figure.subplots()
        axes.axhline(0, color=ink["muted"], linewidth=0.9, zorder=1)
        for name, style in (("low", "--"), ("bias", "-"), ("high", "--")):
            if limits[name] is None:
                continue
            axes.axhline(limits[name], color=_CYCLE[1], linestyle=style, linewidth=1.6, zorder=2)
            if limits[f"{name}_ci"] is not None:
                axes.axhspan(*limits[f"{name}_ci"], color=_CYCLE[1], alpha=0.13, linewidth=0)
        axes.scatter(
            means,
            differences,
            s=30,
            color=_CYCLE[0],
            edgecolor=ink["paper"],
            linewidth=0.6,
            zorder=3,
        )
        middle = (means.min() + means.max()) / 2
        for patient in dict.fromkeys((differences.idxmin(), differences.idxmax())):
            right = bool(means[patient] <= middle)
            axes.annotate(
                _clipped(str(patient)),
                (means[patient], differences[patient]),
                xytext=(7 if right else -7, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=8.5,
                color=ink["text"],
            )
        axes.margins(x=0.12, y=0.12)
        axes.set(xlabel="Mean of both volumes, ml", ylabel="Predicted − reference, ml")
    return figure


def _clipped(text: str, length: int = 18) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _style(theme: Theme) -> dict[str, Any]:
    ink = _INK[theme]
    return {
        "font.size": 9.5,
        "text.color": ink["text"],
        "text.parse_math": False,
        "axes.labelcolor": ink["muted"],
        "axes.edgecolor": ink["line"],
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": ink["line"],
        "grid.linewidth": 0.7,
        "xtick.color": ink["line"],
        "ytick.color": ink["line"],
        "xtick.labelcolor": ink["muted"],
        "ytick.labelcolor": ink["muted"],
        "figure.facecolor": ink["paper"],
        "legend.frameon": False,
    }


def png(picture: Figure | np.ndarray) -> bytes:
    """Return a figure or an 8-bit RGB array as a PNG file."""
    stream = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(stream, format="png", dpi=160, metadata={"Software": None})
    else:
        Image.fromarray(picture).save(stream, format="png", optimize=True)
    return stream.getvalue()


def jpeg(picture: np.ndarray) -> bytes:
    """Return an 8-bit RGB array as a JPEG file, a third of its PNG.

    Colours keep their full resolution: the outlines are two pixels wide.
    """
    stream = io.BytesIO()
    # not `optimize`: Pillow would give the whole file a buffer of one byte a pixel, and
    # end with "broken data stream" where noise takes more
    Image.fromarray(picture).save(stream, "jpeg", quality=85, subsampling=0)
    return stream.getvalue()


def svg(figure: Figure) -> bytes:
    """Return a figure as a transparent SVG file with real text, the same for the same input."""
    stream = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": "slicewise", "text.parse_math": False}
    with matplotlib.rc_context(settings):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    # Text looks like that of the page around it; the layout has room for DejaVu, which is wider.
    return stream.getvalue().replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans'").encode()


def themed(what: str, draw: Callable[..., Figure]) -> Themed | Undrawn:
    """Draw a figure for a light and for a dark page.

    Parameters
    ----------
    what : str
        What the page says is missing where drawing fails.
    draw : callable
        Given the keyword ``theme``, returns a figure.
    """
    themes: tuple[Theme, ...] = ("light", "dark")
    return drawn(what, lambda: {theme: svg(draw(theme=theme)) for theme in themes})


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


def difference_plot(rows: Sequence[DotRow], *, theme: Theme = "light") -> Figure:
    """Draw paired differences of Dice: a dot for every patient, the mean and its interval.

    The farthest patient of each row is named.
    """
    ink = _INK[theme]
    reach = [v for row in rows for v in (*row.values, row.low, row.high, 0.0) if v is not None]
    margin = 0.08 * (max(reach, default=0.0) - min(reach, default=0.0)) or 0.01
    start, end = min(reach, default=0.0) - margin, max(reach, default=0.0) + margin
    with matplotlib.rc_context(_style(theme)):
        figure = Figure(figsize=(4.7, 1.0 + 0.95 * max(len(rows), 1)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color=ink["muted"], linewidth=1.0)
        for place, row in enumerate(rows):
            _draw_difference(axes, row, place, (start, end), ink)
        axes.set(xlim=(start, end), ylim=(len(rows) - 0.4, -0.6), xlabel="Difference in Dice")
        names = ["\n− ".join(_clipped(part) for part in row.name.split(" − ")) for row in rows]
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
    axes.scatter(
        row.values,
        place + offsets,
        s=30,
        color=_CYCLE[0],
        alpha=0.9,
        edgecolor=ink["paper"],
        linewidth=0.6,
        zorder=3,
    )
    if len(row.values) > 1:
        far = row.values.abs().idxmax()
        axes.text(
            row.values[far],
            place + offsets.min() - 0.1,  # above all dots
            _clipped(str(far)),
            ha="right" if row.values[far] > sum(ends) / 2 else "left",
            va="bottom",
            fontsize=8.5,
            color=ink["muted"],
        )
    track = place + 0.34
    if row.low is not None and row.high is not None:
        axes.plot([row.low, row.high], [track] * 2, color=ink["text"], linewidth=2.2, zorder=4)
    if row.mean is not None:
        axes.plot(row.mean, track, "D", color=ink["text"], markersize=6, zorder=5)
