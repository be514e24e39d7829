"""The rungs of a sweep: how good each combination is until now, and which of them go on.

Validation Dice alone chooses; no test patient is known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from slicewise.config import Settings
from slicewise.errors import SlicewiseError
from slicewise.stored import Count, Form, Loose, Name, read_typed
from slicewise.wording import some

SHOWN = 4


class RungRecord(Loose):
    """What came of a combination until the end of a rung.

    Attributes
    ----------
    combination : str or None
        Its name; None where fewer went on than could, as trainings failed.
    epochs : int
        Until the end of which it was to be trained.
    dice : float or None
        Validation Dice of the weights that are kept until now; None where there is none.
    epoch : int
        The epoch that these are of, from 1.
    seconds : float
        That its training took until now, by all jobs together.
    history : list of dict
        A row an epoch.
    failed : str
        Why it ended, if its numbers were none.
    """

    combination: Name | None
    epochs: Count
    dice: float | None = None
    epoch: Count = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = Field([])
    failed: str = ""

    def paused(
        self, history: list[dict[str, float]], dice: float | None, epoch: int, seconds: float
    ) -> RungRecord:
        """Return it with what the training came to until now."""
        known = {"history": history, "dice": dice, "epoch": epoch, "seconds": round(seconds, 1)}
        return self.model_copy(update=known)

    def ended(self, why: str) -> RungRecord:
        """Return it with why the combination leads nowhere."""
        return self.model_copy(update={"failed": why})

    def dump(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return self.model_dump()


class Promoted(Loose):
    """Which combinations go on after a rung, the best first."""

    go_on: list[Name]


RUNG = Form(RungRecord)
PROMOTED = Form(Promoted)


def promoted(records: Sequence[RungRecord], order: Sequence[str], number: int) -> Promoted:
    """Choose the combinations that go on by their validation Dice.

    Parameters
    ----------
    records : sequence of RungRecord
        Of all that were trained until the end of this rung.
    order : sequence of str
        All combinations as the settings have them: of two that are as good, the first goes on.
    number : int
        How many go on; fewer where the others have failed.

    Raises
    ------
    SlicewiseError
        When none can go on.
    """
    trained = [each for each in records if each.combination is not None and not each.failed]
    scored = [each for each in trained if each.dice is not None]
    if not trained:
        why = some([each.failed for each in records if each.failed], SHOWN)
        raise SlicewiseError(f"all combinations of the sweep failed: {why}")
    if not scored:
        raise SlicewiseError(
            "no combination of the sweep has a validation Dice: no validation patient has a label; "
            "hold out others (split.validation, split.seed)"
        )
    ranked = sorted(scored, key=lambda e: (-_dice(e), order.index(str(e.combination))))
    return Promoted(go_on=[str(each.combination) for each in ranked[:number]])


def _dice(record: RungRecord) -> float:
    assert record.dice is not None
    return record.dice


def read_rung(path: str | Path) -> RungRecord:
    """Read what came of one combination, as its job wrote it."""
    record: RungRecord = read_typed(path, RUNG)
    return record


def read_promoted(path: str | Path) -> list[str]:
    """Read which combinations go on."""
    read: Promoted = read_typed(path, PROMOTED)
    return read.go_on


def combination_at(combinations: Sequence[str], place: int, went_on: Sequence[str]) -> str | None:
    """Return the combination that a job of a rung trains.

    Parameters
    ----------
    combinations : sequence of str
        Those that it may be.
    place : int
        Which of those that went on, from 1.
    went_on : sequence of str
        The file that names these; none at first, when each is trained by a job of its own.

    Returns
    -------
    str or None
        None where fewer went on.
    """
    if not went_on:
        return combinations[0]
    # as the settings name them: who is better by how much moves nobody to another job
    named = set(read_promoted(went_on[0]))
    there = [name for name in combinations if name in named]
    return there[place - 1] if place <= len(there) else None


def best_told(settings: Settings, experiment: str, paths: Sequence[str]) -> Settings:
    """Return settings in which an experiment is the best combination of its sweep.

    Parameters
    ----------
    settings : Settings
        As the configuration has them.
    experiment : str
        With a sweep, or a repeat of one with another seed.
    paths : sequence of str
        The file that says which is best; none where the experiment has no sweep.
    """
    sweep = settings.sweep_of(experiment)
    if sweep is None or not paths:
        return settings
    return settings.with_best(sweep, best_in(settings, sweep, paths[0]))


def best_in(settings: Settings, sweep: str, path: str | Path) -> str:
    """Return which combination is the best of a sweep.

    Raises
    ------
    SlicewiseError
        When it is none of the settings.
    """
    best = read_promoted(path)[0]
    if best not in settings.sweeps[sweep].candidates:
        raise SlicewiseError(
            f"{path}: {best} is no combination of experiments.{sweep}.sweep any more; run "
            "snakemake again, which chooses anew"
        )
    return best


def checkpoints_of(settings: Settings, experiment: str, folder: Path, paths: Sequence[str]) -> Path:
    """Return where an experiment goes on from: where its best combination was trained.

    Parameters
    ----------
    settings, experiment, paths
        See `best_told`.
    folder : Path
        Its own checkpoints: ``results/<dataset>/<experiment>/checkpoints/fold-<k>``.
    """
    # a repeat has another seed, so nothing of it was trained before
    if experiment not in settings.sweeps or not paths:
        return folder
    return checkpoints_beside(folder, best_in(settings, experiment, paths[0]))


def checkpoints_beside(folder: Path, combination: str) -> Path:
    """Return the folder of the checkpoints of a combination, by that of another training."""
    return folder.parents[2] / combination / "checkpoints" / folder.name
