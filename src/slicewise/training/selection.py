"""Which epoch's weights a training keeps, and when waiting for better ones is over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SCORE = {"loss": ("val/loss", -1), "dice": ("val/dice", 1)}
"""By setting, what weights are selected by, and its sign: the greatest is best."""
FINAL = "final"


@dataclass(frozen=True)
class Selection:
    """What weights are selected by.

    Attributes
    ----------
    by : {"loss", "dice", "final"}
        A score of the validation cases, or the last epoch.
    allowed : bool
        Whether validation cases may choose anything: there are some, and
        they are not what the model is scored by.

    Examples
    --------
    >>> Selection.of("loss", allowed=True).score({"val/loss": 0.5, "val/dice": 0.7})
    -0.5
    >>> Selection.of("loss", allowed=False).by
    'final'
    """

    by: str
    allowed: bool

    @classmethod
    def of(cls, select: str, *, allowed: bool) -> Selection:
        """Return what is selected by where a setting asks for `select`."""
        return cls(select if allowed else FINAL, allowed)

    def score(self, scores: Mapping[str, float]) -> float | None:
        """Return what is to be as great as possible; None where nothing is measured or selected."""
        name, sign = SCORE.get(self.by, ("", 1))
        return sign * scores[name] if name in scores else None

    def dice_of_kept(self, history: Sequence[Mapping[str, float]]) -> tuple[float | None, int]:
        """Return the validation Dice of the weights that are kept until now, and their epoch.

        >>> rows = [{"epoch": 1, "val/loss": 0.5, "val/dice": 0.8}]
        >>> rows += [{"epoch": 2, "val/loss": 0.4, "val/dice": 0.7}]
        >>> Selection("dice", allowed=True).dice_of_kept(rows)
        (0.8, 1)
        >>> Selection("loss", allowed=True).dice_of_kept(rows)
        (0.7, 2)
        """
        scored = [row for row in history if "val/dice" in row]
        if not scored:
            return None, 0
        # the first of several that are as good, as in training
        kept = scored[-1]
        if self.by in SCORE and any(self.score(row) is not None for row in scored):
            kept = max(scored, key=lambda row: _or_least(self.score(row)))
        return kept["val/dice"], int(kept["epoch"])

    def has_waited(self, history: Sequence[Mapping[str, float]], patience: int | None) -> bool:
        """Tell whether so many validations in a row have brought nothing better.

        Parameters
        ----------
        history : sequence of mapping
            A row an epoch; those without a score do not count. Where the final
            weights are kept, the Dice is looked at.
        patience : int or None
            How many; None: for ever.
        """
        if patience is None or not self.allowed:
            return False
        name, sign = SCORE.get(self.by, SCORE["dice"])
        scores = [sign * row[name] for row in history if name in row]
        return bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= patience


def _or_least(score: float | None) -> float:
    return -math.inf if score is None else score
