"""Calibrations: what is known of masks without a truth."""

from __future__ import annotations

from functools import cached_property

from slicewise import jobs
from slicewise.dataset.calibration import FEWEST, by_chance, chosen_patients
from slicewise.study.part import Part


class Calibrations(Part):
    """On whom it is learnt which Dice is to be expected of a mask that nobody has drawn."""

    @cached_property
    def are_possible(self) -> bool:
        """Whether enough patients are held out, and not tested, to tell what Dice to expect."""
        held_out = {
            self.study.split[case].patient for fold in self.study.folds for case in self.known(fold)
        }
        return len(held_out) >= FEWEST

    def known(self, fold: int | str) -> list[str]:
        """Return the cases with a mask that a fold holds out, and that validate it."""
        return self.study.whole(self.study.validation_cases(fold))

    def cases_of(self, fold: int | str) -> list[str]:
        """Return the cases that the model of a fold is tried on: one of each patient.

        Where masks may be drawn in part these are all, as who reads them finds which are whole.
        """
        if not self.are_possible:
            return []
        patients = {case: self.study.split[case].patient for case in self.known(fold)}
        in_part = self.settings.dataset.ignore is not None
        return by_chance(patients) if in_part else chosen_patients(patients)

    def told(self, experiment: str, fold: int | str) -> jobs.Calibrate:
        """Return what a calibration is told."""
        cases = self.cases_of(fold)
        return jobs.Calibrate(
            cases=cases,
            patients={case: self.study.split[case].patient for case in cases},
            content=self.settings.dataset.content,
            members=self._members_of(experiment),
        )

    def _members_of(self, experiment: str) -> list[jobs.ToldMember]:
        """Return the members of an ensemble, or an experiment, whose name makes no difference."""
        told = self.study.ensembles.told(experiment)
        if experiment in self.settings.ensembles:
            return told
        return [one.model_copy(update={"name": ""}) for one in told]

    def files_of(self, experiment: str) -> list[str]:
        """Return the calibration of each fold of what segments; none of too few patients."""
        known = [fold for fold in self.study.folds if self.cases_of(fold)]
        return [self.study.result(f"{experiment}/fold-{fold}/calibration.json") for fold in known]
