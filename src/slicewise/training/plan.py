"""What a training is made from, and whether what it reads is what it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.config import Content, Experiment, Recipe, Settings
from slicewise.dataset.training_record import StartedFrom, TaughtBy, TrainingPlan
from slicewise.errors import SlicewiseError
from slicewise.network.ranges import Ranges
from slicewise.records import differences
from slicewise.slices.batches import SliceSet
from slicewise.slices.taught import TaughtFolder, read_taught, taught_place
from slicewise.stored import Form, Loose, read_stored

AGAIN = "run snakemake again, which makes it anew"


class _Plan(Loose):
    settings: TrainingPlan
    code: dict[str, str]


PLAN = Form(_Plan)


@dataclass(frozen=True)
class Plan:
    """What a training is to be made from.

    Attributes
    ----------
    settings : TrainingPlan
        All of them, as ``plan.json`` has them.
    experiment : Experiment
        The block of the experiment.
    content : Content
        What the data set holds.
    code : list of str
        Digest of each file of the training's code.
    """

    settings: TrainingPlan
    experiment: Experiment
    content: Content
    code: list[str]

    @property
    def recipe(self) -> Recipe:
        """How the slices are cut that are predicted."""
        return Recipe(**self.settings.recipe)

    @property
    def ranges(self) -> Ranges | None:
        """What the model is told of its training cases; None in plans of earlier versions."""
        return Ranges(**self.settings.ranges) if self.settings.ranges else None

    @property
    def params(self) -> dict[str, Any]:
        """What a tracked run is told of the settings."""
        planned = self.settings
        return {
            **planned.experiment,
            "recipe": planned.recipe,
            "content": planned.content,
            "folds": planned.folds,
        }


def planned_before(path: str) -> tuple[StartedFrom | None, TaughtBy | None]:
    """Return the models that a plan, ``plan.json``, starts and learns from."""
    planned = TrainingPlan.model_validate(read_stored(path, PLAN)["settings"])
    return planned.started_from, planned.taught_by


def read_plan(path: str, settings: Settings, name: str, code: Mapping[str, str]) -> Plan:
    """Read what a training is to be made from, and compare it with what is at hand.

    Parameters
    ----------
    path : str
        ``plan.json``.
    settings : Settings
        What the job was given, with plans in the place of `preset: auto`.
    name : str
        The experiment.
    code : mapping of str to str
        Digests of the code that the job runs, by file.

    Raises
    ------
    SlicewiseError
        When the plan was written for other settings or other code.
    """
    plan = read_stored(path, PLAN)
    planned = plan["settings"]
    experiment = settings.blocks[name]
    told = {
        "experiment": experiment.model_dump(exclude={"prediction"}, mode="json"),
        "recipe": settings.slices[experiment.slices].model_dump(mode="json"),
        "also": [settings.slices[recipe].model_dump(mode="json") for recipe in experiment.also],
        "content": settings.dataset.content.once_read,
        # sites are counted where cases are found
        "folds": planned["folds"] if settings.split.leave_out else settings.split.folds,
    }
    if changed := differences({key: planned.get(key) for key in told}, told):
        raise SlicewiseError(f"{path}: written for other settings ({', '.join(changed)}); {AGAIN}")
    if edited := differences(plan["code"], dict(code)):
        raise SlicewiseError(
            f"{path}: the code was edited since it was written ({', '.join(edited)}); {AGAIN}"
        )
    return Plan(
        TrainingPlan.model_validate(planned),
        Experiment(**planned["experiment"]),
        Content(**planned["content"]),
        list(code.values()),
    )


def read_slices(
    plan: Plan, recipes: Sequence[str | Path], fold: int | str = 0
) -> tuple[SliceSet, SliceSet]:
    """Open the slices of the training and of the validation cases of a plan.

    Those of training come with what a teacher says of them, if there is one.

    Parameters
    ----------
    plan : Plan
        Names the cases.
    recipes : sequence of path
        The folder of each recipe; validation cases are cut by the first.
    fold : int or str
        Of the training.

    Raises
    ------
    SlicewiseError
        When slices are missing or damaged, or of other labels or recipes than planned.
    """
    planned = plan.settings
    asked = [planned.recipe, *planned.also]
    reading = plan.experiment.reading
    slices = SliceSet.from_recipes(planned.train, recipes, **reading)
    validation_slices = SliceSet.from_recipes(planned.validation_cases, recipes[:1], **reading)
    for each, number in ((slices, len(asked)), (validation_slices, 1)):
        for folder, wanted in zip(recipes[:number], asked, strict=False):
            _check_cut(each, plan.content, wanted, Path(folder))
    if planned.taught_by is not None:
        _learn(slices, planned.taught_by, plan.content, fold)
    return slices, validation_slices


def _check_cut(slices: SliceSet, content: Content, wanted: Mapping[str, Any], folder: Path) -> None:
    """Compare the slices of one recipe with the labels and the recipe that they are to be of."""
    labels = list(content.labels)
    if len(slices) and slices.labels != labels:
        raise SlicewiseError(
            f"{folder}: masks are numbered by {', '.join(slices.labels)}, and dataset.labels are "
            f"{', '.join(labels)}; {AGAIN}"
        )
    for case, place, recipe in zip(slices.cases, slices.folders, slices.recipes, strict=True):
        if place.parent == folder and (changed := differences(recipe.model_dump(), dict(wanted))):
            raise SlicewiseError(
                f"{place}: {case} was cut by another recipe ({', '.join(changed)}); {AGAIN}"
            )


def _learn(slices: SliceSet, teacher: TaughtBy, content: Content, fold: int | str) -> None:
    """Read beside slices what a teacher says of them, and compare it with what was planned."""
    arrays = []
    digests = []
    places = zip(slices.cases, slices.folders, slices.geometries(), strict=True)
    for case, place, geometry in places:
        folder = TaughtFolder.below(taught_place(place.parent, teacher.name, fold), case)
        taught, array = read_taught(folder)
        number, *size = geometry.shape
        told = {
            "teacher": teacher.says,
            "found": [*content.scored],
            "shape": [number, len(content.scored), *size],
            "recipe": geometry.recipe.model_dump(),
        }
        if changed := differences({key: taught.model_dump()[key] for key in told}, told):
            raise SlicewiseError(
                f"{folder.record}: {case} was taught otherwise than planned "
                f"({', '.join(changed)}); {AGAIN}"
            )
        arrays.append(array)
        digests.append(taught.sha256)
    slices.learn_from(arrays, digests)
