"""Experiments that segment together: the weighted mean of what they say, on an image's own grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from slicewise.config import Postprocessing, members
from slicewise.dataset.ensembles import EnsembleRecord
from slicewise.errors import SlicewiseError
from slicewise.inference.assembly import (
    Assembly,
    by_name,
    has_background,
    in_values,
    outputs_of,
)
from slicewise.inference.fits import shared_card
from slicewise.inference.regions import decider, postprocessed
from slicewise.network.card import ModelCard, Predictor
from slicewise.network.ranges import joined

SHARED = ("labels", "values", "intensity", "contiguous", "channels", "regions")
"""What members must agree on; what they see of an image may differ."""


@dataclass(frozen=True)
class Member:
    """An experiment of an ensemble.

    Attributes
    ----------
    name : str
    models : sequence of Predictor
        Its folds, whose mean probability is taken.
    weight : float
        How much it counts: the weights of all sum to 1.
    """

    name: str
    models: Sequence[Predictor]
    weight: float

    @cached_property
    def card(self) -> ModelCard:
        """What its models say of themselves."""
        return shared_card(self.models)


@dataclass(frozen=True)
class Ensemble:
    """Members, and what is done to the mask that they make together.

    Attributes
    ----------
    members : sequence of Member
    postprocessing : Postprocessing

    Raises
    ------
    SlicewiseError
        When members do not find the same in images of the same kind.
    """

    members: Sequence[Member]
    postprocessing: Postprocessing

    @classmethod
    def told(cls, record: EnsembleRecord, models: Sequence[Predictor]) -> Ensemble:
        """Return it for patients whom no model was trained on, from its record.

        Parameters
        ----------
        record : EnsembleRecord
        models : sequence of Predictor
            Member after member.
        """
        parts = {
            member: models[number * record.folds : (number + 1) * record.folds]
            for number, member in enumerate(record.members)
        }
        return cls.of(parts, record.weights, record.postprocessing)

    @classmethod
    def of(
        cls,
        models: Mapping[str, Sequence[Predictor]],
        weights: Mapping[str, float],
        postprocessing: Mapping[str, Any],
    ) -> Ensemble:
        """Return it from the models and the weight of each member, by its name."""
        made = [Member(name, own, weights[name]) for name, own in models.items()]
        return cls(made, Postprocessing(**postprocessing))

    def __post_init__(self) -> None:
        first = self.members[0]
        for other in self.members[1:]:
            for key in SHARED:
                if getattr(other.card, key) != getattr(first.card, key):
                    raise SlicewiseError(
                        f"{first.name} and {other.name} differ in {key}, so they cannot segment "
                        "together; name experiments of one configuration"
                    )

    @cached_property
    def card(self) -> ModelCard:
        """What comes out; recipe and context are those of a member, and cut nothing."""
        cards = [member.card for member in self.members]
        # by it is asked whether an image must know the size of its voxels
        strictest = next((card for card in cards if card.measured), cards[0])
        return strictest.model_copy(
            update={
                "postprocessing": self.postprocessing,
                "ranges": joined([card.ranges for card in cards]),
            }
        )

    @property
    def counted(self) -> list[Member]:
        """The members that count at all."""
        return [member for member in self.members if member.weight > 0]


class Mixture:
    """Adds up what members say of one volume, and decides.

    Of a volume the weighted sum and what one member says are in memory at a time, as float32, and
    of each member what it would have decided alone, a byte a voxel.

    Parameters
    ----------
    ensemble : Ensemble
    affine : ndarray, shape (4, 4)
        Affine of the volume.
    """

    def __init__(self, ensemble: Ensemble, affine: np.ndarray) -> None:
        self.card = ensemble.card
        self.affine = affine
        self._decide = decider(self.card, self.card.postprocessing.threshold)
        self._total: list[np.ndarray] = []
        self._alone: list[np.ndarray] = []

    def add(self, member: Member, assembly: Assembly) -> None:
        """Take what a member says of all slices; its probabilities were kept."""
        if not self._total:
            shape = assembly.grids[0].shape
            self._total = [np.zeros(shape, np.float32, order="F") for _ in self.card.found]
        alone = np.zeros(assembly.grids[0].shape, np.uint8, order="F")
        for z, means in enumerate(assembly.means()):
            alone[..., z] = self._decide(means)
            for output, total in enumerate(self._total, start=has_background(self.card)):
                total[..., z] += np.float32(member.weight) * means[..., output]
        self._alone.append(alone)

    def mask(self) -> np.ndarray:
        """Return the mask as `Assembly.mask` does."""
        decided: np.ndarray = np.zeros(self._total[0].shape, np.uint8, order="F")
        for z in range(decided.shape[2]):
            decided[..., z] = self._decide(self._means(z))
        mask = postprocessed(decided, self.card, self.card.postprocessing)
        return in_values(mask, self.card, self.affine)

    def probabilities(self) -> dict[str, np.ndarray]:
        """Return the weighted mean probability of each label, or region, on the own grid."""
        return by_name(self._total, self.card, self.affine)

    def observed(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield slices as `Request.observe` takes them: of members, what they decided alone."""
        for z in range(self._total[0].shape[2]):
            means = self._means(z)
            own = means[..., :0]
            if len(self._alone) > 1:
                own = np.concatenate([self._sure(each[..., z]) for each in self._alone], axis=-1)
            yield np.expand_dims(means, 0), np.expand_dims(own, 0)

    def _means(self, z: int) -> np.ndarray:
        return outputs_of([total[..., z] for total in self._total], self.card)

    def _sure(self, decided: np.ndarray) -> np.ndarray:
        """Return probabilities, 0 or 1, by which just this is decided."""
        card = self.card
        if card.regions:
            bits = np.array(members(card.regions, len(card.labels)), np.uint8)[decided]
            own = [bits >> bit & 1 for bit in range(len(card.regions))]
        elif len(card.labels) > 1:
            own = [decided == label for label in range(len(card.labels) + 1)]
        else:
            own = [decided == 1]
        return np.stack(own, axis=-1).astype(np.float32)
