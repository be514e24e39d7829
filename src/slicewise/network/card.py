"""What a model says of itself, so that nothing else is needed to use it."""

from __future__ import annotations

from typing import Any

from slicewise.config import Content, Experiment


def make_card(content: Content, recipe: dict[str, Any], experiment: Experiment) -> dict[str, Any]:
    """Return what a model carries, as plain values.

    Parameters
    ----------
    content : Content
        Labels and intensity of the data set.
    recipe : dict
        The slice recipe of the cuts that are predicted.
    experiment : Experiment
        Context, inference and postprocessing.

    Returns
    -------
    dict
        ``labels`` and their mask ``values``, ``recipe``, ``intensity``,
        ``contiguous``, ``context``, ``inference`` and ``postprocessing``; what
        is `auto` in the latter is settled by the training.
    """
    return {
        "labels": list(content.labels),
        "values": content.labels,
        "recipe": recipe,
        "intensity": content.intensity,
        "contiguous": content.contiguous,
        "context": {"slices": experiment.input.context, "mm": experiment.input.context_mm},
        "inference": experiment.inference.model_dump(),
        "postprocessing": experiment.postprocessing.model_dump(),
    }
