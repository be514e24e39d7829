"""How far predicted and reference volumes agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from slicewise.report.style import CROWD, CYCLE, INK, clipped, rc_params


def bland_altman(volumes: pd.DataFrame, limits: Mapping[str, Any]) -> Figure:
    """Draw differences of volumes against their means (Bland & Altman, Lancet 1986).

    Parameters
    ----------
    volumes : pandas.DataFrame
        By patient, columns volume_ml (reference) and predicted_ml.
    limits : mapping
        From `slicewise.evaluation.statistics.agreement`.

    Returns
    -------
    matplotlib.figure.Figure
        A dot is a patient; the highest and the lowest are named. Bands are the
        95 % intervals of the bias and of the limits.
    """
    ink = INK["light"]
    means = volumes.mean(axis=1)
    differences = volumes["predicted_ml"] - volumes["volume_ml"]
    with matplotlib.rc_context(rc_params()):
        figure = Figure(figsize=(4.9, 3.3), layout="constrained")
        axes = figure.subplots()
        axes.axhline(0, color=ink["muted"], linewidth=0.9, zorder=1)
        for name, style in (("low", "--"), ("bias", "-"), ("high", "--")):
            if limits[name] is None:
                continue
            axes.axhline(limits[name], color=CYCLE[1], linestyle=style, linewidth=1.6, zorder=2)
            if limits[f"{name}_ci"] is not None:
                axes.axhspan(*limits[f"{name}_ci"], color=CYCLE[1], alpha=0.13, linewidth=0)
        axes.scatter(
            means,
            differences,
            s=12 if len(means) > CROWD else 30,
            rasterized=len(means) > CROWD,
            color=CYCLE[0],
            edgecolor=ink["paper"],
            linewidth=0.6,
            zorder=3,
        )
        middle = (means.min() + means.max()) / 2
        for patient in dict.fromkeys((differences.idxmin(), differences.idxmax())):
            right = bool(means[patient] <= middle)
            axes.annotate(
                clipped(str(patient)),
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
