"""Expected against true Dice of test patients, where anybody can check the estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from slicewise.evaluation.expectations import agreement_of
from slicewise.report.formats import themed
from slicewise.report.style import INK, clipped_apart, look, rc_params
from slicewise.wording import plural

FEW = 20
"""Of fewer masks a share and a correlation say little."""
LONGEST = 22
"""Letters of a label for which a legend of two columns has room."""


def expected_section(scores: pd.DataFrame | None) -> dict[str, Any] | None:
    """Prepare what the report says of expected Dice; None where nobody knows what to expect.

    Parameters
    ----------
    scores : DataFrame or None
        From `slicewise.evaluation.expectations.expected_scores`.
    """
    if scores is None or not len(scores):
        return None
    rows = agreement_of(scores)
    return {
        "figure": themed("Expected against true Dice", partial(expected_dots, scores)),
        "rows": rows,
        "sentence": in_words(rows),
    }


def in_words(rows: Sequence[dict[str, Any]]) -> str:
    """Say how far the intervals held."""
    masks = sum(row["n"] for row in rows)
    held = sum(row["held"] for row in rows)
    nowhere = sum(row["nowhere"] for row in rows)
    few = " Of so few that says little." if masks < FEW else ""
    said = []
    if masks:
        said.append(
            f"The true Dice lies in the 90 % interval of {held} of {plural(masks, 'mask')}; it "
            f"should be about {round(0.9 * masks)}.{few}"
        )
    if nowhere:
        said.append(
            f"{plural(nowhere, 'mask')} more, of what should be there and was found nowhere, "
            f"{'is' if nowhere == 1 else 'are'} expected to have 0, which cannot be wrong."
        )
    return " ".join(said)


def expected_dots(scores: pd.DataFrame) -> Figure:
    """Draw the true Dice of masks over the expected one, with intervals.

    Parameters
    ----------
    scores : DataFrame
        Columns label, dice, expected, low, high.

    Returns
    -------
    matplotlib.figure.Figure
        A dot is a mask, the line across it where nine of ten should lie; on the diagonal both
        are the same.
    """
    ink = INK["light"]
    start = max(0.0, float(scores[["dice", "expected"]].min().min()) - 0.08)
    short = clipped_apart(map(str, scores["label"].unique()), LONGEST)
    rows = math.ceil(len(short) / 2) if len(short) > 1 else 0
    with matplotlib.rc_context(rc_params()):
        figure = Figure(figsize=(4.9, 4.2 + 0.2 * rows), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=ink["muted"], linewidth=0.9, zorder=1)
        for number, (label, own) in enumerate(scores.groupby("label", sort=False)):
            colour, marker = look(number)
            axes.vlines(
                own["expected"], own["low"], own["high"], color=colour, alpha=0.35, linewidth=1.2
            )
            axes.scatter(
                own["expected"],
                own["dice"],
                s=26,
                marker=marker,
                color=colour,
                edgecolor=ink["paper"],
                linewidth=0.6,
                zorder=3,
                label=short[str(label)],
            )
        if rows:
            # dots may lie anywhere within the axes
            figure.legend(loc="outside lower center", ncols=2)
        axes.set(xlim=(start, 1), ylim=(start, 1), xlabel="Expected Dice", ylabel="True Dice")
    return figure
