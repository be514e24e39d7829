"""What a training leaves: the model, its history, what was resolved, and slices as it saw them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.network.card import ModelCard

from slicewise.network import backend  # isort: skip  (sets up the backend before keras starts)

import keras
import numpy as np
import pandas as pd
from keras import ops

from slicewise.dataset.training_record import Resolved
from slicewise.errors import DivergedError
from slicewise.files import atomic, write_text
from slicewise.network.model import copy_weights, finished_model, weights_digest
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.slices.batches import usable
from slicewise.training.batches import Batches
from slicewise.training.inputs import TrainingInputs
from slicewise.training.planes import decision, settle_planes
from slicewise.training.settling import decisions, settle_postprocessing
from slicewise.training.state import State
from slicewise.training.trainer import Trainer
from slicewise.training.validation import LESS, Validation

HISTORY = (
    "epoch",
    "timestamp",
    "train/loss",
    "train/dice",
    "val/loss",
    "val/dice",
    "lr",
    "images_per_second",
)
TAUGHT = ("train/loss_truth", "train/loss_teacher")
"""Columns more where a teacher says something of the training slices: the parts of its loss."""
SHOWN = 16
"""Augmented slices that are kept for the report."""
BLACK = -2.5
WHITE = 2.5
"""Of their normalised intensities."""


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes
    ----------
    model : keras.Model
        From raw intensities to probabilities.
    history : DataFrame
        One row an epoch, columns `HISTORY`, of a training with a teacher `TAUGHT`, too.
    resolved : Resolved
        What was decided and measured on the way.
    samples : dict of str to ndarray
        Some training slices as the network saw them, of blocks the one in the middle:
        ``images`` and ``masks``, uint8, shape (n, rows, columns).
    """

    model: keras.Model
    history: pd.DataFrame
    resolved: Resolved
    samples: dict[str, np.ndarray]

    def save(self, model: Path, history: Path, samples: Path) -> None:
        """Write the model (``.keras``), its history (``.csv``) and the samples (``.npz``)."""
        with atomic(model) as temporary:
            self.model.save(temporary)
        write_text(history, self.history.to_csv(index=False))
        with atomic(samples) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **self.samples)


@dataclass(frozen=True)
class Settled:
    """What was left open until the end of a training.

    Attributes
    ----------
    postprocessing : dict
        By step that is `auto`, see `settle_postprocessing`.
    planes : dict
        Of weights of planes that are fitted, see `settle_planes`; empty of others.
    """

    postprocessing: dict[str, Any]
    planes: dict[str, Any]

    @property
    def said(self) -> list[str]:
        """A line for each."""
        return [*decisions(self.postprocessing), *([decision(self.planes)] if self.planes else [])]


@dataclass(frozen=True)
class Facts:
    """What only the training itself knows of how its model was made.

    Attributes
    ----------
    threads : int
        That the processor's operations share.
    untrained : list of str
        Labels that no training slice shows.
    seconds : float
        That it took.
    selected_by : str
        What chose its weights.
    settled : Settled
        What was left open, and is decided now.
    """

    threads: int
    untrained: list[str]
    seconds: float
    selected_by: str
    settled: Settled


def settle_model(
    inputs: TrainingInputs, state: State, chooser: Validation | None
) -> tuple[keras.Model, Settled]:
    """Settle what planes count, then postprocessing, of a network whose weights are chosen.

    Parameters
    ----------
    inputs : TrainingInputs
        What it was made from.
    state : State
        Holds the chosen weights.
    chooser : Validation or None
        The cases that may decide; on pieces, without them, the training masks do.

    Returns
    -------
    model : keras.Model
        From raw intensities to probabilities, in float32.
    settled : Settled
        What was decided.

    Raises
    ------
    DivergedError
        When the weights are no numbers.
    """
    preprocess = state.trainer.preprocess
    plain = _in_float32(state.trainer.unet, inputs)
    if not all(np.isfinite(each).all() for each in plain.get_weights()):
        # the last step of all, which no loss was computed after
        raise DivergedError(
            f"the weights are no numbers after epoch {state.progress.best_epoch}; {LESS}"
        )
    model = finished_model(preprocess, plain)
    known = inputs.known if chooser is not None else ()
    owners = [inputs.patient_of(case.case) for case in known]
    # first, as postprocessing is for the masks that are predicted by them
    card, planes = settle_planes(model, inputs.card, known, owners)
    after, tried = settle_postprocessing(inputs.experiment, chooser, model, inputs.one_piece, card)
    settled = _with_card(preprocess, card.settled(after))
    return finished_model(settled, plain), Settled(tried, planes)


def resolve(inputs: TrainingInputs, state: State, model: keras.Model, facts: Facts) -> Resolved:
    """Return what a training decided and measured on its way to a model."""
    progress = state.progress
    preprocess = state.trainer.preprocess
    return Resolved(
        precision=progress.precision,
        precision_because=progress.because,
        threads=facts.threads,
        # of several channels the first, as everywhere that one is shown
        window=[preprocess.of_first("low"), preprocess.of_first("high")],
        mean=preprocess.of_first("mean"),
        sd=preprocess.of_first("sd"),
        parameters=int(model.count_params()),
        # a model that never saw a label has no score of it, see evaluation
        untrained_labels=facts.untrained,
        training_slices=len(usable(inputs.slices, inputs.experiment.training.empty)),
        steps=progress.steps,
        seconds=round(facts.seconds, 1),
        slices_sha256=inputs.slices.digest,
        validation_sha256=inputs.validation_slices.digest,
        selected_epoch=progress.best_epoch,
        selected_by=facts.selected_by,
        postprocessing=facts.settled.postprocessing,
        **({"planes": facts.settled.planes} if facts.settled.planes else {}),
        weights_sha256=weights_digest(model),
        device=backend.gpu_name() or "CPU",
        devices=len(state.trainer.devices) or 1,
        versions=backend.versions(),
    )


def _in_float32(unet: keras.Model, inputs: TrainingInputs) -> keras.Model:
    """Return the network in float32, so that it runs on processors without bfloat16."""
    plain = build_unet(
        inputs.experiment.network,
        len(inputs.card.labels),
        channels=unet.input_shape[-1],
        outputs=len(inputs.card.regions) or None,
        depth=inputs.depth,
        told=inputs.card.context.told,
    )
    copy_weights(unet, plain)
    return plain


def _with_card(fitted: Preprocess, card: ModelCard) -> Preprocess:
    """Return the layer with another card."""
    return Preprocess(fitted.low, fitted.high, fitted.mean, fitted.sd, card, name="preprocess")


def samples_of(trainer: Trainer, batches: Batches) -> dict[str, np.ndarray]:
    """Return the first training slices as the network saw them, see `Trained`."""
    images = []
    masks = []
    with closing(batches.from_step(0, 0)) as steps:
        for step, indices, inputs in steps:
            trainer.seed(batches.experiment.training.seed, 0, 2, step)
            seen = [ops.convert_to_numpy(each) for each in trainer.prepare(inputs)]
            context = batches.experiment.seen
            middle = context.slices // 2
            # of the first channel
            images.append((seen[0][..., middle] - BLACK) / (WHITE - BLACK) * 255)
            masks.append(seen[1][..., middle] if context.block else seen[1])
            if (step + 1) * len(indices) >= SHOWN:
                break
    return {
        name: np.concatenate(parts)[:SHOWN].clip(0, 255).astype(np.uint8)
        for name, parts in (("images", images), ("masks", masks))
    }
