"""Models that trainings learn from: what these say of training cases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slicewise import jobs
from slicewise.slices.taught import TaughtFolder, taught_place
from slicewise.study.part import Part

TAUGHT = "_taught"
"""Where what teachers said of shards is noted, which may be deleted as slices are."""


class Teachers(Part):
    """The experiments and ensembles that others learn from."""

    def teacher_of(self, experiment: str) -> str | None:
        """Return the experiment that one learns from, if any."""
        return self.settings.blocks[experiment].training.teacher

    def told(self, experiment: str) -> dict[str, Any] | None:
        """Return whom an experiment learns from, and the experiments that this is of."""
        teacher = self.teacher_of(experiment)
        if teacher is None:
            return None
        return {"name": teacher, "members": self.settings.members_of(teacher)}

    def records_of(self, experiment: str, fold: int | str) -> list[str]:
        """Return the records of the trainings of the models that a fold learns from, if any."""
        teacher = self.teacher_of(experiment)
        return [] if teacher is None else self.study.of_folds("config.yaml", teacher, [int(fold)])

    def weights_of(self, experiment: str) -> list[str]:
        """Return the file that says how much each of them counts, if they are an ensemble."""
        teacher = self.teacher_of(experiment)
        return [] if teacher is None else self.study.ensembles.weights_of(teacher)

    def taught_cases(self, fold: int | str, shard: str) -> list[str]:
        """Return the cases of a shard that a fold is trained on, and taught of."""
        trained = set(self.study.training_cases(fold))
        return [case for case in self.study.shards[shard] if case in trained]

    def teaching(self, teacher: str, fold: int | str, recipe: str, shard: str) -> jobs.Teach:
        """Return what a job is told that asks a model about training cases."""
        return jobs.Teach(
            cases=self.taught_cases(fold, shard),
            content=self.settings.dataset.content,
            members=self.study.ensembles.told(teacher),
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
        wanted = self.study.training_cases(fold) if cases is None else cases
        return [
            path
            for recipe in self.study.recipes_of(experiment)
            for path in self._taught_of(experiment, fold, recipe, wanted)
        ]

    def _taught_of(
        self, experiment: str, fold: int | str, recipe: str, cases: Iterable[str]
    ) -> list[str]:
        below = f"{TAUGHT}/{self.teacher_of(experiment)}/fold-{fold}/{recipe}"
        return self.study.of_shards("cases", cases, below)

    def deleted(self, experiment: str, fold: int | str) -> list[str]:
        """Return the files that stand for what teachers said and what is there no more."""
        teacher = self.teacher_of(experiment)
        deleted = []
        for recipe in [] if teacher is None else self.study.recipes_of(experiment):
            place = taught_place(Path(self.study.result(f"slices/{recipe}")), str(teacher), fold)
            lost = [
                case
                for case in self.study.training_cases(fold)
                if not TaughtFolder.below(place, case).is_there
            ]
            deleted += self._taught_of(experiment, fold, recipe, lost)
        return deleted

    def led_to(self, experiment: str, fold: int | str) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that what a fold is taught follows from, and those of them themselves."""
        teacher = self.teacher_of(experiment)
        if teacher is None:
            return []
        shards = self.study.shards_of(self.study.training_cases(fold))
        of = {"experiment": teacher, "fold": str(fold)}
        asked = [
            ("teach", {**of, "recipe": recipe, "shard": shard})
            for recipe in self.study.recipes_of(experiment)
            for shard in shards
        ]
        if teacher not in self.settings.ensembles:
            return [*asked, *self.study.trainings.led_to(teacher, fold)]
        # weights are fitted with the models of all folds
        weighed = [("weights", {"experiment": teacher})]
        members = self.settings.members_of(teacher)
        trained = [
            each
            for m in members
            for k in self.study.folds
            for each in self.study.trainings.led_to(m, k)
        ]
        return [*asked, *weighed, *trained]
