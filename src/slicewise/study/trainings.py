"""Trainings: what each reads, and which jobs it follows from."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from slicewise import jobs
from slicewise.config import Experiment
from slicewise.slices.folder import SliceFolder
from slicewise.study.part import Part

if TYPE_CHECKING:
    from slicewise.study.study import Study


class Trainings(Part):
    """The trainings of experiments, and of the combinations of sweeps."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.lacks_slices = cache(self._cases_without_slices)

    def settled_on(self, experiment: str, fold: int | str) -> list[str]:
        """Return the validation cases whose images the end of a training predicts.

        That is where weights of planes are fitted, or where postprocessing is tried on masks of
        other cuts than those that are trained on.
        """
        if not self.settings.split.chooses:
            return []
        settled = any(map(_settles_whole, self.estimates_of(experiment)))
        return self.study.validation_cases(fold) if settled else []

    def reads(self, fold: int | str) -> list[str]:
        """Return the cases whose slices the training of a fold reads."""
        return [*self.study.training_cases(fold), *self.study.validation_cases(fold)]

    def plans_learnt(self, experiment: str) -> list[str]:
        """Return the plans that it and all that it learns from were trained by."""
        names = self.settings.learnt_from(experiment)
        return self.study.plans_of(
            recipe for name in names for recipe in self.study.recipes_of(name)
        )

    def bests_learnt(self, experiment: str) -> list[str]:
        """Return what says which combination each of them is the best of, if of any."""
        names = self.settings.learnt_from(experiment)
        return list(
            dict.fromkeys(path for name in names for path in self.study.sweeps.best_of(name))
        )

    def samples_of(self, experiment: str) -> list[str]:
        """Return the file of augmented slices that a page shows; none of an ensemble."""
        is_one = experiment in self.settings.ensembles
        return [] if is_one else self.study.of_folds("augmented.npz", experiment, [0])

    def plan(self, experiment: str, fold: int | str) -> jobs.Plan:
        """Return what a training is made from."""
        block = self.settings.blocks[experiment]
        trained = self.study.training_cases(fold)
        validated = self.study.validation_cases(fold)
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
                "may_select": len(self.study.folds) == 1,
                "patients": {case: self.study.split[case].patient for case in validated},
            },
            # scoring refuses all cases of a patient who was trained on
            patients={case: self.study.split[case].patient for case in trained},
            also=[self.settings.slices[recipe] for recipe in block.also],
            folds=len(self.study.folds),
        )

    @property
    def experiments(self) -> list[str]:
        """The experiments and the combinations of sweeps, which are trained alone."""
        return list(self.settings.blocks)

    def case_records_of(self, fold: int | str) -> list[str]:
        """Return those of all cases that a training reads slices of."""
        return self.study.case_records_of(self.reads(fold))

    def slices_of(self, experiment: str, fold: int | str) -> list[str]:
        """Return the files that stand for all slices that a training reads."""
        return [
            shard
            for recipe in self.study.recipes_of(experiment)
            for shard in self.study.slices_of(recipe, self.reads(fold))
        ]

    def slices_deleted(self, experiment: str, fold: int | str) -> list[str]:
        """Return the files that stand for slices, or what is taught of them, that are gone."""
        deleted = []
        for recipe in self.study.recipes_of(experiment):
            without = self.lacks_slices(recipe)
            cases = [case for case in self.reads(fold) if case in without]
            deleted += self.study.slices_of(recipe, cases)
        return [*deleted, *self.study.teachers.deleted(experiment, fold)]

    def led_to(self, experiment: str, fold: int | str) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that a training follows from, slices left aside: rule and wildcards."""
        cases = self.reads(fold)
        shards = self.study.shards_of(cases)
        efforts = [
            self.settings.planned.get(recipe) for recipe in self.study.recipes_of(experiment)
        ]
        phantoms = self.settings.dataset.layout == "phantom"
        made = [case for case in cases if phantoms or self.study.cases[case].needs_conversion]
        wildcards = {"experiment": experiment, "fold": str(fold)}
        starts = [] if self.study.starts.named(experiment) is None else [("start", wildcards)]
        before = []
        if own := self.study.starts.own(experiment):
            before = self.led_to(own[0], fold if own[1] is None else own[1])
        return [
            ("train", wildcards),
            ("plan", wildcards),
            *starts,
            *before,
            *self.study.teachers.led_to(experiment, fold),
            *(("propose", {"effort": str(effort)}) for effort in efforts if effort is not None),
            *(("ingest", {"shard": shard}) for shard in shards),
            *(("phantom" if phantoms else "convert", {"case": case}) for case in made),
        ]

    def waits_for(self, experiment: str, fold: int | str) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that a training waits for without being due as they are.

        They are what cuts and what teaches, the leakage check, and all that this follows from.
        """
        return [
            *(
                ("slices", {"recipe": recipe, "shard": shard})
                for recipe in self.study.recipes_of(experiment)
                for shard in self.study.shards_of(self.reads(fold))
            ),
            *(each for each in self.study.teachers.led_to(experiment, fold) if each[0] == "teach"),
            *(
                ("independent", {"experiment": experiment, "fold": str(fold)})
                for _ in self.study.starts.checked(experiment, fold)
            ),
            *((rule, {}) for rule in ("leakage", "split", "cases")),
            *(("ingest", {"shard": shard}) for shard in self.study.shards_of(self.study.scored)),
        ]

    def _cases_without_slices(self, recipe: str) -> set[str]:
        """Return the cases of which no slices of a recipe are there, or only some files of them."""
        place = Path(self.study.result(f"slices/{recipe}"))
        return {case for case in self.study.cases if not SliceFolder.below(place, case).is_there}

    def estimates_of(self, experiment: str) -> list[Experiment]:
        """Return what an experiment may be, for what is asked for: any combination of a sweep."""
        sweep = self.settings.sweep_of(experiment)
        if sweep is None:
            return [self.study.estimated.blocks[experiment]]
        return [*self.settings.sweeps[sweep].candidates.values()]


def _settles_whole(block: Experiment) -> bool:
    """Tell whether something is left open that whole predictions settle."""
    inference = block.inference
    # of a combination that is planned (`preset: auto`), the plan may leave it open
    tries = "auto" in block.postprocessing.model_dump().values() or block.effort is not None
    return inference.weights == "fitted" or (tries and bool(inference.planes or inference.tilt))
