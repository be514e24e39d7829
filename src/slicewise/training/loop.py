"""Training: right, repeatable, and resumable after any step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.network import backend  # isort: skip  (sets up the backend before keras starts)

import numpy as np
import pandas as pd
from keras import ops

from slicewise.config import Experiment
from slicewise.errors import DivergedError, PassingError, SlicewiseError, StoppedError
from slicewise.files import atomic
from slicewise.job import AGAIN
from slicewise.network.precision import decide_precision
from slicewise.slices.batches import check_labels, usable
from slicewise.training.batches import Batches
from slicewise.training.budget import Budget, clock
from slicewise.training.checkpoints import Checkpoints
from slicewise.training.fit import fit_preprocess
from slicewise.training.inputs import TrainingInputs
from slicewise.training.result import (
    HISTORY,
    TAUGHT,
    Facts,
    Trained,
    resolve,
    samples_of,
    settle_model,
)
from slicewise.training.schedule import learning_rate
from slicewise.training.selection import FINAL, Selection
from slicewise.training.state import Progress, State
from slicewise.training.trainer import PARTS, Trainer, make_trainer
from slicewise.training.validation import LESS, Truth, Validation, target_of

Row = dict[str, float]
OnEpoch = Callable[[Row], Row | None]
OnModel = Callable[[int, Callable[[Path], None]], None]
Log = Callable[[str], None]
ShouldStop = Callable[[], str | None]
SHOWN = {
    "loss": "train/loss",
    "Dice": "train/dice",
    "validation loss": "val/loss",
    "validation Dice": "val/dice",
}
"""What the line of an epoch says, and of which column of its row."""


@dataclass(frozen=True)
class Callbacks:
    """Whom a training tells of its progress, and asks whether it is to go on; see `train`."""

    on_epoch: OnEpoch = lambda row: None
    log: Log = print
    should_stop: ShouldStop = lambda: None
    on_model: OnModel = lambda epoch, write: None

    def check(self) -> None:
        """Raise `_ToldToStop` where there is a reason to stop."""
        reason = self.should_stop()
        if reason is not None:
            raise _ToldToStop(reason)


class _ToldToStop(Exception):
    """Why a training stops before its end."""


def train(
    inputs: TrainingInputs,
    truth: Truth,
    checkpoints: Path,
    callbacks: Callbacks | None = None,
    save: Callable[[Trained], None] = lambda trained: None,
) -> Trained:
    """Train a U-net, going on from a checkpoint where there is one.

    Parameters
    ----------
    inputs : TrainingInputs
        All that the weights depend on.
    truth : callable
        From the name of a validation case to its ground truth (label numbers)
        on the source grid, in canonical orientation.
    checkpoints : Path
        Folder for checkpoints; this training makes one below it that is
        named after all it depends on. The last one stays, so that the same
        training has nothing to do but `save`; see `delete_checkpoints`.
    callbacks : Callbacks, optional
        ``on_epoch`` is called with the row of the history of each epoch, also
        of those before a resumption, and may return the row to keep instead,
        such as one with an earlier timestamp; ``on_model`` with the number of
        an epoch that has ended, maybe once more after a resumption, and what
        writes its model (the averaged weights) to a path; ``log`` with a line
        of progress for people; ``should_stop`` after each step: where it gives a reason,
        training saves and stops.
    save : callable
        Called with the result, to store it.

    Returns
    -------
    Trained
        Model, history, what was resolved, and samples.

    Raises
    ------
    SlicewiseError
        When the loss is no number, memory runs out, a label never occurs,
        or another process runs the same training.
    StoppedError
        When it is told to stop; it has saved all that it needs to go on.
    """
    with _begun(inputs, truth, checkpoints, callbacks or Callbacks()) as begun:
        begun.loop.run()
        trained = begun.loop.finish(begun.threads, begun.untrained)
        save(trained)
    return trained


def train_until(
    inputs: TrainingInputs,
    truth: Truth,
    checkpoints: Path,
    callbacks: Callbacks,
    epochs: int,
) -> Paused:
    """Train a part of what `train` does, which goes on from there to the same bits.

    Parameters
    ----------
    inputs, truth, checkpoints, callbacks
        See `train`.
    epochs : int
        After how many it pauses.

    Returns
    -------
    Paused
        What it came to until then, also where a checkpoint is of a later epoch.
    """
    with _begun(inputs, truth, checkpoints, callbacks) as begun:
        begun.loop.run(epochs)
        progress = begun.loop.state.progress
        history = progress.history[:epochs]
        dice, epoch = begun.loop.selection.dice_of_kept(history)
        return Paused(history, dice, epoch, progress.used * len(history) / len(progress.history))


@dataclass(frozen=True)
class Paused:
    """What a part of a training came to.

    Attributes
    ----------
    history : list of dict
        A row an epoch.
    dice : float or None
        Validation Dice of the weights that are kept until now, if it was measured.
    epoch : int
        Their epoch, from 1.
    seconds : float
        That it took, by all jobs together.
    """

    history: list[Row]
    dice: float | None
    epoch: int
    seconds: float


@dataclass(frozen=True)
class _Begun:
    """A training that holds its checkpoints, with what was found at its begin.

    Attributes
    ----------
    loop : _Loop
        The training.
    threads : int
        That the processor's operations share.
    untrained : list of str
        Labels that no training slice shows.
    """

    loop: _Loop
    threads: int
    untrained: list[str]


@contextmanager
def _begun(
    inputs: TrainingInputs, truth: Truth, checkpoints: Path, callbacks: Callbacks
) -> Iterator[_Begun]:
    """Begin or go on with a training; at the end its last checkpoint alone is kept."""
    begun = time.monotonic()
    settings = inputs.experiment.training
    untrained = check_labels(inputs.slices, settings.missing_labels, inputs.card.regions)
    if untrained:
        callbacks.log(f"no training slice shows {', '.join(untrained)}: the model never learns it")
    key = inputs.key
    threads = backend.prepare(settings.threads, settings.seed, settings.strict)
    with Checkpoints(checkpoints / key[:16]) as store:
        if store.begins_beside_others():
            callbacks.log(
                "begins anew: what was trained before had other settings, slices, code, packages "
                f"or threads (now {threads}; training.threads says how many)"
            )
        yield _Begun(_prepare(inputs, truth, store, callbacks, begun), threads, untrained)
        store.settle()


def _prepare(
    inputs: TrainingInputs, truth: Truth, store: Checkpoints, callbacks: Callbacks, begun: float
) -> _Loop:
    """Build the parts of a training, as it begins or as a checkpoint has it."""
    experiment = inputs.experiment
    settings = experiment.training
    card = inputs.card
    validation = None
    if len(inputs.validation_slices):
        validation = Validation(
            *(inputs.validation_slices, truth, experiment, card, inputs.patients),
            known=inputs.known,
        )
    allowed = inputs.may_select and validation is not None
    batches = Batches(inputs.slices, experiment, drop=card.missing_channels == "zero")
    used = usable(inputs.slices, settings.empty)
    preprocess = fit_preprocess(inputs.slices, used, experiment.input, card)
    _check_moves(experiment, batches.per_epoch)
    if batches.coarse is not None:
        callbacks.log(batches.coarse.said)
    if settings.patience is not None and not allowed:
        callbacks.log("training.patience stops nothing: no validation patient may choose")

    def make(precision: str) -> Trainer:
        target = target_of(card, inputs.slices)
        return make_trainer(
            experiment, preprocess, len(card.labels), precision, target, depth=inputs.depth
        )

    state = State.load(store, make)
    if state is None:
        progress = _begin(experiment, callbacks.log)
        state = State(make(progress.precision), progress)
        # a training that goes on has learnt since
        for line in [] if inputs.start is None else inputs.start.give(state.trainer.unet, card):
            callbacks.log(line)
    return _Loop(
        inputs=inputs,
        state=state,
        batches=batches,
        validation=validation,
        selection=Selection.of(settings.select, allowed=allowed),
        budget=Budget(
            *(settings, batches.per_epoch, begun),
            used=state.progress.used,
            validating=state.progress.validating,
        ),
        store=store,
        callbacks=callbacks,
    )


def _check_moves(experiment: Experiment, per_epoch: int) -> None:
    """Refuse a training that ends before its weights move for the first time."""
    settings = experiment.training
    accumulate = experiment.optimizer.accumulate
    if settings.minutes is None and settings.epochs is not None:
        steps = settings.epochs * per_epoch
        if steps < accumulate:
            raise SlicewiseError(
                f"optimizer.accumulate: the weights move after each {accumulate} batches, and "
                f"this training has {steps}; lower it, or train longer"
            )


def _begin(experiment: Experiment, log: Log) -> Progress:
    """Decide the precision of a training that begins."""
    wanted = experiment.training.precision
    precision, because = decide_precision(wanted, experiment.network.filters, backend.machine())
    if wanted == "auto":
        log(f"precision: {precision}, because {because}")
    return Progress(precision, because)


@dataclass
class _Loop:
    """A training under way.

    Attributes
    ----------
    inputs : TrainingInputs
        What it is made from.
    state : State
        What it has learnt, and how far it is.
    batches : Batches
        What it reads.
    validation : Validation or None
        The cases that it is scored by.
    selection : Selection
        Which weights are kept.
    budget : Budget
        When it ends.
    store : Checkpoints
        Where its state is saved.
    callbacks : Callbacks
        Whom it tells.
    """

    inputs: TrainingInputs
    state: State
    batches: Batches
    validation: Validation | None
    selection: Selection
    budget: Budget
    store: Checkpoints
    callbacks: Callbacks

    def run(self, until: int | None = None) -> None:
        """Train to the end, or until the end of an epoch, saving after each epoch."""
        self._greet()
        history = self.state.progress.history
        on_epoch = self.callbacks.on_epoch
        for index, row in enumerate(history):
            history[index] = on_epoch(row) or row
        if history and not self.state.progress.losses:
            # a kill may have come before it was taken
            self.callbacks.on_model(len(history), self._write)
        while not self._has_ended() and (until is None or len(history) < until):
            row = self._run_epoch()
            self.state.progress.end_epoch(row)
            self._save()
            history[-1] = on_epoch(row) or row
            self.callbacks.on_model(len(history), self._write)
            self.callbacks.log(self._line(row))

    def finish(self, threads: int, untrained: list[str]) -> Trained:
        """Settle weights and postprocessing, and describe what came out."""
        selected_by = self._choose_weights()
        chooser = self.validation if self.selection.allowed else None
        model, settled = settle_model(self.inputs, self.state, chooser)
        for line in settled.said:
            self.callbacks.log(line)
        facts = Facts(threads, untrained, self.budget.used(), selected_by, settled)
        resolved = resolve(self.inputs, self.state, model, facts)
        columns = [*HISTORY, *(TAUGHT if self.inputs.slices.taught else ())]
        history = pd.DataFrame(self.state.progress.history, columns=columns)
        return Trained(model, history, resolved, samples_of(self.state.trainer, self.batches))

    # -- before and after -------------------------------------------------------

    def _greet(self) -> None:
        """Say where the training goes on, or what its validation cannot tell."""
        progress = self.state.progress
        if progress.steps:
            part = f", step {len(progress.losses)}" if progress.losses else ""
            self.callbacks.log(f"going on after epoch {len(progress.history)}{part}")
        elif self.validation is not None:
            for line in self.validation.notes():
                self.callbacks.log(line)

    def _choose_weights(self) -> str:
        """Give the network the weights that are kept, and return what selected them."""
        selected_by = self.selection.by
        if selected_by != FINAL and self.state.progress.best_score is None:
            self.callbacks.log(
                f"no validation patient has what training.select: {selected_by} is measured on, "
                "so the last weights are kept"
            )
            selected_by = FINAL
        if selected_by == FINAL:
            self.state.take_last()
        else:
            self.state.take_best()
        return selected_by

    def _write(self, path: Path) -> None:
        """Write the model as it is now, with what is known of postprocessing by then."""
        with self.state.averaged_weights():
            model, _ = settle_model(self.inputs, self.state, None)
        with atomic(path) as temporary:
            model.save(temporary)

    def _save(self) -> None:
        self.state.progress.used = self.budget.used()
        self.state.progress.validating = self.budget.validating
        self.state.save(self.store)

    # -- an epoch -----------------------------------------------------------------

    def _has_ended(self) -> bool:
        """Tell whether the training is over, and its last epoch whole and validated.

        The minutes may be over while an epoch is saved that was not validated, or between two
        jobs: a last step and its validation follow.
        """
        progress = self.state.progress
        finished = len(progress.history)
        validated = self.validation is None or progress.validated == finished
        return not progress.losses and validated and self._is_over(finished)

    def _is_over(self, finished: int) -> bool:
        """Tell whether the training ends after so many epochs."""
        progress = self.state.progress
        patience = self.inputs.experiment.training.patience
        # of coarse slices alone little more is learnt, while whole ones are still to come
        seen_whole = progress.history[progress.coarse_steps // self.batches.per_epoch :]
        if self.selection.has_waited(seen_whole, patience):
            return True
        return self.budget.is_over(finished, progress.steps)

    def _run_epoch(self) -> Row:
        """Train an epoch, or the rest of one, and validate where that is due.

        Raises
        ------
        StoppedError
            When it is told to stop; it has saved its state.
        """
        progress = self.state.progress
        try:
            row = self._train_epoch()
            last = self._is_over(progress.number)
            due = not progress.number % self.inputs.experiment.training.validate_every
            if self.validation is not None and (last or due):
                row |= self._validate(self.validation)
        except _ToldToStop as told:
            self._save()
            raise StoppedError(
                f"training saved at step {len(progress.losses)} of epoch {progress.number}, "
                f"because {told}; {AGAIN}"
            ) from None
        return row

    def _train_epoch(self) -> Row:
        progress = self.state.progress
        begun = self.budget.used()
        earlier = progress.seconds
        reason = self._train_steps()
        progress.seconds = earlier + self.budget.used() - begun
        if reason is not None:
            raise _ToldToStop(reason)
        experiment = self.inputs.experiment
        # of blocks all slices are trained on
        each = experiment.seen.slices if experiment.seen.block else 1
        trained = len(progress.losses) * experiment.training.batch * each
        return {
            "epoch": progress.number,
            "timestamp": int(time.time() * 1000),
            "train/loss": float(np.mean(progress.losses)),
            "train/dice": float(np.mean(progress.dice)),
            **{f"train/{name}": float(np.mean(of)) for name, of in progress.parts.items()},
            "lr": float(ops.convert_to_numpy(self.state.trainer.optimizer.learning_rate)),
            "images_per_second": trained / progress.seconds,
        }

    def _train_steps(self) -> str | None:
        """Train the steps of an epoch that are left; return why it is to stop, if it is."""
        progress = self.state.progress
        trainer = self.state.trainer
        experiment = self.inputs.experiment
        epoch = len(progress.history)
        before = progress.steps - len(progress.losses)

        def share_at(step: int) -> float:
            return self.budget.share(before + step)

        waiting: tuple[int, np.ndarray, dict[str, Any]] | None = None
        reason = None
        with (
            self._enough_memory(),
            closing(self.batches.from_step(epoch, len(progress.losses), share_at)) as steps,
        ):
            for step, indices, inputs in steps:
                trainer.seed(experiment.training.seed, epoch, 2, step)
                share = self.budget.share(progress.steps)
                trainer.optimizer.learning_rate = learning_rate(experiment.optimizer, share)
                logs = backend.train_step(trainer, inputs)
                self.budget.started()
                progress.steps += 1
                progress.coarse_steps += self.batches.are_coarse(inputs)
                # A GPU works on this step while the numbers of the one before are looked at.
                if waiting is not None:
                    self._note(*waiting)
                waiting = (step, indices, logs)
                reason = self.callbacks.should_stop()
                if reason is not None or self.budget.is_out_of_time():
                    break
            if waiting is not None:
                self._note(*waiting)
        return reason

    def _note(self, step: int, indices: np.ndarray, logs: dict[str, Any]) -> None:
        """Take the numbers of a step, and refuse a loss that is none."""
        progress = self.state.progress
        loss = float(logs["loss"])
        parts = {name: float(logs[name]) for name in PARTS if name in logs}
        progress.note(loss, float(logs["dice"]), parts)
        if not np.isfinite(loss):
            cases = ", ".join(self.batches.cases_of(indices))
            raise DivergedError(
                f"the loss is no number in epoch {progress.number} at step {step + 1} "
                f"(cases {cases}); {LESS}"
            )

    def _validate(self, validation: Validation) -> Row:
        """Score the held-out cases with the averaged weights, and keep these if they are best."""
        begun = self.budget.used()
        with self.state.averaged_weights(), self._enough_memory():
            scores = validation.score(self._logits)
            # what nobody has is no score: neither a best one nor a point of a curve
            scores = {name: value for name, value in scores.items() if not np.isnan(value)}
            self.state.keep_if_best(self.selection.score(scores))
        self.budget.validating = self.budget.used() - begun
        self.state.progress.validated = self.state.progress.number
        return scores

    def _logits(self, images: np.ndarray) -> np.ndarray:
        """Return the logits of slices, unless the training is told to stop."""
        self.callbacks.check()
        self.budget.used()
        seen = self.inputs.experiment.seen
        block = (seen.slices,) if seen.block else ()
        masks = np.zeros((*images.shape[:3], *block), np.uint8)
        outputs = self.state.trainer.predict_on_batch({"images": images, "masks": masks})
        logits = outputs["logits"]
        return np.asarray(logits[0] if isinstance(logits, list) else logits)

    @contextmanager
    def _enough_memory(self) -> Iterator[None]:
        """Say what to lower where memory runs out."""
        try:
            yield
        except Exception as error:
            if not backend.is_out_of_memory(error):
                raise
            rows, columns = self.inputs.slices.size
            seen = self.inputs.experiment.seen
            kind = f"blocks of {seen.slices} slices" if seen.block else "slices"
            raise PassingError(
                f"memory runs out with a batch of {self.inputs.experiment.training.batch} {kind} "
                f"of {rows} x {columns}; lower training.batch, "
                f"{'network.block, ' if seen.block else ''}the size of the slices or "
                "network.filters"
            ) from error

    def _line(self, row: Row) -> str:
        """Return what people are told of an epoch."""
        settings = self.inputs.experiment.training
        number = len(self.state.progress.history)
        total = f"/{settings.epochs}" if settings.minutes is None else ""
        parts = [f"epoch {number}{total}"]
        parts += [f"{name} {row[key]:.4f}" for name, key in SHOWN.items() if key in row]
        parts.append(f"{row['images_per_second']:.1f} slices/s")
        parts.append(f"{clock(self.budget.left(number))} left")
        return "  ".join(parts)
