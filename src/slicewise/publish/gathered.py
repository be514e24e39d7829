"""What is recorded of an experiment, for those who write about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from slicewise.crate.numbers import Numbers
from slicewise.dataset.cases import read_table
from slicewise.dataset.shards import current_shards
from slicewise.dataset.training_record import TrainingRecord
from slicewise.dataset.unsized import unsized_cases
from slicewise.errors import SlicewiseError
from slicewise.evaluation.expectations import PREDICTED, expected_scores
from slicewise.evaluation.folds import Folds
from slicewise.evaluation.groups import headline_scores, read_groups
from slicewise.evaluation.results import Result, read_result
from slicewise.evaluation.sweep import read_sweep
from slicewise.files import whole_path
from slicewise.records import MIXED, SCORES, SHARDS, is_made_from
from slicewise.report.cost import Cost, read_costs
from slicewise.stored import read_typed
from slicewise.tracking.find import last_scored
from slicewise.wording import some

SETTINGS = "settings.yaml"
SHOWN = 5
"""Cases that an error names."""


@dataclass(frozen=True)
class Gathered:
    """A scored experiment with what is recorded of its data, its split and its making.

    Attributes
    ----------
    name : str
        Of the experiment.
    dataset : str
        Of its data set.
    result : Result
        Its scores and trainings.
    cases, split : DataFrame
        The tables ``cases.tsv`` and ``split.tsv``.
    settings : mapping
        All settings of the run; empty where its tracked run is gone.
    costs : list of Cost
        Time and memory of its stages.
    expected : DataFrame
        The Dice that was to be expected beside the true one; no row where nobody knows it.
    groups : DataFrame
        Scores by site, sex or whatever else they are broken down by, as of
        `slicewise.evaluation.groups.groups_table`; no row where they are not.
    lost : int
        Cases whose image does not say how large its voxels are.
    seeds : tuple of int
        Of all trainings that differ by nothing else, its own among them; none of a single one.
    over_seeds : mapping
        As ``summary.json``, the scores of patients of whom each number is the mean over these
        trainings; empty of a training by itself.
    beside : tuple of str
        Trainings that differ by the seed alone, too, and that nothing is told of.
    sweep : DataFrame
        The combinations of which its settings are the best, as of
        `slicewise.evaluation.sweep.table_of`; no row where nothing was tried.
    members : tuple of Gathered
        Of an ensemble, the experiments that segment together: how they were trained. Their scores
        are those of the ensemble, as members need not be scored alone.
    """

    name: str
    dataset: str
    result: Result
    cases: pd.DataFrame
    split: pd.DataFrame
    settings: Mapping[str, Any]
    costs: list[Cost]
    expected: pd.DataFrame
    groups: pd.DataFrame
    lost: int = 0
    seeds: tuple[int, ...] = ()
    over_seeds: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    sweep: pd.DataFrame = field(default_factory=pd.DataFrame)
    members: tuple[Gathered, ...] = ()

    @property
    def trained(self) -> tuple[Gathered, ...]:
        """What was trained: the members of an ensemble, or the experiment itself."""
        return self.members or (self,)

    @property
    def seed(self) -> int:
        """That of its training."""
        return int(self.first.experiment["training"]["seed"])

    @property
    def called(self) -> str:
        """What it is called where a number is of its training by itself."""
        return f"{self.name} (seed {self.seed})" if self.seeds else self.name

    @property
    def with_seed(self) -> str:
        """Words behind what is true of this training alone; none where there is no other."""
        return f" with seed {self.seed}" if self.seeds else ""

    @property
    def postprocessing(self) -> Mapping[str, Any]:
        """What was done to its masks."""
        ensemble = self.result.folds.ensemble
        return (
            self.first.experiment["postprocessing"] if ensemble is None else ensemble.postprocessing
        )

    @property
    def records(self) -> list[TrainingRecord]:
        """Its trainings, one a fold; of an ensemble, member after member."""
        return self.result.folds.records

    @property
    def first(self) -> TrainingRecord:
        """The training of the first fold: settings are the same for all."""
        return self.records[0]

    @property
    def labels(self) -> list[str]:
        """What is segmented and scored: regions where there are any, else labels."""
        return list(self.first.content.get("regions") or self.first.content["labels"])

    @property
    def is_stack(self) -> bool:
        """Whether the slices of a file are no neighbours."""
        return not self.first.content.get("contiguous", True)

    @property
    def is_measured(self) -> bool:
        """Whether millimetres and millilitres of a case mean anything."""
        return not self.is_stack and self.lost < len(self.cases)

    @property
    def is_synthetic(self) -> bool:
        """Whether the images were made by slicewise, and show nobody."""
        return self.block("dataset").get("layout") == "phantom"

    @property
    def scored(self) -> pd.DataFrame:
        """The rows of its scores that the text is about: test patients, or who was held out."""
        return headline_scores(self.result.metrics)

    def block(self, name: str) -> Mapping[str, Any]:
        """Return a block of all settings, empty where it is not known."""
        return self.settings.get(name) or {}


def gather(folder: Path) -> Gathered:
    """Read what an experiment and its data set left.

    Parameters
    ----------
    folder : Path
        ``results/<dataset>/<experiment>``.

    Raises
    ------
    SlicewiseError
        When it is no scored experiment, or a file is missing or damaged.
    """
    place = whole_path(folder)
    result = read_result(place)
    tables = [place.parent / f"{name}.tsv" for name in ("cases", "split")]
    for path in tables:
        if not path.is_file():
            raise SlicewiseError(
                f"{path}: is missing, and says what {folder} was made from; run snakemake again or "
                "copy the whole folder of the data set"
            )
    cases, split = map(read_table, map(str, tables))
    _check_split(folder, split, result)
    _check_cases(place)
    content = result.folds.records[0].content
    members = result.folds.members
    one = Gathered(
        place.name,
        place.parent.name,
        result,
        cases,
        split,
        _settings(place),
        _costs(place, result.folds, result.metrics),
        _expected(place, result),
        read_groups(_of_these_scores(place, "groups.tsv")),
        0 if content.get("spacing") else len(unsized_cases(place.parent)),
        sweep=read_sweep(_of_these_scores(place, "sweep.tsv")),
    )
    return replace(one, members=tuple(_member(one, name, own) for name, own in members.items()))


PAGES = {"groups.tsv": ("report.html", SCORES), "sweep.tsv": ("sweep.html", "summary.json")}
"""Tables that are made with a page once an experiment is scored: the page, and what it reads."""


def _of_these_scores(place: Path, name: str) -> Path:
    """Return the path of a table that is made with a page, if it is of the scores beside it.

    They may be newer where the run that made them ended before its pages.
    """
    path = place / name
    page, scores = (place / each for each in PAGES[name])
    if path.is_file() and not is_made_from(page, scores):
        raise SlicewiseError(
            f"{path}: is of other scores than {scores.name} beside it; run snakemake to the end, "
            "which makes it anew"
        )
    return path


def _check_split(folder: Path, split: pd.DataFrame, result: Result) -> None:
    """Refuse a split that is not the one by which an experiment was trained and scored.

    The tables are of all experiments, and one that was not asked for again stays as it was.
    """
    metrics = result.metrics
    now, then = (table[table["subset"] == "test"]["case"] for table in (split, metrics))
    trained = {case for record in result.folds.records for case in record.train}
    apart = {*now} ^ {*then} | trained ^ {*split[split["subset"] == "train"]["case"]}
    if apart:
        raise SlicewiseError(
            f"{folder}: its models were trained or scored by another split than split.tsv beside "
            f"it has now ({some(sorted(apart), SHOWN)}); run snakemake with this experiment again, "
            "or publish results that are of one split"
        )


def _check_cases(folder: Path) -> None:
    """Refuse scores of cases that were read again since, as after a mask was corrected."""
    for path in sorted((folder.parent / "cases" / SHARDS).glob("*.json")):
        if not is_made_from(folder / SCORES, path):
            raise SlicewiseError(
                f"{folder}: its scores are of cases as they were before {path.name} was made again "
                "(such as a mask that was corrected); run snakemake to the end, which scores them"
            )


def _member(one: Gathered, name: str, folds: Folds) -> Gathered:
    """Return what is recorded of the trainings of a member of an ensemble."""
    place = one.result.folder.parent / name
    return replace(
        one,
        name=name,
        result=replace(one.result, folder=place, folds=folds),
        costs=_costs(place, folds, one.result.metrics),
        sweep=read_sweep(_of_these_scores(place, "sweep.tsv")),
    )


def _costs(place: Path, folds: Folds, metrics: pd.DataFrame) -> list[Cost]:
    predicted = [path.stem for path in _shards(place, metrics)]
    jobs = {"train": list(folds.histories), "predict": predicted}
    return read_costs(place, folds.recipes, jobs)


def _shards(place: Path, metrics: pd.DataFrame) -> list[Path]:
    """Return the records of the predictions that were scored; those of earlier runs stay beside."""
    records = {path.stem: path for path in (place / "predictions" / SHARDS).glob("*.json")}
    made = {
        name: [each.case for each in read_typed(path, PREDICTED)] for name, path in records.items()
    }
    return [records[name] for name in sorted(current_shards(metrics["case"].unique(), made))]


def trained(every: Sequence[Gathered]) -> list[Gathered]:
    """Return all that was trained for some experiments, each once: of ensembles, the members."""
    known = {one.name: one for one in every if not one.members}
    parts = {each.name: each for one in every for each in one.trained}
    return [known.get(name, each) for name, each in parts.items()]


def _expected(place: Path, result: Result) -> pd.DataFrame:
    """Return what was to be expected of the masks that were scored, by the models that made them.

    A run that ended before its pages may have left calibrations of earlier models.
    """
    folds = [place / f"fold-{k}" for k in range(result.folds.number)]
    calibrations = [
        str(fold / "calibration.json")
        for fold in folds
        if (fold / "calibration.json").is_file()
        and is_made_from(
            fold / "calibration.json",
            fold / "config.yaml" if result.folds.ensemble is None else place / MIXED,
        )
    ]
    scored = [path for path in _shards(place, result.metrics) if is_made_from(place / SCORES, path)]
    shards = list(map(str, scored))
    return expected_scores(result.metrics, shards, calibrations, result.folds.is_missed)


def numbers_of(every: Sequence[Gathered]) -> Numbers:
    """Return numbers for the names of patients and cases, the same for all experiments.

    Names of cases are often names of files, and may tell who somebody is.
    """
    tables = [table for one in every for table in _tables(one)]
    cases, patients = (
        {name for table in tables for name in table[column]} for column in ("case", "patient")
    )
    return Numbers.of(cases, patients)


def numbered(every: Sequence[Gathered], numbers: Numbers) -> list[Gathered]:
    """Return experiments on one data set with numbers for the names of patients and cases."""

    def number(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(
            case=table["case"].map(numbers.case), patient=table["patient"].map(numbers.patient)
        )

    return [
        replace(
            one,
            cases=number(one.cases),
            split=number(one.split),
            expected=number(one.expected),
            result=replace(one.result, metrics=number(one.result.metrics)),
            members=tuple(numbered(one.members, numbers)),
        )
        for one in every
    ]


def _tables(one: Gathered) -> tuple[pd.DataFrame, ...]:
    return one.cases, one.split, one.result.metrics, one.expected


def _settings(folder: Path) -> dict[str, Any]:
    """Return all settings of the run that has the scores, as it noted them."""
    run = last_scored(folder)
    noted = None if run is None else run.record.files.get(SETTINGS)
    path = None if run is None or noted is None else run.results / noted.path
    if path is None or not path.is_file():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        settings = None
    if not isinstance(settings, dict):
        raise SlicewiseError(f"{path}: is damaged; delete it, and what it says is asked for")
    return settings
