"""A way to train: recipe, network, loss, optimiser, and what is done with the model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from slicewise.config.augmentation import Augmentation
from slicewise.config.block import Block, Name
from slicewise.config.inference import Inference, Prediction
from slicewise.config.input import Input
from slicewise.config.loss import Loss
from slicewise.config.network import Network
from slicewise.config.optimizer import Optimizer
from slicewise.config.postprocessing import Postprocessing
from slicewise.config.presets import PRESETS, merge
from slicewise.config.training import Training


class Experiment(Block):
    """A way to train; what is not said is a sound modern default (`preset: baseline`)."""

    preset: Literal["baseline", "tutorial"] = Field(
        "baseline", description="Where the settings that are not said come from."
    )
    slices: Name = Field(description="Which of the slice recipes.")
    also: list[Name] = Field(
        [], description="More recipes whose slices are trained on: other planes, oblique cuts."
    )
    input: Input = Input()
    network: Network = Network()
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    augmentation: Augmentation | None = Augmentation()
    training: Training = Training()
    inference: Inference = Inference()
    postprocessing: Postprocessing = Postprocessing()
    prediction: Prediction = Prediction()

    @property
    def reading(self) -> dict[str, Any]:
        """How slices are read for it, as `SliceSet` takes it."""
        return {
            "context": self.input.seen,
            "memory": self.training.memory * 1_000_000,
        }

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("preset"), str):
            return merge(PRESETS.get(data["preset"], {}), data)
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> Experiment:
        flips = self.augmentation is not None and self.augmentation.flip
        if self.inference.flip != "none" and not flips:
            raise ValueError(
                "inference.flip goes with augmentation.flip only: the network never saw a mirrored "
                "slice"
            )
        if self.inference.flip == "both" and flips != "both":
            raise ValueError(
                "inference.flip: both mirrors columns, which augmentation.flip: true does not; "
                "write inference.flip: one, or augmentation.flip: both"
            )
        return self
