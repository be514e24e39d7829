"""What a model says of itself, so that nothing else is needed to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from slicewise.config import (
    Content,
    Context,
    Experiment,
    Inference,
    Intensity,
    Postprocessing,
    Recipe,
)
from slicewise.network.ranges import Ranges


class ModelCard(BaseModel):
    """What a model carries.

    Attributes
    ----------
    labels : list of str
        Names, in the order of the network's outputs where there are no regions.
    values : dict of str to list of int
        The mask values of each label; the first one is predicted.
    recipe : Recipe
        The cuts that are predicted.
    intensity : str
        What images hold, as in ``dataset.intensity``.
    contiguous : bool
        Whether the slices of a volume are neighbours.
    context : Context
        What the network sees around a slice.
    inference : Inference
        Views and planes that are averaged.
    postprocessing : Postprocessing
        What is done to a mask; `auto` is settled by the training.
    channels : list of str, optional
        Names of the channels of an image, in their order, where it has several.
    missing_channels : {"refuse", "zero"}
        Whether an image may lack some of them.
    regions : dict of str to list of int
        By region, in the order of the network's outputs, the numbers of its
        labels; empty where outputs are labels.
    ranges : Ranges, optional
        What the model was trained on. Models of earlier versions say nothing of it.
    """

    model_config = ConfigDict(frozen=True)

    labels: list[str]
    values: dict[str, list[int]]
    recipe: Recipe
    intensity: Intensity
    contiguous: bool
    context: Context
    inference: Inference
    postprocessing: Postprocessing
    channels: list[str] | None = None
    missing_channels: Literal["refuse", "zero"] = "refuse"
    regions: dict[str, list[int]] = {}
    ranges: Ranges | None = None

    def dump(self) -> dict[str, Any]:
        """Return plain values: what the model file stores, and what a training's key is made of.

        Channels are left out of models of one, and regions and ranges where there are none.
        """
        unused = set() if self.channels else {"channels", "missing_channels"}
        if not self.regions:
            unused.add("regions")
        if self.ranges is None:
            unused.add("ranges")
        return self.model_dump(mode="json", exclude=unused)

    @property
    def depth(self) -> int:
        """Channels of the network: those of the image, each with the slices that are seen.

        Behind them are those that tell the plane, if it is told.
        """
        return len(self.channels or [""]) * self.context.slices + self.context.told

    @property
    def measured(self) -> bool:
        """Whether what is seen of a volume follows from the size of its voxels."""
        return self.recipe.measured or self.context.measured or self.inference.tilt > 0

    @property
    def found(self) -> dict[str, list[int]]:
        """What is found: regions, or labels, each with the numbers of its labels."""
        return self.regions or {name: [k] for k, name in enumerate(self.labels, start=1)}

    def settled(self, postprocessing: Mapping[str, Any]) -> ModelCard:
        """Return the card with what the training chose in place of `auto`.

        Parameters
        ----------
        postprocessing : mapping
            The block of settings.
        """
        return self.model_copy(update={"postprocessing": Postprocessing(**postprocessing)})

    def weighted(self, weights: Mapping[str, float] | None) -> ModelCard:
        """Return the card with what each plane counts, or with the plain mean of its planes.

        Parameters
        ----------
        weights : mapping of str to float, or None
            By plane; of a single one, it alone is looked at.
        """
        planes = [recipe.plane for recipe in self.planes] if weights is None else [*weights]
        shares = "mean" if weights is None or len(weights) < 2 else [*weights.values()]
        block = {**self.inference.model_dump(), "planes": planes, "weights": shares}
        return self.model_copy(update={"inference": Inference(**block)})

    @property
    def planes(self) -> list[Recipe]:
        """The recipe in each plane that is averaged; by itself where none is named."""
        planes = [*self.inference.shares] or [self.recipe.plane]
        return [Recipe(**{**self.recipe.model_dump(), "plane": plane}) for plane in planes]

    @property
    def cuts(self) -> list[tuple[Recipe, float]]:
        """All cuts that are averaged, with what each counts, of 1: straight ones, then tilted."""
        tilt = self.inference.tilt
        turned = [[tilt, 0.0], [-tilt, 0.0], [0.0, tilt], [0.0, -tilt]] if tilt else []
        shares = self.inference.shares or {self.recipe.plane: 1.0}
        straight = [
            (recipe, share / (1 + len(turned)))
            for recipe, share in zip(self.planes, shares.values(), strict=True)
        ]
        tilted = [
            (recipe.model_copy(update={"tilt": angles}), share)
            for recipe, share in straight
            for angles in turned
        ]
        return [*straight, *tilted]


def make_card(
    content: Content, recipe: Recipe, experiment: Experiment, ranges: Ranges | None = None
) -> ModelCard:
    """Return what a model is to carry.

    Parameters
    ----------
    content : Content
        Labels and intensity of the data set.
    recipe : Recipe
        The slice recipe of the cuts that are predicted.
    experiment : Experiment
        Context, inference and postprocessing.
    ranges : Ranges, optional
        Of the training cases.

    Returns
    -------
    ModelCard
        What is `auto` in its postprocessing is settled by the training.
    """
    return ModelCard(
        labels=list(content.labels),
        values=content.labels,
        recipe=recipe,
        intensity=content.intensity,
        contiguous=content.contiguous,
        context=experiment.seen,
        inference=experiment.inference,
        postprocessing=experiment.postprocessing,
        channels=content.channels,
        missing_channels=content.missing_channels,
        regions=content.regions,
        ranges=ranges,
    )


class Predictor(Protocol):
    """A finished model as it is used: one of Keras, or one that onnxruntime computes."""

    def predict_on_batch(self, images: np.ndarray, /) -> Any:
        """Return probabilities (n, rows, columns, outputs) of intensities (…, channels)."""


def model_card(model: Predictor) -> ModelCard:
    """Return what a finished model says of itself.

    Raises
    ------
    ValueError
        When it is no model of slicewise.
    """
    for holder in (model, *getattr(model, "layers", ())):
        card = getattr(holder, "card", None)
        if isinstance(card, ModelCard):
            return card
    raise ValueError("not a slicewise model: it has no Preprocess layer")
