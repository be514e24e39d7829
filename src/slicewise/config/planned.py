"""Settings in which each `preset: auto` is what its plan says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from slicewise.config.experiment import Experiment
from slicewise.config.kinds import Effort
from slicewise.config.presets import merge, planned_recipe
from slicewise.config.settings import Settings
from slicewise.config.slices import Recipe
from slicewise.errors import SlicewiseError


class Planned(Protocol):
    """What a plan says, as settings have it."""

    @property
    def recipe(self) -> dict[str, Any]:
        """The slice recipe."""

    @property
    def experiment(self) -> dict[str, Any]:
        """The experiment, without the name of its recipe."""


def with_plans(settings: Settings, plans: Mapping[Effort, Planned]) -> Settings:
    """Put plans in the place of `preset: auto`; what was written beside it wins.

    Parameters
    ----------
    settings : Settings
        As they were written.
    plans : mapping of Effort to Planned
        By effort. Experiments of other efforts stay as they are.

    Returns
    -------
    Settings
        As if the plan had been written by hand.

    Raises
    ------
    SlicewiseError
        When what was written does not fit the plan.
    """
    recipes = {planned_recipe(e): Recipe.model_validate(p.recipe) for e, p in plans.items()}
    experiments = {}
    for name, one in settings.experiments.items():
        plan = None if one.effort is None else plans.get(one.effort)
        experiments[name] = one if plan is None else _plain(name, one, plan)
    slices = {**settings.slices, **recipes}
    made = settings.model_copy(update={"slices": slices, "experiments": experiments})
    try:
        for name in experiments:
            made.check_cuts(name)
    except ValueError as error:
        raise SlicewiseError(
            f"what is written beside preset: auto does not fit the plan ({error})"
        ) from None
    return made


def _plain(name: str, experiment: Experiment, plan: Planned) -> Experiment:
    settings = merge(plan.experiment, experiment.written)
    try:
        return Experiment.model_validate({"slices": experiment.slices, **settings})
    except ValidationError as error:
        why = "; ".join(
            str(each.get("ctx", {}).get("error", each["msg"])) for each in error.errors()
        )
        raise SlicewiseError(
            f"experiments.{name}: what is written beside preset: auto does not fit the plan ({why})"
        ) from None
