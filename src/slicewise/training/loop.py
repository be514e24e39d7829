"""Training: right, repeatable, and resumable after any step."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from slicewise.network import backend  # isort: skip  (sets up the backend before keras starts)

import keras
import numpy as np
import pandas as pd
from keras import ops

from slicewise.config import Experiment
from slicewise.errors import SlicewiseError, StoppedError
from slicewise.files import atomic, digest, write_text
from slicewise.inference.prefetch import ahead
from slicewise.job import AGAIN
from slicewise.network.layers import Preprocess
from slicewise.network.precision import decide_precision
from slicewise.network.unet import build_unet, copy_weights, finished_model, weights_digest
from slicewise.slices.batches import SliceSet, check_labels, epoch_batches, usable
from slicewise.sources import CONVERSION, LIBRARY, TRAINED_BY, code_digest, sources_of
from slicewise.training import augmentation as augment
from slicewise.training.checkpoints import Checkpoints
from slicewise.training.fit import fit_preprocess
from slicewise.training.schedule import learning_rate
from slicewise.training.trainer import assign, make_trainer, numpy_of
from slicewise.training.validation import LESS, Truth, Validation, settle_postprocessing

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
SCORE = {"loss": ("val/loss", -1), "dice": ("val/dice", 1)}
"""By setting, what weights are selected by, and its sign: the greatest is best."""
SHOWN = 16  # augmented slices kept for the report
BLACK, WHITE = -2.5, 2.5  # of their normalised intensities

OnEpoch = Callable[[dict[str, float]], dict[str, float] | None]
Steps = Generator[tuple[int, np.ndarray, dict[str, np.ndarray]], None, None]
Log = Callable[[str], None]


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
        selected epoch, postprocessing, digest of the weights, versions.
    samples : dict of str to ndarray
        Some training slices as the network saw them: ``images`` and ``masks``,
        uint8, shape (n, rows, columns).
    """

    model: keras.Model
    history: pd.DataFrame
    facts: dict[str, Any]
    samples: dict[str, np.ndarray]

    def save(self, model: Path, history: Path, samples: Path) -> None:
        """Write the model (``.keras``), its history (``.csv``) and the samples (``.npz``)."""
        with atomic(model) as temporary:
            self.model.save(temporary)
        write_text(history, self.history.to_csv(index=False))
        with atomic(samples) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **self.samples)


@dataclass
class _State:
    """What a checkpoint holds besides variables."""

    precision: str = ""
    because: str = ""
    history: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    used: float = 0.0  # seconds
    # of the epoch under way: a training that is told to stop does so between two steps
    losses: list[float] = field(default_factory=list)
    dice: list[float] = field(default_factory=list)
    seconds: float = 0.0
    best_score: float | None = None
    best_epoch: int = 0


def train(
    slices: SliceSet,
    validation_slices: SliceSet,
    truth: Truth,
    experiment: Experiment,
    card: dict[str, Any],
    checkpoints: Path,
    *,
    may_select: bool = True,
    patients: Mapping[str, str] | None = None,
    also: object = None,
    on_epoch: OnEpoch = lambda row: None,
    log: Log = print,
    save: Callable[[Trained], None] = lambda trained: None,
    should_stop: Callable[[], str | None] = lambda: None,
) -> Trained:
    """Train a U-net, going on from a checkpoint where there is one.

    Parameters
    ----------
    slices : SliceSet
        Slices of the training cases.
    validation_slices : SliceSet
        Slices of validation (or held-out) cases; may be empty.
    truth : callable
        From the name of a validation case to its ground truth (label numbers)
        on the source grid, in canonical orientation.
    experiment : Experiment
        All settings.
    card : dict
        From `make_card`: carried by the model.
    checkpoints : Path
        Folder for checkpoints; this training makes one below it that is
        named after all it depends on. The last one stays, so that the same
        training has nothing to do but `save`; see `checkpoints.delete_checkpoints`.
    may_select : bool
        Whether `validation_slices` may choose the epoch and the postprocessing;
        held-out folds must not.
    patients : mapping of str to str, optional
        The patient of each validation case: a score is a mean over patients. By
        default each case is one.
    also : JSON-like
        What else the weights depend on, see `training_key`.
    on_epoch : callable
        Called with the row of the history of each epoch, also of those before a resumption.
        It may return the row to keep instead, such as one with an earlier timestamp.
    log : callable
        Called with a line of progress for people.
    save : callable
        Called with the result, to store it.
    should_stop : callable
        Asked after each step; where it gives a reason, training saves and stops.

    Returns
    -------
    Trained
        Model, history, facts and samples.

    Raises
    ------
    SlicewiseError
        When the loss is no number, memory runs out, a label never occurs,
        or another process runs the same training.
    StoppedError
        When it is told to stop; it has saved all that it needs to go on.
    """
    begun = time.monotonic()
    settings = experiment.training
    untrained = check_labels(slices, settings.missing_labels)
    if untrained:
        log(f"no training case has {', '.join(untrained)}: the model never learns it")
    key = training_key(slices, validation_slices, experiment, card, may_select, patients, also)
    threads = backend.prepare(settings.threads, settings.seed, settings.strict)
    with Checkpoints(checkpoints / key[:16]) as store:
        validation = None
        if len(validation_slices):
            validation = Validation(validation_slices, truth, experiment, card, patients)
        options = (may_select, log, should_stop, begun)
        run = _Run(slices, validation, experiment, card, store, *options)
        run.epochs(on_epoch)
        trained = run.finish(threads, validation_slices.digest, untrained)
        save(trained)
        store.settle()
    return trained


def training_key(
    slices: SliceSet,
    validation_slices: SliceSet,
    experiment: Experiment,
    card: dict[str, Any],
    may_select: bool,
    patients: Mapping[str, str] | None = None,
    also: object = None,
) -> str:
    """Return a digest of all that the weights depend on: settings, slices, code, versions.

    Parameters
    ----------
    slices, validation_slices, experiment, card, may_select, patients
        As of `train`.
    also : JSON-like
        What the caller knows and they do not say: digests of its own code and
        of the files that ground truth is read from.
    """
    reading = [slices.context, slices.context_mm]
    owners = {
        case: case if patients is None else patients[case] for case in validation_slices.cases
    }
    return digest(
        {
            "experiment": experiment.model_dump(exclude={"prediction"}),
            "card": card,
            "slices": [
                slices.digest,
                validation_slices.digest if len(validation_slices) else "",
                reading,
            ],
            "select": may_select,
            "patients": owners,
            "threads": experiment.training.threads or backend.available_threads(),
            "versions": backend.versions(),
            "source": source_digest(),
            "also": also,
        }
    )


def source_digest(library: Path = LIBRARY) -> str:
    """Return a digest of the code that runs: what the rule `train` is told of, too."""
    here = library / "training" / "loop.py"
    files = [here, *sources_of(here, library, TRAINED_BY, CONVERSION)]
    return digest([code_digest(path) for path in files])


class Batches:
    """The batches of a training: chosen, read and drawn by seed, epoch and step alone."""

    def __init__(self, slices: SliceSet, experiment: Experiment) -> None:
        self.slices, self.experiment = slices, experiment

    def indices(self, epoch: int) -> list[np.ndarray]:
        """Return the slices of each batch of an epoch (from 0)."""
        settings = self.experiment.training
        return epoch_batches(
            self.slices,
            batch=settings.batch,
            steps=settings.steps_per_epoch,
            empty=settings.empty,
            foreground=settings.foreground,
            seed=settings.seed,
            epoch=epoch,
        )

    @cached_property
    def per_epoch(self) -> int:
        """Number of batches of an epoch, the same for each."""
        return len(self.indices(0))

    def read(self, indices: np.ndarray, epoch: int, step: int) -> dict[str, np.ndarray]:
        """Return what the trainer takes for a step."""
        images, masks = self.slices.read(indices)
        inputs = {"images": images, "masks": masks}
        if self.experiment.augmentation is not None:
            inputs |= augment.draw(
                self.experiment.augmentation,
                len(indices),
                self.slices.size,
                *(self.experiment.training.seed, epoch, step),
                aspect=self.slices.aspect[indices],
            )
        return inputs

    def from_step(self, epoch: int, first: int) -> Steps:
        """Yield step, indices and inputs of an epoch's batches, made two steps ahead."""

        def steps() -> Steps:
            for step, indices in enumerate(self.indices(epoch)):
                if step >= first:
                    yield step, indices, self.read(indices, epoch, step)

        return ahead(steps(), depth=2)


class _ToldToStop(Exception):
    """Why a training stops before its end."""


class _Run:
    """A training under way."""

    def __init__(
        self,
        slices: SliceSet,
        validation: Validation | None,
        experiment: Experiment,
        card: dict[str, Any],
        store: Checkpoints,
        may_select: bool,
        log: Log,
        should_stop: Callable[[], str | None],
        begun: float,
    ) -> None:
        self.slices, self.validation, self.experiment = slices, validation, experiment
        self.card, self.store = card, store
        self.log, self.should_stop = log, should_stop
        self.batches = Batches(slices, experiment)
        self.may_select = may_select and validation is not None
        self.select = experiment.training.select if self.may_select else "final"
        self.preprocess = fit_preprocess(
            slices, usable(slices, experiment.training.empty), experiment.input, card
        )
        labels = len(card["labels"])
        self._check_moves()
        loaded = store.load([each.name for each in fields(_State)])
        self.state, self.best = _State(), list[np.ndarray]()
        if loaded is not None:
            self.state, self.best = _State(**loaded[1]), _group(loaded[0], "best")
        else:
            wanted, filters = experiment.training.precision, experiment.network.filters
            self.state.precision, self.state.because = decide_precision(
                wanted, filters, backend.machine()
            )
            if wanted == "auto":
                log(f"precision: {self.state.precision}, because {self.state.because}")
        self.trainer = make_trainer(experiment, self.preprocess, labels, self.state.precision)
        if loaded is not None:
            assign(self.trainer.unet.variables, _group(loaded[0], "model"))
            assign(self.trainer.optimizer.variables, _group(loaded[0], "optimizer"))
        self.begun = begun - self.state.used
        self.validating = 0.0  # seconds that the last validation took

    def _check_moves(self) -> None:
        settings, accumulate = self.experiment.training, self.experiment.optimizer.accumulate
        if settings.minutes is None and settings.epochs is not None:
            steps = settings.epochs * self.batches.per_epoch
            if steps < accumulate:
                raise SlicewiseError(
                    f"optimizer.accumulate: the weights move after each {accumulate} batches, and "
                    f"this training has {steps}; lower it, or train longer"
                )
        if settings.patience is not None and not self.may_select:
            self.log("training.patience stops nothing: no validation patient may choose")

    def epochs(self, on_epoch: OnEpoch) -> None:
        """Train to the end, saving after each epoch."""
        state, settings = self.state, self.experiment.training
        if state.steps:
            part = f", step {len(state.losses)}" if state.losses else ""
            self.log(f"going on after epoch {len(state.history)}{part}")
        elif self.validation is not None:
            for line in self.validation.notes():
                self.log(line)
        for index, row in enumerate(state.history):
            state.history[index] = on_epoch(row) or row
        while not self._over():
            try:
                row = self._train_epoch()
                number = len(state.history) + 1
                last = self._over(finished=number)
                if self.validation and (last or not number % settings.validate_every):
                    row |= self._validate()
            except _ToldToStop as told:
                self._save()
                raise StoppedError(
                    f"training saved at step {len(state.losses)} of epoch "
                    f"{len(state.history) + 1}, because {told}; {AGAIN}"
                ) from None
            state.history.append(row)
            state.losses, state.dice, state.seconds = [], [], 0.0
            self._save()
            state.history[-1] = on_epoch(row) or row
            self.log(self._progress(row))

    def finish(self, threads: int, validation_digest: str, untrained: list[str]) -> Trained:
        """Settle weights and postprocessing, and describe what came out."""
        state, trainer = self.state, self.trainer
        selected_by = self.select
        if self.select != "final" and state.best_score is None:
            self.log(
                f"no validation patient has what training.select: {self.select} is measured on, "
                "so the last weights are kept"
            )
            selected_by = "final"
        if selected_by == "final":
            if self.experiment.optimizer.ema is not None:
                trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
            state.best_epoch = len(state.history)
        else:
            assign(trainer.unet.variables, self.best)
        # The finished model is float32, so that it runs on processors without bfloat16.
        plain = build_unet(
            self.experiment.network,
            len(self.card["labels"]),
            channels=self.experiment.input.context,
        )
        copy_weights(trainer.unet, plain)
        if not all(np.isfinite(each).all() for each in plain.get_weights()):
            # the last step of all, which no loss was computed after
            raise SlicewiseError(
                f"the weights are no numbers after epoch {state.best_epoch}; {LESS}"
            )
        chooser = self.validation if self.may_select else None
        after, decided = settle_postprocessing(
            self.experiment, chooser, finished_model(self.preprocess, plain)
        )
        model = finished_model(self._preprocess({**self.card, "postprocessing": after}), plain)
        facts = {
            "precision": state.precision,
            "precision_because": state.because,
            "threads": threads,
            "window": [self.preprocess.low, self.preprocess.high],
            "mean": self.preprocess.mean,
            "sd": self.preprocess.sd,
            "parameters": int(model.count_params()),
            # a model that never saw a label has no score of it, see evaluation
            "untrained_labels": untrained,
            "training_slices": len(usable(self.slices, self.experiment.training.empty)),
            "steps": state.steps,
            "seconds": round(self._used(), 1),
            "slices_sha256": self.slices.digest,
            "watched_sha256": validation_digest,
            "selected_epoch": state.best_epoch,
            "selected_by": selected_by,
            "postprocessing": decided,
            "weights_sha256": weights_digest(model),
            "device": backend.gpu_name() or "CPU",
            "devices": len(trainer.devices) or 1,
            "versions": backend.versions(),
        }
        history = pd.DataFrame(state.history, columns=list(HISTORY))
        return Trained(model, history, facts, self._samples())

    def _preprocess(self, card: dict[str, Any]) -> Preprocess:
        fitted = self.preprocess
        return Preprocess(fitted.low, fitted.high, fitted.mean, fitted.sd, card, name="preprocess")

    def _used(self) -> float:
        return time.monotonic() - self.begun

    def _done(self) -> float:
        """Share of the training that is done, by steps or by time."""
        settings = self.experiment.training
        if settings.minutes is not None:
            return self._used() / max(settings.minutes * 60 - self.validating, 1e-3)
        assert settings.epochs is not None
        return (self.state.steps + 0.5) / (settings.epochs * self.batches.per_epoch)

    def _out_of_time(self) -> bool:
        return self.experiment.training.minutes is not None and self._done() >= 1

    def _over(self, finished: int | None = None) -> bool:
        settings, state = self.experiment.training, self.state
        finished = len(state.history) if finished is None else finished
        if settings.patience is not None and self.may_select:
            name, sign = SCORE.get(self.select, SCORE["dice"])
            scores = [sign * row[name] for row in state.history if name in row]
            if scores and len(scores) - 1 - int(np.argmax(scores)) >= settings.patience:
                return True
        if settings.minutes is not None:
            return state.steps > 0 and self._out_of_time()
        assert settings.epochs is not None
        return finished >= settings.epochs

    def _train_epoch(self) -> dict[str, float]:
        state, epoch, seed = self.state, len(self.state.history), self.experiment.training.seed
        begun, earlier = time.monotonic(), state.seconds
        waiting: tuple[int, np.ndarray, dict[str, Any]] | None = None
        reason = None
        with (
            self._enough_memory(),
            closing(self.batches.from_step(epoch, len(state.losses))) as steps,
        ):
            for step, indices, inputs in steps:
                self.trainer.seed(seed, epoch, 2, step)
                rate = learning_rate(self.experiment.optimizer, self._done())
                self.trainer.optimizer.learning_rate = rate
                logs = backend.train_step(self.trainer, inputs)
                state.steps += 1
                # A GPU works on this step while the numbers of the one before are looked at.
                if waiting is not None:
                    self._note(*waiting)
                waiting = (step, indices, logs)
                reason = self.should_stop()
                if reason is not None or self._out_of_time():
                    break
            if waiting is not None:
                self._note(*waiting)
        state.seconds = earlier + time.monotonic() - begun
        if reason is not None:
            raise _ToldToStop(reason)
        return {
            "epoch": epoch + 1,
            "timestamp": int(time.time() * 1000),
            "train/loss": float(np.mean(state.losses)),
            "train/dice": float(np.mean(state.dice)),
            "lr": float(ops.convert_to_numpy(self.trainer.optimizer.learning_rate)),
            "images_per_second": len(state.losses) * self.experiment.training.batch / state.seconds,
        }

    def _note(self, step: int, indices: np.ndarray, logs: dict[str, Any]) -> None:
        loss = float(logs["loss"])
        self.state.losses.append(loss)
        self.state.dice.append(float(logs["dice"]))
        if not np.isfinite(loss):
            cases = sorted({self.slices.cases[self.slices.case_of[i]] for i in indices})
            raise SlicewiseError(
                f"the loss is no number in epoch {len(self.state.history) + 1} at step {step + 1} "
                f"(cases {', '.join(cases)}); {LESS}"
            )

    def _validate(self) -> dict[str, float]:
        """Score the held-out cases with the averaged weights, and keep these if they are best."""
        assert self.validation is not None
        begun = time.monotonic()
        with self._averaged_weights(), self._enough_memory():
            scores = self.validation.score(self._logits)
            # what nobody has is no score: neither a best one nor a point of a curve
            scores = {name: value for name, value in scores.items() if not np.isnan(value)}
            name, sign = SCORE.get(self.select, ("", 1))
            score = sign * scores[name] if name in scores else None
            state = self.state
            if score is not None and (state.best_score is None or score > state.best_score):
                state.best_score, state.best_epoch = score, len(state.history) + 1
                self.best = numpy_of(self.trainer.unet.variables)
        self.validating = time.monotonic() - begun
        return scores

    def _logits(self, images: np.ndarray) -> np.ndarray:
        reason = self.should_stop()
        if reason is not None:
            raise _ToldToStop(reason)
        masks = np.zeros(images.shape[:3], np.uint8)
        logits = self.trainer.predict_on_batch({"images": images, "masks": masks})["logits"]
        return np.asarray(logits[0] if isinstance(logits, list) else logits)

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """Lend the trainer the moving average of its weights."""
        if self.experiment.optimizer.ema is None:
            yield
            return
        variables = self.trainer.trainable_variables
        own = numpy_of(variables)
        self.trainer.optimizer.finalize_variable_values(variables)
        # jax let both share one array, which a prediction would consume with the weights
        assign(variables, numpy_of(variables))
        try:
            yield
        finally:
            assign(variables, own)

    @contextmanager
    def _enough_memory(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not backend.is_out_of_memory(error):
                raise
            rows, columns = self.slices.size
            raise SlicewiseError(
                f"memory runs out with a batch of {self.experiment.training.batch} slices of "
                f"{rows} x {columns}; lower training.batch, the size of the slices or "
                "network.filters"
            ) from error

    def _save(self) -> None:
        self.state.used = self._used()
        arrays: dict[str, np.ndarray] = {}
        for name, values in (
            ("model", numpy_of(self.trainer.unet.variables)),
            ("optimizer", numpy_of(self.trainer.optimizer.variables)),
            ("best", self.best),
        ):
            arrays |= {f"{name}_{i:04d}": value for i, value in enumerate(values)}
        self.store.save(self.state.steps, arrays, asdict(self.state))

    def _samples(self) -> dict[str, np.ndarray]:
        """Show the first training slices as the network saw them."""
        images, masks = [], []
        with closing(self.batches.from_step(0, 0)) as steps:
            for step, indices, inputs in steps:
                self.trainer.seed(self.experiment.training.seed, 0, 2, step)
                seen = [ops.convert_to_numpy(each) for each in self.trainer.prepare(inputs)]
                middle = seen[0][..., seen[0].shape[-1] // 2]
                images.append((middle - BLACK) / (WHITE - BLACK) * 255)
                masks.append(seen[1])
                if (step + 1) * len(indices) >= SHOWN:
                    break
        return {
            name: np.concatenate(parts)[:SHOWN].clip(0, 255).astype(np.uint8)
            for name, parts in (("images", images), ("masks", masks))
        }

    def _progress(self, row: dict[str, float]) -> str:
        settings = self.experiment.training
        number = len(self.state.history)
        if settings.minutes is not None:
            total, done = "", min(1.0, self._done())
        else:
            assert settings.epochs is not None
            total, done = f"/{settings.epochs}", number / settings.epochs
        parts = [f"epoch {number}{total}"]
        for name, key in (
            ("loss", "train/loss"),
            ("Dice", "train/dice"),
            ("validation loss", "val/loss"),
            ("validation Dice", "val/dice"),
        ):
            if key in row:
                parts.append(f"{name} {row[key]:.4f}")
        parts.append(f"{row['images_per_second']:.1f} slices/s")
        parts.append(f"{_clock(self._used() * (1 / done - 1))} left")
        return "  ".join(parts)


def _group(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
