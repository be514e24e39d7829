"""What each of several planes counts, fitted on validation patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from slicewise.config import Inference
from slicewise.network.card import ModelCard, model_card
from slicewise.network.model import load_model
from slicewise.training import planes
from slicewise.training.known import Drawn
from slicewise.training.planes import decision, settle_planes
from slicewise.volumes.volume import Volume
from tests.discs import card_with, disc_volume
from tests.inference.test_predict import built

THREE = ["axial", "coronal", "sagittal"]
FITTED = {"flip": "none", "shift": 0, "planes": THREE, "weights": "fitted"}


def card_of(labels: int, **changed: Any) -> ModelCard:
    names = [f"l{k}" for k in range(labels)]
    values = {name: [k + 1] for k, name in enumerate(names)}
    return card_with(**{"labels": names, "values": values, "inference": FITTED, **changed})


def by_hand(said: list[np.ndarray], truth: np.ndarray, own: np.ndarray, labels: int) -> list[float]:
    """Return the Dice of each label of a mean, voxel by voxel."""
    mean = np.average(said, axis=0, weights=own)
    background = np.full(truth.shape, 0.5) if labels == 1 else 1 - mean.sum(axis=-1)
    found = np.concatenate([background[..., None], mean], axis=-1).argmax(axis=-1)
    each = []
    for label in range(1, labels + 1):
        a, b = truth == label, found == label
        each.append(2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() else np.nan)
    return each


@dataclass(frozen=True)
class Held:
    """A case that is there."""

    case: str
    truth: np.ndarray

    def read(self) -> Drawn:
        return Drawn(Volume(self.truth.astype(np.int16), np.eye(4)), self.truth)


class Assembled:
    """Stands for what a model says of all slices in one plane."""

    outputs = 1

    def __init__(self, said: np.ndarray) -> None:
        self.said = said
        self.grids = [SimpleNamespace(shape=said.shape)]

    def means(self) -> Iterator[np.ndarray]:
        yield from self.said.transpose(2, 0, 1)[..., None]


def let_planes_say(monkeypatch: pytest.MonkeyPatch, say: Any) -> None:
    def assembled(
        models: Any, image: Volume, *, keep: bool, name: str, card: ModelCard
    ) -> Assembled:
        (plane,) = (recipe.plane for recipe in card.planes)
        assert keep and plane in THREE
        return Assembled(say(plane, image.array))

    monkeypatch.setattr(planes, "assembled", assembled)


def held(number: int) -> tuple[list[Any], list[str]]:
    cases = []
    for seed in range(number):
        truth = np.zeros((12, 12, 12), np.uint8)
        low = np.random.default_rng(seed).integers(1, 5, 3)
        truth[low[0] : low[0] + 6, low[1] : low[1] + 6, low[2] : low[2] + 6] = 1
        cases.append(Held(f"c{seed}", truth))
    return cases, [f"p{seed}" for seed in range(number)]


def of_noise(plane: str, image: np.ndarray) -> np.ndarray:
    """Say what is there, a little unsure; of coronal cuts, anything."""
    random = np.random.default_rng([THREE.index(plane), int(image.sum()), *image[:, 5, 5]])
    if plane == "coronal":
        return random.random(image.shape).astype(np.float32)
    wrong = random.random(image.shape) < 0.1
    return np.where((image > 0) ^ wrong, 0.7, 0.3).astype(np.float32)


def test_a_plane_that_says_noise_counts_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    let_planes_say(monkeypatch, of_noise)
    cases, patients = held(5)
    model: Any = None
    card, tried = settle_planes(model, card_of(1), cases, patients)
    assert tried["fitted"]
    assert tried["weights"]["coronal"] <= 0.1
    assert tried["dice_weighted"] > tried["dice_mean"]
    assert card.inference.weights == [*tried["weights"].values()]
    # by brute force on a grid of its own
    every = [w for w in product(range(11), repeat=3) if sum(w) == 10]
    means = []
    for own in every:
        dice = []
        for case in cases:
            said = [of_noise(plane, case.truth.astype(np.int16))[..., None] for plane in THREE]
            dice.append(by_hand(said, case.truth, np.array(own, np.float64), 1))
        means.append(np.mean(dice))
    assert tried["dice_weighted"] == pytest.approx(max(means), abs=1e-4)
    assert "(fitted: of 5 held-out patients each gains +0." in decision(tried)


def test_two_scans_of_a_patient_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five scans of one patient like coronal cuts, three others axial ones."""
    cases, _ = held(8)
    fond = {int(case.truth.argmax()): k < 5 for k, case in enumerate(cases)}

    def say(plane: str, image: np.ndarray) -> np.ndarray:
        right = plane == ("coronal" if fond[int(image.argmax())] else "axial")
        truth = image > 0
        return np.where(truth if right else ~truth, 0.9, 0.1).astype(np.float32)

    let_planes_say(monkeypatch, say)
    model: Any = None
    patients = ["p"] * 5 + ["q", "r", "s"]
    _, tried = settle_planes(model, card_of(1), cases, patients)
    assert tried["weights"]["axial"] > 0.5 > tried["weights"]["coronal"]
    # by scans it would have been another one
    assert tried["dice_mean"] < 1


@pytest.mark.parametrize("number", [0, 3])
def test_few_patients_choose_nothing(number: int) -> None:
    cases, patients = held(number)
    model: Any = None
    card, tried = settle_planes(model, card_of(1), cases, patients)
    assert card.inference == Inference(**{**FITTED, "weights": "mean"})
    assert not tried["fitted"]
    assert f"equal, as {number} patients alone could choose them and it takes 4" in decision(tried)


def test_weights_that_are_given_are_left_alone() -> None:
    model: Any = None
    for weights in ("mean", [1.0, 2.0, 0.0]):
        given = card_of(1, inference={**FITTED, "weights": weights})
        assert settle_planes(model, given, *held(5)) == (given, {})


def test_of_planes_that_are_as_good_the_mean_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    let_planes_say(monkeypatch, lambda plane, image: image.astype(np.float32))
    model: Any = None
    card, tried = settle_planes(model, card_of(1), *held(4))
    assert card.inference.weights == "mean"
    assert set(tried["weights"].values()) == {1 / 3} and not tried["fitted"]


def test_a_model_carries_what_was_fitted(tmp_path: Path) -> None:
    """As it looks at images itself, in three planes."""
    model = built(1, inference=FITTED)
    cases = [Held(f"c{k}", disc_volume(k)[1]) for k in range(4)]
    card, tried = settle_planes(model, model_card(model), cases, [*"abcd"])  # type: ignore[arg-type]
    assert set(tried["weights"]) == set(THREE)
    settled = built(1, **{"inference": card.inference.model_dump()})
    settled.save(tmp_path / "m.keras")
    assert model_card(load_model(tmp_path / "m.keras")) == card
