"""How much each member of an ensemble counts, and what that follows from: its files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import digest, write_json
from slicewise.stored import Count, Form, Loose, Name, read_typed

NAME = "ensemble.json"
"""The file in the folder of an ensemble, or beside its models, that says what it is."""

Share = Annotated[float, Field(ge=0, le=1)]
NEARLY = 1e-6


class Weights(Loose):
    """Content of a ``weights.json``.

    Attributes
    ----------
    members : dict of str to list of str
        By experiment, the digest of the weights of the model of each fold.
    weights : dict of str to float
        How much each counts for patients whom no model was trained on: of test, and new ones.
    by_fold : list of dict of str to float
        With folds, how much each counts for patients whom a fold held out: fitted on those of the
        other folds alone.
    fitted : bool
        Whether `weights` are anything else than equal.
    because : str
        What they follow from, a sentence.
    patients : int
        Who were held out, and counted.
    dice : dict of str to float or None
        Mean Dice of them before postprocessing: of each member alone.
    equal_dice, weighted_dice : float or None
        Of all with equal weights, and with those that each of them is segmented with.
    scans : list of list of str
        Of each model, member after member, the fingerprints of the scans that it was trained on.
    """

    members: dict[Name, Annotated[list[Name], Field(min_length=1)]]
    weights: dict[Name, Share]
    by_fold: list[dict[Name, Share]] = Field([])
    fitted: bool
    because: Name
    patients: Count
    dice: dict[Name, float | None]
    equal_dice: float | None
    weighted_dice: float | None
    scans: list[list[Name]] = Field([])

    @model_validator(mode="after")
    def _are_whole(self) -> Weights:
        for shares in (self.weights, *self.by_fold):
            if shares.keys() != self.members.keys() or abs(sum(shares.values()) - 1) > NEARLY:
                raise ValueError("weights are not one of each member that sum to 1")
        if len({len(models) for models in self.members.values()}) > 1:
            raise ValueError("members have models of different numbers of folds")
        return self

    @property
    def models(self) -> list[str]:
        """Digests of all models, member after member."""
        return [model for models in self.members.values() for model in models]

    @property
    def folds(self) -> int:
        """How many models each member has."""
        return len(next(iter(self.members.values())))

    @property
    def names(self) -> list[str]:
        """What their files are called in a folder with all of them, without what they end with."""
        return [file_of(member, fold) for member in self.members for fold in range(self.folds)]

    def shares(self, fold: int | None) -> dict[str, float]:
        """Return how much each counts for a patient whom a fold held out; None: for any other."""
        return self.weights if fold is None or not self.by_fold else self.by_fold[fold]

    def shares_in(
        self, fold: int, records: Mapping[str, TrainingRecord], path: str | Path
    ) -> dict[str, float]:
        """Return how much the models of a fold count for patients whom it was not scored by.

        Parameters
        ----------
        fold : int
        records : mapping of str to TrainingRecord
            By member, of the model of the fold.
        path : path
            Of its file.

        Raises
        ------
        SlicewiseError
            When weights were fitted for others.
        """
        for member, record in records.items():
            if self.members[member][fold] != record.resolved.weights_sha256:
                raise SlicewiseError(
                    f"{path}: its weights are of another model than {member}/fold-{fold} has now; "
                    "delete it and run snakemake again, which weighs them anew"
                )
        return self.shares(fold)


class EnsembleRecord(Weights):
    """Content of an ``ensemble.json``: all that one predicts by, beside the models of its members.

    Attributes
    ----------
    postprocessing : dict
        What is done to its masks.
    """

    postprocessing: dict[str, Any]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> EnsembleRecord:
        """Read it.

        Raises
        ------
        SlicewiseError
            When it is damaged.
        """
        record: EnsembleRecord = read_typed(path, ENSEMBLE)
        return record

    @property
    def predicts_by(self) -> str:
        """A digest of all that a prediction depends on."""
        return digest([self.members, self.weights, self.by_fold, self.postprocessing])

    def tried(self, fold: int) -> str:
        """Return a digest of what the masks of patients follow from whom a fold held out."""
        models = {member: own[fold] for member, own in self.members.items()}
        return digest([models, self.shares(fold), self.postprocessing])

    def files(self, models: Sequence[str], ensemble: str) -> dict[str, str]:
        """Name the files that it is stored as: a model of each member and fold, and this record.

        Parameters
        ----------
        models : sequence of str
            Member after member.
        ensemble : str
            Its own file.
        """
        return {**dict(zip(self.names, models, strict=True)), Path(NAME).stem: ensemble}

    def check_trainings(self, records: Sequence[TrainingRecord], path: str | Path) -> None:
        """Refuse trainings, member after member, of other models than it is of.

        Parameters
        ----------
        records : sequence of TrainingRecord
            Of each member and fold.
        path : path
            Of its file.

        Raises
        ------
        SlicewiseError
            When weights were fitted for others.
        """
        if [one.resolved.weights_sha256 for one in records] != self.models:
            raise SlicewiseError(
                f"{path}: its weights are of other models than those that lie beside it now; "
                "delete it and run snakemake again, which weighs them anew"
            )


def file_of(member: str, fold: int) -> str:
    """Return what the model of a member's fold is called in a folder with all of them."""
    return f"{member}-fold-{fold}"


def ensemble_in(place: Path) -> Path | None:
    """Return the file of the ensemble that a folder is of: of results, or of a model of MLflow."""
    known = (place / NAME, place / "data" / "models" / NAME)
    return next((path for path in known if path.is_file()), None)


def models_of(ensemble: Path, record: EnsembleRecord) -> list[Path]:
    """Return the files of the models of an ensemble, member after member.

    Parameters
    ----------
    ensemble : Path
        Its own file. The models, or those exported as ONNX, lie beside it, or
        members in folders beside its folder.
    record : EnsembleRecord
        What the file holds.

    Raises
    ------
    SlicewiseError
        When one is missing.
    """
    folder = ensemble.parent
    each = [(member, fold) for member in record.members for fold in range(record.folds)]
    trained = [folder.parent / member / f"fold-{fold}" / "model.keras" for member, fold in each]
    beside = ([folder / f"{name}{kind}" for name in record.names] for kind in (".keras", ".onnx"))
    stored = (files for files in beside if any(path.is_file() for path in files))
    files = next(stored, trained)
    for path in files:
        if not path.is_file():
            raise SlicewiseError(
                f"{path}: this model of the ensemble in {folder} is missing; let snakemake train "
                "it, or bring the folders of all members along"
            )
    return files


WEIGHTS = Form(Weights)
ENSEMBLE = Form(EnsembleRecord)


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read a ``weights.json``.

    Raises
    ------
    SlicewiseError
        When it is damaged.
    """
    weights: Weights = read_typed(path, WEIGHTS)
    return weights


def write_ensemble(
    path: str | os.PathLike[str], weights: Weights, postprocessing: dict[str, Any]
) -> None:
    """Write an ``ensemble.json``."""
    record = EnsembleRecord(**weights.model_dump(), postprocessing=postprocessing)
    write_json(path, record.model_dump())
