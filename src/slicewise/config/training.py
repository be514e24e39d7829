"""How long is trained, on what, and which weights are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from slicewise.config.block import Block, ExperimentName, Fraction, Probability
from slicewise.config.kinds import MissingLabels

STORES = ("models:/", "runs:/")
"""How names of models of MLflow begin."""


class Distil(Block):
    """What a network learns from another one, beside the masks."""

    teacher: ExperimentName = Field(
        description="An experiment or ensemble of this configuration. What its models of fold k "
        "say of the training cases of fold k is what is learnt from."
    )
    share: Probability = Field(
        0.5, description="Share of the loss that is to the teacher; 0: the masks alone count."
    )


class Coarse(Block):
    """Slices with fewer pixels, which cost less, at the beginning of a training."""

    share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="Of the training that sees them: of its steps, or with `minutes` its time."
    )
    factor: Annotated[float, Field(gt=1, le=4)] = Field(
        1.5,
        description="By how much their pixels are larger, to the next side that the network halves "
        "without a rest.",
    )

    def cost(self, done: float) -> float:
        """Return what a share of all steps costs, where all without coarse slices cost 1.

        Examples
        --------
        >>> Coarse(share=0.5, factor=2).cost(1)
        0.625
        """
        early = min(done, self.share)
        return early / self.factor**2 + done - early


class Training(Block):
    """How long, on what, and which weights are kept."""

    epochs: Annotated[int, Field(ge=1)] | None = Field(
        60, description="Passes over the training slices; null: as `minutes` say."
    )
    minutes: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Wall-time budget: training ends after so many minutes instead of after "
        "`epochs`, and the learning rate follows it. Such a training does not repeat to the bit.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="Stop after so many validations without a better score, also before `minutes` "
        "are over. Needs validation patients; held-out folds never stop a training.",
    )
    batch: int = Field(
        10, ge=1, description="Slices in a batch, or blocks of them (`network.dimensions: 3`)."
    )
    steps_per_epoch: int | None = Field(
        None, ge=1, description="null: all slices once, or a block of each part of a volume."
    )
    empty: Probability = Field(
        1.0, description="Share of the slices without any label that an epoch takes; 0: none."
    )
    foreground: Fraction = Field(
        0.33, description="At least this share of each batch shows a label (0: as it comes)."
    )
    missing_labels: MissingLabels = Field(
        "refuse",
        description="Where no training patient (of a fold) has a label: stop before anything is "
        "trained, or train without it and leave its scores empty.",
    )
    validate_every: int = Field(1, ge=1, description="Epochs from one validation to the next.")
    select: Literal["final", "loss", "dice"] = Field(
        "dice",
        description="Weights to keep: the last, or the best by validation loss or by mean "
        "per-patient validation Dice on the source grid. Without validation patients, and with "
        "folds: the last.",
    )
    precision: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 on GPUs with units for it, and on processors with instructions "
        "for it if every stage has 16 filters or more; else float32.",
    )
    threads: int | None = Field(
        None, ge=1, description="Threads of TensorFlow on the CPU; null: all. Results depend on it."
    )
    devices: int | None = Field(
        None,
        ge=1,
        description="GPUs that share each batch; null: all that are visible. Batch normalisation "
        "then sees each GPU's part by itself.",
    )
    coarse: Coarse | None = Field(
        None,
        exclude_if=lambda coarse: coarse is None,
        description="Begin with coarser slices, of which more are seen in the same time; null: see "
        "all slices whole. See training.md.",
    )
    memory: int = Field(
        200, ge=0, description="Slices are kept in memory if they all fit in so many MB."
    )
    strict: bool | None = Field(
        None,
        description="Only operations that repeat to the bit; null: on CPUs, where it costs little.",
    )
    seed: int = Field(1, ge=0, description="Seed of weights, order, augmentation and dropout.")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [],
        description="Train once for each of these seeds instead: the first is the experiment, and "
        "every other one, as `<experiment>-seed<n>`, is made, scored and reported too. The "
        "comparison shows what the seed alone changes.",
    )

    start_from: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        exclude_if=lambda name: name is None,
        description="Fine-tune a model instead of starting from nothing: a `.keras` file, an "
        "experiment of results (fold k starts from fold k) or one fold of it, or "
        "`models:/NAME@champion`. See training.md.",
    )

    distil: Distil | None = Field(
        None,
        exclude_if=lambda distil: distil is None,
        description="Learn from what another experiment says of the training cases, too, as a "
        "small network from a large one. See training.md.",
    )

    @property
    def teacher(self) -> str | None:
        """The experiment that it learns from; None where nothing of the loss is to one."""
        return self.distil.teacher if self.distil is not None and self.distil.share > 0 else None

    @property
    def share(self) -> float:
        """The share of the loss that is to the teacher."""
        return 0.0 if self.distil is None else self.distil.share

    @model_validator(mode="after")
    def _ends(self) -> Training:
        if self.epochs is None and self.minutes is None:
            raise ValueError("epochs is null: say how many, or give minutes")
        return self

    @model_validator(mode="after")
    def _one_way_to_seed(self) -> Training:
        if self.seeds and "seed" in self.model_fields_set:
            raise ValueError("give either seed or seeds, not both")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed is there twice")
        return self
