"""Whether a training was still getting better when it ended."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from slicewise.report.render import signed
from slicewise.wording import plural

LAST = 3
"""The end of a training is its last third."""
FEWEST = 4
"""Points that a slope is drawn through; where there are less, each has to be above the last."""
GAIN = 0.01
"""In Dice, by which the end has to rise; less is nothing to train longer for."""
ALPHA = 0.05
LINES = (("val/dice", "validation Dice"), ("train/dice", "Dice of the training"))
"""By which it is judged: the first one that there is."""


def still_improving(histories: Mapping[str, pd.DataFrame]) -> str:
    """Say that trainings were still getting better when they ended, and by how much; else nothing.

    Parameters
    ----------
    histories : mapping of str to DataFrame
        The epochs of each fold.

    Returns
    -------
    str
        A sentence where that is so of half of the folds or more.
    """
    rises = [step for history in histories.values() if (step := _rise(history)) is not None]
    if not rises or 2 * len(rises) < len(histories):
        return ""
    what = rises[0][0]
    gain = float(np.mean([rise for _, rise, _ in rises]))
    epochs = max(epochs for _, _, epochs in rises)
    where = "" if len(histories) == 1 else f" in {len(rises)} of {plural(len(histories), 'fold')}"
    return (
        f"The {what} was still rising{where} when the training ended, by {signed(gain, 3)} over "
        f"its last {plural(epochs, 'epoch')}: train longer."
    )


def _rise(history: pd.DataFrame) -> tuple[str, float, int] | None:
    """Return by how much a line rises over the end of a training, if it does for sure."""
    shown = [(column, name) for column, name in LINES if _is_drawn(history, column)]
    if not shown:
        return None
    column, name = shown[0]
    known = history.dropna(subset=[column])
    points = known[column]
    end = points.iloc[-max(FEWEST, -(-len(points) // LAST)) :].to_numpy(float)
    if len(end) < 2:
        return None
    if len(end) < FEWEST:
        gain = float(end[-1] - end[0])
        sure = bool((np.diff(end) > 0).all())
    else:
        line = stats.linregress(np.arange(len(end)), end, alternative="greater")
        gain = float(line.slope * (len(end) - 1))
        sure = bool(line.pvalue < ALPHA)
    epochs = known["epoch"].iloc[-len(end) :]
    return (name, gain, int(epochs.iloc[-1] - epochs.iloc[0])) if sure and gain > GAIN else None


def _is_drawn(history: pd.DataFrame, column: str) -> bool:
    return column in history and bool(history[column].notna().any())
