"""The network as it is trained: preprocessing, augmentation, loss and optimiser in one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicewise.network import backend  # isort: skip  (sets up the backend before keras starts)

import keras
import numpy as np
from keras import ops

from slicewise.config import UNDRAWN, Augmentation, Experiment, Loss, Optimizer, Training
from slicewise.errors import PassingError, SlicewiseError
from slicewise.network.depth import Depth
from slicewise.network.fusion import forbid_wrong_fusion
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import build_unet
from slicewise.slices.taught import SURE
from slicewise.training import augmentation as augment
from slicewise.training.average import Statistics, averaging
from slicewise.training.losses import (
    WHOLE,
    Target,
    drawn_pixels,
    hard_masks,
    segmentation_loss,
    taught_loss,
)

PARTS = ("loss_truth", "loss_teacher")
"""Names of the parts of a loss that is to masks and to a teacher."""


@keras.saving.register_keras_serializable(package="slicewise")
class Trainer(keras.Model):
    """Preprocess, augment, network and loss in one step, on any backend.

    Takes a dict of ``images`` (n, rows, columns, channels), ``masks`` (n, rows,
    columns) and, where slices are augmented, the arrays of the `Changes` that were drawn for them;
    where a teacher says something of them, that as ``taught``, see `SliceSet.probabilities`.

    Parameters
    ----------
    preprocess : Preprocess
        Fitted layer.
    unet : keras.Model
        From normalised slices to logits, or to a list of them.
    loss : Loss
        Settings of the loss.
    augmentation : Augmentation or None
        Settings of the augmentation.
    devices : list of str
        Where the network runs. With several, each takes its share of the
        batch; the loss is that of the whole batch, on the first of them.
    target : Target
        What is to be found in masks.
    optimizer : Optimizer or None
        Settings of the average of weights that statistics of batches are to fit.
    share : float
        Share of the loss that is to the teacher.
    """

    def __init__(
        self,
        preprocess: Preprocess,
        unet: keras.Model,
        loss: Loss,
        augmentation: Augmentation | None = None,
        devices: list[str] | None = None,
        *,
        target: Target = WHOLE,
        optimizer: Optimizer | None = None,
        share: float = 0.0,
    ) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.unet = unet
        self.loss_settings = loss
        self.augmentation = augmentation
        self.devices = devices or []
        self.target = target
        self.noise = keras.random.SeedGenerator(0)
        self.share = share
        self.traced: tuple[int, ...] | None = None
        """Of the slices that the step was made for, see `backend.train_step`."""
        self.dice = keras.metrics.Mean(name="dice")
        # of the loss, where it has two
        self.parts = [keras.metrics.Mean(name=part) for part in PARTS] if share else []
        self.statistics = Statistics(self, unet, optimizer)
        # there is nothing to build, which Keras would trace a whole call to find out
        self.built = True

    def prepare(self, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the images and masks of a batch as the network sees them."""
        images = self.preprocess(inputs["images"])
        masks = inputs["masks"]
        changes = augment.Changes.among(inputs)
        if changes is not None and self.augmentation is not None:
            told = self.preprocess.card.context.told
            # a plane is no picture, to be moved or made brighter
            picture = images[..., :-told] if told else images
            noise = keras.random.normal(ops.shape(picture), dtype="float32", seed=self.noise)
            moved, masks = augment.apply(picture, masks, changes, noise, self.augmentation)
            images = ops.concatenate([moved, images[..., -told:]], axis=-1) if told else moved
        return images, ops.cast(masks, "int32")

    def learnt(self, inputs: Mapping[str, Any]) -> Any:
        """Return what a teacher says of a batch as the network sees it, see `taught_loss`."""
        taught = ops.cast(inputs["taught"], "float32") / SURE
        changes = augment.Changes.among(inputs)
        if changes is not None and self.augmentation is not None:
            taught = augment.moved(taught, changes, self.augmentation)
        slices = tuple(inputs["masks"].shape[3:])
        if not slices:
            return taught
        size = ops.shape(taught)[:3]
        return ops.swapaxes(ops.reshape(taught, (*size, -1, *slices)), 3, 4)

    def call(self, inputs: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """Return logits and the masks that go with them."""
        images, masks = self.prepare(inputs)
        run = backend.shared_by(self.devices, lambda part: self.unet(part, training=training))
        logits = run(images)
        if training:
            self.statistics.add()
        outputs = {"logits": logits, "masks": masks}
        if self.share and "taught" in inputs:
            outputs["taught"] = self.learnt(inputs)
        return outputs

    def take_averages(self) -> None:
        """Give the network the moving averages of its weights and statistics, where these are."""
        if not self.optimizer.use_ema:
            return
        weights = self.trainable_variables
        self.optimizer.finalize_variable_values(weights)
        # jax let both share one array, which a prediction would consume with the weights
        assign(weights, numpy_of(weights))
        assign(self.statistics.seen, numpy_of(self.statistics.averages))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch and note its Dice."""
        logits = y_pred["logits"]
        masks = y_pred["masks"]
        finest = logits[0] if isinstance(logits, list) else logits
        self.dice.update_state(self._dice(finest, masks))
        truth = segmentation_loss(logits, masks, self.loss_settings, self.target)
        if "taught" not in y_pred:
            return truth
        teacher = taught_loss(logits, y_pred["taught"], self.loss_settings, self.target)
        for mean, part in zip(self.parts, (truth, teacher), strict=True):
            mean.update_state(part)
        return (1 - self.share) * truth + self.share * teacher

    def _dice(self, logits: Any, masks: Any) -> Any:
        """Return the Dice of a batch, as logits decide it."""
        if self.target.regions:
            logits, masks, drawn = drawn_pixels(logits, masks, self.target)
            predicted = ops.cast(logits > 0, "float32")
            if drawn is not None:
                predicted = predicted * drawn[..., None]
            return dice_of_sums(predicted, self.target.truth(masks, logits.shape[-1]))
        predicted = hard_masks(logits)
        if self.target.partial:
            predicted = ops.where(masks == UNDRAWN, ops.zeros_like(predicted), predicted)
        return batch_dice(predicted, masks, logits.shape[-1])

    def seed(self, *key: int) -> None:
        """Set all randomness of the next step: the same key, the same noise and dropout.

        Keras keeps such states in variables that no checkpoint format restores.
        """
        random = np.random.default_rng(key)
        for generator in (self.noise, *self._dropouts()):
            generator.state.assign(random.integers(0, 2**31, 2).astype(np.uint32))

    def _dropouts(self) -> list[Any]:
        generators = (getattr(layer, "seed_generator", None) for layer in self.unet.layers)
        return [generator for generator in generators if generator is not None]


def batch_dice(predicted: Any, masks: Any, outputs: int) -> Any:
    """Dice of hard masks over all pixels of a batch, mean over the labels.

    What nobody drew is no label in `masks`, and should be background in what was predicted.
    """
    labels = ops.arange(1, max(outputs, 2), dtype="int32")
    p = ops.cast(predicted[..., None] == labels, "float32")
    t = ops.cast(masks[..., None] == labels, "float32")
    return dice_of_sums(p, t)


def dice_of_sums(p: Any, t: Any) -> Any:
    """Mean Dice of what was predicted and what is true, 0 or 1, by their last axis."""
    pixels = tuple(range(len(t.shape) - 1))
    both, true, guessed = (ops.sum(v, axis=pixels) for v in (p * t, t, p))
    return ops.mean((2 * both + 1e-6) / (true + guessed + 1e-6))


def make_trainer(
    experiment: Experiment,
    preprocess: Preprocess,
    labels: int,
    precision: str,
    target: Target = WHOLE,
    *,
    depth: Depth | None = None,
) -> Trainer:
    """Build the network with its optimiser, from the seed.

    Parameters
    ----------
    experiment : Experiment
        All settings.
    preprocess : Preprocess
        Fitted layer.
    labels : int
        How many labels the masks have.
    precision : {"float32", "mixed_bfloat16"}
        Of the inner layers.
    target : Target
        What is to be found in masks.
    depth : Depth, optional
        Of a network of three dimensions.

    Raises
    ------
    SlicewiseError
        When the batch cannot be shared evenly by the devices.
    """
    keras.utils.set_random_seed(experiment.training.seed)
    devices = _devices(experiment.training)
    unet = build_unet(
        experiment.network,
        labels,
        precision,
        channels=preprocess.card.depth,
        supervise=experiment.network.deep_supervision,
        outputs=len(target.regions) or None,
        depth=depth,
        told=preprocess.card.context.told,
    )
    forbid_wrong_fusion(unet)
    trainer = Trainer(
        preprocess,
        unet,
        experiment.loss,
        experiment.augmentation,
        devices,
        target=target,
        optimizer=experiment.optimizer,
        share=experiment.training.share,
    )
    # XLA is slower than oneDNN on CPUs, faster than plain kernels on one GPU.
    jit = "auto" if backend.has_gpu() and len(devices) < 2 else keras.backend.backend() == "jax"
    trainer.compile(optimizer=make_optimizer(experiment.optimizer), jit_compile=jit)
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def _devices(settings: Training) -> list[str]:
    """Return the devices that share each batch; refuse what cannot be had."""
    devices = backend.devices(settings.devices)
    wanted = settings.devices or 1
    if wanted > max(len(devices), 1):
        raise PassingError(
            f"training.devices: {wanted} are asked for, and {max(len(devices), 1)} is visible; "
            "ask for so many, or for null: all that are visible"
        )
    if settings.batch % max(len(devices), 1):
        raise SlicewiseError(
            f"training.batch: {settings.batch} slices cannot be shared evenly by "
            f"{len(devices)} devices; choose a multiple of {len(devices)}, or fewer "
            "training.devices"
        )
    return devices


def make_optimizer(settings: Optimizer) -> keras.optimizers.Optimizer:
    """Build the optimiser; its learning rate is set at each step."""
    common: dict[str, Any] = {
        "learning_rate": settings.learning_rate,
        "global_clipnorm": settings.clip_norm,
    }
    if settings.accumulate > 1:
        common["gradient_accumulation_steps"] = settings.accumulate
    if settings.ema is not None:
        common |= {"use_ema": True, "ema_momentum": settings.ema}
    if settings.name == "adam":
        return averaging(keras.optimizers.Adam, settings)(**common)
    common["weight_decay"] = settings.weight_decay
    if settings.name == "sgd":
        common |= {"momentum": settings.momentum, "nesterov": True}
    kind = {"adamw": keras.optimizers.AdamW, "sgd": keras.optimizers.SGD}[settings.name]
    optimizer = averaging(kind, settings)(**common)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def numpy_of(variables: list[Any]) -> list[np.ndarray]:
    """Copy the values of variables."""
    return [np.array(ops.convert_to_numpy(v.value)) for v in variables]


def assign(variables: list[Any], arrays: list[np.ndarray]) -> None:
    """Set variables to values."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
