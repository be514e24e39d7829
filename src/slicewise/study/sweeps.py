"""Sweeps: the jobs of their rungs, what these follow from, and their pages."""

from __future__ import annotations

from typing import Any

from slicewise import jobs
from slicewise.errors import SlicewiseError
from slicewise.records import SWEPT
from slicewise.study.part import Part


class Sweeps(Part):
    """What is tried in rungs, of which the best combination is an experiment."""

    def check(self) -> None:
        """Refuse a sweep of which no patient could choose, before anything runs.

        Raises
        ------
        SlicewiseError
            When there are too few patients to hold one out.
        """
        if self.settings.sweeps and not self.study.validation_cases(0):
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

    def best_of_how_many(self) -> dict[str, int]:
        """Return of how many combinations sweeps chose, by the names that are compared."""
        wanted = {name: self.chosen_by(name) for name in self.settings.wanted}
        heads = {name: one["combinations"] for name, one in wanted.items() if one}
        # seeds of one are compared together, by the name of the first
        repeats = {each for own in self.settings.repeats.values() for each in own[1:]}
        return {name: number for name, number in heads.items() if name not in repeats}

    def page(self, sweep: str) -> jobs.Sweep:
        """Return what is told of the page of a sweep."""
        made = self.settings.sweeps[sweep]
        return jobs.Sweep(
            dataset=self.study.name,
            combinations=made.values,
            epochs=[rung.epochs for rung in made.rungs],
            seeds=self.settings.repeats.get(sweep, [sweep]),
        )

    def pages(self) -> list[str]:
        """Return the pages and tables of the sweeps that are to be made."""
        wanted = [name for name in self.settings.sweeps if name in self.settings.wanted]
        return [self.study.result(f"{name}/{file}") for name in wanted for file in SWEPT]

    def records_of(self, sweep: str, rung: int | str) -> list[str]:
        """Return the files of a rung's jobs."""
        folder = self.study.result(f"{sweep}/sweep/rung-{rung}")
        return [f"{folder}/{place}.json" for place in self.places(sweep, rung)]

    def records(self, sweep: str) -> list[str]:
        """Return the files of the jobs of all rungs."""
        rungs = range(len(self.settings.sweeps[sweep].rungs))
        return [path for rung in rungs for path in self.records_of(sweep, rung)]

    def went_on(self, sweep: str, rung: int | str) -> list[str]:
        """Return the file that says which combinations went on before a rung; none at first."""
        return [self.study.result(f"{sweep}/sweep/rung-{int(rung) - 1}.json")] if int(rung) else []

    def best_of(self, experiment: str) -> list[str]:
        """Return the file that says which combination an experiment is; none of most."""
        sweep = self.settings.sweep_of(experiment)
        if sweep is None:
            return []
        return self.went_on(sweep, len(self.settings.sweeps[sweep].rungs))

    def plans_at(self, sweep: str, rung: int | str, place: str) -> list[str]:
        """Return the training plan of each combination that a job of a rung may train."""
        names = self.rung(sweep, rung, place).combinations
        return [path for name in names for path in self.study.of_folds("plan.json", name)]

    def starts_at(self, sweep: str, rung: int | str, place: str) -> list[str]:
        """Return the models that these start from."""
        names = self.rung(sweep, rung, place).combinations
        return [path for name in names for path in self.study.starts.brought(name, 0, "keras")]

    def checked_at(self, sweep: str, rung: int | str, place: str) -> list[str]:
        """Return what says that these know nobody who is held out."""
        names = self.rung(sweep, rung, place).combinations
        return [path for name in names for path in self.study.starts.checked(name, 0)]

    def led_to(self, sweep: str, rung: int | str, place: str) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that a rung's job follows from, slices left aside: rule and wildcards."""
        wildcards = {"sweep": sweep, "rung": str(rung), "place": place}
        names = self.rung(sweep, rung, place).combinations
        # none of a combination is trained by the rule of that name
        led = [each for name in names for each in self.study.trainings.led_to(name, 0)[1:]]
        return [("rung", wildcards), *led]

    def waits_for(
        self, sweep: str, rung: int | str, place: str
    ) -> list[tuple[str, dict[str, str]]]:
        """Return the jobs that a rung's job waits for without being due as they are."""
        names = self.rung(sweep, rung, place).combinations
        return [each for name in names for each in self.study.trainings.waits_for(name, 0)]

    def taught_at(self, sweep: str, rung: int | str, place: str) -> list[str]:
        """Return the files that stand for what teachers say, of each of these combinations."""
        names = self.rung(sweep, rung, place).combinations
        return list(
            dict.fromkeys(path for name in names for path in self.study.teachers.taught_by(name, 0))
        )
