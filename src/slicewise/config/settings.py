"""All settings of a workflow run, and what must fit together among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, PrivateAttr, model_validator

from slicewise.config.block import Block, ExperimentName, Name
from slicewise.config.combinations import Swept, swept
from slicewise.config.dataset import Dataset
from slicewise.config.ensemble import Ensemble
from slicewise.config.evaluation import Evaluation
from slicewise.config.experiment import Experiment
from slicewise.config.inference import Prediction
from slicewise.config.kinds import Effort
from slicewise.config.presets import planned_recipe
from slicewise.config.segment import Segment
from slicewise.config.slices import Recipe
from slicewise.config.split import Split
from slicewise.config.staging import Staging
from slicewise.config.tracking import Tracking

RESERVED = ("cases", "slices", "logs", "timings", "comparison", "segmented")
"""Names that no experiment may have, as folders of results are called so."""
BESIDE = ("subset", "case", "patient", "label")
"""Nor these: they are columns of tables in which each experiment has one of its own."""
PLACEHOLDER = {"size": 16}
"""What stands for the recipe of a plan until it is made; nothing is ever cut by it."""


def _refuse_taken(name: str) -> None:
    """Refuse the name of an experiment that something beside it has."""
    if name.lower() in RESERVED:
        raise ValueError(
            f"experiments.{name}: this name is taken by a folder of results; choose another"
        )
    if name in BESIDE:
        raise ValueError(
            f"experiments.{name}: this name is taken by a column of comparison_cases.tsv, where "
            "each experiment has one; choose another"
        )


def _refuse_one_folder(kind: str, names: Sequence[str]) -> None:
    """Refuse two names that are one folder on macOS and on disks of Windows servers."""
    known: dict[str, str] = {}
    for name in names:
        other = known.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(
                f"{kind}: {other} and {name} differ in capital letters alone, so some disks have "
                "one folder for both; rename one"
            )


class Settings(Block):
    """All settings of a workflow run."""

    dataset: Dataset
    split: Split = Split()
    slices: dict[Name, Recipe] = Field(min_length=1, description="Named slice recipes.")
    experiments: dict[ExperimentName, Experiment] = Field(
        min_length=1, description="Named experiments, and ensembles of them."
    )
    ensembles: dict[ExperimentName, Ensemble] = Field(
        {},
        exclude_if=lambda ensembles: not ensembles,
        description="What of `experiments` has the key `ensemble`.",
    )
    run: list[ExperimentName] | None = Field(
        None, description="Experiments to make; null: all of them."
    )
    evaluation: Evaluation = Evaluation()
    tracking: Tracking = Tracking()
    staging: Staging = Staging()
    segment: Segment | None = None

    _repeats: dict[str, list[str]] = PrivateAttr({})
    _sweeps: dict[str, Swept] = PrivateAttr({})

    @model_validator(mode="before")
    @classmethod
    def _name_planned_recipes(cls, data: Any) -> Any:
        """Name the recipe of each plan, which stands for what the plan will say."""
        if not isinstance(data, dict) or not isinstance(data.get("experiments"), dict):
            return data
        named = {}
        for experiment in data["experiments"].values():
            if isinstance(experiment, dict) and experiment.get("preset") == "auto":
                named[planned_recipe(str(experiment.get("effort")))] = PLACEHOLDER
        slices = data.get("slices") or {}
        if not named or not isinstance(slices, dict):
            return data
        stands = Recipe.model_validate(PLACEHOLDER).model_dump()
        taken = sorted(name for name in named if {**stands, **slices.get(name, {})} != stands)
        if taken:
            raise ValueError(
                f"slices.{taken[0]}: preset: auto has its own recipe of this name; rename yours"
            )
        return {**data, "slices": {**slices, **named}}

    @model_validator(mode="before")
    @classmethod
    def _part_ensembles(cls, data: Any) -> Any:
        """Take ensembles out of the experiments, which are trained."""
        if not isinstance(data, dict) or not isinstance(data.get("experiments"), dict):
            return data
        trained = dict(data["experiments"])
        ensembles = {
            name: trained.pop(name)
            for name, block in data["experiments"].items()
            if isinstance(block, dict) and "ensemble" in block
        }
        if not ensembles:
            return data
        known = data.get("ensembles") or {}
        return {**data, "experiments": trained, "ensembles": {**known, **ensembles}}

    @model_validator(mode="after")
    def _repeat(self) -> Settings:
        """Make an experiment of each seed, which knows of no other: a seed more trains once."""
        made: dict[str, Experiment] = {}
        for name, experiment in self.experiments.items():
            first, *others = experiment.training.seeds or [experiment.training.seed]
            made[name] = _seeded(experiment, first)
            for seed in others:
                repeat = f"{name}-seed{seed}"
                if repeat in self.experiments:
                    raise ValueError(
                        f"experiments.{name}.training.seeds: its repeat {repeat} has the name of "
                        "another experiment; rename one"
                    )
                made[repeat] = _seeded(experiment.model_copy(update={"sweep": None}), seed)
                self._repeats.setdefault(name, [name]).append(repeat)
        object.__setattr__(self, "experiments", made)
        return self

    @model_validator(mode="after")
    def _sweep(self) -> Settings:
        """Note the combinations of each sweep; the experiment itself becomes the best of them."""
        plain: dict[str, Experiment] = {}
        for name, experiment in self.experiments.items():
            plain[name] = experiment
            if experiment.sweep is None:
                continue
            self._refuse_to_choose(name)
            made = swept(name, experiment)
            for called in made.candidates:
                if called in self.experiments or called in self.combinations:
                    raise ValueError(
                        f"experiments.{name}.sweep: its combination {called} has the name of "
                        "another experiment; rename one"
                    )
            self._sweeps[name] = made
            plain[name] = experiment.model_copy(update={"sweep": None})
        object.__setattr__(self, "experiments", plain)
        return self

    def _refuse_to_choose(self, name: str) -> None:
        """Refuse a sweep where no patient may choose."""
        if self.split.crossed is not None:
            raise ValueError(
                f"experiments.{name}.sweep: with {self.split.crossed} the held-out patients are "
                "scored, so they may not choose; try values with one fold, whose validation "
                "patients choose, and give what was best to an experiment with folds"
            )
        if self.split.validation == 0:
            raise ValueError(
                f"experiments.{name}.sweep: split.validation is 0, and validation patients choose "
                "what is best; hold some out"
            )

    @model_validator(mode="after")
    def _have_folders_of_their_own(self) -> Settings:
        _refuse_one_folder("slices", [*self.slices])
        _refuse_one_folder("experiments", [*self.blocks, *self.ensembles])
        return self

    @model_validator(mode="after")
    def _names_meet(self) -> Settings:
        for name, experiment in self.blocks.items():
            _refuse_taken(name)
            for key, recipe in (
                ("slices", experiment.slices),
                *(("also", other) for other in experiment.also),
            ):
                if recipe not in self.slices:
                    raise ValueError(
                        f"experiments.{name}.{key}: no recipe is called {recipe!r}; "
                        f"there are: {', '.join(self.slices)}"
                    )
            self.check_cuts(name)
        for name in self.run or ():
            if name not in self.named:
                raise ValueError(
                    f"run: no experiment is called {name!r}; there are: {', '.join(self.named)}"
                )
        if self.segment is not None and self.segment.experiment not in self.named:
            raise ValueError(
                f"segment.experiment: no experiment is called {self.segment.experiment!r}; there "
                f"are: {', '.join(self.named)}"
            )
        self._refuse_unknown("evaluation.lesions", self.evaluation.lesions)
        after = {name: each.postprocessing for name, each in self.blocks.items()}
        after |= {name: each.postprocessing for name, each in self.ensembles.items()}
        for name, each in after.items():
            if isinstance(each.largest_component, list):
                key = f"experiments.{name}.postprocessing.largest_component"
                self._refuse_unknown(key, each.largest_component)
        used = self.split.stratify or self.split.leave_out or self.evaluation.by
        if self.split.strata is not None and not used:
            raise ValueError(
                "split.strata goes with split.stratify, split.leave_out or evaluation.by: name the "
                "column of the table"
            )
        if not self.dataset.contiguous:
            self._refuse_3d()
        return self

    def check_cuts(self, name: str) -> None:
        """Refuse the tilted cuts of an experiment that its network cannot learn or predict by.

        Parameters
        ----------
        name : str
            Of the experiment, or of a combination of a sweep.

        Raises
        ------
        ValueError
            When there are any.
        """
        experiment = self.blocks[name]
        if self.slices[experiment.slices].oblique:
            raise ValueError(
                f"experiments.{name}.slices: {experiment.slices} is tilted, and volumes are "
                "predicted in planes of their own grid; name it in `also`"
            )
        tilted = [other for other in experiment.also if self.slices[other].oblique]
        if experiment.network.dimensions == 3 and tilted:
            raise ValueError(
                f"experiments.{name}.also: {tilted[0]} is tilted, and blocks "
                "(network.dimensions: 3) are made of slices as they lie in the volume; leave "
                "it out"
            )
        if experiment.network.dimensions == 3 and experiment.inference.tilt:
            raise ValueError(
                f"experiments.{name}.inference.tilt: blocks (network.dimensions: 3) are made "
                "of slices as they lie in the volume; leave it out"
            )

    def _refuse_unknown(self, key: str, labels: Sequence[str]) -> None:
        for label in labels:
            if label not in self.dataset.scored:
                kind = "region" if self.dataset.regions else "label"
                raise ValueError(
                    f"{key}: no {kind} is called {label!r}; there are: "
                    f"{', '.join(self.dataset.scored)}"
                )

    @model_validator(mode="after")
    def _ensembles_meet(self) -> Settings:
        for name, block in self.ensembles.items():
            key = f"experiments.{name}.ensemble"
            _refuse_taken(name)
            if name in self.blocks:
                raise ValueError(
                    f"experiments.{name}: a repeat or a combination of a sweep has this name, too; "
                    "rename one"
                )
            for member in block.ensemble:
                if member in self.ensembles:
                    which = "itself" if member == name else f"{member}, which is an ensemble"
                    raise ValueError(f"{key} names {which}; name experiments that are trained")
                if member in self.combinations:
                    raise ValueError(
                        f"{key} names {member}, a combination of a sweep, and only the best is "
                        "trained to its end; name the experiment with the sweep"
                    )
                if member not in self.experiments:
                    raise ValueError(
                        f"{key}: no experiment is called {member!r}; there are: "
                        f"{', '.join(self.experiments)}"
                    )
        return self

    @model_validator(mode="after")
    def _teachers_are_there(self) -> Settings:
        """Refuse a teacher that is no experiment, or that learns from who learns from it."""
        for name, block in self.blocks.items():
            distil = block.training.distil
            if distil is not None and distil.teacher not in self.named:
                raise ValueError(
                    f"experiments.{name}.training.distil.teacher: no experiment is called "
                    f"{distil.teacher!r}; there are: {', '.join(self.named)}"
                )
        for name in self.experiments:
            if ring := self._ring([name]):
                raise ValueError(
                    f"experiments.{name}.training.distil.teacher: it would learn from itself "
                    f"({' from '.join(ring)}); name another experiment"
                )
        return self

    def _ring(self, learnt: list[str]) -> list[str]:
        """Return the experiments from the last one to itself, by who learns from whom, if any."""
        for teacher in self.teachers_of(learnt[-1]):
            if teacher == learnt[0]:
                return [*learnt, teacher]
            if teacher not in learnt and (ring := self._ring([*learnt, teacher])):
                return ring
        return []

    def teachers_of(self, experiment: str) -> list[str]:
        """Return whom an experiment learns from, or any combination of its sweep does.

        Of an ensemble these are its members.
        """
        if experiment in self.ensembles:
            return self.members_of(experiment)
        sweep = self.sweep_of(experiment)
        made = [self.blocks[experiment]]
        made += [] if sweep is None else self._sweeps[sweep].candidates.values()
        found = [block.training.teacher for block in made]
        return list(dict.fromkeys(teacher for teacher in found if teacher is not None))

    def learnt_from(self, experiment: str) -> list[str]:
        """Return an experiment and all that it learns from, and these in turn."""
        found = [experiment]
        for name in found:
            found += [teacher for teacher in self.teachers_of(name) if teacher not in found]
        return found

    def _refuse_3d(self) -> None:
        why = "means nothing on slices that are not neighbours (dataset.contiguous is false)"
        for name, recipe in self.slices.items():
            if recipe.plane != "axial" or recipe.oblique:
                raise ValueError(f"slices.{name}: a cut through a pile of slices {why}")
        if self.evaluation.lesions:
            raise ValueError(f"evaluation.lesions: a lesion {why}")
        for name, ensemble in self.ensembles.items():
            if ensemble.postprocessing.largest_component:
                raise ValueError(f"experiments.{name}.postprocessing.largest_component: this {why}")
        for name, experiment in self.blocks.items():
            for key, used in (
                ("input.context", experiment.input.context > 1),
                ("input.plane", experiment.input.plane),
                ("network.dimensions", experiment.network.dimensions == 3),
                ("inference.planes", bool(experiment.inference.planes)),
                ("inference.tilt", bool(experiment.inference.tilt)),
                (
                    "postprocessing.largest_component",
                    bool(experiment.postprocessing.largest_component),
                ),
            ):
                if used:
                    raise ValueError(f"experiments.{name}.{key}: this {why}")

    @property
    def planned(self) -> dict[str, Effort]:
        """By the name of each recipe that a plan has, the effort of the plan."""
        efforts = [each.effort for each in self.experiments.values() if each.effort is not None]
        return {planned_recipe(effort): effort for effort in efforts}

    @property
    def repeats(self) -> dict[str, list[str]]:
        """Of an experiment with several seeds, the names of all its trainings, its own first."""
        return self._repeats

    @property
    def sweeps(self) -> dict[str, Swept]:
        """The combinations of each experiment that is the best of several, by its name."""
        return self._sweeps

    @property
    def combinations(self) -> dict[str, Experiment]:
        """All combinations of all sweeps by their names: they are trained, and never tested."""
        return {k: each for of in self._sweeps.values() for k, each in of.candidates.items()}

    @property
    def blocks(self) -> dict[str, Experiment]:
        """All that is trained by its name: experiments, and the combinations of sweeps."""
        return {**self.experiments, **self.combinations}

    def sweep_of(self, experiment: str) -> str | None:
        """Return the sweep whose best combination an experiment is, with this or another seed."""
        for name in self._sweeps:
            if experiment in self.repeats.get(name, [name]):
                return name
        return None

    def with_best(self, sweep: str, combination: str) -> Settings:
        """Return settings in which an experiment with a sweep, and its repeats, say the best.

        Parameters
        ----------
        sweep, combination : str
            Their names.
        """
        best = self._sweeps[sweep].candidates[combination]
        repeats = self.repeats.get(sweep, [sweep])
        said = {name: _seeded(best, self.experiments[name].training.seed) for name in repeats}
        return self.model_copy(update={"experiments": {**self.experiments, **said}})

    @property
    def named(self) -> list[str]:
        """Names of all that is scored: experiments, and ensembles of them."""
        return [*self.experiments, *self.ensembles]

    @property
    def wanted(self) -> list[str]:
        """Names of the experiments and ensembles to make, with repeats."""
        names = self.run if self.run is not None else self.named
        return list(dict.fromkeys(r for n in names for r in self.repeats.get(n, [n])))

    @property
    def trained(self) -> list[str]:
        """Names of the experiments that are trained for it: also what only these learn from."""
        names = dict.fromkeys(each for name in self.wanted for each in self.learnt_from(name))
        return [name for name in names if name not in self.ensembles]

    def members_of(self, name: str) -> list[str]:
        """Return the experiments that an ensemble is of; of an experiment itself alone."""
        return [*self.ensembles[name].ensemble] if name in self.ensembles else [name]

    def prediction_of(self, name: str) -> Prediction:
        """Return how predictions of an experiment or ensemble are run."""
        block = self.ensembles.get(name) or self.experiments[name]
        return block.prediction


def _seeded(experiment: Experiment, seed: int) -> Experiment:
    training = experiment.training.model_copy(update={"seed": seed, "seeds": []})
    return experiment.model_copy(update={"training": training})
