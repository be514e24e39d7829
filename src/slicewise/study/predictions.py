"""Predictions of the cases that are scored."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from slicewise import jobs
from slicewise.dataset.shards import predicted_shards
from slicewise.study.part import Part

if TYPE_CHECKING:
    from slicewise.study.study import Study


class Predictions(Part):
    """The masks of the cases that are scored, and the jobs that share them."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.shards_of = cache(self._shards_of)

    def _shards_of(self, experiment: str) -> dict[str, list[str]]:
        """Return the cases that each job of a prediction segments, by the name of their shard."""
        size = self.settings.prediction_of(experiment).chunk
        return predicted_shards(self.study.scored, size, alone=self.study.in_bucket)

    def cases_of(self, experiment: str, shard: str) -> list[str]:
        """Return the cases of one shard of a prediction."""
        return self.shards_of(experiment)[shard]

    def scored_by(self, experiment: str) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that the scores of an experiment follow from: rule and wildcards."""
        own = {"experiment": experiment}
        trained = [
            each
            for member in self.settings.members_of(experiment)
            for fold in self.study.folds
            for each in self.study.trainings.led_to(member, fold)
        ]
        mixed = ("weights", "mix") if experiment in self.settings.ensembles else ()
        predicted = [("predict", {**own, "shard": shard}) for shard in self.shards_of(experiment)]
        return [*trained, *((rule, own) for rule in mixed), *predicted, ("evaluate", own)]

    def told(self, experiment: str, shard: str) -> jobs.Predict:
        """Return what a job of a prediction is told."""
        cases = self.cases_of(experiment, shard)
        return jobs.Predict(
            cases=cases,
            folds={case: self.study.models_for(case) for case in cases},
            patients={case: self.study.cases[case].patient for case in cases},
            content=self.settings.dataset.content,
            recipe=self.settings.slices[self.study.recipes_of(experiment)[0]],
            members=self.study.ensembles.told_members(experiment),
        )

    def plans_of(self, experiment: str) -> list[str]:
        """Return the files of the plans that say how an experiment cuts what it predicts."""
        members = self.settings.members_of(experiment)
        return self.study.plans_of([self.study.recipes_of(member)[0] for member in members])

    def masks_of(self, experiment: str, cases: Iterable[str]) -> list[str]:
        """Return the predicted masks of cases."""
        return [self.study.result(f"{experiment}/predictions/{case}.nii.gz") for case in cases]

    def records_of(self, experiment: str) -> list[str]:
        """Return the files that stand for the predictions of an experiment."""
        return [
            self.study.result(f"{experiment}/predictions/_shards/{shard}.json")
            for shard in self.shards_of(experiment)
        ]

    def record_of_case(self, experiment: str, case: str) -> str:
        """Return the file that stands for the prediction of one case."""
        records = self.records_of(experiment)
        members = self.shards_of(experiment).values()
        return next(path for path, cases in zip(records, members, strict=True) if case in cases)

    def of_folds(self, name: str, experiment: str, shard: str) -> list[str]:
        """Return a file of each fold whose model a job of a prediction needs."""
        cases = self.cases_of(experiment, shard)
        folds = {fold for case in cases for fold in self.study.models_for(case)}
        return self.study.of_folds(name, experiment, sorted(folds))
