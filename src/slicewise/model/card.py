"""What a model says of itself, so that nothing else is needed to use it."""

from __future__ import annotations

from typing import Any

from slicewise.config import Content, Experiment


def make_card(content: Content, recipe: dict[str, Any], experiment: Experiment) -> dict[str, Any]:
    """Return labels and their mask values, slice recipe, intensity and postprocessing."""
    return {
        "labels": list(content.labels),
        "values": content.labels,
        "recipe": recipe,
        "intensity": content.intensity,
        "postprocessing": experiment.postprocessing.model_dump(),
    }
