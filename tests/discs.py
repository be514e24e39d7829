"""Tiny slices of round organs, as `slices` writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slicewise.config import Context, Experiment, Inference, Postprocessing, Recipe
from slicewise.files import write_json
from slicewise.network.card import ModelCard
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.volumes.volume import Volume

RECIPE = Recipe(size=32)
CARD = ModelCard(
    labels=["liver"],
    values={"liver": [5]},
    recipe=RECIPE,
    intensity="hu",
    contiguous=True,
    context=Context(slices=1, mm=2.5),
    inference=Inference(flip="none", shift=0, planes=[]),
    postprocessing=Postprocessing(threshold=0.5, largest_component=False, fill_holes=False),
)


def card_with(**changed: Any) -> ModelCard:
    """Return the card with other values, given as a file has them."""
    return ModelCard(**{**CARD.dump(), **changed})


def disc_volume(number: int, slices: int = 10) -> tuple[Volume, np.ndarray]:
    """Return a noisy volume with a disc of 100 HU in most slices, and its mask."""
    random = np.random.default_rng(number)
    x, y, z = np.mgrid[:32, :32, :slices]
    centre, radius = random.uniform(11, 21, 2), random.uniform(5, 8)
    mask = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2) & (z > 1)
    image = np.where(mask, 100, -20) + random.normal(0, 30, mask.shape)
    return Volume(image.round().astype(np.int16), np.diag([1, 1, 3, 1.0])), mask.astype(np.uint8)


def disc_truth(case: str) -> np.ndarray:
    """Return the mask of a case by its name."""
    return disc_volume(int(case.removeprefix("case")))[1]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[SliceFolder]:
    root = tmp_path_factory.mktemp("slices")
    made = []
    for number in range(5):
        one = SliceFolder.below(root, f"case{number}")
        image, mask = disc_volume(number)
        geometry = extract(image, mask, ["liver"], RECIPE, one, intensity="hu")
        write_json(one.geometry, geometry.model_dump())
        made.append(one)
    return made


@pytest.fixture
def slices(folders: list[SliceFolder]) -> SliceSet:
    return SliceSet(folders[:3])


@pytest.fixture
def validation_slices(folders: list[SliceFolder]) -> SliceSet:
    return SliceSet(folders[3:])


def experiment(**training: object) -> Experiment:
    """Return a tiny experiment that has every source of randomness."""
    return Experiment.model_validate(
        {
            "slices": "a",
            "network": {"filters": [4, 8], "dropout": 0.2},
            "optimizer": {"learning_rate": 0.01, "ema": 0.9},
            "training": {
                "epochs": 4,
                "batch": 6,
                "precision": "float32",
                "threads": 2,
                **training,
            },
        }
    )
