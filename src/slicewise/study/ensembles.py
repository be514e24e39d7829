"""Ensembles: their members, and what their weights follow from."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from slicewise import jobs
from slicewise.dataset.former import OF_ENSEMBLE
from slicewise.study.part import Part


class Ensembles(Part):
    """Several experiments that predict together."""

    def told_members(self, experiment: str) -> list[jobs.ToldMember]:
        """Return what jobs are told of the members of an ensemble; nothing of an experiment."""
        return self.told(experiment) if experiment in self.settings.ensembles else []

    def told(self, experiment: str) -> list[jobs.ToldMember]:
        """Return what jobs are told of the members of an ensemble, or of an experiment itself."""
        return list(map(self._told_member, self.settings.members_of(experiment)))

    def _told_member(self, experiment: str) -> jobs.ToldMember:
        recipe = self.study.recipes_of(experiment)[0]
        plans = [Path(path).name for path in self.study.plans_of([recipe])]
        return jobs.ToldMember(
            name=experiment, recipe=self.settings.slices[recipe], plan="".join(plans)
        )

    def record_of(self, experiment: str) -> list[str]:
        """Return the file that says how much each member counts; none of an experiment."""
        is_one = experiment in self.settings.ensembles
        return [self.study.result(f"{experiment}/ensemble.json")] if is_one else []

    def weights_of(self, experiment: str) -> list[str]:
        """Return the file of the weights alone, which nothing done to masks changes."""
        is_one = experiment in self.settings.ensembles
        return [self.study.result(f"{experiment}/weights.json")] if is_one else []

    def models_of(self, experiment: str) -> list[str]:
        """Return the models of an ensemble; none of an experiment."""
        is_one = experiment in self.settings.ensembles
        return self.study.of_folds("model.keras", experiment) if is_one else []

    @cached_property
    def weighed_on(self) -> list[str]:
        """The held-out cases that weights follow from, fold after fold; no test case."""
        return [case for fold in self.study.folds for case in self.study.calibrations.known(fold)]

    def weights(self, experiment: str) -> jobs.Weights:
        """Return what is told of the weights of an ensemble."""
        return jobs.Weights(
            members=self.told_members(experiment),
            folds=[self.study.calibrations.known(fold) for fold in self.study.folds],
            patients={case: self.study.split[case].patient for case in self.weighed_on},
            content=self.settings.dataset.content,
            threshold=self.settings.ensembles[experiment].postprocessing.threshold,
        )

    def kept_of(self, experiment: str) -> list[str]:
        """Return the names of what people keep of an ensemble; none of an experiment."""
        return list(OF_ENSEMBLE) if experiment in self.settings.ensembles else []
