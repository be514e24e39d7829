"""Scoring held-out cases on their own grid, and what is decided by that score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import keras
import numpy as np
from keras import ops

from slicewise.config import UNDRAWN, Experiment, Postprocessing
from slicewise.errors import DivergedError
from slicewise.inference.assembled import assembled
from slicewise.inference.assembly import numbered
from slicewise.inference.batching import batched
from slicewise.inference.blocks import Joined, centres
from slicewise.inference.regions import decider, postprocessed
from slicewise.inference.views import Forward, averaged, views
from slicewise.metrics.patients import mean_of, mean_over_patients, patient_scores
from slicewise.network.card import ModelCard
from slicewise.slices.batches import SliceSet
from slicewise.training.known import KnownCase
from slicewise.training.losses import BatchLoss, Target, probabilities

Truth = Callable[[str], np.ndarray]
PIECES = "largest_component"
"""The step that is kept for each label by itself, as it changes no other one."""
BY_VALIDATION = "validation patients"
LESS = "try a lower optimizer.learning_rate, a clip_norm, or precision: float32"
"""What helps where a training runs away."""
AT_A_TIME = 8_000_000  # bytes of outputs that are worked on; each takes several copies


class Validation:
    """Held-out cases, scored on the source grid, each patient counting once.

    Slices are decided as they leave the network, as in a prediction: of a case
    the ground truth and the decided mask are whole in memory, a byte a voxel
    each, however many labels there are.

    Parameters
    ----------
    validation_slices : SliceSet
        Their slices.
    truth : callable
        Gives a case's ground truth as label numbers, in canonical (RAS+)
        orientation, on the source grid; read when it is needed. Where nobody
        drew (`UNDRAWN`) nothing is scored.
    experiment : Experiment
        Loss, batch, threshold.
    card : ModelCard
        Labels and slice recipe.
    patients : mapping of str to str, optional
        The patient of each case; by default each case is one.
    known : sequence of KnownCase
        Images and masks of the cases, where other cuts than those of the recipe
        are predicted and postprocessing is tried.
    """

    def __init__(
        self,
        validation_slices: SliceSet,
        truth: Truth,
        experiment: Experiment,
        card: ModelCard,
        patients: Mapping[str, str] | None = None,
        *,
        known: Sequence[KnownCase] = (),
    ) -> None:
        self.cases = validation_slices.each()
        self.truth = truth
        self.experiment = experiment
        self.card = card
        names = [case.cases[0] for case in self.cases]
        self.patients = [name if patients is None else patients[name] for name in names]
        self.known = {each.case: each for each in known}

    def score(self, logits_of: Forward) -> dict[str, float]:
        """Return loss and mean per-patient Dice.

        Parameters
        ----------
        logits_of : callable
            From a batch of slices as they are stored to logits.

        Returns
        -------
        dict
            ``val/loss``: on slices of the kind that is trained on, of each
            case by batches; NaN where no slice shows any label. Where blocks
            overlap their logits are averaged. ``val/dice``: on all slices, 3-D,
            on the source grid, of the labels that a case has; mean over the
            cases of a patient, the labels, the patients (`mean_over_patients`);
            NaN where nobody has any label. Where blocks overlap their
            probabilities are averaged, as in a prediction.

        Raises
        ------
        DivergedError
            When the loss of a case is no number.
        """
        losses = 0.0
        slices = 0
        dice = []
        for case, pieces in self._outputs(logits_of):
            loss = _Losses(case, self.experiment, self.card)
            mask = _Mask(self, case)
            for logits, probability in _with_probabilities(case, pieces, self.card):
                loss.add(logits)
                mask.add(probability)
            loss.finish()
            if not np.isfinite(loss.total):
                raise DivergedError(
                    f"the validation loss of case {case.cases[0]} is no number; {LESS}"
                )
            losses += loss.total
            slices += loss.slices
            dice.append(dice_of(mask.truth, mask.mask, self.card))
        return {
            "val/loss": losses / slices if slices else float("nan"),
            "val/dice": mean_over_patients(np.array(dice), self.patients),
        }

    def notes(self) -> list[str]:
        """Say, before anything is trained, what these cases cannot tell."""
        bare = [case.cases[0] for case in self.cases if not case.counts.any()]
        seen = sum(case.counts.sum(axis=0) for case in self.cases)
        pixels = dict(zip(self.card.labels, seen, strict=True))
        unseen = [name for name, number in pixels.items() if not number]
        lines = []
        if bare:
            lines.append(
                f"validation cases {', '.join(bare[:8])}{', …' if bare[8:] else ''}: no slice "
                "shows any label, so they have no validation loss; a label that the mask has "
                "counts in the Dice on its own grid"
            )
        if unseen and len(bare) < len(self.cases):
            lines.append(f"label {', '.join(unseen)}: no slice of the validation cases shows it")
        return lines

    def try_postprocessing(
        self, model: keras.Model, card: ModelCard, settings: dict[str, Any], steps: list[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Add those steps to a postprocessing that make the held-out patients better.

        Parameters
        ----------
        model : keras.Model
            A finished model.
        card : ModelCard
            By which it predicts: with the cuts that are averaged.
        settings : dict
            The postprocessing to begin with.
        steps : list of str
            What may be added, one after the other.

        Returns
        -------
        settings : dict
            The postprocessing with what was added.
        tried : dict
            For each step: mean Dice (as ``val/dice``) without it, and with it where it
            is kept, or else everywhere (None where nobody has any label); whether it is
            kept; and of the largest component for which labels or regions.
        """
        tries: dict[str, Any] = {}
        for step in steps:
            apart = step == PIECES
            before, after = self._scores_after(model, card, [settings, {**settings, step: True}])
            chosen = self._gaining(before, after, apart=apart)
            kept = bool(chosen.any())
            with_it = np.where(chosen, after, before) if kept else after
            tries[step] = {
                "by": BY_VALIDATION,
                "dice_without": _or_none(mean_over_patients(before, self.patients)),
                "dice_with": _or_none(mean_over_patients(with_it, self.patients)),
                "kept": kept,
            }
            settings = {**settings, step: kept}
            if apart:
                labels = [name for name, own in zip(self.card.found, chosen, strict=True) if own]
                tries[step]["labels"] = labels
                settings[step] = labels or False
        return settings, tries

    def _gaining(self, before: np.ndarray, after: np.ndarray, *, apart: bool) -> np.ndarray:
        """Return for which labels a step is kept: each by itself, or all or none.

        A step raises the mean over the labels that share its fate, and lowers that of none. Regions
        lie within each other, so that what is done to one changes others.
        """
        every = range(len(self.card.found))
        groups = [[k] for k in every] if apart and not self.card.regions else [[*every]]
        chosen = np.zeros(len(every), bool)
        for group in groups:
            without = before[:, group]
            with_it = after[:, group]
            gain = mean_over_patients(with_it, self.patients) - mean_over_patients(
                without, self.patients
            )
            lower = self._by_label(with_it) < self._by_label(without)
            # no comparison holds where there is no score
            chosen[group] = gain > 0 and not lower.any()
        return chosen

    def _scores_after(
        self, model: keras.Model, card: ModelCard, choices: list[dict[str, Any]]
    ) -> list[np.ndarray]:
        """Dice of each case and label after each postprocessing, one case at a time."""
        steps = [Postprocessing(**settings) for settings in choices]
        scores: list[list[np.ndarray]] = [[] for _ in choices]
        own = [recipe for recipe, _ in card.cuts] == [card.recipe]
        for truth, decided in self._by_slices(model) if own else self._by_cuts(model, card):
            for after, rows in zip(steps, scores, strict=True):
                rows.append(dice_of(truth, postprocessed(decided, card, after), card))
        return [np.array(rows) for rows in scores]

    def _by_slices(self, model: keras.Model) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield truth and decided mask of each case, from its slices."""
        forward = averaged([model.predict_on_batch], views(self.experiment.inference))
        for case, pieces in self._outputs(forward):
            decided = _Mask(self, case)
            for probability in _parts_of(_joined(case), pieces):
                decided.add(probability)
            yield decided.truth, decided.mask

    def _by_cuts(
        self, model: keras.Model, card: ModelCard
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield truth and decided mask of each case, from all cuts that are predicted."""
        bare = card.settled({"threshold": card.postprocessing.threshold})
        for case in self.cases:
            (name,) = case.cases
            drawn = self.known[name].read()
            decided = assembled([model], drawn.image, name=name, card=bare).mask()
            yield drawn.truth, numbered(decided, card)

    def _by_label(self, scores: np.ndarray) -> np.ndarray:
        """Mean over the patients, for each label."""
        return mean_of(patient_scores(scores, self.patients), axis=0)

    def _outputs(self, forward: Forward) -> Iterator[tuple[SliceSet, Iterator[np.ndarray]]]:
        """Yield each case with the outputs of its slices or blocks; batches are full."""
        batch = self.experiment.training.batch

        def blocks() -> Iterator[tuple[int, np.ndarray]]:
            for number, case in enumerate(self.cases):
                wanted = centres(len(case), case.context)
                for start in range(0, len(wanted), batch):
                    yield number, case.images(wanted[start : start + batch])

        done = batched(blocks(), batch, forward)
        for number, pieces in groupby(done, key=lambda piece: piece[0]):
            yield self.cases[number], (outputs for _, outputs in pieces)


def _joined(case: SliceSet) -> Joined:
    """Return what makes slices of the blocks of a case."""
    return Joined([len(case)], case.context)


def _parts_of(joined: Joined, pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the slices that come of some outputs, a few at a time."""
    for outputs in pieces:
        for slices in joined.add(outputs):
            yield from _parts(slices)


def _with_probabilities(
    case: SliceSet, pieces: Iterable[np.ndarray], card: ModelCard
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the logits of slices with their probabilities, a few at a time."""
    target = target_of(card, case)

    def of(logits: np.ndarray) -> np.ndarray:
        probability = probabilities(ops.convert_to_tensor(logits), target)
        return np.asarray(ops.convert_to_numpy(probability))

    logits_of = _joined(case)
    if not case.context.block:
        yield from ((logits, of(logits)) for logits in _parts_of(logits_of, pieces))
        return
    likely_of = _joined(case)
    for blocks in pieces:
        # one at a time: with many labels a batch of them is large
        for block in np.split(blocks, len(blocks)):
            logits = _parts_of(logits_of, [block])
            yield from zip(logits, _parts_of(likely_of, [of(block)]), strict=True)


class _Mask:
    """Ground truth of a case, and its mask as it is decided, both canonical on the source grid."""

    def __init__(self, validation: Validation, case: SliceSet) -> None:
        (name,) = case.cases
        self.truth = validation.truth(name)
        (self.grid,) = case.grids
        # slice after slice in memory, whatever the plane
        self._stack = np.zeros(self.grid.stack(self.truth).shape, np.uint8)
        self._next = 0
        self._decide = decider(validation.card, validation.experiment.postprocessing.threshold)

    @property
    def mask(self) -> np.ndarray:
        return self.grid.unstack(self._stack)

    def add(self, probability: np.ndarray) -> None:
        """Take the next slices."""
        for one in probability:  # enlarged they may be many times as large
            native = self.grid.enlarge(one[None])
            self._stack[self._next] = self._decide(native)[0]
            self._next += 1


class _Losses:
    """Losses of a case's batches, of the kind of slices that is trained on."""

    def __init__(self, case: SliceSet, experiment: Experiment, card: ModelCard) -> None:
        self.case = case
        self.experiment = experiment
        shows = case.counts.sum(axis=1) > 0
        # where no slice shows a label, the loss would only reward silence
        all_of_them = experiment.training.empty > 0 and shows.any()
        self._used = case.drawn if all_of_them else shows
        self._next = 0
        self._target = target_of(card, case)
        self._batch = BatchLoss(experiment.loss, self._target)
        seen = experiment.seen
        self._size = experiment.training.batch * (seen.slices if seen.block else 1)
        self.total = 0.0
        self.slices = 0

    def add(self, logits: np.ndarray) -> None:
        """Take the next slices."""
        numbers = np.arange(self._next, self._next + len(logits))
        self._next += len(logits)
        used = self._used[numbers]
        numbers = numbers[used]
        logits = logits[used]
        while len(numbers):
            room = self._size - self._batch.slices
            masks = self.case.masks(numbers[:room]).astype(np.int32)
            self._batch.add(ops.convert_to_tensor(logits[:room]), ops.convert_to_tensor(masks))
            numbers = numbers[room:]
            logits = logits[room:]
            if self._batch.slices == self._size:
                self.finish()

    def finish(self) -> None:
        """Add the loss of the slices that are there, if any are."""
        if self._batch.slices:
            self.total += self._batch.value() * self._batch.slices
            self.slices += self._batch.slices
            self._batch = BatchLoss(self.experiment.loss, self._target)


def _parts(outputs: np.ndarray) -> Iterator[np.ndarray]:
    """Yield as many slices at a time as memory is meant for, one at least."""
    number = max(1, AT_A_TIME // outputs[0].nbytes)
    yield from (outputs[k : k + number] for k in range(0, len(outputs), number))


def target_of(card: ModelCard, slices: SliceSet) -> Target:
    """Return what a network is to find in the masks of slices."""
    regions = tuple(tuple(numbers) for numbers in card.regions.values())
    return Target(partial=slices.partial, regions=regions)


def dice_of(truth: np.ndarray, mask: np.ndarray, card: ModelCard) -> np.ndarray:
    """Return the Dice of each label or region of a model; NaN for one that the truth lacks.

    Parameters
    ----------
    truth, mask : ndarray of uint8, shape (x, y, z)
        Label numbers; voxels that the truth has as `UNDRAWN` do not count.
    card : ModelCard
        What is found.
    """
    if not card.regions:
        return dice_of_labels(truth, mask, len(card.labels))
    pairs = np.zeros((256, 256), np.int64)
    axis = int(np.argmax(np.abs(truth.strides)))
    for one, other in zip(np.moveaxis(truth, axis, 0), np.moveaxis(mask, axis, 0), strict=True):
        codes = one.astype(np.uint16) * 256 + other
        pairs += np.bincount(codes.ravel("K"), minlength=256 * 256).reshape(256, 256)
    pairs = pairs[:UNDRAWN]
    dice = np.full(len(card.regions), np.nan)
    for place, numbers in enumerate(card.regions.values()):
        true = pairs[numbers].sum()
        if true:
            both = pairs[np.ix_(numbers, numbers)].sum()
            dice[place] = 2 * both / (true + pairs[:, numbers].sum())
    return dice


def dice_of_labels(truth: np.ndarray, mask: np.ndarray, labels: int) -> np.ndarray:
    """Return the Dice of each label; NaN for one that the ground truth does not have.

    Parameters
    ----------
    truth, mask : ndarray of uint8, shape (x, y, z)
        Label numbers; voxels that the truth has as `UNDRAWN` do not count.
    labels : int
        Number of labels.
    """
    both, true, guessed = (np.zeros(256, np.int64) for _ in range(3))
    axis = int(np.argmax(np.abs(truth.strides)))
    # slab by slab: counting makes 64-bit numbers of them
    for one, other in zip(np.moveaxis(truth, axis, 0), np.moveaxis(mask, axis, 0), strict=True):
        both += np.bincount(one[one == other], minlength=256)
        true += np.bincount(one.ravel("K"), minlength=256)
        guessed += np.bincount(other.ravel("K"), minlength=256)
        undrawn = one == UNDRAWN
        if undrawn.any():
            guessed -= np.bincount(other[undrawn], minlength=256)
    wanted = slice(1, labels + 1)
    dice = np.full(labels, np.nan)
    np.divide(2 * both[wanted], (true + guessed)[wanted], out=dice, where=true[wanted] > 0)
    return dice


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
