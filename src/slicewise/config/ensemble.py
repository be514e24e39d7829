"""Experiments that segment together: which, and what is done with their masks."""

from __future__ import annotations

from pydantic import Field, field_validator

from slicewise.config.block import Block, ExperimentName
from slicewise.config.inference import Prediction
from slicewise.config.postprocessing import Postprocessing

MOST = 16
"""Members of one ensemble."""


class Ensemble(Block):
    """Experiments that segment together: the weighted mean of what they say, on each image's grid.

    Weights are fitted on held-out patients, never on test patients. See ensembles.md.
    """

    ensemble: list[ExperimentName] = Field(
        min_length=2,
        max_length=MOST,
        description="Names of two or more experiments of this configuration; each takes part with "
        "all its folds.",
    )
    postprocessing: Postprocessing = Postprocessing()
    prediction: Prediction = Prediction()

    @field_validator("ensemble")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"names {twice[0]} twice; weights say how much each counts")
        return value

    @field_validator("postprocessing")
    @classmethod
    def _settled(cls, value: Postprocessing) -> Postprocessing:
        for key, said in value.model_dump().items():
            if said == "auto":
                raise ValueError(
                    f"has {key}: auto, which a training settles, and an ensemble has none; write "
                    "true or false"
                )
        return value
