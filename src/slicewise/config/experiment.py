"""A way to train: recipe, network, loss, optimiser, and what is done with the model."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, model_validator

from slicewise.config.augmentation import Augmentation
from slicewise.config.block import Block, Name
from slicewise.config.inference import Inference, Prediction
from slicewise.config.input import Context, Input
from slicewise.config.kinds import Effort
from slicewise.config.loss import Loss
from slicewise.config.network import Network
from slicewise.config.optimizer import Optimizer
from slicewise.config.postprocessing import Postprocessing
from slicewise.config.presets import PRESETS, merge, planned_recipe
from slicewise.config.sweep import Sweep
from slicewise.config.training import Training


def _slices_may_be_left_out(schema: dict[str, Any]) -> None:
    """Editors are to ask for no recipe where a plan has one."""
    schema["required"] = [key for key in schema["required"] if key != "slices"]


class Experiment(Block):
    """A way to train; what is not said is a sound modern default (`preset: baseline`)."""

    model_config = ConfigDict(json_schema_extra=_slices_may_be_left_out)

    preset: Literal["baseline", "tutorial", "auto"] = Field(
        "baseline",
        description="Where the settings that are not said come from; auto: from a plan that "
        "follows from the training cases and `effort`, and is stored as `plan-<effort>.json`.",
    )
    effort: Effort | None = Field(
        None,
        exclude_if=lambda effort: effort is None,
        description="Of preset auto: what a training may cost, see training.md.",
    )
    slices: Name = Field(
        description="Which of the slice recipes; left out with preset auto, whose plan has one."
    )
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
    sweep: Sweep | None = Field(
        None,
        exclude_if=lambda sweep: sweep is None,
        description="Try several values of settings, and keep the combination that is best on "
        "validation patients. See sweep.md.",
    )

    @property
    def seen(self) -> Context:
        """The slices that the network sees at once."""
        if self.network.block is not None:
            return Context(slices=self.network.block, block=True)
        return Context(slices=self.input.context, mm=self.input.context_mm, plane=self.input.plane)

    @property
    def reading(self) -> dict[str, Any]:
        """How slices are read for it, as `SliceSet` takes it."""
        return {
            "context": self.seen,
            "memory": self.training.memory * 1_000_000,
        }

    @property
    def written(self) -> dict[str, Any]:
        """What was written of it: what is laid over a plan."""
        return self.model_dump(exclude_unset=True, exclude={"preset", "effort", "slices"})

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("preset"), str):
            return data
        if data["preset"] == "auto":
            return {"slices": planned_recipe(str(data.get("effort"))), **data}
        return merge(PRESETS.get(data["preset"], {}), data)

    @model_validator(mode="after")
    def _goes_with_effort(self) -> Experiment:
        if self.preset != "auto":
            if self.effort is not None:
                raise ValueError("effort goes with preset: auto only")
        elif self.effort is None:
            efforts = ", ".join(get_args(Effort))
            raise ValueError(f"preset: auto needs to know what it may cost; give effort: {efforts}")
        elif self.slices != planned_recipe(self.effort):
            raise ValueError("with preset: auto the plan says how slices are cut; leave slices out")
        return self

    @model_validator(mode="after")
    def _blocks_are_whole(self) -> Experiment:
        if self.network.dimensions == 3 and self.input.context > 1:
            raise ValueError(
                f"input.context: {self.input.context} goes with network.dimensions: 2 only; a "
                "block has all neighbours of its slices, so leave context out"
            )
        if self.network.dimensions == 3 and self.input.plane:
            raise ValueError(
                "input.plane goes with network.dimensions: 2 only; leave it out, or write false "
                "where a preset or plan has it"
            )
        if self.network.dimensions == 3 and self.training.coarse is not None:
            raise ValueError(
                "training.coarse goes with network.dimensions: 2 only; leave it out, or write "
                "coarse: null where a preset or plan has it"
            )
        return self

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
