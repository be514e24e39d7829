"""What of a configuration is held against what is proposed for its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slicewise.config.kinds import Effort
from slicewise.config.settings import Settings

UNASKED: Effort = "laptop"
"""What a training may cost where no experiment says it."""


@dataclass(frozen=True)
class Configured:
    """What a configuration says of slices and trainings.

    Attributes
    ----------
    effort : {"quick", "laptop", "workstation", "gpu"}
        What the proposal may cost.
    experiments : mapping of str to dict
        All settings of the experiments that are made; without those that take a plan's.
    recipes : mapping of str to dict
        All settings of the recipes that these cut by.
    """

    effort: Effort = UNASKED
    experiments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Configured:
        """Return it from all settings."""
        names = settings.run or settings.named
        members = dict.fromkeys(m for name in names for m in settings.members_of(name))
        written = {name: settings.experiments[name] for name in members}
        efforts = [one.effort for one in written.values() if one.effort is not None]
        own = {name: one for name, one in written.items() if one.effort is None}
        recipes = {one.slices: settings.slices[one.slices] for one in own.values()}
        return cls(
            efforts[0] if efforts else UNASKED,
            {name: one.model_dump(mode="json") for name, one in own.items()},
            {name: one.model_dump(mode="json") for name, one in recipes.items()},
        )
