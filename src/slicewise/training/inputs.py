"""What a training is made from, and the key that it is known by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slicewise.network.card import ModelCard
from slicewise.network.depth import Depth

from slicewise.network import backend  # isort: skip  (sets up the backend before keras starts)

from slicewise.config import Experiment
from slicewise.dataset.one_piece import OnePiece
from slicewise.files import digest
from slicewise.slices.batches import SliceSet
from slicewise.sources import CONVERSION, LIBRARY, TRAINED_BY, code_digest, sources_of
from slicewise.training.known import KnownCase
from slicewise.training.start import Start


@dataclass(frozen=True)
class TrainingInputs:
    """All that the weights of a training depend on.

    Attributes
    ----------
    slices : SliceSet
        Slices of the training cases.
    validation_slices : SliceSet
        Slices of validation (or held-out) cases; may be empty.
    experiment : Experiment
        All settings.
    card : ModelCard
        From `make_card`: carried by the model.
    may_select : bool
        Whether the validation cases may choose the epoch and the
        postprocessing; held-out folds must not.
    patients : mapping of str to str, optional
        The patient of each validation case: a score is a mean over patients.
        By default each case is one.
    also : JSON-like
        What the caller knows and the rest does not say: digests of its own
        code and of the files that ground truth is read from.
    start : Start, optional
        The model whose weights it starts from.
    one_piece : mapping of str to OnePiece, optional
        What the masks of the training cases show of each label. It moves no weight.
    known : sequence of KnownCase
        Images and masks of the validation cases, where weights of planes are fitted on them, or
        postprocessing is tried on masks of several cuts.
    """

    slices: SliceSet
    validation_slices: SliceSet
    experiment: Experiment
    card: ModelCard
    may_select: bool = True
    patients: Mapping[str, str] | None = None
    also: object = None
    start: Start | None = None
    one_piece: Mapping[str, OnePiece] = field(default_factory=dict)
    known: Sequence[KnownCase] = ()

    @property
    def depth(self) -> Depth | None:
        """What the network does along the slices of blocks, which follows from those it learns."""
        network = self.experiment.network
        if network.block is None:
            return None
        return Depth.of(network.block, len(network.filters), self.slices.step)

    @property
    def key(self) -> str:
        """Digest of settings, slices, code and versions: the same key, the same weights."""
        validated = self.validation_slices
        seen = self.slices.context
        reading = [seen.slices, seen.mm]
        return digest(
            {
                "experiment": self.experiment.model_dump(exclude={"prediction"}),
                # what the model is told of its training cases moves no weight
                "card": self.card.model_copy(update={"ranges": None}).dump(),
                "slices": [self.slices.digest, validated.digest if len(validated) else "", reading],
                "select": self.may_select,
                "patients": {case: self.patient_of(case) for case in validated.cases},
                "threads": self.experiment.training.threads or backend.available_threads(),
                "versions": backend.versions(),
                "source": source_digest(),
                "also": self.also,
                # what is fine-tuned is known by the model, wherever that lay
                **({} if self.start is None else {"start": self.start.told.sha256}),
            }
        )

    def patient_of(self, case: str) -> str:
        """Return the patient of a validation case."""
        return case if self.patients is None else self.patients[case]


def source_digest(library: Path = LIBRARY) -> str:
    """Return a digest of the code that runs: what the rule `train` is told of, too."""
    here = library / "training" / "loop.py"
    files = [here, *sources_of(here, library, TRAINED_BY, CONVERSION)]
    return digest([code_digest(path) for path in files])
