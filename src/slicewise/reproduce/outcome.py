"""What came of making a run again: the same weights, and a Dice within the tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os.path import relpath
from pathlib import Path
from typing import Any

from slicewise.errors import SlicewiseError
from slicewise.evaluation.statistics import by_patient, read_metrics
from slicewise.tracking import Run
from slicewise.tracking.run_record import fold_weights


@dataclass(frozen=True)
class Reproduction:
    """What came of it.

    Attributes
    ----------
    run_id : str
        Of the run that was made again: MLflow's, or its own where MLflow has none.
    differences : list of str
        What is not as it was: code, versions, settings, data, device.
    same_weights : bool or None
        Whether the weights of all folds are the same to the bit; None where
        MLflow does not hold their digests any more.
    dice_before, dice_after : float
        Mean Dice over the test patients (validation patients, where none is
        tested) that were scored both times, as reports have it.
    largest_difference : float
        Of the Dice of a case and label.
    tolerance : float
        What was allowed for the mean Dice.
    patients : dict of str to tuple of float
        The Dice of each patient, then and now.
    """

    run_id: str
    differences: list[str]
    same_weights: bool | None
    dice_before: float
    dice_after: float
    largest_difference: float
    tolerance: float
    patients: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the mean Dice is within the tolerance."""
        return abs(self.dice_after - self.dice_before) <= self.tolerance

    @property
    def beyond(self) -> dict[str, tuple[float, float]]:
        """The patients whose Dice differs by more than the tolerance, the most first."""
        apart = {who: abs(now - then) for who, (then, now) in self.patients.items()}
        worst = sorted(apart, key=lambda who: (-apart[who], who))
        return {who: self.patients[who] for who in worst if apart[who] > self.tolerance}


def same_weights(then: Mapping[str, str], runs: Iterable[Run]) -> bool | None:
    """Tell whether weights of all folds are the same; None where they were not of the same folds.

    Parameters
    ----------
    then : mapping of str to str
        Digest of the weights by the fold.
    runs : iterable of Run
        Those that were made again.
    """
    now: dict[str, str] = {}
    for run in runs:
        now |= fold_weights(run.record.tags)
    return then == now if then.keys() == now.keys() else None


def compare_scores(then: Path, now: Path) -> dict[str, Any]:
    """Compare the Dice of the cases that were scored both times; see `Reproduction`."""
    old, new = (read_metrics(str(path)) for path in (then, now))
    subset = "test" if "test" in set(old["subset"]) else "validation"
    both = old[old["subset"] == subset].merge(
        new[new["subset"] == subset], on=["case", "patient", "label"], suffixes=("_old", "_new")
    )
    if both.empty:
        raise SlicewiseError(
            f"{relpath(now)}: no {subset} case was scored both then and now, so there is no Dice "
            "to compare; bring back the data of the run"
        )
    # what only one of them scored is no agreement
    columns = ["dice_old", "dice_new"]
    known = both[both[columns].notna().any(axis=1)].fillna(dict.fromkeys(columns, 0.0))
    if known.empty:
        raise SlicewiseError(
            f"{relpath(now)}: no {subset} case has a Dice, then or now, as none has a label, so "
            "there is nothing to compare; compare the predicted volumes in the two tables"
        )
    before, after = (by_patient(known, column) for column in columns)
    largest = (known["dice_new"] - known["dice_old"]).abs().max()
    return {
        "dice_before": float(before.mean()),
        "dice_after": float(after.mean()),
        "largest_difference": float(largest),
        "patients": {str(who): (float(before[who]), float(after[who])) for who in before.index},
    }
