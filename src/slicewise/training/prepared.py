"""A training that is ready to begin: its plan, compared with what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicewise.dataset.case_record import check_volumes
from slicewise.dataset.training_record import TaughtBy
from slicewise.dataset.truth import truth_reader
from slicewise.network.card import make_card
from slicewise.slices import batches
from slicewise.slices.batches import SliceSet
from slicewise.training.inputs import TrainingInputs
from slicewise.training.known import known_cases
from slicewise.training.plan import Plan, read_slices
from slicewise.training.start import Start
from slicewise.training.validation import Truth


@dataclass(frozen=True)
class Prepared:
    """What a training is made from, opened and compared with its records.

    Attributes
    ----------
    inputs : TrainingInputs
        What its weights depend on.
    truth : callable
        See `train`.
    taught_by : TaughtBy or None
        The model that it learns from, if any.
    """

    inputs: TrainingInputs
    truth: Truth
    taught_by: TaughtBy | None = None

    @property
    def sets(self) -> tuple[SliceSet, SliceSet]:
        """The slices of training and of validation."""
        return self.inputs.slices, self.inputs.validation_slices

    @property
    def digests(self) -> dict[str, str]:
        """A digest of all files, by context."""
        slices, validation_slices = self.sets
        return batches.digests({"train": slices, "validation": validation_slices})

    @property
    def tags(self) -> dict[str, Any]:
        """What a tracked run is told of it: its key, and what it starts and learns from."""
        tags = {"training_key": self.inputs.key}
        start = self.inputs.start
        if start is not None:
            tags["started_from"] = start.told.weights_sha256 or start.told.sha256
        if self.taught_by is not None:
            tags["taught_by"] = self.taught_by.weights_sha256
        return tags


def prepare(
    plan: Plan,
    recipes: Sequence[str | Path],
    case_records: Sequence[str],
    masks: Sequence[str],
    start: str | None,
    *,
    fold: int | str = 0,
    images: Sequence[str] = (),
) -> Prepared:
    """Open what a training reads.

    Parameters
    ----------
    plan : Plan
        What it is made from.
    recipes : sequence of path
        The folder of each recipe.
    case_records : sequence of str
        Records of the held-out cases.
    masks : sequence of str
        Their ground truth.
    start : str or None
        The file of the model that it starts from, if it starts from one.
    fold : int or str
        Of the training.
    images : sequence of str
        Images of the held-out cases, where these are predicted by more than their slices.

    Raises
    ------
    SlicewiseError
        When something is not what was planned.
    """
    planned = plan.settings
    files = {"mask": masks, "image": images} if images else {"mask": masks}
    read = check_volumes(case_records, planned.validation_cases, **files)
    slices, validation_slices = read_slices(plan, recipes, fold)
    truth = truth_reader(planned.validation_cases, masks, plan.content, validation_slices.frames())
    card = make_card(plan.content, plan.recipe, plan.experiment, plan.ranges)
    from_model = None
    if planned.started_from is not None and start is not None:
        from_model = Start(Path(start), planned.started_from)
    # what these weights depend on: a run of the same key goes on, and is the same run
    inputs = TrainingInputs(
        slices,
        validation_slices,
        plan.experiment,
        card,
        **planned.validation,
        also=[plan.code, read["mask"]],
        start=from_model,
        one_piece=planned.one_piece,
        known=known_cases(planned.validation_cases, images, masks, plan.content) if images else (),
    )
    return Prepared(inputs, truth, planned.taught_by)
