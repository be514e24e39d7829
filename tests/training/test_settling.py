"""Postprocessing that is left open: who settles it, and how."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from slicewise.config import Experiment, Postprocessing, Recipe
from slicewise.dataset.one_piece import OnePiece
from slicewise.files import write_json
from slicewise.inference.regions import postprocessed
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.training.known import Drawn
from slicewise.training.settling import decisions, settle_postprocessing
from slicewise.training.validation import Validation, dice_of
from slicewise.volumes.volume import Volume
from tests.training.test_validation import card_of, settings, written

SHAPE = (32, 32, 6)
AUTO = {"largest_component": "auto"}
LARGE = OnePiece(cases=2, patients=2, share=1.0, factor=1.2, of_field=0.05)


class Given:
    """A model whose probabilities are given."""

    def __init__(self, network: Any) -> None:
        self.network = network

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-self.network(images)))


def test_auto_follows_the_patients_and_not_their_scans(tmp_path: Path) -> None:
    """The second piece is right in one patient's four scans, wrong in two patients of one."""
    recipe, shape = Recipe(size=32), (32, 32, 6)
    both, large = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    large[4:16, 4:16] = 1
    both[4:16, 4:16] = 1
    both[20:26, 20:26] = 1
    masks = {**dict.fromkeys("abcd", both), "e": large, "f": large}
    folders = [written(tmp_path, name, mask, 1, recipe) for name, mask in masks.items()]
    found = np.where(both[..., 0] > 0, 5.0, -5.0)[None, :, :, None]
    model = Given(lambda images: np.broadcast_to(found, images.shape).astype(np.float32))
    given = settings(postprocessing={"largest_component": "auto", "fill_holes": "auto"})
    card, patients = card_of(1, recipe), dict(zip("abcdef", "AAAABC", strict=True))
    kept = {}
    for name, owners in (("cases", None), ("patients", patients)):
        validation = Validation(SliceSet(folders), masks.__getitem__, given, card, owners)
        after, decided = settle(given, validation, model)
        kept[name] = after["largest_component"]
        assert after["fill_holes"] is decided["fill_holes"]["kept"] is False
    parts, _ = ndimage.label(both)
    sizes = np.bincount(parts.ravel())[1:]
    small, whole = sizes.min(), sizes.sum()
    with_it = [2 * (whole - small) / (2 * whole - small), 1.0, 1.0]
    without = [1.0, *[2 * (whole - small) / (2 * whole - small)] * 2]
    assert decided["largest_component"]["dice_with"] == pytest.approx(np.mean(with_it))
    assert decided["largest_component"]["dice_without"] == pytest.approx(np.mean(without))
    assert kept == {"cases": False, "patients": ["l1"]}


def likely(masks: dict[str, np.ndarray]) -> Any:
    """Return a model that finds these masks, a case after the other, whatever it is shown."""
    slices = np.concatenate([mask.transpose(2, 0, 1) for mask in masks.values()])
    place = 0

    def network(images: np.ndarray) -> np.ndarray:
        nonlocal place
        # of a batch that is filled up, what is beyond the last slice does not matter
        numbers = np.arange(place, place + len(images)) % len(slices)
        place = (place + len(images)) % len(slices)
        return np.eye(4)[slices[numbers]]

    return Found(network)


class Found:
    """A model whose probabilities are given."""

    def __init__(self, network: Any) -> None:
        self.predict_on_batch = network


def pieces(random: np.random.Generator) -> np.ndarray:
    """Return a mask of three labels, most in several pieces."""
    mask = np.zeros(SHAPE, np.uint8)
    for label in (1, 2, 3, 1, 2, 3):
        x, y = random.integers(0, 24, 2)
        mask[x : x + random.integers(2, 8), y : y + random.integers(2, 8)] = label
    return mask


@pytest.mark.parametrize("seed", range(6))
def test_each_label_is_kept_whole_where_it_alone_gains(tmp_path: Path, seed: int) -> None:
    """Of all choices of labels the one that is made has the greatest mean Dice."""
    random = np.random.default_rng(seed)
    truth = {name: pieces(random) for name in "abcd"}
    found = {name: pieces(random) if name in "ab" else truth[name] for name in truth}
    recipe = Recipe(size=32)
    folders = [written(tmp_path, name, mask, 3, recipe) for name, mask in truth.items()]
    given = settings(postprocessing=AUTO, training={"batch": 6})
    card = card_of(3, recipe)
    validation = Validation(SliceSet(folders), truth.__getitem__, given, card)
    after, tried = settle(given, validation, likely(found))

    def mean(labels: tuple[str, ...]) -> float:
        chosen = Postprocessing(largest_component=list(labels) or False)
        dice = [dice_of(truth[n], postprocessed(found[n], card, chosen), card) for n in truth]
        return float(np.nanmean(np.nanmean(dice, axis=0)))

    every = [each for number in range(4) for each in combinations(card.labels, number)]
    best = max(every, key=mean)
    chosen = after["largest_component"] or []
    # of an equal gain the fewer labels
    assert mean(tuple(chosen)) == pytest.approx(mean(best), abs=1e-12)
    assert len(chosen) <= len(best)
    one = tried["largest_component"]
    assert one["labels"] == chosen and one["kept"] == bool(chosen)
    assert one["by"] == "validation patients"
    if chosen:
        assert one["dice_with"] > one["dice_without"]


def settle(
    given: Experiment, validation: Validation | None, model: Any, masks: Any = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    card = card_of(1, Recipe()) if validation is None else validation.card
    return settle_postprocessing(given, validation, model, masks or {}, card)


def test_regions_share_their_fate(tmp_path: Path) -> None:
    """What is taken from the inner one is written as the outer one, which may lose by it."""
    truth = np.zeros(SHAPE, np.uint8)
    truth[2:12, 2:12] = 1
    truth[4:8, 4:8] = 2
    truth[20:24, 20:24] = 1
    found = truth.copy()
    found[10, 10] = 2
    recipe = Recipe(size=32)
    folders = [written(tmp_path, "a", truth, 2, recipe)]
    outputs = np.stack([found > 0, found > 1], axis=-1).transpose(2, 0, 1, 3)
    model = Found(lambda images: outputs[: len(images)].astype(np.float32))
    given = settings(postprocessing=AUTO, training={"batch": 6})
    card = card_of(2, recipe, regions={"whole": [1, 2], "core": [2]})
    validation = Validation(SliceSet(folders), lambda case: truth, given, card)
    after, tried = settle(given, validation, model)
    # the core alone would gain
    assert after["largest_component"] is False
    assert tried["largest_component"]["labels"] == []


# --- what is predicted, not the slices that are trained on --------------------------------------


class ByPlane:
    """A model of two kidneys: axial slices show it a third piece, and not the left one."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        plane = {(40, 36): "axial", (40, 30): "coronal", (36, 30): "sagittal"}[images.shape[1:3]]
        self.seen.add(plane)
        found = np.isin(images, [300, 100] if plane == "axial" else [300, 200])
        return np.where(found, 0.95, 0.02).astype(np.float32)


@dataclass(frozen=True)
class Held:
    """A case that is there."""

    case: str
    drawn: Drawn

    def read(self) -> Drawn:
        return self.drawn


def kidneys(place: Path, name: str) -> tuple[SliceFolder, Held]:
    image = np.full((40, 36, 30), -1000, np.int16)
    image[5:15, 5:15, 5:20] = 300
    image[25:33, 5:15, 5:20] = 200
    image[20:26, 22:30, 5:12] = 100
    truth = (image > 150).astype(np.uint8)
    volume = Volume(image, np.diag([2.0, 2.0, 2.0, 1.0]))
    folder = SliceFolder.below(place, name)
    geometry = extract(volume, truth, ["l1"], Recipe(), folder, intensity="hu")
    write_json(folder.geometry, geometry.model_dump())
    return folder, Held(name, Drawn(volume, truth))


PLANES = ["axial", "coronal", "sagittal"]


@pytest.mark.parametrize(
    ("inference", "seen", "without"),
    [
        ({"planes": PLANES}, {*PLANES}, 1.0),
        ({"planes": PLANES, "weights": [0, 1, 1]}, {"coronal", "sagittal"}, 1.0),
        ({"planes": ["coronal"]}, {"coronal"}, 1.0),
        ({"planes": PLANES, "weights": [1, 0, 0]}, {"axial"}, 0.65),
        ({}, {"axial"}, 0.65),
    ],
)
def test_postprocessing_is_decided_on_masks_as_they_are_predicted(
    tmp_path: Path, inference: dict[str, Any], seen: set[str], without: float
) -> None:
    """By planes in whose mean both kidneys are right, none is deleted."""
    folders, known = zip(*(kidneys(tmp_path, name) for name in ("v1", "v2")), strict=True)
    given = settings(inference=inference, postprocessing=AUTO, training={"batch": 4})
    card = card_of(1, Recipe(), inference=given.inference.model_dump())
    truth = {each.case: each.drawn.truth for each in known}
    validation = Validation(SliceSet(folders), truth.__getitem__, given, card, known=known)
    model = ByPlane()
    after, tried = settle(given, validation, model)
    assert model.seen == seen
    one = tried["largest_component"]
    assert one["dice_without"] == pytest.approx(without, abs=0.1)
    assert bool(after["largest_component"]) == one["kept"] == (without < 1)


# --- the training masks --------------------------------------------------------------------------


def test_where_nobody_may_choose_training_masks_do() -> None:
    model: Any = None
    masks = {"l1": LARGE, "l2": LARGE.model_copy(update={"share": 0.7})}
    given = settings(postprocessing={**AUTO, "fill_holes": "auto"})
    after, tried = settle(given, None, model, masks)
    assert (after["largest_component"], after["fill_holes"]) == (["l1"], False)
    assert [*tried] == ["largest_component"]
    one = tried["largest_component"]
    assert (one["by"], one["kept"], one["labels"]) == ("training masks", True, ["l1"])
    (line,) = decisions(tried)
    assert line.startswith("postprocessing.largest_component: applied to l1 (in each of 2 training")
    assert "not so l2 (its largest piece has 70 % of it in one case)" in line
    # a model carries it as it is
    assert Postprocessing(**after).largest_of(["l1", "l2"]) == [1]


@pytest.mark.parametrize(
    ("steps", "masks", "left"),
    [
        (AUTO, {}, {}),
        ({"fill_holes": "auto"}, {"l1": LARGE}, {}),
        ({"largest_component": False}, {"l1": LARGE}, {}),
        (AUTO, {"l1": LARGE.model_copy(update={"patients": 1})}, {"kept": False, "labels": []}),
    ],
)
def test_nothing_is_done_that_masks_do_not_tell(
    steps: dict[str, Any], masks: dict[str, OnePiece], left: dict[str, Any]
) -> None:
    model: Any = None
    after, tried = settle(settings(postprocessing=steps), None, model, masks)
    assert after["largest_component"] is after["fill_holes"] is False
    assert {key: tried["largest_component"][key] for key in left} == left
    assert bool(tried) == bool(left)


def test_validation_patients_outvote_training_masks(tmp_path: Path) -> None:
    """Both pieces are right in whoever is held out."""
    both = np.zeros(SHAPE, np.uint8)
    both[4:16, 4:16] = both[20:26, 20:26] = 1
    recipe = Recipe(size=32)
    folders = [written(tmp_path, name, both, 1, recipe) for name in "ab"]
    given = settings(postprocessing=AUTO, training={"batch": 6})
    validation = Validation(SliceSet(folders), lambda case: both, given, card_of(1, recipe))
    found = np.where(both > 0, 0.9, 0.1).transpose(2, 0, 1)[..., None]
    model = Found(lambda images: found[: len(images)])
    after, tried = settle(given, validation, model, {"l1": LARGE})
    assert after["largest_component"] is False
    (line,) = decisions(tried)
    assert line.endswith("not applied (validation Dice 0.8889 with it, 1.0000 without)")
