"""Scoring held-out cases on their own grid, and what is decided by that score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from slicewise.config import Experiment, Postprocessing, Recipe
from slicewise.metrics.overlap import overlap
from slicewise.model.infer import Forward, averaged, infer, views
from slicewise.model.losses import probabilities, segmentation_loss
from slicewise.model.postprocess import decide, postprocess
from slicewise.slices.batches import SliceSet, usable
from slicewise.slices.grid import Grid

Truth = Callable[[str], np.ndarray]
STEPS = ("largest_component", "fill_holes")


class Validation:
    """Held-out cases, scored patient by patient on the source grid.

    Parameters
    ----------
    watched : SliceSet
        Their slices.
    truth : callable
        Gives a case's ground truth as label numbers, in canonical (RAS+)
        orientation, on the source grid; read when it is needed.
    experiment : Experiment
        Loss, batch, threshold.
    card : dict
        Labels and slice recipe.
    """

    def __init__(
        self, watched: SliceSet, truth: Truth, experiment: Experiment, card: dict[str, Any]
    ) -> None:
        self.cases, self.truth, self.experiment, self.card = watched.each(), truth, experiment, card
        self.labels = len(card["labels"])
        self.recipe = Recipe(**card["recipe"])

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
            case by batches; ``val/dice``: on all slices, 3-D, on the source
            grid, mean over labels and then patients.
        """
        losses, slices, dice = 0.0, 0, []
        for case, logits in self._outputs(logits_of):
            masks = case.masks(np.arange(len(case)))
            used = usable(case, self.experiment.training.empty)
            batch = self.experiment.training.batch
            for part in (used[k : k + batch] for k in range(0, len(used), batch)):
                loss = segmentation_loss(
                    ops.convert_to_tensor(logits[part]),
                    ops.convert_to_tensor(masks[part].astype(np.int32)),
                    self.experiment.loss,
                )
                losses, slices = losses + float(loss) * len(part), slices + len(part)
            probability = ops.convert_to_numpy(probabilities(ops.convert_to_tensor(logits)))
            truth, mask = self._native(case, probability)
            dice.append(np.mean(dice_of_labels(truth, mask, self.labels)))
        return {
            "val/loss": losses / slices if slices else float("nan"),
            "val/dice": float(np.mean(dice)),
        }

    def try_postprocessing(
        self, model: keras.Model, settings: dict[str, Any], steps: list[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Add those steps to a postprocessing that make the held-out cases better.

        Parameters
        ----------
        model : keras.Model
            A finished model.
        settings : dict
            The postprocessing to begin with.
        steps : list of str
            What may be added, one after the other.

        Returns
        -------
        settings : dict
            The postprocessing with what was added.
        found : dict
            For each step: mean Dice without and with it, and whether it is kept.
        """
        forward = averaged([model.predict_on_batch], views(self.experiment.inference))
        cases = [self._native(*each) for each in self._outputs(forward)]
        found = {}
        for step in steps:
            tried = {**settings, step: True}
            without, with_it = (self._mean_dice(cases, each) for each in (settings, tried))
            kept = bool(with_it.mean() > without.mean() and (with_it >= without).all())
            found[step] = {
                "dice_without": float(without.mean()),
                "dice_with": float(with_it.mean()),
                "kept": kept,
            }
            settings = tried if kept else settings
        return settings, found

    def _mean_dice(
        self, cases: list[tuple[np.ndarray, np.ndarray]], settings: dict[str, Any]
    ) -> np.ndarray:
        """Mean over the patients, for each label."""
        after, contiguous = Postprocessing(**settings), self.card["contiguous"]
        scores = [
            dice_of_labels(truth, postprocess(mask, self.labels, after, contiguous), self.labels)
            for truth, mask in cases
        ]
        return np.mean(scores, axis=0)

    def _outputs(self, forward: Forward) -> Iterator[tuple[SliceSet, np.ndarray]]:
        def reader(case: SliceSet) -> Callable[[int, int], np.ndarray]:
            return lambda start, stop: case.images(np.arange(start, stop))

        cases = ((case, len(case), reader(case)) for case in self.cases)
        return infer(cases, self.experiment.training.batch, forward)

    def _native(self, case: SliceSet, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ground truth and decision of one case, as canonical arrays on the source grid."""
        (name,) = case.cases
        truth = self.truth(name)
        x, y, z = truth.shape
        grid = Grid((x, y, z), self.recipe)
        threshold = self.experiment.postprocessing.threshold
        return truth, grid.unstack(decide(grid.enlarge(probability), threshold))


def dice_of_labels(truth: np.ndarray, mask: np.ndarray, labels: int) -> np.ndarray:
    """Return the Dice of each label; 1 where both are empty."""
    return np.array(
        [overlap(truth == k, mask == k, voxel_ml=1.0)["dice"] for k in range(1, labels + 1)]
    )


def settle_postprocessing(
    experiment: Experiment, validation: Validation | None, model: keras.Model
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Decide what is set to `auto`.

    Parameters
    ----------
    experiment : Experiment
        All settings.
    validation : Validation or None
        The cases that may decide; without them nothing is applied.
    model : keras.Model
        A finished model.

    Returns
    -------
    settings, found : dict
        As of `Validation.try_postprocessing`.
    """
    settings = experiment.postprocessing.model_dump()
    open_steps = [step for step in STEPS if settings[step] == "auto"]
    settings |= dict.fromkeys(open_steps, False)
    if not open_steps or validation is None:
        return settings, {}
    return validation.try_postprocessing(model, settings, open_steps)
