"""The models that people name: a file, the results of an experiment, or one of MLflow's."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicewise.inference.predict import load_model, prepare  # isort: skip  (before keras)

from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.inference.fits import in_order, shared_card
from slicewise.network.card import ModelCard
from slicewise.network.model import weights_digest
from slicewise.tracking import Connection
from slicewise.tracking.fetch import fetch_model

STORES = ("models:/", "runs:/")
"""How names of models of MLflow begin."""
PLACES = ("fold-*/model.keras", "model.keras", "*.keras", "data/models/*.keras")
"""Where models lie in a folder: of an experiment, of a fold, and in one of MLflow."""


@dataclass(frozen=True)
class Chosen:
    """Models that segment together.

    Attributes
    ----------
    name : str
        As they were named.
    models : list of keras.Model
        Their mean probability is taken.
    card : ModelCard
        What they say of themselves.
    weights : list of str
        Digest of the weights of each.
    trainings : list of TrainingRecord
        What is known of the training of each; none of a file alone.
    folder : Path or None
        Results of the experiment that they are of.
    tracked : mapping of str to str
        What MLflow says of them.
    """

    name: str
    models: list[Any]
    card: ModelCard
    weights: list[str]
    trainings: list[TrainingRecord] = field(default_factory=list)
    folder: Path | None = None
    tracked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What pages call them: of a path its end alone, as the rest tells where it lies."""
        if self.name.startswith(STORES):
            return self.name
        return "/".join(Path(self.name).absolute().parts[-2:])


def choose(name: str, results: Path = Path("results")) -> Chosen:
    """Load the models of a name.

    Parameters
    ----------
    name : str
        A ``.keras`` file, a folder of results (``results/<dataset>/<experiment>``,
        of whose folds all are taken, or one fold of it), or a model of MLflow
        (``models:/NAME@alias``, ``models:/NAME/2``, ``runs:/…``).
    results : Path
        The folder ``results``, with MLflow's default store.

    Raises
    ------
    SlicewiseError
        When there is none, one is damaged, they do not belong together, or folds are missing.
    """
    prepare()
    if not name.startswith(STORES):
        return _of_files(name, Path(name))
    with tempfile.TemporaryDirectory(prefix="slicewise-") as folder:
        place, tracked = fetch_model(Connection(results, patient=True), name, Path(folder))
        return _of_files(name, place, tracked)


def _of_files(name: str, place: Path, tracked: Mapping[str, Any] | None = None) -> Chosen:
    files = _files(name, place)
    models = [load_model(path) for path in files]
    weights = [weights_digest(model) for model in models]
    trainings = _trainings(files, weights)
    _check_folds(name, files, trainings)
    of_experiment = files[0].parent.name.startswith("fold-") and trainings
    folder = files[0].parent.parent if of_experiment else None
    return Chosen(name, models, shared_card(models), weights, trainings, folder, tracked or {})


def _files(name: str, place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.exists():
        raise SlicewiseError(
            f"{name}: there is no such model; name a .keras file, a folder "
            "results/<dataset>/<experiment>, or models:/NAME@alias"
        )
    for pattern in PLACES:
        if files := [path for path in place.glob(pattern) if path.is_file()]:
            by_fold = {path.parent if path.name == "model.keras" else path: path for path in files}
            return [by_fold[key] for key in in_order(by_fold)]
    raise SlicewiseError(
        f"{name}: there is no model in this folder; name results/<dataset>/<experiment> of a "
        "finished training"
    )


def _trainings(files: Sequence[Path], weights: Sequence[str]) -> list[TrainingRecord]:
    """Return the records of all trainings, or of none."""
    records = []
    for path, digest in zip(files, weights, strict=True):
        config = path.with_name("config.yaml")
        if path.name != "model.keras" or not config.is_file():
            return []
        record = TrainingRecord.read(config)
        if record.resolved.weights_sha256 != digest:
            raise SlicewiseError(
                f"{path}: its weights are not those of the training that config.yaml beside it "
                "tells of; train again, or name a copy of the model that lies alone"
            )
        records.append(record)
    return records


def _check_folds(name: str, files: Sequence[Path], trainings: Sequence[TrainingRecord]) -> None:
    """Refuse an experiment some of whose folds are not trained yet, or of another number of them.

    Raises
    ------
    SlicewiseError
        When there are others than its records tell of.
    """
    wanted = {record.folds for record in trainings}
    alone = len(files) == 1 and Path(name).name in (files[0].name, files[0].parent.name)
    if trainings and not alone and wanted != {len(files)}:
        told = " or ".join(map(str, sorted(wanted)))
        raise SlicewiseError(
            f"{name}: it has models of {len(files)} folds, and its trainings tell of {told}; let "
            "snakemake finish them, or name one fold"
        )
