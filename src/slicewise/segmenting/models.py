"""The models that people name: a file, the results of an experiment, or one of MLflow's."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from slicewise.config.training import STORES
from slicewise.dataset.calibration import Calibration
from slicewise.dataset.ensembles import EnsembleRecord, ensemble_in
from slicewise.dataset.training_record import TrainingRecord
from slicewise.errors import SlicewiseError
from slicewise.files import digest, expanded, sha256, whole_path
from slicewise.inference.ensemble import Ensemble
from slicewise.inference.fits import shared_card
from slicewise.metrics.expected import Expectation
from slicewise.network.card import ModelCard, Predictor, model_card
from slicewise.network.loaded import load
from slicewise.network.onnx_model import OnnxModel
from slicewise.records import SHOWN, differences
from slicewise.segmenting.expecting import expectation_of, read_calibrations
from slicewise.segmenting.places import files_of
from slicewise.segmenting.trained_on import TrainedOn, trained_on
from slicewise.tracking import Connection
from slicewise.tracking.fetch import fetch_model, fetch_record
from slicewise.wording import some

FOLD = "fold-"
"""How names of folders and files of one fold begin."""
TOGETHER = "slicewise.together"
"""Metadata of an exported model: the digests of all that were exported with it."""
TOLD = "slicewise.told"
"""And what was known of them where they were trained, in words."""
TOLD_OF_MASKS = "slicewise.calibration"
"""And what Dice to expect follows from, where that is known."""
TOLD_OF_SCANS = "slicewise.trained_on"
"""And the fingerprints of the scans that it was trained on, without a name."""


@dataclass(frozen=True)
class Chosen:
    """Models that segment together.

    Attributes
    ----------
    name : str
        As they were named.
    models : list of Predictor
        Their mean probability is taken.
    card : ModelCard
        What they say of themselves.
    weights : list of str
        Digest of the weights of each, or of its file, see `slicewise.network.loaded.load`.
    trainings : list of TrainingRecord
        What is known of the training of each; none of a file alone.
    folder : Path or None
        Results of the experiment that they are of.
    fold : str
        Of one model there, the fold that it is of (``fold-0``); empty of several.
    tracked : mapping of str to str
        What MLflow says of them.
    calibrations : list of Calibration
        What their masks of patients told whose truth is known.
    weighed : EnsembleRecord or None
        How much each member of an ensemble counts.
    """

    name: str
    models: list[Predictor]
    card: ModelCard
    weights: list[str]
    trainings: list[TrainingRecord] = field(default_factory=list)
    folder: Path | None = None
    tracked: Mapping[str, Any] = field(default_factory=dict)
    calibrations: list[Calibration] = field(default_factory=list)
    weighed: EnsembleRecord | None = None
    fold: str = ""

    @property
    def of_folds(self) -> int:
        """How many folds the experiment has of which this is one alone; 0 of all together."""
        folds = self.trainings[0].folds if self.fold else 1
        return folds if folds > 1 else 0

    @cached_property
    def ensemble(self) -> Ensemble | None:
        """The experiments that segment together; None of one alone."""
        return None if self.weighed is None else Ensemble.told(self.weighed, self.models)

    @cached_property
    def _expected(self) -> tuple[Expectation | None, str]:
        return expectation_of(self.calibrations, self.trainings)

    @property
    def expectation(self) -> Expectation | None:
        """What Dice to expect of their masks; None where nobody knows."""
        return self._expected[0]

    @property
    def uncalibrated(self) -> str:
        """Why nobody knows what Dice to expect; empty where that is known."""
        return "" if self.expectation is not None else self._expected[1]

    @property
    def calibration_digest(self) -> str:
        """Of what their expected Dice follows from; empty of none."""
        known = [one.model_dump() for one in self.calibrations]
        return digest(known) if self.expectation is not None else ""

    @cached_property
    def settings_digest(self) -> str:
        """Of what a mask depends on beside the weights: what models say of themselves.

        Ranges only tell what is unlike training, and what members would do to a mask of their
        own is not done to that of an ensemble, whose record says what is.
        """
        unused = ["ranges"] if self.weighed is None else ["ranges", "postprocessing"]
        cards = [model_card(model).dump() for model in self.models]
        for card, key in product(cards, unused):
            card.pop(key, None)
        return digest(cards)

    @cached_property
    def trained_on(self) -> TrainedOn:
        """The scans that they were trained on; nothing of a ``.keras`` file alone."""
        if self.weighed is None:
            told = [json.loads(model.facts.get(TOLD_OF_SCANS, "[]")) for model in self.exported]
            return trained_on(self.trainings, told, self.folder)
        known = trained_on(self.trainings, self.weighed.scans, self.folder)
        return replace(known, of="model")

    @property
    def title(self) -> str:
        """What pages call them: of a path its end alone, as the rest tells where it lies."""
        if self.name.startswith(STORES):
            return self.name
        return "/".join(_place(self.name).parts[-2:])

    @property
    def exported(self) -> list[OnnxModel]:
        """Those of the models that are ONNX files."""
        return [model for model in self.models if isinstance(model, OnnxModel)]

    @property
    def told(self) -> dict[str, str]:
        """What the files of ONNX tell, in words, of where they were trained."""
        return dict(json.loads(self.exported[0].facts[TOLD])) if self.exported else {}


def choose(name: str, results: Path = Path("results")) -> Chosen:
    """Load the models of a name.

    Parameters
    ----------
    name : str
        A ``.keras`` or ``.onnx`` file, a folder with such, a folder of results
        (``results/<dataset>/<experiment>``, of whose folds all are taken, or one
        fold of it, or an ensemble), or a model of MLflow (``models:/NAME@alias``,
        ``models:/NAME/2``, ``runs:/…``).
    results : Path
        The folder ``results``, with MLflow's default store.

    Raises
    ------
    SlicewiseError
        When there is none, one is damaged, they do not belong together, or folds are missing.
    """
    if not name.startswith(STORES):
        return _of_files(name, _place(name))
    with tempfile.TemporaryDirectory(prefix="slicewise-") as folder:
        connection = Connection(results, patient=True)
        place, tracked = fetch_model(connection, name, Path(folder))
        chosen = _of_files(name, place, tracked)
        run = str(tracked.get("run_id") or "")
        if not run:
            return chosen
        return replace(chosen, trainings=_tracked_trainings(connection, run, name, place, chosen))


def choose_again(name: str, results: Path = Path("results")) -> Chosen:
    """Return the models of a name, those that were loaded last where nothing of them has changed.

    Files are compared by their digests. What MLflow calls by a name may be another
    model the next moment, so that is loaded anew.

    Parameters
    ----------
    name, results
        As `choose` takes them.
    """
    if name.startswith(STORES):
        return choose(name, results)
    place = _place(name)
    files = files_of(name, place)
    beside = [path.with_name(own) for path in files for own in ("config.yaml", "calibration.json")]
    if (ensemble := ensemble_in(place)) is not None:
        beside += [ensemble, *sorted(ensemble.parent.glob(f"{FOLD}*/calibration.json"))]
    read = [path.resolve() for path in (*files, *beside) if path.is_file()]
    key = (name, *((path, sha256(path)) for path in read))
    if key not in _LAST:
        _LAST.clear()  # first: two may not fit into memory
        _LAST[key] = _of_files(name, place)
    return _LAST[key]


_LAST: dict[tuple[Any, ...], Chosen] = {}
"""The models that were loaded last, at most of one name."""


def _place(name: str) -> Path:
    """Return where a name leads; folds, experiments and data sets are told by names of folders."""
    return whole_path(expanded(name, "the name of a model"))


def _of_files(name: str, place: Path, tracked: Mapping[str, Any] | None = None) -> Chosen:
    files = files_of(name, place)
    loaded = [load(path) for path in files]
    models = [model for model, _ in loaded]
    weights = [digest for _, digest in loaded]
    trainings = _trainings(files, weights)
    if (ensemble := ensemble_in(place)) is not None:
        first = model_card(models[0])
        parts = Chosen(name, models, first, weights, trainings, None, tracked or {})
        return _of_ensemble(ensemble, parts)
    _check_folds(name, place, files, trainings)
    of_experiment = files[0].parent.name.startswith(FOLD) and trainings
    folder = files[0].parent.parent if of_experiment else None
    card = shared_card(models)
    known = read_calibrations(files, weights)
    fold = files[0].parent.name if folder is not None and len(files) == 1 else ""
    chosen = Chosen(name, models, card, weights, trainings, folder, tracked or {}, known, fold=fold)
    if not place.is_file():
        _check_exported(chosen)
    return replace(chosen, calibrations=_exported_with(chosen)) if chosen.exported else chosen


def _of_ensemble(ensemble: Path, chosen: Chosen) -> Chosen:
    """Return the models of an ensemble, which are weighed as its file says."""
    record = EnsembleRecord.read(ensemble)
    exported = [model.digest_of_weights for model in chosen.exported]
    if (exported or chosen.weights) != record.models:
        raise SlicewiseError(
            f"{ensemble}: its weights are of other models than its members have now; run snakemake "
            "again, which weighs them anew"
        )
    folder = ensemble.parent if chosen.trainings else None
    card = Ensemble.told(record, chosen.models).card
    folds = range(record.folds)
    beside = [ensemble, *(ensemble.parent / f"{FOLD}{fold}" / ensemble.name for fold in folds)]
    known = read_calibrations(beside, [record.tried(fold) for fold in folds])
    return replace(chosen, card=card, folder=folder, weighed=record, calibrations=known)


def _trainings(files: Sequence[Path], weights: Sequence[str]) -> list[TrainingRecord]:
    """Return the records of all trainings, or of none."""
    records = []
    for path, own in zip(files, weights, strict=True):
        config = path.with_name("config.yaml")
        if path.name != "model.keras" or not config.is_file():
            return []
        record = TrainingRecord.read(config)
        if record.resolved.weights_sha256 != own:
            raise SlicewiseError(
                f"{path}: its weights are not those of the training that config.yaml beside it "
                "tells of; train again, or name a copy of the model that lies alone"
            )
        records.append(record)
    return records


def _tracked_trainings(
    connection: Connection, run: str, name: str, place: Path, chosen: Chosen
) -> list[TrainingRecord]:
    """Return the records of all trainings that a store has, or of none."""
    records = []
    for path, own in zip(files_of(name, place), chosen.weights, strict=True):
        fold = path.stem.removeprefix(FOLD)
        with tempfile.TemporaryDirectory(prefix="slicewise-") as folder:
            found = fetch_record(connection, run, int(fold) if fold.isdigit() else 0, Path(folder))
            record = None if found is None else TrainingRecord.read(found)
        # a run that was sent anew since tells of other weights
        if record is None or record.resolved.weights_sha256 != own:
            return []
        records.append(record)
    return records


def _check_folds(
    name: str, place: Path, files: Sequence[Path], trainings: Sequence[TrainingRecord]
) -> None:
    """Refuse an experiment some of whose folds are not trained yet, or otherwise than the others.

    Raises
    ------
    SlicewiseError
        When there are others than its records tell of, or by other settings.
    """
    wanted = {record.folds for record in trainings}
    alone = len(files) == 1 and place.name in (files[0].name, files[0].parent.name)
    if alone or not trainings:
        return
    if wanted != {len(files)}:
        told = " or ".join(map(str, sorted(wanted)))
        raise SlicewiseError(
            f"{name}: it has models of {len(files)} folds, and its trainings tell of {told}; let "
            "snakemake finish them, or name one fold"
        )
    first, *others = [
        {"experiment": each.experiment, "recipe": each.recipe, "content": each.content}
        for each in trainings
    ]
    for number, other in enumerate(others, start=1):
        if changed := differences(first, other):
            raise SlicewiseError(
                f"{name}: fold 0 and fold {number} were trained by different settings "
                f"({some(changed, SHOWN)}); let snakemake finish them, or name one fold"
            )


def _exported_with(chosen: Chosen) -> list[Calibration]:
    """Return what Dice to expect follows from, of exported models whose files tell it."""
    told = [model.facts.get(TOLD_OF_MASKS) for model in chosen.exported]
    return [Calibration.model_validate_json(text) for text in told if text]


def _check_exported(chosen: Chosen) -> None:
    """Refuse a folder of exported models that lacks one of those exported together, or has others.

    Raises
    ------
    SlicewiseError
        When they are not those that one of them tells of.
    """
    there = sorted(model.digest_of_weights for model in chosen.exported)
    for model in chosen.exported:
        if json.loads(model.facts[TOGETHER]) != there:
            raise SlicewiseError(
                f"{chosen.name}: its .onnx files are not all those, and only those, that were "
                "exported together; export the experiment to a new folder, or name one file"
            )
