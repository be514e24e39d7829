"""How much memory jobs ask for, by the headers of the images."""

from __future__ import annotations

from collections.abc import Sequence

from slicewise import needs
from slicewise.dataset import shapes
from slicewise.study.part import Part


class Memory(Part):
    """The MB that jobs ask for.

    What plans still leave open is taken for the largest that it may come to.
    """

    @property
    def outputs(self) -> int:
        """How many labels or regions a network finds."""
        return max(len(self.study.content["labels"]), len(self.study.content.get("regions", ())))

    def to_train(self, experiment: str, fold: int | str, *, gpu: bool) -> int:
        """Return the MB that a training asks for."""
        return max(
            needs.train(
                self.study.sizes_of(self.study.validation_cases(fold)),
                block,
                [
                    self.study.estimated.slices[recipe]
                    for recipe in self.study.recipes_of(experiment)
                ],
                self.outputs,
                gpu=gpu,
            )
            for block in self.study.trainings.estimates_of(experiment)
        )

    def to_predict(self, experiment: str, shard: str) -> int:
        """Return the MB that a job of a prediction asks for."""
        sizes = self.study.sizes_of(self.study.predictions.cases_of(experiment, shard))
        return self._to_predict_cases(experiment, sizes)

    def to_calibrate(self, experiment: str, fold: int | str) -> int:
        """Return the MB that a calibration asks for."""
        sizes = self.study.sizes_of(self.study.calibrations.cases_of(fold))
        members = self.settings.members_of(experiment)
        mixed = experiment in self.settings.ensembles
        beside = needs.mixed(self.outputs, len(members)) if mixed else 0
        return max(
            needs.calibrate(
                sizes,
                block,
                self.study.estimated.slices[block.slices],
                self.outputs,
                len(members),
                beside=beside,
            )
            for member in members
            for block in self.study.trainings.estimates_of(member)
        )

    def to_teach(self, teacher: str, fold: int | str, shard: str) -> int:
        """Return the MB that a job asks for which asks a model about training cases."""
        sizes = self.study.sizes_of(self.study.teachers.taught_cases(fold, shard))
        return max(
            needs.teach(sizes, block, self.study.estimated.slices[block.slices], self.outputs)
            for member in self.settings.members_of(teacher)
            for block in self.study.trainings.estimates_of(member)
        )

    def to_segment(self, experiment: str) -> int:
        """Return the MB to segment new scans, whose headers are not read before."""
        return self._to_predict_cases(experiment, [shapes.UNKNOWN])

    def to_weigh(self, experiment: str) -> int:
        """Return the MB that the weights of an ensemble ask for."""
        sizes = self.study.sizes_of(self.study.ensembles.weighed_on)
        members = len(self.settings.members_of(experiment))
        return self._to_predict_cases(experiment, sizes, needs.weighed(self.outputs, members))

    def _to_predict_cases(
        self, experiment: str, sizes: Sequence[shapes.Size], beside: int = 0
    ) -> int:
        members = self.settings.members_of(experiment)
        if experiment in self.settings.ensembles and not beside:
            beside = needs.mixed(self.outputs, len(members))
        return max(
            needs.predict(
                sizes,
                block,
                self.study.estimated.slices[block.slices],
                self.outputs,
                len(self.study.folds) * len(members),
                beside=beside,
            )
            for member in members
            for block in self.study.trainings.estimates_of(member)
        )
