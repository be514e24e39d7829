"""Training: right, repeatable, and resumable after any epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicewise.model import backend  # isort: skip  (sets up the backend before keras starts)

import keras
import numpy as np
import pandas as pd
from keras import ops

from slicewise.config import Experiment, Loss, Optimizer
from slicewise.errors import SlicewiseError
from slicewise.files import atomic, digest, write_text
from slicewise.metrics import mean_dice_by_case
from slicewise.model import augment
from slicewise.model.checkpoints import Checkpoints
from slicewise.model.fit import fit_preprocess
from slicewise.model.layers import Preprocess
from slicewise.model.losses import hard_masks, segmentation_loss
from slicewise.model.schedule import Schedule
from slicewise.model.unet import build_unet, finished_model, weights_digest
from slicewise.slices.batches import SliceSet, epoch_batches

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
WORTH_IT = 1.2  # bfloat16 changes results a little, so it has to pay

Log = Callable[[dict[str, float]], None]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes
    ----------
    model : keras.Model
        From raw intensities to probabilities.
    history : DataFrame
        One row an epoch, columns `HISTORY`.
    facts : dict
        What was resolved on the way: precision, threads, window, seconds, the
        selected epoch, digest of the weights, versions.
    """

    model: keras.Model
    history: pd.DataFrame
    facts: dict[str, Any]

    def save(self, model: Path, history: Path) -> None:
        """Write the model (``.keras``) and its history (``.csv``)."""
        with atomic(model) as temporary:
            self.model.save(temporary)
        write_text(history, self.history.to_csv(index=False))


@keras.saving.register_keras_serializable(package="slicewise")
class Trainer(keras.Model):
    """Preprocess, augment, network and loss in one step, on any backend.

    Takes a dict of ``images`` (n, rows, columns, 1), ``masks`` (n, rows,
    columns) and, where slices are augmented, ``changes`` and ``noise``.
    """

    def __init__(self, preprocess: Preprocess, unet: keras.Model, loss: Loss) -> None:
        super().__init__()
        self.preprocess, self.unet, self.loss_settings = preprocess, unet, loss
        self.dice = keras.metrics.Mean(name="dice")

    def call(self, inputs: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return logits and the masks that go with them."""
        images, masks = self.preprocess(inputs["images"]), inputs["masks"]
        if "changes" in inputs:
            images, masks = augment.apply(images, masks, inputs["changes"], inputs["noise"])
        return {"logits": self.unet(images, training=training), "masks": masks}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch and note its Dice."""
        logits, masks = y_pred["logits"], ops.cast(y_pred["masks"], "int32")
        counts = _counts(hard_masks(logits), masks, logits.shape[-1])
        both, true, predicted = (ops.sum(count, axis=0) for count in counts)
        self.dice.update_state(ops.mean((2 * both + 1e-6) / (true + predicted + 1e-6)))
        return segmentation_loss(logits, masks, self.loss_settings)


def _counts(predicted: Any, masks: Any, outputs: int) -> tuple[Any, Any, Any]:
    """Pixels in both, in truth and in prediction, each (slices, labels)."""
    labels = ops.arange(1, max(outputs, 2), dtype="int32")
    p = ops.cast(predicted[..., None] == labels, "float32")
    t = ops.cast(masks[..., None] == labels, "float32")
    both, true, guessed = (ops.sum(v, axis=(1, 2)) for v in (p * t, t, p))
    return both, true, guessed


@dataclass
class _State:
    """What a checkpoint holds besides variables."""

    history: list[dict[str, float]] = field(default_factory=list)
    best_score: float = float("-inf")
    best_epoch: int = 0
    best: list[np.ndarray] = field(default_factory=list)


def train(
    slices: SliceSet,
    watched: SliceSet,
    experiment: Experiment,
    card: dict[str, Any],
    checkpoints: Path,
    *,
    may_select: bool = True,
    log: Log = lambda row: None,
    say: Say = print,
    save: Callable[[Trained], None] = lambda trained: None,
    orphaned: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train a U-net, going on from a checkpoint where there is one.

    Parameters
    ----------
    slices : SliceSet
        Slices of the training cases.
    watched : SliceSet
        Slices of validation (or held-out) cases; may be empty.
    experiment : Experiment
        All settings.
    card : dict
        ``labels``, ``recipe``, ``intensity``, ``postprocessing``: carried by the model.
    checkpoints : Path
        Folder for checkpoints; this training makes one below it that is
        named after all it depends on.
    may_select : bool
        Whether `watched` may choose the epoch; held-out folds must not.
    log : callable
        Called with the row of the history of each epoch, also of those before a resumption.
    say : callable
        Called with a line of progress for people.
    save : callable
        Called with the result while the checkpoints are still there: they
        are deleted when it returns, so that nothing is lost before.
    orphaned : callable
        Asked after each epoch; where it says yes, training stops.

    Returns
    -------
    Trained
        Model, history and facts.

    Raises
    ------
    SlicewiseError
        When the loss is no number, no slice shows a label, another process
        runs the same training, or it is orphaned.
    """
    key = training_key(slices, watched, experiment, card, may_select)
    threads = backend.prepare(experiment.training.threads, experiment.training.seed)
    with Checkpoints(checkpoints / key[:16]) as store:
        trained = _train(
            slices, watched, experiment, card, store, may_select, log, say, orphaned, threads
        )
        save(trained)
        store.finish()
    return trained


def training_key(
    slices: SliceSet,
    watched: SliceSet,
    experiment: Experiment,
    card: dict[str, Any],
    may_select: bool,
) -> str:
    """Return a digest of all that the weights depend on: settings, slices, code, versions."""
    return digest(
        {
            "experiment": experiment.model_dump(exclude={"prediction"}),
            "card": card,
            "slices": [slices.digest, watched.digest if len(watched) else ""],
            "select": may_select,
            "threads": experiment.training.threads or backend.available_threads(),
            "versions": backend.versions(),
            "source": _source_digest(),
        }
    )


def _train(
    slices: SliceSet,
    watched: SliceSet,
    experiment: Experiment,
    card: dict[str, Any],
    store: Checkpoints,
    may_select: bool,
    log: Log,
    say: Say,
    orphaned: Callable[[], bool],
    threads: int,
) -> Trained:
    settings = experiment.training
    loaded = store.load()
    first = _batches(slices, experiment, epoch=0)
    used = _pool(slices, experiment)
    preprocess = fit_preprocess(slices, used, experiment.input, card)
    if loaded is not None:
        precision = loaded[1]["precision"]
    else:
        precision = _choose_precision(slices, experiment, preprocess, first[0], say)
    trainer = _make_trainer(experiment, preprocess, len(card["labels"]), precision, len(first))
    select = settings.select if may_select and len(watched) else "final"
    state = _State()
    if loaded is not None:
        state = _restore(trainer, *loaded)
        say(f"going on after epoch {len(state.history)}")
        for row in state.history:
            log(row)
    begun, before = time.monotonic(), len(state.history)
    for epoch in range(before, settings.epochs):
        row = _train_epoch(trainer, slices, experiment, epoch)
        weights: list[np.ndarray] | None = None
        with _averaged_weights(trainer, experiment.optimizer):
            if len(watched):
                row |= _validate(trainer, watched, experiment)
            score = {"final": 0.0, "loss": -row.get("val/loss", 0), "dice": row.get("val/dice", 0)}
            if select != "final" and score[select] > state.best_score:
                weights = _numpy(trainer.unet.variables)
        if weights is not None:
            state.best_score, state.best_epoch, state.best = score[select], epoch + 1, weights
        row = {"epoch": epoch + 1, "timestamp": int(time.time() * 1000), **row}
        state.history.append(row)
        store.save(epoch + 1, *_snapshot(trainer, state, precision))
        log(row)
        left = (time.monotonic() - begun) / (epoch + 1 - before) * (settings.epochs - epoch - 1)
        say(_progress(row, settings.epochs, left))
        if orphaned():
            raise SlicewiseError(
                f"training stops after epoch {epoch + 1}, because what started it is gone; run "
                "snakemake --unlock and snakemake again: it goes on from here"
            )
    if select == "final":
        if experiment.optimizer.ema is not None:
            trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
        state.best_epoch = len(state.history)
    else:
        _assign(trainer.unet.variables, state.best)
    # The finished model is float32, so that it runs on processors without bfloat16.
    plain = build_unet(experiment.network, len(card["labels"]))
    plain.set_weights(trainer.unet.get_weights())
    model = finished_model(preprocess, plain)
    history = pd.DataFrame(state.history, columns=list(HISTORY))
    facts = {
        "precision": precision,
        "threads": threads,
        "window": [preprocess.low, preprocess.high],
        "mean": preprocess.mean,
        "sd": preprocess.sd,
        "parameters": int(model.count_params()),
        "training_slices": len(used),
        "slices_sha256": slices.digest,
        "watched_sha256": watched.digest,
        "selected_epoch": state.best_epoch,
        "selected_by": select,
        "weights_sha256": weights_digest(model),
        "device": "GPU" if backend.has_gpu() else "CPU",
        "versions": backend.versions(),
    }
    return Trained(model, history, facts)


def _source_digest() -> str:
    here = Path(__file__).parent
    return digest([p.read_text(encoding="utf-8") for p in sorted(here.glob("*.py"))])


def _batches(slices: SliceSet, experiment: Experiment, epoch: int) -> list[np.ndarray]:
    settings = experiment.training
    return epoch_batches(
        slices,
        batch=settings.batch,
        steps=settings.steps_per_epoch,
        only_foreground=settings.slices == "foreground",
        foreground=settings.foreground,
        seed=settings.seed,
        epoch=epoch,
    )


def _pool(slices: SliceSet, experiment: Experiment) -> np.ndarray:
    if experiment.training.slices == "foreground":
        return np.flatnonzero(slices.counts.sum(axis=1) > 0)
    return np.arange(len(slices))


def _make_trainer(
    experiment: Experiment, preprocess: Preprocess, labels: int, precision: str, steps: int
) -> Trainer:
    keras.utils.set_random_seed(experiment.training.seed)
    unet = build_unet(experiment.network, labels, precision)
    trainer = Trainer(preprocess, unet, experiment.loss)
    total = steps * experiment.training.epochs
    # XLA is slower than oneDNN on CPUs, faster than plain kernels on GPUs.
    jit = "auto" if backend.has_gpu() else keras.backend.backend() == "jax"
    trainer.compile(optimizer=_optimizer(experiment.optimizer, total), jit_compile=jit)
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def _optimizer(settings: Optimizer, steps: int) -> keras.optimizers.Optimizer:
    rate = Schedule(
        settings.learning_rate, round(settings.warmup * steps), steps, settings.schedule
    )
    common: dict[str, Any] = {"learning_rate": rate, "global_clipnorm": settings.clip_norm}
    if settings.ema is not None:
        common |= {"use_ema": True, "ema_momentum": settings.ema}
    if settings.name == "adam":
        return keras.optimizers.Adam(**common)
    common["weight_decay"] = settings.weight_decay
    if settings.name == "adamw":
        optimizer = keras.optimizers.AdamW(**common)
    else:
        optimizer = keras.optimizers.SGD(**common, momentum=0.99, nesterov=True)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _inputs(
    slices: SliceSet, indices: np.ndarray, experiment: Experiment, epoch: int, step: int
) -> dict[str, np.ndarray]:
    images, masks = slices.read(indices)
    inputs = {"images": images, "masks": masks.astype(np.int32)}
    if experiment.augmentation is not None:
        seed = experiment.training.seed
        inputs["changes"] = augment.draw(
            experiment.augmentation, len(indices), slices.size, seed, epoch, step
        )
        inputs["noise"] = augment.draw_noise(images.shape, seed, epoch, step)
    return inputs


def _train_epoch(
    trainer: Trainer, slices: SliceSet, experiment: Experiment, epoch: int
) -> dict[str, float]:
    _seed_dropout(trainer, experiment.training.seed, epoch)
    batches = _batches(slices, experiment, epoch)
    begun = time.monotonic()
    losses, dice = [], []
    for step, indices in enumerate(batches):
        logs = trainer.train_on_batch(
            _inputs(slices, indices, experiment, epoch, step), return_dict=True
        )
        # Keras forgets its running means at each call, so they are kept here.
        losses.append(float(logs["loss"]))
        dice.append(float(logs["dice"]))
        if not np.isfinite(losses[-1]):
            cases = sorted({slices.cases[slices.case_of[i]] for i in indices})
            raise SlicewiseError(
                f"the loss is no number in epoch {epoch + 1} at step {step + 1} (cases "
                f"{', '.join(cases)}); try a lower optimizer.learning_rate, a clip_norm, or "
                "precision: float32"
            )
    seconds = time.monotonic() - begun
    return {
        "train/loss": float(np.mean(losses)),
        "train/dice": float(np.mean(dice)),
        "lr": float(ops.convert_to_numpy(trainer.optimizer.learning_rate)),
        "images_per_second": len(batches) * experiment.training.batch / seconds,
    }


def _seed_dropout(trainer: Trainer, seed: int, epoch: int) -> None:
    # Keras keeps the state of dropout in a variable that no checkpoint format
    # restores; setting it by epoch makes a resumed run see the same draws.
    for position, layer in enumerate(trainer.unet.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            random = np.random.default_rng([seed, epoch, 3, position])
            generator.state.assign(random.integers(0, 2**31, 2).astype(np.uint32))


def _validate(trainer: Trainer, watched: SliceSet, experiment: Experiment) -> dict[str, float]:
    """Score held-out slices: the loss on the kind that is trained on, the Dice on all."""
    batch = experiment.training.batch
    pool = _pool(watched, experiment)
    rest = np.setdiff1d(np.arange(len(watched)), pool)
    counts: list[list[np.ndarray]] = [[], [], []]
    losses = 0.0
    batches = [part[k : k + batch] for part in (pool, rest) for k in range(0, len(part), batch)]
    for indices in batches:
        images, masks = watched.read(indices)
        inputs = {"images": images, "masks": masks.astype(np.int32)}
        logits = ops.convert_to_tensor(trainer.predict_on_batch(inputs)["logits"])
        truth = ops.convert_to_tensor(inputs["masks"])
        if indices[0] in pool:
            loss = segmentation_loss(logits, truth, trainer.loss_settings)
            losses += float(loss) * len(indices)
        parts = _counts(hard_masks(logits), truth, logits.shape[-1])
        for total, part in zip(counts, parts, strict=True):
            total.append(ops.convert_to_numpy(part))
    both, true, predicted = (np.concatenate(part) for part in counts)
    cases = watched.case_of[np.concatenate(batches)]
    return {
        "val/loss": losses / len(pool) if len(pool) else float("nan"),
        "val/dice": mean_dice_by_case(both, true, predicted, cases),
    }


@contextmanager
def _averaged_weights(trainer: Trainer, optimizer: Optimizer) -> Iterator[None]:
    """Lend the trainer the moving average of its weights."""
    if optimizer.ema is None:
        yield
        return
    own = _numpy(trainer.trainable_variables)
    trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
    try:
        yield
    finally:
        _assign(trainer.trainable_variables, own)


def _numpy(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(v.value)) for v in variables]


def _assign(variables: list[Any], arrays: list[np.ndarray]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _snapshot(
    trainer: Trainer, state: _State, precision: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    arrays: dict[str, np.ndarray] = {}
    for name, values in (
        ("model", _numpy(trainer.unet.variables)),
        ("optimizer", _numpy(trainer.optimizer.variables)),
        ("best", state.best),
    ):
        arrays |= {f"{name}_{i:04d}": value for i, value in enumerate(values)}
    notes = {
        "precision": precision,
        "history": state.history,
        "best_score": state.best_score if state.best else None,
        "best_epoch": state.best_epoch,
    }
    return arrays, notes


def _restore(trainer: Trainer, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> _State:
    def group(name: str) -> list[np.ndarray]:
        return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")]

    _assign(trainer.unet.variables, group("model"))
    _assign(trainer.optimizer.variables, group("optimizer"))
    state = _State(notes["history"], best_epoch=notes["best_epoch"], best=group("best"))
    if notes["best_score"] is not None:
        state.best_score = notes["best_score"]
    return state


def _choose_precision(
    slices: SliceSet,
    experiment: Experiment,
    preprocess: Preprocess,
    indices: np.ndarray,
    say: Say,
) -> str:
    wanted = experiment.training.precision
    if wanted != "auto":
        return wanted
    inputs = _inputs(slices, indices, experiment, 0, 0)
    seconds = {}
    for precision in ("float32", "mixed_bfloat16"):
        try:
            trainer = _make_trainer(
                experiment, preprocess, len(preprocess.card["labels"]), precision, 1
            )
            trainer.train_on_batch(inputs)
            times = []
            for _ in range(3):
                begun = time.monotonic()
                trainer.train_on_batch(inputs)
                times.append(time.monotonic() - begun)
            seconds[precision] = min(times)
        except Exception as error:
            # Some processors and backends refuse bfloat16; each with its own exception.
            if precision == "float32":
                raise
            say(f"bfloat16 does not run here ({type(error).__name__}): float32 is used")
            return "float32"
    gain = seconds["float32"] / seconds["mixed_bfloat16"]
    chosen = "mixed_bfloat16" if gain >= WORTH_IT else "float32"
    say(f"bfloat16 is {gain:.2f} times as fast as float32 here: {chosen} is used")
    return chosen


def _progress(row: dict[str, float], epochs: int, left: float) -> str:
    parts = [f"epoch {int(row['epoch'])}/{epochs}"]
    for name, key in (
        ("loss", "train/loss"),
        ("Dice", "train/dice"),
        ("validation loss", "val/loss"),
        ("validation Dice", "val/dice"),
    ):
        if key in row:
            parts.append(f"{name} {row[key]:.4f}")
    parts.append(f"{row['images_per_second']:.1f} slices/s")
    parts.append(f"{_clock(left)} left")
    return "  ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
