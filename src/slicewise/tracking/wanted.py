"""The models of a run that a store is to hold: the finished one, and those of epochs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slicewise.files import digest
from slicewise.tracking.journal import Run

NAME = "model"
SUBSETS = ("test/", "validation/")


@dataclass(frozen=True)
class Wanted:
    """What a store is to hold as one model.

    Attributes
    ----------
    name : str
        The store's name of it.
    digest : str
        Of what it is made of.
    files : dict of str to Path
        Models that predict together, by name.
    epoch : int
        That it is of; 0 of the finished one.
    """

    name: str
    digest: str
    files: dict[str, Path]
    epoch: int = 0


def finished(run: Run) -> Wanted:
    """Return the finished model of a run, of several folds all together.

    A store cannot take back a score of a model, and of NaN it makes 0: where
    one has no value any more, a model without it takes the place of the other.
    """
    noted = run.record.metrics.items()
    gone = sorted(key for key, each in noted if key.startswith(SUBSETS) and each.value is None)
    made_of = [run.record.models, gone] if gone else run.record.models
    return Wanted(NAME, digest(made_of), run.own_models())


def checkpoints(run: Run) -> dict[str, Wanted]:
    """Return the models of epochs, by the epoch."""
    fold = run.folder.parent.name
    return {
        epoch: Wanted(
            f"{NAME}-epoch-{epoch}",
            digest([epoch, noted]),
            {fold: run.results / noted.path},
            int(epoch),
        )
        for epoch, noted in (run.record.checkpoints or {}).items()
    }
