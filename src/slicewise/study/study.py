"""The cases of a data set, who learns and who is tested, and where files of cases and folds lie."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from slicewise.config import Recipe, Settings
from slicewise.config.planned import with_plans
from slicewise.dataset import shapes
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.case import Case
from slicewise.dataset.plan import largest
from slicewise.dataset.shards import shards
from slicewise.dataset.split import held_out_cases, number_of_folds, training_cases
from slicewise.records import SHARDS
from slicewise.study.calibrations import Calibrations
from slicewise.study.ensembles import Ensembles
from slicewise.study.memory import Memory
from slicewise.study.predictions import Predictions
from slicewise.study.segmented import Segmented
from slicewise.study.starts import Starts
from slicewise.study.sweeps import Sweeps
from slicewise.study.teachers import Teachers
from slicewise.study.trainings import Trainings
from slicewise.study.wanted import Wanted

LOOKS = "_looks"
"""Where what was seen of the cases of shards lies, beside the folders of cases."""
CUT = "_slices"
"""Where what was cut of the cases of shards is noted: slices may be deleted to free the disk."""


class Study:
    """What all rules share.

    Parameters
    ----------
    settings : Settings
        The configuration.
    cases : sequence of Case
        Of the data set.
    split : sequence of Assignment
        Where each of them goes.
    columns : mapping of str to mapping of str to str
        What is kept of what tables say of cases, by column and case.
    scans : iterable of str
        Names of new scans, which nobody has drawn anything of.
    in_bucket : bool
        Whether results lie in a bucket, from which jobs fetch what they declare.
    root : str
        The folder of the results of all data sets.

    Attributes
    ----------
    name : str
        Of the data set.
    results : str
        Its folder.
    cases : dict of str to Case
    split : dict of str to Assignment
    content : dict
        What cases hold, once they were ingested.
    folds : range
    shards : dict of str to list of str
        The cases that jobs share to ingest and cut them, by the name of the shard.
    trainings, sweeps, starts, teachers, predictions, ensembles, calibrations : Part
        What rules ask of each of these.
    segmented, memory, wanted : Part
        What they ask of new scans, of memory, and of all that is to be made.
    """

    def __init__(
        self,
        settings: Settings,
        cases: Sequence[Case],
        split: Sequence[Assignment],
        columns: Mapping[str, Mapping[str, str]] | None = None,
        *,
        scans: Iterable[str] = (),
        in_bucket: bool = False,
        root: str = "results",
    ) -> None:
        self.settings = settings
        self.name = settings.dataset.name
        self.root = root
        self.results = f"{root}/{self.name}"
        self.cases = {case.name: case for case in cases}
        self.split = {assigned.case: assigned for assigned in split}
        self.columns = {name: dict(values) for name, values in (columns or {}).items()}
        self.scans = list(scans)
        self.in_bucket = in_bucket
        self.content = settings.dataset.content.once_read
        self.folds = range(
            number_of_folds(split) if settings.split.leave_out else settings.split.folds
        )
        self.shards = shards(cases, split)
        self.shard_of = {case: shard for shard, members in self.shards.items() for case in members}
        self.size_of = cache(self._size_of)
        self.trainings = Trainings(self)
        self.sweeps = Sweeps(self)
        self.starts = Starts(self)
        self.teachers = Teachers(self)
        self.predictions = Predictions(self)
        self.ensembles = Ensembles(self)
        self.calibrations = Calibrations(self)
        self.segmented = Segmented(self)
        self.memory = Memory(self)
        self.wanted = Wanted(self)

    def result(self, name: str) -> str:
        """Return a file below the results, with wildcards as rules have them."""
        return f"{self.results}/{name}"

    def training_cases(self, fold: int | str) -> list[str]:
        """Return the cases that the model of a fold is trained on."""
        return training_cases(self.split.values(), int(fold), len(self.folds))

    def validation_cases(self, fold: int | str) -> list[str]:
        """Return the cases that validate a fold: those that it holds out, as far as they score."""
        return [case for case in self.held_out(fold) if not self.cases[case].corrected]

    def held_out(self, fold: int | str) -> list[str]:
        """Return all cases that a fold holds out."""
        return held_out_cases(self.split.values(), int(fold), len(self.folds))

    def whole(self, cases: Iterable[str]) -> list[str]:
        """Return the cases that have a mask."""
        return [case for case in cases if not self.cases[case].lacks]

    def models_for(self, case: str) -> list[int]:
        """Return the folds whose models predict a case: all for a test case, else its own."""
        assigned = self.split[case]
        return list(self.folds) if assigned.subset == "test" else [assigned.fold or 0]

    @property
    def split_columns(self) -> dict[str, dict[str, str]]:
        """The column whose values are folds, which stands in the tables of cases and of the split.

        No other: what only pages show must not make anything else again.
        """
        column = self.settings.split.leave_out
        return {} if column is None else {column: self.columns[column]}

    @cached_property
    def scored(self) -> list[str]:
        """Test cases, and the cases that some model was not trained on (which validate it).

        None with a corrected mask: as it began as a model's, it is kinder to models.
        """
        return sorted(
            case
            for case, assigned in self.split.items()
            if assigned.subset != "train" or (len(self.folds) > 1 and assigned.fold is not None)
            if not self.cases[case].corrected
        )

    @cached_property
    def scored_cases(self) -> list[Assignment]:
        """Where each of them goes; of each fold, what it holds out validates it."""
        return [
            replace(
                self.split[case],
                subset="test" if self.split[case].subset == "test" else "validation",
            )
            for case in self.scored
        ]

    @cached_property
    def planned_on(self) -> list[str]:
        """The cases that plans follow from: neither of validation nor of test."""
        return sorted(case for case, assigned in self.split.items() if assigned.subset == "train")

    def plans_of(self, recipes: Iterable[str]) -> list[str]:
        """Return the files of the plans that these recipes are of; none of recipes of users."""
        efforts = [self.settings.planned.get(recipe) for recipe in recipes]
        known = dict.fromkeys(effort for effort in efforts if effort is not None)
        return [self.result(f"plan-{effort}.json") for effort in known]

    @cached_property
    def estimated(self) -> Settings:
        """The settings, with the largest plan of each effort: what memory is asked for."""
        efforts = self.settings.planned.values()
        return with_plans(self.settings, {effort: largest(effort) for effort in efforts})

    @cached_property
    def scored_columns(self) -> dict[str, dict[str, str]]:
        """What columns say of these cases."""
        return {
            name: {case: values[case] for case in self.scored}
            for name, values in self.columns.items()
        }

    @property
    def bins(self) -> dict[str, Any]:
        """How numbers in columns are grouped; a site that is a number is a site of its own."""
        column = self.settings.split.leave_out
        sites: dict[str, Any] = {} if column is None else {column: "values"}
        return sites | self.settings.evaluation.bins

    def recipes_of(self, experiment: str) -> list[str]:
        """Return the recipes that an experiment trains on; the first is what it predicts.

        Of an ensemble, those of all members.
        """
        if experiment in self.settings.ensembles:
            members = self.settings.members_of(experiment)
            return list(dict.fromkeys(r for member in members for r in self.recipes_of(member)))
        block = self.settings.blocks[experiment]
        return [block.slices, *block.also]

    def scored_recipe(self, experiment: str) -> Recipe | None:
        """Return how volumes are cut that are scored; None where in several ways, or in others."""
        if experiment in self.settings.ensembles:
            return None
        recipe = self.settings.slices[self.recipes_of(experiment)[0]]
        inference = self.settings.blocks[experiment].inference
        same = inference.planes in ([], [recipe.plane]) and not inference.tilt
        return recipe if same else None

    def plans_to_score(self, experiment: str) -> list[str]:
        """Return the file of the plan that says so, if any."""
        is_one = experiment in self.settings.ensembles
        return [] if is_one else self.predictions.plans_of(experiment)

    def own_folds(self, experiment: str) -> int:
        """Return how many trainings an experiment has; none of an ensemble."""
        return 0 if experiment in self.settings.ensembles else len(self.folds)

    def case_records_of(self, cases: Iterable[str]) -> list[str]:
        """Return the files that hold the case records of these cases, and of others."""
        return self.of_shards("cases", cases)

    def looks_of(self, cases: Iterable[str]) -> list[str]:
        """Return the files that hold what was seen of these cases, and of others."""
        return self.of_shards("cases", cases, LOOKS)

    def slices_of(self, recipe: str, cases: Iterable[str]) -> list[str]:
        """Return the files that stand for the slices of these cases, and of others."""
        return self.of_shards("cases", cases, f"{CUT}/{recipe}")

    def of_shards(self, folder: str, cases: Iterable[str], below: str = SHARDS) -> list[str]:
        """Return the file of each shard that one of these cases is in."""
        return [self.result(f"{folder}/{below}/{shard}.json") for shard in self.shards_of(cases)]

    def shards_of(self, cases: Iterable[str]) -> list[str]:
        """Return the shards that some of these cases are in, each once."""
        return list(dict.fromkeys(self.shard_of[case] for case in cases))

    def of_folds(self, name: str, experiment: str, folds: Iterable[int] | None = None) -> list[str]:
        """Return a file of each fold of an experiment; of an ensemble, member after member."""
        # Of these Snakemake takes no `rules.train.output` where results lie in a bucket: it
        # expands no path that carries the bucket.
        chosen = self.folds if folds is None else folds
        members = self.settings.members_of(experiment)
        return [self.result(f"{each}/fold-{fold}/{name}") for each in members for fold in chosen]

    def seeds_of(self, experiment: str) -> list[str]:
        """Return the trainings that differ by the seed alone, this one among them; else none."""
        groups = self.settings.repeats.values()
        return next((list(group) for group in groups if experiment in group), [])

    def jobs_of(self, experiment: str) -> dict[str, list[str]]:
        """Return the names of the jobs that led to scores, by rule, where there are several."""
        folds = [f"fold-{fold}" for fold in self.folds]
        phantoms = self.settings.dataset.layout == "phantom"
        return {
            "ingest": list(self.shards),
            "slices": list(self.shards),
            "teach": list(self.shards),
            "plan": folds,
            "train": folds,
            "calibrate": folds if self.calibrations.are_possible else [],
            "convert": [case.name for case in self.cases.values() if case.needs_conversion],
            "phantom": list(self.cases) if phantoms else [],
            "predict": list(self.predictions.shards_of(experiment)),
        }

    def knows(self, wildcards: Mapping[str, str]) -> bool:
        """Tell whether what the wildcards of a file stand for is part of this study."""
        settings = self.settings
        experiment = wildcards.get("experiment")
        predicted = {} if experiment is None else {"case": self.scored}
        known: dict[str, Collection[str]] = {
            "experiment": settings.named,
            "sweep": settings.sweeps,
            "recipe": settings.slices,
            "fold": [str(fold) for fold in self.folds],
            "case": self.cases,
            **predicted,
        }
        if experiment in settings.named:
            new = {} if settings.segment is None else self.segmented.shards
            known["shard"] = {*self.predictions.shards_of(experiment), *new}
        if experiment is None or "recipe" in wildcards:
            known["shard"] = self.shards
        return all(value in known.get(name, [value]) for name, value in wildcards.items())

    def _size_of(self, case: str) -> shapes.Size:
        """Return how large a case is, by its header."""
        return shapes.size_of(self.cases[case], self.settings.dataset)

    def sizes_of(self, cases: Iterable[str]) -> list[shapes.Size]:
        """Return how large cases are, by their headers: before anything is opened or made."""
        return [self.size_of(case) for case in cases]

    @property
    def regions(self) -> dict[str, list[str]]:
        """The names of the labels of each region; empty where labels are trained."""
        content = self.settings.dataset.content
        labels = [*content.labels]
        return {
            name: [labels[number - 1] for number in numbers]
            for name, numbers in content.regions.items()
        }

    @property
    def missing_labels(self) -> str:
        """The strictest answer of all experiments: where one may lack no label, none is trained."""
        experiments = [self.settings.experiments[name] for name in self.settings.trained]
        return max((one.training.missing_labels for one in experiments), default="refuse")


def marks_beside(tables: Iterable[str], *, in_bucket: bool) -> list[str]:
    """Return the marks beside tables of other data sets, as far as they are there.

    The job says what is missing where one is not.
    """
    marks = [Path(table).with_suffix(".npz") for table in tables]
    return [str(path) for path in marks if in_bucket or path.exists()]
