"""What a plan says: settings with reasons, as they are stored, compared and shown.

`slicewise.dataset.plan` makes them; who only reads them imports no rule of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import yaml
from pydantic import Field

from slicewise.config import Effort, Recipe, Settings, load_settings
from slicewise.config.planned import with_plans
from slicewise.errors import SlicewiseError
from slicewise.stored import Form, Loose, Name, read_typed

SLICES = "slices."
"""What names of settings of the slice recipe begin with."""
COLUMN = 34
"""Where reasons begin in a configuration, if the values leave room."""


class Cut(Protocol):
    """A member of an ensemble: how it cuts volumes, or the name of the file of its plan."""

    @property
    def name(self) -> str:
        """The experiment."""

    @property
    def recipe(self) -> Recipe:
        """What stands in the settings."""

    @property
    def plan(self) -> str:
        """Empty where it follows no plan."""


@dataclass(frozen=True)
class Choice:
    """One setting of a plan.

    Attributes
    ----------
    setting : str
        Its name with dots, below ``slices.<recipe>`` where it begins with ``slices.``, else below
        ``experiments.<name>``.
    value : object
        As YAML holds it.
    reason : str
        Why, in one sentence.
    """

    setting: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Plan:
    """What to train, and why.

    Attributes
    ----------
    effort : {"quick", "laptop", "workstation", "gpu"}
        What it may cost.
    choices : tuple of Choice
        All that is decided; what is not said is the default.
    """

    effort: Effort
    choices: tuple[Choice, ...]

    @property
    def recipe(self) -> dict[str, Any]:
        """The slice recipe, as settings have it."""
        told = [each for each in self.choices if each.setting.startswith(SLICES)]
        return _nested({each.setting.removeprefix(SLICES): each.value for each in told})

    @property
    def recipe_name(self) -> str:
        """A name for the recipe, such as ``axial256``."""
        recipe = self.recipe
        return f"{recipe['plane']}{recipe['size']}"

    @property
    def experiment(self) -> dict[str, Any]:
        """The experiment without the name of its recipe, as settings have it."""
        told = [each for each in self.choices if not each.setting.startswith(SLICES)]
        return _nested({each.setting: each.value for each in told})

    def settings(self, experiment: str = "baseline", recipe: str = "") -> dict[str, Any]:
        """Return the blocks ``slices`` and ``experiments`` of a configuration."""
        name = recipe or self.recipe_name
        return {
            "slices": {name: self.recipe},
            "experiments": {experiment: {"slices": name, **self.experiment}},
        }

    def text(self, experiment: str = "baseline", recipe: str = "") -> str:
        """Return these blocks as YAML, with the reason behind each value.

        Examples
        --------
        >>> choices = (Choice("slices.plane", "axial", "It is."), Choice("slices.size", 64, "Ok."))
        >>> print(Plan("quick", choices).text(), end="")
        slices:
          axial64:
            plane: axial                  # It is.
            size: 64                      # Ok.
        experiments:
          baseline:
            slices: axial64
        """
        name = recipe or self.recipe_name
        reasons = {
            each.setting.removeprefix(SLICES)
            if each.setting.startswith(SLICES)
            else f".{each.setting}": each.reason
            for each in self.choices
        }
        lines = ["slices:", f"  {name}:", *_lines(self.recipe, reasons, "", 4)]
        lines += ["experiments:", f"  {experiment}:", f"    slices: {name}"]
        lines += _lines(self.experiment, reasons, ".", 4)
        return "\n".join(lines) + "\n"

    def dump(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"effort": self.effort, "choices": [asdict(choice) for choice in self.choices]}


def changes(old: Plan, new: Plan) -> list[str]:
    """Say which settings of a plan are others than they were, in a line each.

    >>> before = Plan("quick", (Choice("slices.size", 64, ""),))
    >>> changes(before, Plan("quick", (Choice("slices.size", 96, "Slices are larger."),)))
    ['slices.size: 64 becomes 96. Slices are larger.']
    """
    was = {choice.setting: choice.value for choice in old.choices}
    now = {choice.setting: choice for choice in new.choices}
    lines = [] if old.effort == new.effort else [f"effort: {old.effort} becomes {new.effort}."]
    for name in dict.fromkeys([*was, *now]):
        if name not in now:
            lines.append(f"{name}: {was[name]} is said no more.")
        elif name not in was:
            lines.append(f"{name}: {now[name].value} is new. {now[name].reason}")
        elif was[name] != now[name].value:
            lines.append(f"{name}: {was[name]} becomes {now[name].value}. {now[name].reason}")
    return lines


class _Choice(Loose):
    setting: Name
    value: Any
    reason: str


class _Plan(Loose):
    effort: Effort
    choices: Annotated[list[_Choice], Field(min_length=1)]


PLAN = Form(_Plan)


def read_proposal(path: str | os.PathLike[str]) -> Plan:
    """Read a plan as it was stored.

    Raises
    ------
    SlicewiseError
        When the file is missing or damaged.
    """
    stored: _Plan = read_typed(path, PLAN)
    choices = [Choice(each.setting, each.value, each.reason) for each in stored.choices]
    return Plan(stored.effort, tuple(choices))


def former_proposal(path: Path) -> Plan | None:
    """Return the plan that was stored last; None where there is none that can be read."""
    try:
        return read_proposal(path)
    except SlicewiseError:
        return None


def planned_settings(config: Mapping[str, Any], paths: Sequence[str]) -> Settings:
    """Return the settings of a configuration, with stored plans in the place of `preset: auto`.

    Parameters
    ----------
    config : mapping
        As read from YAML.
    paths : sequence of str
        Files of plans; none where no experiment that matters has one.

    Raises
    ------
    SlicewiseError
        When a file is missing or damaged, or does not fit what is written beside it.
    """
    plans = [read_proposal(path) for path in paths]
    return with_plans(load_settings(config), {each.effort: each for each in plans})


def recipe_told(recipe: Recipe, paths: Sequence[str]) -> Recipe:
    """Return how slices are cut: as a job was told, or as the stored plan of the recipe says.

    Parameters
    ----------
    recipe : Recipe
        What stands in the settings.
    paths : sequence of str
        The file of the plan, where the recipe is that of one.
    """
    if not paths:
        return recipe
    (path,) = paths
    return Recipe.model_validate(read_proposal(path).recipe)


def recipes_told(members: Iterable[Cut], paths: Sequence[str]) -> dict[str, Recipe]:
    """Return how volumes are cut for each member of an ensemble, as `recipe_told` does.

    Parameters
    ----------
    members : iterable
        Of each its name, recipe, and the name of the file of its plan, if any.
    paths : sequence of str
        Files of plans.
    """
    return {
        each.name: recipe_told(each.recipe, [p for p in paths if Path(p).name == each.plan])
        for each in members
    }


def _lines(
    values: Mapping[str, Any], reasons: Mapping[str, str], above: str, indent: int
) -> Iterator[str]:
    """Yield the lines of nested settings, each value with its reason."""
    for name, value in values.items():
        begun = f"{' ' * indent}{name}:"
        if isinstance(value, Mapping):
            yield begun
            yield from _lines(value, reasons, f"{above}{name}.", indent + 2)
            continue
        written = yaml.safe_dump(value, default_flow_style=True, width=1000).split("\n")[0]
        yield f"{f'{begun} {written}':<{COLUMN - 1}} # {reasons[f'{above}{name}']}"


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by dotted names as nested maps."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        *path, last = name.split(".")
        block = result
        for part in path:
            block = block.setdefault(part, {})
        block[last] = value
    return result
