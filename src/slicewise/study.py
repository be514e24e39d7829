"""A data set with its split and its experiments: which cases each job takes, and where files lie.

All of it follows from names and settings, before any image is opened. Only the rules use it, so an
edit reruns what it changes and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from slicewise import jobs, needs
from slicewise.config import Experiment, Recipe, Settings
from slicewise.config.planned import with_plans
from slicewise.config.training import STORES
from slicewise.dataset import shapes
from slicewise.dataset.assignment import Assignment
from slicewise.dataset.calibration import FEWEST, by_chance, chosen_patients
from slicewise.dataset.case import Case
from slicewise.dataset.ensembles import ensemble_in
from slicewise.dataset.former import OF_ENSEMBLE, check_current, no_start
from slicewise.dataset.plan import largest
from slicewise.dataset.shards import predicted_shards, shards
from slicewise.dataset.split import held_out_cases, number_of_folds, training_cases
from slicewise.errors import SlicewiseError
from slicewise.files import expanded
from slicewise.records import SHARDS
from slicewise.slices.folder import SliceFolder
from slicewise.slices.taught import TaughtFolder, taught_place

START_FROM = "training.start_from"
KEPT_OF_FOLD = ("model.keras", "history.csv", "config.yaml")
KEPT_OF_EXPERIMENT = ("metrics.tsv", "summary.json", "figures/curves.png")
PAGES = ("index.html", "data.html", "comparison.html")
SWEPT = ("sweep.html", "sweep.tsv")
KEPT = ("split.tsv", "cases.tsv", "comparison.tsv", "comparison_cases.tsv")
"""What people keep beside the pages."""
LOOKS = "_looks"
"""Where what was seen of the cases of shards lies, beside the folders of cases."""
CUT = "_slices"
"""Where what was cut of the cases of shards is noted: slices may be deleted to free the disk."""
TAUGHT = "_taught"
"""Where what teachers said of them is noted, which may be deleted likewise."""


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
        self._shard_of = {case: shard for shard, members in self.shards.items() for case in members}
        self.size_of = cache(self._size_of)
        self.predicted_shards = cache(self._predicted_shards)
        self.lacks_slices = cache(self._cases_without_slices)

    def result(self, name: str) -> str:
        """Return a file below the results, with wildcards as rules have them."""
        return f"{self.results}/{name}"

    # cases

    def training_cases(self, fold: int | str) -> list[str]:
        """Return the cases that the model of a fold is trained on."""
        return training_cases(self.split.values(), int(fold), len(self.folds))

    def validation_cases(self, fold: int | str) -> list[str]:
        """Return the cases that validate a fold: those that it holds out, as far as they score."""
        return [case for case in self._held_out(fold) if not self.cases[case].corrected]

    def _held_out(self, fold: int | str) -> list[str]:
        return held_out_cases(self.split.values(), int(fold), len(self.folds))

    def settled_on(self, experiment: str, fold: int | str) -> list[str]:
        """Return the validation cases whose images the end of a training predicts.

        That is where weights of planes are fitted, or where postprocessing is tried on masks of
        other cuts than those that are trained on.
        """
        if not self.settings.split.chooses:
            return []
        settled = any(map(_settles_whole, self._estimates(experiment)))
        return self.validation_cases(fold) if settled else []

    def whole(self, cases: Iterable[str]) -> list[str]:
        """Return the cases that have a mask."""
        return [case for case in cases if not self.cases[case].lacks]

    def _read_by_training(self, fold: int | str) -> list[str]:
        return [*self.training_cases(fold), *self.validation_cases(fold)]

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

    # plans

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

    # experiments

    def recipes_of(self, experiment: str) -> list[str]:
        """Return the recipes that an experiment trains on; the first is what it predicts.

        Of an ensemble, those of all members.
        """
        if experiment in self.settings.ensembles:
            members = self.settings.members_of(experiment)
            return list(dict.fromkeys(r for member in members for r in self.recipes_of(member)))
        block = self.settings.blocks[experiment]
        return [block.slices, *block.also]

    def _predicted_shards(self, experiment: str) -> dict[str, list[str]]:
        """Return the cases that each job of a prediction segments, by the name of their shard."""
        size = self.settings.prediction_of(experiment).chunk
        return predicted_shards(self.scored, size, alone=self.in_bucket)

    def predicted_by(self, experiment: str, shard: str) -> list[str]:
        """Return the cases of one shard of a prediction."""
        return self.predicted_shards(experiment)[shard]

    def prediction(self, experiment: str, shard: str) -> jobs.Predict:
        """Return what a job of a prediction is told."""
        cases = self.predicted_by(experiment, shard)
        return jobs.Predict(
            cases=cases,
            folds={case: self.models_for(case) for case in cases},
            patients={case: self.cases[case].patient for case in cases},
            content=self.settings.dataset.content,
            recipe=self.settings.slices[self.recipes_of(experiment)[0]],
            members=self.told_members(experiment),
        )

    def plans_to_predict(self, experiment: str) -> list[str]:
        """Return the files of the plans that say how an experiment cuts what it predicts."""
        members = self.settings.members_of(experiment)
        return self.plans_of([self.recipes_of(member)[0] for member in members])

    # ensembles

    def told_members(self, experiment: str) -> list[jobs.ToldMember]:
        """Return what jobs are told of the members of an ensemble; nothing of an experiment."""
        return self._told(experiment) if experiment in self.settings.ensembles else []

    def _told(self, experiment: str) -> list[jobs.ToldMember]:
        """Return what jobs are told of the members of an ensemble, or of an experiment itself."""
        return list(map(self._told_member, self.settings.members_of(experiment)))

    def _told_member(self, experiment: str) -> jobs.ToldMember:
        recipe = self.recipes_of(experiment)[0]
        plans = [Path(path).name for path in self.plans_of([recipe])]
        return jobs.ToldMember(
            name=experiment, recipe=self.settings.slices[recipe], plan="".join(plans)
        )

    def ensemble_of(self, experiment: str) -> list[str]:
        """Return the file that says how much each member counts; none of an experiment."""
        is_one = experiment in self.settings.ensembles
        return [self.result(f"{experiment}/ensemble.json")] if is_one else []

    def mixed_models(self, experiment: str) -> list[str]:
        """Return the models of an ensemble; none of an experiment."""
        is_one = experiment in self.settings.ensembles
        return self.of_folds("model.keras", experiment) if is_one else []

    def scored_recipe(self, experiment: str) -> Recipe | None:
        """Return how volumes are cut that are scored; None of an ensemble: in several ways."""
        if experiment in self.settings.ensembles:
            return None
        return self.settings.slices[self.recipes_of(experiment)[0]]

    def plans_to_score(self, experiment: str) -> list[str]:
        """Return the file of the plan that says so, if any."""
        is_one = experiment in self.settings.ensembles
        return [] if is_one else self.plans_to_predict(experiment)

    def plans_learnt(self, experiment: str) -> list[str]:
        """Return the plans that it and all that it learns from were trained by."""
        names = self.settings.learnt_from(experiment)
        return self.plans_of(recipe for name in names for recipe in self.recipes_of(name))

    def bests_learnt(self, experiment: str) -> list[str]:
        """Return what says which combination each of them is the best of, if of any."""
        names = self.settings.learnt_from(experiment)
        return list(dict.fromkeys(path for name in names for path in self.best_of(name)))

    @cached_property
    def weighed_on(self) -> list[str]:
        """The held-out cases that weights follow from, fold after fold; no test case."""
        return [case for fold in self.folds for case in self._known(fold)]

    def weights(self, experiment: str) -> jobs.Weights:
        """Return what is told of the weights of an ensemble."""
        return jobs.Weights(
            members=self.told_members(experiment),
            folds=[self._known(fold) for fold in self.folds],
            patients={case: self.split[case].patient for case in self.weighed_on},
            content=self.settings.dataset.content,
            threshold=self.settings.ensembles[experiment].postprocessing.threshold,
        )

    def own_folds(self, experiment: str) -> int:
        """Return how many trainings an experiment has; none of an ensemble."""
        return 0 if experiment in self.settings.ensembles else len(self.folds)

    def samples_of(self, experiment: str) -> list[str]:
        """Return the file of augmented slices that a page shows; none of an ensemble."""
        is_one = experiment in self.settings.ensembles
        return [] if is_one else self.of_folds("augmented.npz", experiment, [0])

    def training_plan(self, experiment: str, fold: int | str) -> jobs.Plan:
        """Return what a training is made from."""
        block = self.settings.blocks[experiment]
        trained = self.training_cases(fold)
        validated = self.validation_cases(fold)
        return jobs.Plan(
            # how predictions are shared out changes no result, so it must not retrain; what is
            # laid over a plan counts even where it says the same as a default
            experiment=block.model_dump(
                exclude={"prediction"}, exclude_unset=block.effort is not None
            ),
            recipe=self.settings.slices[block.slices],
            content=self.settings.dataset.content,
            train=trained,
            validation_cases=validated,
            # each patient counts once in the validation; what may choose is not scored by it
            validation={
                "may_select": len(self.folds) == 1,
                "patients": {case: self.split[case].patient for case in validated},
            },
            # scoring refuses all cases of a patient who was trained on
            patients={case: self.split[case].patient for case in trained},
            also=[self.settings.slices[recipe] for recipe in block.also],
            folds=len(self.folds),
        )

    # sweeps

    @property
    def trained_experiments(self) -> list[str]:
        """The experiments and the combinations of sweeps, which are trained alone."""
        return list(self.settings.blocks)

    def check_sweeps(self) -> None:
        """Refuse a sweep of which no patient could choose, before anything runs.

        Raises
        ------
        SlicewiseError
            When there are too few patients to hold one out.
        """
        if self.settings.sweeps and not self.validation_cases(0):
            raise SlicewiseError(
                f"experiments.{next(iter(self.settings.sweeps))}.sweep: there is no validation "
                "patient to choose what is best, as there are too few to train on; add patients, "
                "or leave the sweep out"
            )

    def places(self, sweep: str, rung: int | str) -> list[str]:
        """Return the names of a rung's jobs: combinations at first, then the places they took."""
        made = self.settings.sweeps[sweep]
        if int(rung) == 0:
            return list(made.candidates)
        return [str(place + 1) for place in range(made.rungs[int(rung)].combinations)]

    def rung(self, sweep: str, rung: int | str, place: str) -> jobs.Rung:
        """Return what a job of a rung is told."""
        made = self.settings.sweeps[sweep]
        is_first = int(rung) == 0
        return jobs.Rung(
            sweep=sweep,
            rung=int(rung),
            epochs=made.rungs[int(rung)].epochs,
            combinations=[place] if is_first else list(made.candidates),
            place=0 if is_first else int(place),
        )

    def promote(self, sweep: str, rung: int | str) -> jobs.Promote:
        """Return what is told of choosing those that go on."""
        made = self.settings.sweeps[sweep]
        after = made.rungs[int(rung) + 1 :]
        return jobs.Promote(
            sweep=sweep,
            rung=int(rung),
            combinations=list(made.candidates),
            go_on=after[0].combinations if after else 1,
        )

    def chosen_by(self, experiment: str) -> dict[str, Any]:
        """Return what the page of an experiment is told of the sweep that chose its settings."""
        sweep = self.settings.sweep_of(experiment)
        if sweep is None:
            return {}
        return {"sweep": sweep, "combinations": len(self.settings.sweeps[sweep].candidates)}

    def sweep(self, sweep: str) -> jobs.Sweep:
        """Return what is told of the page of a sweep."""
        made = self.settings.sweeps[sweep]
        return jobs.Sweep(
            dataset=self.name,
            combinations=made.values,
            epochs=[rung.epochs for rung in made.rungs],
            seeds=self.settings.repeats.get(sweep, [sweep]),
        )

    def sweep_pages(self) -> list[str]:
        """Return the pages and tables of the sweeps that are to be made."""
        wanted = [name for name in self.settings.sweeps if name in self.settings.wanted]
        return [self.result(f"{name}/{file}") for name in wanted for file in SWEPT]

    def rung_records(self, sweep: str, rung: int | str) -> list[str]:
        """Return the files of a rung's jobs."""
        folder = self.result(f"{sweep}/sweep/rung-{rung}")
        return [f"{folder}/{place}.json" for place in self.places(sweep, rung)]

    def all_rung_records(self, sweep: str) -> list[str]:
        """Return the files of the jobs of all rungs."""
        rungs = range(len(self.settings.sweeps[sweep].rungs))
        return [path for rung in rungs for path in self.rung_records(sweep, rung)]

    def went_on(self, sweep: str, rung: int | str) -> list[str]:
        """Return the file that says which combinations went on before a rung; none at first."""
        return [self.result(f"{sweep}/sweep/rung-{int(rung) - 1}.json")] if int(rung) else []

    def best_of(self, experiment: str) -> list[str]:
        """Return the file that says which combination an experiment is; none of most."""
        sweep = self.settings.sweep_of(experiment)
        if sweep is None:
            return []
        return self.went_on(sweep, len(self.settings.sweeps[sweep].rungs))

    def plans_at(self, sweep: str, rung: int | str, place: str) -> list[str]:
        """Return the training plan of each combination that a job of a rung may train."""
        names = self.rung(sweep, rung, place).combinations
        return [path for name in names for path in self.of_folds("plan.json", name)]

    def starts_at(self, sweep: str, rung: int | str, place: str) -> list[str]:
        """Return the models that these start from."""
        names = self.rung(sweep, rung, place).combinations
        return [path for name in names for path in self.start_of(name, 0, "keras")]

    def led_to_rung(
        self, sweep: str, rung: int | str, place: str
    ) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that a rung's job follows from, slices left aside: rule and wildcards."""
        wildcards = {"sweep": sweep, "rung": str(rung), "place": place}
        names = self.rung(sweep, rung, place).combinations
        # none of a combination is trained by the rule of that name
        led = [each for name in names for each in self.led_to_training(name, 0)[1:]]
        return [("rung", wildcards), *led]

    # models that trainings start from

    def _start_from(self, experiment: str) -> str | None:
        return self.settings.blocks[experiment].training.start_from

    def _has_before(self, experiment: str) -> bool:
        """Whether a training starts or learns from a model."""
        return self._start_from(experiment) is not None or self.teacher_of(experiment) is not None

    def start_of(self, experiment: str, fold: int | str, kind: str) -> list[str]:
        """Return what was brought of the model that a fold starts from: ``keras`` or ``json``."""
        if self._start_from(experiment) is None:
            return []
        return [self.result(f"{experiment}/start/fold-{fold}.{kind}")]

    def start(self, experiment: str, fold: int | str) -> jobs.Start:
        """Return what is told of it."""
        name = self._start_from(experiment)
        return jobs.Start(name=str(name), fold=int(fold), folds=len(self.folds))

    def cases_beside_start(self, experiment: str) -> list[str]:
        """Return the table that tells whom it, or a teacher, must not know."""
        return [self.result("cases.tsv")] if self._has_before(experiment) else []

    def held_out_of_start(self, experiment: str, fold: int | str) -> list[str]:
        """Return the cases that the model must not know: all that are held out, and of test."""
        if not self._has_before(experiment):
            return []
        tested = [case for case, assigned in self.split.items() if assigned.subset == "test"]
        return sorted({*self._held_out(fold), *tested})

    def own_start(self, experiment: str) -> tuple[str, int | None] | None:
        """Return the experiment of this study that one starts from, and which fold, if one."""
        name = self._start_from(experiment)
        if name is None or name.startswith(STORES):
            return None
        place = expanded(name, START_FROM).resolve()
        for other in self.settings.experiments:
            folder = Path(self.result(other)).resolve()
            if place == folder:
                return other, None
            for fold in self.folds:
                if place in (folder / f"fold-{fold}", folder / f"fold-{fold}" / "model.keras"):
                    return other, fold
        return None

    def starts_from(self, experiment: str, fold: int | str) -> tuple[list[str], list[Path]]:
        """Return the files of the model that a fold starts from, with the record of its training.

        Returns
        -------
        list of str
            Of this study, which are made first where they are not there.
        list of Path
            Of any other place; none of MLflow, which is asked once a job needs the model.

        Raises
        ------
        SlicewiseError
            When there is no such model, or not one for each fold.
        """
        name = self._start_from(experiment)
        if name is None or name.startswith(STORES):
            return [], []
        place = expanded(name, START_FROM).resolve()
        # what an experiment of its name left there is stale
        for ensemble in self.settings.ensembles:
            if Path(self.result(ensemble)).resolve() in (place, *place.parents):
                raise no_start(name)
        if own := self.own_start(experiment):
            folds = [int(fold) if own[1] is None else own[1]]
            return [self.of_folds(f, own[0], folds)[0] for f in ("model.keras", "config.yaml")], []
        return [], model_of_fold(name, int(fold), len(self.folds))

    def check_starts(self) -> None:
        """Refuse what cannot be started from, before anything runs.

        Raises
        ------
        SlicewiseError
            When a model is not there, or an experiment starts from itself.
        """
        for experiment in self.settings.trained:
            seen = [experiment]
            while own := self.own_start(seen[-1]):
                if own[0] in seen:
                    raise SlicewiseError(
                        f"experiments.{own[0]}.{START_FROM}: it would start from itself "
                        f"({' from '.join([*seen, own[0]])}); name another model"
                    )
                seen.append(own[0])
            for each in self._trained_before(experiment):
                for fold in () if each in self.settings.ensembles else self.folds:
                    self.starts_from(each, fold)

    def _trained_before(self, experiment: str) -> list[str]:
        """Return an experiment, all that it starts or learns from, and these in turn.

        Raises
        ------
        SlicewiseError
            When it is one of these itself.
        """
        found = [experiment]
        for name in found:
            own = None if name in self.settings.ensembles else self.own_start(name)
            before = [*([own[0]] if own else []), *self.settings.teachers_of(name)]
            if experiment in before:
                raise SlicewiseError(
                    f"experiments.{experiment}.training: {name} starts or learns from it, and it "
                    f"from {name}, so neither can be trained first; leave out start_from or distil "
                    "of one of them"
                )
            found += [other for other in before if other not in found]
        return found

    # models that trainings learn from

    def teacher_of(self, experiment: str) -> str | None:
        """Return the experiment that one learns from, if any."""
        return self.settings.blocks[experiment].training.teacher

    def told_teacher(self, experiment: str) -> dict[str, Any] | None:
        """Return whom an experiment learns from, and the experiments that this is of."""
        teacher = self.teacher_of(experiment)
        if teacher is None:
            return None
        return {"name": teacher, "members": self.settings.members_of(teacher)}

    def teacher_records_of(self, experiment: str, fold: int | str) -> list[str]:
        """Return the records of the trainings of the models that a fold learns from, if any."""
        teacher = self.teacher_of(experiment)
        return [] if teacher is None else self.of_folds("config.yaml", teacher, [int(fold)])

    def mixed_teacher_of(self, experiment: str) -> list[str]:
        """Return the file that says how much each of them counts, if they are an ensemble."""
        teacher = self.teacher_of(experiment)
        return [] if teacher is None else self.ensemble_of(teacher)

    def taught_cases(self, fold: int | str, shard: str) -> list[str]:
        """Return the cases of a shard that a fold is trained on, and taught of."""
        trained = set(self.training_cases(fold))
        return [case for case in self.shards[shard] if case in trained]

    def teaching(self, teacher: str, fold: int | str, recipe: str, shard: str) -> jobs.Teach:
        """Return what a job is told that asks a model about training cases."""
        return jobs.Teach(
            cases=self.taught_cases(fold, shard),
            content=self.settings.dataset.content,
            members=self._told(teacher),
            cut_by=self.settings.slices[recipe],
        )

    def taught_by(
        self, experiment: str, fold: int | str, cases: Iterable[str] | None = None
    ) -> list[str]:
        """Return the files that stand for what a teacher says of cases, by each recipe.

        By default these are all that a fold is trained on; none where nobody teaches.
        """
        if self.teacher_of(experiment) is None:
            return []
        wanted = self.training_cases(fold) if cases is None else cases
        return [
            path
            for recipe in self.recipes_of(experiment)
            for path in self._taught_of(experiment, fold, recipe, wanted)
        ]

    def _taught_of(
        self, experiment: str, fold: int | str, recipe: str, cases: Iterable[str]
    ) -> list[str]:
        below = f"{TAUGHT}/{self.teacher_of(experiment)}/fold-{fold}/{recipe}"
        return self._of_shards("cases", cases, below)

    def taught_at(self, sweep: str, rung: int | str, place: str) -> list[str]:
        """Return these of each combination that a job of a rung may train."""
        names = self.rung(sweep, rung, place).combinations
        return list(dict.fromkeys(path for name in names for path in self.taught_by(name, 0)))

    def _taught_deleted(self, experiment: str, fold: int | str) -> list[str]:
        """Return those of these files that stand for what is there no more."""
        teacher = self.teacher_of(experiment)
        deleted = []
        for recipe in [] if teacher is None else self.recipes_of(experiment):
            place = taught_place(Path(self.result(f"slices/{recipe}")), str(teacher), fold)
            lost = [
                case
                for case in self.training_cases(fold)
                if not TaughtFolder.below(place, case).is_there
            ]
            deleted += self._taught_of(experiment, fold, recipe, lost)
        return deleted

    def _led_to_teaching(
        self, experiment: str, fold: int | str
    ) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that what a fold is taught follows from, and those of them themselves."""
        teacher = self.teacher_of(experiment)
        if teacher is None:
            return []
        shards = dict.fromkeys(self._shard_of[case] for case in self.training_cases(fold))
        of = {"experiment": teacher, "fold": str(fold)}
        asked = [
            ("teach", {**of, "recipe": recipe, "shard": shard})
            for recipe in self.recipes_of(experiment)
            for shard in shards
        ]
        if teacher not in self.settings.ensembles:
            return [*asked, *self.led_to_training(teacher, fold)]
        # weights are fitted with the models of all folds
        weighed = [(rule, {"experiment": teacher}) for rule in ("mix", "weights")]
        members = self.settings.members_of(teacher)
        trained = [each for m in members for k in self.folds for each in self.led_to_training(m, k)]
        return [*asked, *weighed, *trained]

    # what is known of masks without truth

    @cached_property
    def is_calibrated(self) -> bool:
        """Whether enough patients are held out, and not tested, to tell what Dice to expect."""
        held_out = {self.split[case].patient for fold in self.folds for case in self._known(fold)}
        return len(held_out) >= FEWEST

    def _known(self, fold: int | str) -> list[str]:
        return self.whole(self.validation_cases(fold))

    def calibrated_on(self, fold: int | str) -> list[str]:
        """Return the cases that the model of a fold is tried on: one of each patient.

        Where masks may be drawn in part these are all, as who reads them finds which are whole.
        """
        if not self.is_calibrated:
            return []
        patients = {case: self.split[case].patient for case in self._known(fold)}
        in_part = self.settings.dataset.ignore is not None
        return by_chance(patients) if in_part else chosen_patients(patients)

    def calibration(self, experiment: str, fold: int | str) -> jobs.Calibrate:
        """Return what a calibration is told."""
        cases = self.calibrated_on(fold)
        return jobs.Calibrate(
            cases=cases,
            patients={case: self.split[case].patient for case in cases},
            content=self.settings.dataset.content,
            members=self._told(experiment),
        )

    def calibrations_of(self, experiment: str) -> list[str]:
        """Return the calibration of each fold of what segments; none of too few patients."""
        known = [fold for fold in self.folds if self.calibrated_on(fold)]
        return [self.result(f"{experiment}/fold-{fold}/calibration.json") for fold in known]

    # new scans

    @property
    def segmenting(self) -> str:
        """The experiment whose models segment new scans."""
        named = self.settings.segment
        return self.settings.wanted[0] if named is None else named.experiment

    @cached_property
    def scan_shards(self) -> dict[str, list[str]]:
        """The new scans that each job segments, by the name of their shard."""
        size = self.settings.prediction_of(self.segmenting).chunk
        return predicted_shards(self.scans, size, alone=self.in_bucket)

    def masks_of(self, experiment: str, scans: Iterable[str]) -> list[str]:
        """Return the masks of new scans."""
        return [self.result(f"segmented/{experiment}/masks/{scan}.nii.gz") for scan in scans]

    def segmented_shards(self) -> list[str]:
        """Return the files that stand for the masks of all new scans."""
        folder = self.result(f"segmented/{self.segmenting}/_shards")
        return [f"{folder}/{shard}.json" for shard in self.scan_shards]

    # files

    def case_records_of(self, cases: Iterable[str]) -> list[str]:
        """Return the files that hold the case records of these cases, and of others."""
        return self._of_shards("cases", cases)

    def case_records_of_training(self, fold: int | str) -> list[str]:
        """Return those of all cases that a training reads slices of."""
        return self.case_records_of(self._read_by_training(fold))

    def looks_of(self, cases: Iterable[str]) -> list[str]:
        """Return the files that hold what was seen of these cases, and of others."""
        return self._of_shards("cases", cases, LOOKS)

    def slices_of(self, recipe: str, cases: Iterable[str]) -> list[str]:
        """Return the files that stand for the slices of these cases, and of others."""
        return self._of_shards("cases", cases, f"{CUT}/{recipe}")

    def _of_shards(self, folder: str, cases: Iterable[str], below: str = SHARDS) -> list[str]:
        """Return the file of each shard that one of these cases is in."""
        members = dict.fromkeys(self._shard_of[case] for case in cases)
        return [self.result(f"{folder}/{below}/{shard}.json") for shard in members]

    def slices_of_training(self, experiment: str, fold: int | str) -> list[str]:
        """Return the files that stand for all slices that a training reads."""
        return [
            shard
            for recipe in self.recipes_of(experiment)
            for shard in self.slices_of(recipe, self._read_by_training(fold))
        ]

    def slices_deleted(self, experiment: str, fold: int | str) -> list[str]:
        """Return those of these files whose slices, or what is taught of them, are gone."""
        deleted = []
        for recipe in self.recipes_of(experiment):
            without = self.lacks_slices(recipe)
            cases = [case for case in self._read_by_training(fold) if case in without]
            deleted += self.slices_of(recipe, cases)
        return [*deleted, *self._taught_deleted(experiment, fold)]

    def led_to_training(self, experiment: str, fold: int | str) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that a training follows from, slices left aside: rule and wildcards."""
        cases = self._read_by_training(fold)
        shards = dict.fromkeys(self._shard_of[case] for case in cases)
        efforts = [self.settings.planned.get(recipe) for recipe in self.recipes_of(experiment)]
        phantoms = self.settings.dataset.layout == "phantom"
        made = [case for case in cases if phantoms or self.cases[case].needs_conversion]
        wildcards = {"experiment": experiment, "fold": str(fold)}
        starts = [] if self._start_from(experiment) is None else [("start", wildcards)]
        before = []
        if own := self.own_start(experiment):
            before = self.led_to_training(own[0], fold if own[1] is None else own[1])
        return [
            ("train", wildcards),
            ("plan", wildcards),
            *starts,
            *before,
            *self._led_to_teaching(experiment, fold),
            *(("propose", {"effort": str(effort)}) for effort in efforts if effort is not None),
            *(("ingest", {"shard": shard}) for shard in shards),
            *(("phantom" if phantoms else "convert", {"case": case}) for case in made),
        ]

    def _cases_without_slices(self, recipe: str) -> set[str]:
        """Return the cases of which no slices of a recipe are there, or only some files of them."""
        place = Path(self.result(f"slices/{recipe}"))
        return {case for case in self.cases if not SliceFolder.below(place, case).is_there}

    def predictions_of(self, experiment: str, cases: Iterable[str]) -> list[str]:
        """Return the predicted masks of cases."""
        return [self.result(f"{experiment}/predictions/{case}.nii.gz") for case in cases]

    def prediction_records_of(self, experiment: str) -> list[str]:
        """Return the files that stand for the predictions of an experiment."""
        return [
            self.result(f"{experiment}/predictions/_shards/{shard}.json")
            for shard in self.predicted_shards(experiment)
        ]

    def prediction_record_of(self, experiment: str, case: str) -> str:
        """Return the file that stands for the prediction of one case."""
        records = self.prediction_records_of(experiment)
        members = self.predicted_shards(experiment).values()
        return next(path for path, cases in zip(records, members, strict=True) if case in cases)

    def of_predicting_folds(self, name: str, experiment: str, shard: str) -> list[str]:
        """Return a file of each fold whose model a job of a prediction needs."""
        cases = self.predicted_by(experiment, shard)
        folds = {fold for case in cases for fold in self.models_for(case)}
        return self.of_folds(name, experiment, sorted(folds))

    def of_folds(self, name: str, experiment: str, folds: Iterable[int] | None = None) -> list[str]:
        """Return a file of each fold of an experiment; of an ensemble, member after member."""
        # Of these Snakemake takes no `rules.train.output` where results lie in a bucket: it
        # expands no path that carries the bucket.
        chosen = self.folds if folds is None else folds
        members = self.settings.members_of(experiment)
        return [self.result(f"{each}/fold-{fold}/{name}") for each in members for fold in chosen]

    def of_wanted(self, name: str) -> list[str]:
        """Return a file of each experiment that is to be made."""
        return [self.result(f"{experiment}/{name}") for experiment in self.settings.wanted]

    def of_wanted_folds(self, name: str) -> list[str]:
        """Return a file of each fold of each experiment that is to be trained."""
        return [
            path for experiment in self.settings.trained for path in self.of_folds(name, experiment)
        ]

    def histories_of_wanted(self) -> list[str]:
        """Return the history of each training that led to each experiment that is to be made."""
        wanted = self.settings.wanted
        return [path for name in wanted for path in self.of_folds("history.csv", name)]

    def ensembles_of_wanted(self) -> list[str]:
        """Return what says how much members count, of each ensemble that is to be made."""
        return [path for name in self.settings.wanted for path in self.ensemble_of(name)]

    def slices_of_wanted(self) -> list[str]:
        """Return what stands for the slices of all cases, by each recipe that is trained on."""
        recipes = dict.fromkeys(r for name in self.settings.wanted for r in self.recipes_of(name))
        return [path for recipe in recipes for path in self.slices_of(recipe, self.cases)]

    def kept(self) -> list[str]:
        """Return what people keep beside the pages: a run makes again what was deleted of it."""
        if self.in_bucket:
            return []  # it would all be fetched
        wanted = self.settings.wanted
        names = [*KEPT]
        for experiment in self.settings.trained:
            names += [f"{experiment}/fold-{k}/{name}" for k in self.folds for name in KEPT_OF_FOLD]
        for experiment in wanted:
            names += [f"{experiment}/{name}" for name in KEPT_OF_EXPERIMENT]
            names += [f"{experiment}/{n}" for n in self._of_ensemble(experiment)]
            names += [f"{experiment}/groups.tsv"] if self.columns else []
        plans = dict.fromkeys(p for name in wanted for p in self.plans_of(self.recipes_of(name)))
        records = [path for name in wanted for path in self.prediction_records_of(name)]
        told = [path for name in wanted for path in self.calibrations_of(name)]
        return [*records, *plans, *told, *map(self.result, names)]

    def _of_ensemble(self, experiment: str) -> list[str]:
        return list(OF_ENSEMBLE) if experiment in self.settings.ensembles else []

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
            "calibrate": folds if self.is_calibrated else [],
            "convert": [case.name for case in self.cases.values() if case.needs_conversion],
            "phantom": list(self.cases) if phantoms else [],
            "predict": list(self.predicted_shards(experiment)),
        }

    def pages(self) -> list[str]:
        """Return the pages that a run makes."""
        wanted = [f"{experiment}/report.html" for experiment in self.settings.wanted]
        swept = [path for path in self.sweep_pages() if path.endswith(".html")]
        return [*(self.result(name) for name in (*PAGES, *wanted)), *swept]

    def targets(self) -> list[str]:
        """Return the files that people ask for by their names, of all experiments."""
        pages = [*PAGES, *KEPT]
        for experiment in self.settings.named:
            folds = range(self.own_folds(experiment))
            pages += [f"{experiment}/report.html"]
            pages += [f"{experiment}/{n}" for n in SWEPT if experiment in self.settings.sweeps]
            pages += [f"{experiment}/{name}" for name in KEPT_OF_EXPERIMENT]
            pages += [f"{experiment}/{name}" for name in self._of_ensemble(experiment)]
            pages += [f"{experiment}/fold-{k}/{n}" for k in folds for n in KEPT_OF_FOLD]
            pages += [f"{experiment}/predictions/{case}.nii.gz" for case in self.scored]
        return [self.result(name) for name in pages]

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
            new = {} if settings.segment is None else self.scan_shards
            known["shard"] = {*self.predicted_shards(experiment), *new}
        if experiment is None or "recipe" in wildcards:
            known["shard"] = self.shards
        return all(value in known.get(name, [value]) for name, value in wildcards.items())

    # what jobs ask for

    def _size_of(self, case: str) -> shapes.Size:
        """Return how large a case is, by its header."""
        return shapes.size_of(self.cases[case], self.settings.dataset)

    def sizes_of(self, cases: Iterable[str]) -> list[shapes.Size]:
        """Return how large cases are, by their headers: before anything is opened or made."""
        return [self.size_of(case) for case in cases]

    @property
    def outputs(self) -> int:
        """How many labels or regions a network finds."""
        return max(len(self.content["labels"]), len(self.content.get("regions", ())))

    def memory_to_train(self, experiment: str, fold: int | str, *, gpu: bool) -> int:
        """Return the MB that a training asks for."""
        return max(
            needs.train(
                self.sizes_of(self.validation_cases(fold)),
                block,
                [self.estimated.slices[recipe] for recipe in self.recipes_of(experiment)],
                self.outputs,
                gpu=gpu,
            )
            for block in self._estimates(experiment)
        )

    def memory_to_predict(self, experiment: str, shard: str) -> int:
        """Return the MB that a job of a prediction asks for."""
        sizes = self.sizes_of(self.predicted_by(experiment, shard))
        return self._memory_of_predicting(experiment, sizes)

    def memory_to_calibrate(self, experiment: str, fold: int | str) -> int:
        """Return the MB that a calibration asks for."""
        sizes = self.sizes_of(self.calibrated_on(fold))
        members = self.settings.members_of(experiment)
        mixed = experiment in self.settings.ensembles
        beside = needs.mixed(self.outputs, len(members)) if mixed else 0
        return max(
            needs.calibrate(
                sizes,
                block,
                self.estimated.slices[block.slices],
                self.outputs,
                len(members),
                beside=beside,
            )
            for member in members
            for block in self._estimates(member)
        )

    def memory_to_teach(self, teacher: str, fold: int | str, shard: str) -> int:
        """Return the MB that a job asks for which asks a model about training cases."""
        sizes = self.sizes_of(self.taught_cases(fold, shard))
        return max(
            needs.teach(sizes, block, self.estimated.slices[block.slices], self.outputs)
            for member in self.settings.members_of(teacher)
            for block in self._estimates(member)
        )

    def memory_to_segment(self, experiment: str) -> int:
        """Return the MB to segment new scans, whose headers are not read before."""
        return self._memory_of_predicting(experiment, [shapes.UNKNOWN])

    def memory_to_weigh(self, experiment: str) -> int:
        """Return the MB that the weights of an ensemble ask for."""
        sizes = self.sizes_of(self.weighed_on)
        members = len(self.settings.members_of(experiment))
        return self._memory_of_predicting(experiment, sizes, needs.weighed(self.outputs, members))

    def _memory_of_predicting(
        self, experiment: str, sizes: Sequence[shapes.Size], beside: int = 0
    ) -> int:
        members = self.settings.members_of(experiment)
        if experiment in self.settings.ensembles and not beside:
            beside = needs.mixed(self.outputs, len(members))
        return max(
            needs.predict(
                sizes,
                block,
                self.estimated.slices[block.slices],
                self.outputs,
                len(self.folds) * len(members),
                beside=beside,
            )
            for member in members
            for block in self._estimates(member)
        )

    def _estimates(self, experiment: str) -> list[Experiment]:
        """Return what an experiment may be, for what is asked for: any combination of a sweep."""
        sweep = self.settings.sweep_of(experiment)
        if sweep is None:
            return [self.estimated.blocks[experiment]]
        return [*self.settings.sweeps[sweep].candidates.values()]

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


def _settles_whole(block: Experiment) -> bool:
    """Tell whether something is left open that whole predictions settle."""
    inference = block.inference
    # of a combination that is planned (`preset: auto`), the plan may leave it open
    tries = "auto" in block.postprocessing.model_dump().values() or block.effort is not None
    return inference.weights == "fitted" or (tries and bool(inference.planes or inference.tilt))


def model_of_fold(name: str, fold: int, folds: int) -> list[Path]:
    """Return the file of a model that a fold starts from, and the record of its training.

    Parameters
    ----------
    name : str
        A file, a fold or an experiment of other results.
    fold, folds : int
        Which of how many.

    Raises
    ------
    SlicewiseError
        When there is none, it is an ensemble or cannot be trained, or there are as many as neither
        one nor the folds.
    """
    place = expanded(name, START_FROM)
    if (ensemble := ensemble_in(place)) is not None:
        check_current(ensemble)
        raise no_start(name)
    found = [place] if place.is_file() else sorted(place.glob("fold-*/model.keras"))
    if not found and (place / "model.keras").is_file():
        found = [place / "model.keras"]
    if not found:
        raise SlicewiseError(
            f"{START_FROM}: {name}: there is no such model; name a .keras file, a folder "
            "results/<dataset>/<experiment> of a finished training, or models:/NAME@alias"
        )
    if found[0].suffix != ".keras":
        raise SlicewiseError(
            f"{START_FROM}: {name} cannot be trained; name the .keras file that it was made of"
        )
    if len(found) not in (1, folds):
        raise SlicewiseError(
            f"{START_FROM}: {name} has models of {len(found)} folds, and there "
            f"{'is 1' if folds == 1 else f'are {folds}'} here; name one fold, or give split.folds "
            "the same number"
        )
    model = found[0] if len(found) == 1 else place / f"fold-{fold}" / "model.keras"
    record = model.with_name("config.yaml")
    return [model, *([record] if model.name == "model.keras" and record.is_file() else [])]


def marks_beside(tables: Iterable[str], *, in_bucket: bool) -> list[str]:
    """Return the marks beside tables of other data sets, as far as they are there.

    The job says what is missing where one is not.
    """
    marks = [Path(table).with_suffix(".npz") for table in tables]
    return [str(path) for path in marks if in_bucket or path.exists()]
