"""Validation: decided slice by slice, each patient counts once, and silence wins nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy.spatial import distance

from slicewise.config import Experiment, Recipe, merge
from slicewise.errors import DivergedError
from slicewise.files import read_json, write_json
from slicewise.inference.blocks import Joined, centres
from slicewise.network.card import ModelCard
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.slices.grid import Grid
from slicewise.training.inputs import TrainingInputs
from slicewise.training.losses import probabilities, segmentation_loss
from slicewise.training.validation import (
    Validation,
    dice_of,
    dice_of_labels,
    target_of,
)
from slicewise.volumes.volume import Volume
from tests.discs import CARD, card_with, disc_truth, experiment
from tests.training.runs import plain, train_on

SPACING = (1.0, 1.0, 2.0)
MILLIMETRES = Recipe(size=16, spacing=0.7, plane="acquired")


def written(folder: Path, name: str, mask: np.ndarray, labels: int, recipe: Recipe) -> SliceFolder:
    """Cut a noisy image and this mask into slices."""
    one = SliceFolder.below(folder, name)
    image = np.random.default_rng(len(name)).integers(-100, 100, mask.shape, np.int16)
    names = [f"l{k}" for k in range(1, labels + 1)]
    volume = Volume(image, np.diag([*SPACING, 1.0]))
    geometry = extract(volume, mask, names, recipe, one, intensity="hu")
    write_json(one.geometry, geometry.model_dump())
    return one


def card_of(labels: int, recipe: Recipe, **more: Any) -> ModelCard:
    names = [f"l{k}" for k in range(1, labels + 1)]
    values = {name: [k] for k, name in enumerate(names, start=1)}
    return card_with(labels=names, values=values, recipe=recipe.model_dump(), **more)


def noise(outputs: int) -> Any:
    """Return a network that knows nothing: the same logits for the same slices."""
    weights = np.random.default_rng(0).normal(0, 0.05, outputs).astype(np.float32)
    return lambda images: images * weights + np.sin(images * 7 * weights)


def settings(**blocks: dict[str, Any]) -> Experiment:
    return Experiment.model_validate(merge(experiment().model_dump(), blocks))


def all_at_once(
    cases: list[SliceSet], truth: Any, given: Experiment, card: ModelCard, network: Any
) -> tuple[float, list[np.ndarray]]:
    """Return the loss, and each case's mask, from arrays of whole cases."""
    batch, recipe = given.training.batch, card.recipe

    total, slices, masks = 0.0, 0, []
    for case in cases:
        parts = np.array_split(np.arange(len(case)), -(-len(case) // batch))
        logits = np.concatenate([network(case.images(part)) for part in parts])
        shows = case.counts.sum(axis=1) > 0
        used = np.arange(len(case)) if given.training.empty else np.flatnonzero(shows)
        for part in (used[k : k + batch] for k in range(0, len(used), batch)):
            loss = segmentation_loss(
                ops.convert_to_tensor(logits[part]),
                ops.convert_to_tensor(case.masks(part).astype(np.int32)),
                given.loss,
            )
            total, slices = total + float(loss) * len(part), slices + len(part)
        grid = Grid(truth(case.cases[0]).shape, recipe, SPACING)
        native = grid.enlarge(ops.convert_to_numpy(probabilities(ops.convert_to_tensor(logits))))
        several = native.shape[-1] > 1
        decided = native.argmax(axis=-1) if several else native[..., 0] > 0.5
        masks.append(grid.unstack(decided.astype(np.uint8)))
    return total / slices, masks


@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(size=16),
        Recipe(size=40),
        Recipe(every=2, plane="coronal"),
        Recipe(size=17),
        MILLIMETRES,
    ],
    ids=["smaller", "padded", "every", "odd", "millimetres"],
)
@pytest.mark.parametrize(
    "blocks",
    [
        {},
        {"training": {"empty": 0.0, "batch": 5}, "loss": {"dice_over": "image", "focal": 0.4}},
        {"loss": {"dice": 0.0, "cross_entropy": 0.0, "tversky": 1.0}, "training": {"batch": 4}},
    ],
    ids=["usual", "each slice", "tversky"],
)
def test_slice_by_slice_is_what_whole_cases_give(
    tmp_path: Path, labels: int, recipe: Recipe, blocks: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr("slicewise.training.validation.AT_A_TIME", 9000)  # a few slices
    random = np.random.default_rng(3)
    masks = {}
    for name, depth in (("a", 9), ("bb", 13)):
        mask = random.integers(0, labels + 1, (32, 28, depth)).astype(np.uint8)
        mask[..., :4] = 0
        masks[name] = mask
    folders = [written(tmp_path, name, mask, labels, recipe) for name, mask in masks.items()]
    card, given, network = (
        card_of(labels, recipe),
        settings(**blocks),
        noise(max(labels, 1) + (labels > 1)),
    )
    validation = Validation(SliceSet(folders), masks.__getitem__, given, card)
    found = validation.score(network)
    loss, decided = all_at_once(validation.cases, masks.__getitem__, given, card, network)
    dice = [
        np.mean(
            [
                2 * ((t == k) & (m == k)).sum() / ((t == k).sum() + (m == k).sum())
                for k in range(1, labels + 1)
            ]
        )
        for t, m in zip(masks.values(), decided, strict=True)
    ]
    assert found["val/dice"] == pytest.approx(np.mean(dice), rel=1e-14)
    assert 0.01 < found["val/dice"] < 0.99
    assert found["val/loss"] == pytest.approx(loss, rel=2e-6)


SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from slicewise.network import backend
from slicewise.training.validation import Validation
from slicewise.config import Recipe
from slicewise.slices.batches import SliceSet
from tests.training.test_validation import card_of, settings, written

labels, folder = int(sys.argv[1]), Path(sys.argv[2])
backend.prepare(1, 1)
recipe, shape = Recipe(size=128), (128, 128, 60)
mask = (np.arange(128)[:, None, None] % (labels + 1)).astype(np.uint8) * np.ones(shape, np.uint8)
one = written(folder, "a", mask, labels, recipe)
validation = Validation(SliceSet([one]), lambda case: mask, settings(), card_of(labels, recipe))
outputs = labels + 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
validation.score(lambda images: np.zeros((*images.shape[:3], outputs), np.float32))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_labels(tmp_path: Path) -> None:
    """61 outputs of this case in single precision are 240 MB, and were there several times."""
    peaks = []
    for labels in (3, 60):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(labels), str(tmp_path / str(labels))],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(float(done.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 200


# --- who counts --------------------------------------------------------------------------------


def discs(tmp_path: Path, radii: dict[str, float]) -> tuple[list[SliceFolder], dict[str, Any]]:
    """Write cases that show a disc of some radius; 0: no disc at all."""
    x, y, _ = np.mgrid[:32, :32, :6]
    masks = {
        name: ((x - 16) ** 2 + (y - 16) ** 2 < radius**2).astype(np.uint8)
        for name, radius in radii.items()
    }
    recipe = Recipe(size=32)
    return [written(tmp_path, name, mask, 1, recipe) for name, mask in masks.items()], masks


def a_disc(radius: float) -> Any:
    """Return a network that always finds a disc of this radius; 0: none."""
    x, y = np.mgrid[:32, :32]
    found = ((x - 16) ** 2 + (y - 16) ** 2 < radius**2) * 10.0 - 5.0
    return lambda images: np.broadcast_to(found[None, :, :, None], images.shape).astype(np.float32)


def test_each_patient_counts_once_however_many_scans(tmp_path: Path) -> None:
    """Patients of 4, 4, 1 and 1 scans; the network is good at those who have many."""
    radii = dict(zip("abcdefghij", [9.0, 9.0, 9.0, 9.0, 8.0, 8.0, 8.0, 8.0, 3.0, 4.0], strict=True))
    patients = dict(zip("abcdefghij", "AAAABBBBCD", strict=True))
    folders, masks = discs(tmp_path, radii)
    given, card = settings(), card_of(1, Recipe(size=32))
    pixels = {name: int(mask[..., 0].sum()) for name, mask in masks.items()}
    found = pixels["a"]
    dice = {name: 2 * min(found, n) / (found + n) for name, n in pixels.items()}
    by_patient = [np.mean([dice[c] for c in dice if patients[c] == p]) for p in "ABCD"]
    validation = Validation(SliceSet(folders), masks.__getitem__, given, card, patients)
    assert validation.score(a_disc(9))["val/dice"] == pytest.approx(np.mean(by_patient))
    alone = Validation(SliceSet(folders), masks.__getitem__, given, card)
    assert alone.score(a_disc(9))["val/dice"] == pytest.approx(np.mean(list(dice.values())))
    assert np.mean(by_patient) < np.mean(list(dice.values())) - 0.2


def test_a_model_that_finds_nothing_beats_nobody(tmp_path: Path) -> None:
    """Two of ten have it."""
    folders, masks = discs(tmp_path, {**dict.fromkeys("abcdefgh", 0.0), "i": 6.0, "j": 6.0})
    validation = Validation(
        SliceSet(folders), masks.__getitem__, settings(), card_of(1, Recipe(size=32))
    )
    assert validation.score(a_disc(0))["val/dice"] == 0
    assert validation.score(a_disc(5))["val/dice"] > 0.7


def test_dice_of_labels_is_only_of_those_that_are_there() -> None:
    random = np.random.default_rng(0)
    truth, mask = random.integers(0, 4, (2, 7, 8, 9)).astype(np.uint8)
    truth[truth == 2] = 0
    for turned in (truth, np.asfortranarray(truth), truth[::-1]):
        same = {"truth": turned, "mask": mask[::-1] if turned.base is truth else mask}
        found = dice_of_labels(**same, labels=3)
        assert np.isnan(found[1])
        for k in (1, 3):
            t, m = same["truth"] == k, same["mask"] == k
            assert found[k - 1] == 2 * (t & m).sum() / (t.sum() + m.sum())


def test_dice_of_labels_is_that_of_what_was_drawn() -> None:
    random = np.random.default_rng(1)
    truth, mask = random.integers(0, 4, (2, 7, 8, 9)).astype(np.uint8)
    truth[random.random(truth.shape) < 0.5] = 255
    drawn = truth != 255
    deleted = (each[drawn][:, None, None] for each in (truth, mask))
    np.testing.assert_array_equal(dice_of_labels(truth, mask, 3), dice_of_labels(*deleted, 3))


def test_validation_looks_at_what_was_drawn_alone(tmp_path: Path) -> None:
    """Loss and Dice of a case of which some slices were drawn are those of a case of these."""
    random = np.random.default_rng(2)
    recipe = Recipe(size=32)
    whole = random.integers(0, 3, (32, 32, 8)).astype(np.uint8)
    masks = {"a": whole.copy()}
    masks["a"][..., [0, 3, 4]] = 255
    one = SliceFolder.below(tmp_path, "a")
    volume = Volume(random.integers(-100, 100, whole.shape, np.int16), np.eye(4))
    known = extract(volume, masks["a"], ["l1", "l2"], recipe, one, intensity="hu", partial=True)
    known.write(one.geometry)
    kept = [1, 2, 5, 6, 7]
    other = SliceFolder.below(tmp_path / "other", "a")
    part = Volume(np.ascontiguousarray(volume.array[..., kept]), np.eye(4))
    names = ["l1", "l2"]
    extract(part, whole[..., kept], names, recipe, other, intensity="hu").write(other.geometry)
    given, card = settings(), card_of(2, recipe)
    scores = [
        Validation(SliceSet([folder]), truth, given, card).score(noise(3))
        for folder, truth in (
            (one, masks.__getitem__),
            (other, lambda _: whole[..., kept]),
        )
    ]
    assert scores[0]["val/loss"] == pytest.approx(scores[1]["val/loss"], rel=1e-5)
    assert scores[0]["val/dice"] == scores[1]["val/dice"]


def test_dice_of_regions_is_that_of_the_labels_together() -> None:
    random = np.random.default_rng(1)
    truth, mask = random.integers(0, 5, (2, 7, 8, 9)).astype(np.uint8)
    truth[truth == 4] = 255
    truth[truth == 3] = 0
    regions = {"whole": [1, 2, 3], "core": [2, 3], "rim": [3]}
    card = card_of(4, Recipe(size=32), regions=regions)
    drawn = truth != 255
    for turned in (lambda each: each, np.asfortranarray, lambda each: each[::-1]):
        found = dice_of(turned(truth), turned(mask), card)
        for place, own in enumerate(([1, 2, 3], [2, 3])):
            wanted = 1 - distance.dice(np.isin(truth, own)[drawn], np.isin(mask, own)[drawn])
            assert found[place] == pytest.approx(wanted)
        assert np.isnan(found[2]), "nobody has it"


def test_a_case_of_regions_is_decided_by_a_sigmoid_each(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    recipe = Recipe(size=32)
    truth = random.integers(0, 4, (32, 32, 6)).astype(np.uint8)
    folder = written(tmp_path, "a", truth, 3, recipe)
    regions = {"whole": [1, 2, 3], "core": [2, 3], "rim": [3]}
    card = card_of(3, recipe, regions=regions)
    given = settings()
    cases = SliceSet([folder])
    found = Validation(cases, lambda _: truth, given, card).score(noise(3))
    logits = noise(3)(cases.images(np.arange(6)))
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    # as nnU-Net writes them: one over the other
    mask = np.zeros(probability.shape[:-1], np.uint8)
    for output, label in enumerate((1, 2, 3)):
        mask[probability[..., output] > 0.5] = label
    native = np.moveaxis(mask, 0, 2)
    each = [
        1 - distance.dice(np.isin(truth, own).ravel(), np.isin(native, own).ravel())
        for own in regions.values()
    ]
    assert found["val/dice"] == pytest.approx(np.mean(each))
    target = target_of(card, cases)
    batch = given.training.batch
    parts = [np.arange(k, min(k + batch, 6)) for k in range(0, 6, batch)]
    wanted = [
        float(
            segmentation_loss(
                ops.convert_to_tensor(logits[part]), cases.masks(part), given.loss, target
            )
        )
        * len(part)
        for part in parts
    ]
    assert found["val/loss"] == pytest.approx(sum(wanted) / 6, rel=1e-5)


# --- what the slices do not show ---------------------------------------------------------------


def test_a_case_whose_label_no_slice_shows_counts_on_its_own_grid(tmp_path: Path) -> None:
    """A dot of one pixel is gone in slices of a quarter of the size."""
    recipe = Recipe(size=16)
    masks = {name: np.zeros((64, 64, 6), np.uint8) for name in ("seen", "dot")}
    masks["seen"][16:48, 16:48] = 1
    masks["dot"][30, 30] = 1
    folders = [written(tmp_path, name, mask, 1, recipe) for name, mask in masks.items()]
    sets = SliceSet(folders)
    assert sets.counts.sum(axis=1).reshape(2, -1).any(axis=1).tolist() == [True, False]
    for empty in (0.0, 1.0):
        given, card = settings(training={"empty": empty}), card_of(1, recipe)
        validation = Validation(sets, masks.__getitem__, given, card)
        alone = Validation(SliceSet(folders[:1]), masks.__getitem__, given, card)
        found, other = validation.score(noise(1)), alone.score(noise(1))
        assert found["val/loss"] == other["val/loss"], "no loss of what shows nothing"
        dot = Validation(SliceSet(folders[1:]), masks.__getitem__, given, card).score(noise(1))
        assert np.isnan(dot["val/loss"])
        assert found["val/dice"] == pytest.approx((other["val/dice"] + dot["val/dice"]) / 2)
        (said,) = validation.notes()
        assert said.startswith("validation cases dot: no slice shows any label")
        assert alone.notes() == []


def test_a_loss_that_is_no_number_is_none_to_choose_by(tmp_path: Path) -> None:
    """It is not the NaN of a case without labels, which is left out of the choice."""
    folders, masks = discs(tmp_path, {"a": 6.0, "b": 5.0})
    validation = Validation(
        SliceSet(folders), masks.__getitem__, settings(), card_of(1, Recipe(size=32))
    )
    with pytest.raises(DivergedError, match="validation loss of case a is no number; try a lower"):
        validation.score(lambda images: np.full((*images.shape[:3], 1), np.nan, np.float32))


def without_labels(folders: list[SliceFolder], where: Path) -> list[SliceFolder]:
    """Return these folders as if no slice showed a label."""
    made = []
    for one in folders:
        mask = np.load(one.mask, allow_pickle=False)
        place = where / one.case
        place.mkdir(parents=True)
        np.save(place / "mask.npy", np.zeros_like(mask), allow_pickle=False)
        geometry = read_json(one.geometry)
        geometry["counts"] = [[0] for _ in geometry["counts"]]
        write_json(place / "geometry.json", geometry)
        made.append(SliceFolder(one.case, one.image, place / "mask.npy", place / "geometry.json"))
    return made


def test_training_goes_on_where_a_validation_case_shows_nothing(
    folders: list[SliceFolder], tmp_path: Path
) -> None:
    validation_slices = SliceSet([*without_labels(folders[3:4], tmp_path / "bare"), folders[4]])
    said: list[str] = []
    given = plain(training={"epochs": 2, "empty": 0.0})
    done = train_on(
        *(SliceSet(folders[:3]), validation_slices, disc_truth, given, CARD, tmp_path / "c"),
        log=said.append,
    )
    assert said[0].startswith("validation cases case3: no slice shows any label")
    assert "epoch 1/2" in said[1], "it is said before anything is trained"
    assert done.resolved.selected_by == "dice"
    assert done.history["val/loss"].notna().all()


@pytest.mark.parametrize("select", ["dice", pytest.param("loss", marks=pytest.mark.slow)])
def test_where_no_validation_patient_has_a_label_the_last_weights_are_kept(
    folders: list[SliceFolder], tmp_path: Path, select: str
) -> None:
    validation_slices = SliceSet(without_labels(folders[3:], tmp_path / "bare"))
    said: list[str] = []
    given = plain(
        training={"epochs": 3, "select": select, "patience": 1},
        postprocessing={"largest_component": "auto"},
    )
    done = train_on(
        *(SliceSet(folders[:3]), validation_slices, lambda case: np.zeros((32, 32, 10), np.uint8)),
        *(given, CARD, tmp_path / "c"),
        log=said.append,
    )
    assert (done.resolved.selected_by, done.resolved.selected_epoch) == ("final", 3)
    assert done.history["val/dice"].isna().all()
    assert f"no validation patient has what training.select: {select} is measured on" in said[-2]
    assert said[-1].endswith("not applied (no validation patient has any label)")
    decided = done.resolved.postprocessing["largest_component"]
    assert (decided["kept"], decided["dice_without"], decided["dice_with"]) == (False, None, None)


# --- the key -----------------------------------------------------------------------------------


def test_the_key_knows_who_the_patients_are(slices: SliceSet, validation_slices: SliceSet) -> None:
    def key(patients: dict[str, str] | None) -> str:
        return TrainingInputs(slices, validation_slices, experiment(), CARD, patients=patients).key

    assert key(None) == key({"case3": "case3", "case4": "case4"})
    assert key(None) != key({"case3": "anna", "case4": "anna"})


@pytest.mark.parametrize("slices", [4, 8, 12])
def test_blocks_are_scored_as_their_slices_are(folders: list[SliceFolder], slices: int) -> None:
    """By a network that looks at no neighbours: the same Dice, and of one batch the same loss."""
    block = {"network": {"dimensions": 3, "block": slices, "dropout": 0.0}}
    scores = []
    for settings in (plain(training={"batch": 10}), plain(training={"batch": 10}, **block)):
        held_out = SliceSet(folders[3:], **settings.reading)
        card = card_with(context=settings.seen.model_dump())
        blocks = settings.seen.block

        def logits(images: np.ndarray, blocks: bool = blocks) -> np.ndarray:
            odds = (images - 40.5) / 30
            return odds[..., None] if blocks else odds

        scores.append(Validation(held_out, disc_truth, settings, card).score(logits))
    assert 0.3 < scores[0]["val/dice"] < 1
    assert scores[1]["val/dice"] == pytest.approx(scores[0]["val/dice"], abs=1e-6)
    # a case has 10 slices, which are a batch of either kind
    assert scores[1]["val/loss"] == pytest.approx(scores[0]["val/loss"], rel=1e-4)


def test_where_blocks_overlap_they_are_decided_as_in_a_prediction(
    folders: list[SliceFolder],
) -> None:
    """Of one block that is sure of a pixel and one that is surer of the contrary."""
    settings = plain(training={"batch": 3}, network={"dimensions": 3, "block": 4, "dropout": 0.0})
    held_out = SliceSet(folders[3:4], **settings.reading)
    card = card_with(context=settings.seen.model_dump())
    odds = np.array([-900.0, -900.0, 9.0, 9.0], np.float32)[:, None]

    def logits(images: np.ndarray) -> np.ndarray:
        return np.where(images[..., None] > 40.5, odds, np.float32(-9))

    found: list[np.ndarray] = []
    joined = Joined([len(held_out)], held_out.context)
    for block in held_out.images(centres(len(held_out), held_out.context)):
        likely = ops.convert_to_numpy(ops.sigmoid(logits(block[None])))
        found += list(joined.add(likely))
    (grid,) = held_out.grids
    guess = grid.unstack(grid.enlarge(np.concatenate(found))[..., 0] > 0.5)
    (dice,) = dice_of_labels(disc_truth(held_out.cases[0]), guess.astype(np.uint8), 1)
    assert 0.1 < dice < 0.95
    scores = Validation(held_out, disc_truth, settings, card).score(logits)
    assert scores["val/dice"] == pytest.approx(dice, abs=1e-12)
