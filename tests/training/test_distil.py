"""Trainings that learn from a teacher, beside masks."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keras import ops

import slicewise.network.backend
from slicewise.config import UNDRAWN, Augmentation, Context, Experiment
from slicewise.errors import SlicewiseError
from slicewise.network import backend
from slicewise.network.preprocessing import Preprocess
from slicewise.slices.batches import SliceSet, usable
from slicewise.slices.folder import SliceFolder
from slicewise.slices.npy import StoredSlices, write_slices
from slicewise.training import augmentation as augment
from slicewise.training.augmentation import Moment, draw
from slicewise.training.inputs import TrainingInputs
from slicewise.training.result import HISTORY, TAUGHT, Trained
from slicewise.training.trainer import PARTS, Trainer, make_trainer
from tests.discs import CARD, disc_truth, experiment
from tests.training.runs import train_on

CLOCK = ("timestamp", "images_per_second")


def taught_by(share: float, **training: object) -> Experiment:
    return experiment(distil={"teacher": "large", "share": share}, **training)


def told(folders: list[SliceFolder], place: Path, said: float | None = None) -> SliceSet:
    """Return slices of whose masks a teacher says the same, or one probability everywhere."""
    slices = SliceSet(folders)
    arrays, digests = [], []
    for number, folder in enumerate(folders):
        mask = np.load(folder.mask)[:, None]
        word = np.full(mask.shape, 255 * said) if said is not None else 255 * mask
        path = place / f"{number}.npy"
        place.mkdir(exist_ok=True)
        digests.append(write_slices(path, [word.astype(np.uint8)], mask.shape, np.dtype("u1")))
        arrays.append(StoredSlices(path, mask.shape))
    slices.learn_from(arrays, digests)
    return slices


def trained(slices: SliceSet, held_out: SliceSet, settings: Experiment, place: Path) -> Trained:
    return train_on(slices, held_out, disc_truth, settings, CARD, place)


def test_a_share_of_nothing_is_a_training_by_masks_alone_to_the_bit(folders, tmp_path):
    held_out = SliceSet(folders[3:])
    plain = trained(SliceSet(folders[:3]), held_out, experiment(epochs=2), tmp_path / "plain")
    none = trained(SliceSet(folders[:3]), held_out, taught_by(0.0, epochs=2), tmp_path / "none")
    assert none.resolved.weights_sha256 == plain.resolved.weights_sha256
    assert list(none.history.columns) == list(HISTORY)


def test_what_is_learnt_is_what_the_teacher_says(folders, tmp_path):
    """With a share of 1, a teacher who sees the organ nowhere teaches that there is none."""
    held_out = SliceSet(folders[3:])
    mute = trained(told(folders[:3], tmp_path / "a", 0.0), held_out, taught_by(1.0), tmp_path / "m")
    good = trained(told(folders[:3], tmp_path / "b"), held_out, taught_by(1.0), tmp_path / "g")
    assert mute.history["val/dice"].iloc[-1] < 0.05
    assert good.history["val/dice"].iloc[-1] > 0.3
    for done in (mute, good):
        history = done.history
        assert list(history.columns) == [*HISTORY, *TAUGHT]
        pd.testing.assert_series_equal(
            history["train/loss"], history["train/loss_teacher"], check_names=False
        )


def test_the_loss_is_the_weighted_sum_of_both_and_both_are_kept(folders, tmp_path):
    slices = told(folders[:3], tmp_path / "word", 0.3)
    done = trained(slices, SliceSet(folders[3:]), taught_by(0.25, epochs=2), tmp_path / "t")
    history = done.history
    sums = 0.75 * history["train/loss_truth"] + 0.25 * history["train/loss_teacher"]
    np.testing.assert_allclose(history["train/loss"], sums, rtol=1e-6)


@pytest.mark.parametrize("at", [2, 7])
def test_it_stops_between_two_steps_and_goes_on_to_the_same_bits(folders, tmp_path, at):
    settings = taught_by(0.5, epochs=3)
    slices = told(folders[:3], tmp_path / "word", 0.6)
    held_out = SliceSet(folders[3:])
    whole = trained(slices, held_out, settings, tmp_path / "whole")
    asked = itertools.count(1)
    given = (slices, held_out, disc_truth, settings, CARD, tmp_path / "cut")
    with pytest.raises(SlicewiseError, match="saved at step"):
        train_on(*given, should_stop=lambda: "told to" if next(asked) == at else None)
    cut = train_on(*given)
    assert cut.resolved.weights_sha256 == whole.resolved.weights_sha256
    columns = [name for name in (*HISTORY, *TAUGHT) if name not in CLOCK]
    pd.testing.assert_frame_equal(cut.history[columns], whole.history[columns])


def test_another_word_is_another_training(folders, tmp_path):
    held_out = SliceSet(folders[3:])

    def key(name: str, said: float | None) -> str:
        slices = told(folders[:3], tmp_path / name, said)
        return TrainingInputs(slices, held_out, taught_by(0.5), CARD).key

    assert key("a", 0.5) == key("b", 0.5) != key("c", 0.6)


def test_slices_that_nobody_drew_are_learnt_from_the_teacher(folders, tmp_path):
    """A case without any mask counts once somebody tells of it."""
    place = tmp_path / "slices"
    made = []
    for folder in folders[:2]:
        shutil.copytree(folder.geometry.parent, place / folder.case)
        made.append(SliceFolder.below(place, folder.case))
    mask = np.load(made[1].mask)
    write_slices(made[1].mask, [np.full_like(mask, UNDRAWN)], mask.shape, mask.dtype)
    stored = json.loads(made[1].geometry.read_text())
    number, rows, columns = mask.shape
    stored |= {"counts": [[0]] * number, "undrawn": [rows * columns] * number}
    made[1].geometry.write_text(json.dumps(stored))
    alone = SliceSet(made)
    assert set(alone.case_of[usable(alone, 1.0)]) == {0}
    word = told([folders[0], folders[1]], tmp_path / "word")
    arrays = [case.taught for case in word._cases]
    alone.learn_from(arrays, ["a", "b"])
    assert set(alone.case_of[usable(alone, 1.0)]) == {0, 1}
    unseen = SliceSet(folders[1:2])
    done = trained(alone, unseen, taught_by(0.5, epochs=1), tmp_path / "t")
    assert done.resolved.training_slices == len(alone)
    assert np.isfinite(done.history[list(TAUGHT)]).all(axis=None)


# --- reading ---------------------------------------------------------------------------------


def test_what_is_read_is_what_was_said_of_the_slice(folders, tmp_path):
    slices = told(folders[:3], tmp_path / "word")
    indices = np.array([3, 25, 11, 4])
    _, masks = slices.read(indices)
    np.testing.assert_array_equal(slices.probabilities(indices)[..., 0], 255 * masks)
    assert [path.name for path in slices.files if path.parent.name == "word"] == [
        f"{number}.npy" for number in range(3)
    ]


def test_of_blocks_the_word_lies_as_the_slices_do(folders, tmp_path):
    slices = SliceSet(folders[:2], context=Context(slices=4, block=True))
    arrays, digests = [], []
    for number, folder in enumerate(folders[:2]):
        mask = np.load(folder.mask)
        word = np.stack([mask * 255, mask * 100], axis=1).astype(np.uint8)
        path = tmp_path / f"{number}.npy"
        digests.append(write_slices(path, [word], word.shape, word.dtype))
        arrays.append(StoredSlices(path, word.shape))
    slices.learn_from(arrays, digests)
    indices = np.array([0, 8, 13])
    _, masks = slices.read(indices)
    said = slices.probabilities(indices).reshape(*masks.shape[:3], 2, 4)
    np.testing.assert_array_equal(said[..., 0, :], 255 * masks)
    np.testing.assert_array_equal(said[..., 1, :], 100 * masks)


# --- augmentation ----------------------------------------------------------------------------


STRONG = {
    "rotation": 25.0,
    "scale": 0.2,
    "shift": 0.2,
    "shear": 8.0,
    "flip": "both",
    **{f"{name}_probability": 1.0 for name in ("rotation", "scale", "shift", "shear")},
}


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("elastic", [0.0, 0.03])
def test_a_word_moves_as_the_mask_does(native, elastic, monkeypatch):
    """Where the mask is one thing all around, both say the same; outside there is nothing."""
    monkeypatch.setattr(augment, "_has_native", lambda: native)
    settings = Augmentation(**STRONG, elastic=elastic, elastic_probability=1.0)
    i, j = np.mgrid[:48, :40]
    one = ((i - 20) ** 2 + (j - 22) ** 2 < 120).astype(np.float32)
    masks = np.stack([one, 1 - one, np.ones_like(one)])
    changes = draw(settings, Moment(3, 1, 4), 3, (48, 40))
    said = augment.moved(ops.convert_to_tensor(masks[..., None]), changes, settings)
    images = ops.zeros((3, 48, 40, 1))
    _, moved = augment.apply(images, masks.astype(int), changes, images, settings)
    said, moved = ops.convert_to_numpy(said)[..., 0], ops.convert_to_numpy(moved)
    assert said.min() >= 0 and said.max() <= 1 + 1e-6
    sure = np.abs(said - 0.5) > 0.49
    assert sure.mean() > 0.85
    assert np.mean((said > 0.5)[sure] == (moved == 1)[sure]) == 1
    # a half is rounded to either side
    assert np.mean((said > 0.5) == (moved == 1)) > 0.97
    assert (moved[2] == 0).any(), "something came from outside"


def test_both_ways_to_move_are_the_same(monkeypatch):
    settings = Augmentation(**STRONG)
    shares = np.random.default_rng(2).random((4, 24, 20, 3)).astype(np.float32)
    changes = draw(settings, Moment(1, 2, 3), 4, (24, 20))
    both = []
    for native in (True, False):
        monkeypatch.setattr(augment, "_has_native", lambda native=native: native)
        both.append(ops.convert_to_numpy(augment.moved(shares, changes, settings)))
    np.testing.assert_allclose(*both, atol=2e-5)


def test_nothing_moves_where_nothing_is_to_move():
    settings = Augmentation(**dict.fromkeys(("rotation", "scale", "shift"), 0.0), flip=False)
    shares = np.ones((1, 8, 8, 1), np.float32)
    assert augment.moved(shares, draw(settings, Moment(1, 0, 0), 1, (8, 8)), settings) is shares


# --- a step, also of jax: this file is the program that runs it ----------------------------------


def trainer(share: float, dimensions: int = 2) -> Trainer:
    network = {"filters": [2, 4], "dimensions": dimensions}
    network |= {"block": 4} if dimensions == 3 else {}
    settings = Experiment(
        slices="a",
        network=network,
        optimizer={"learning_rate": 1e-2},
        training={"distil": {"teacher": "large", "share": share}},
    )
    card = CARD.model_copy(update={"context": settings.seen})
    from slicewise.network.depth import Depth

    depth = Depth.of(4, 2, 1.0) if dimensions == 3 else None
    return make_trainer(settings, Preprocess(None, None, 0.0, 1.0, card), 1, "float32", depth=depth)


def inputs(block: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)
    settings = Augmentation(**STRONG)
    drawn = augment.draw(settings, Moment(1, 0, 1), 2, (8, 8))
    images = random.normal(size=(2, 8, 8, *(block or (1,)))).astype(np.float32)
    masks = (images > 0).astype(np.uint8)
    return {
        "images": images,
        "masks": masks if block else masks[..., 0],
        "taught": random.integers(0, 256, images.shape).astype(np.uint8),
        **drawn.arrays(),
    }


def steps(dimensions: int) -> list[list[float]]:
    """Return what three steps gave."""
    made = trainer(0.5, dimensions)
    given = inputs((4,) if dimensions == 3 else ())
    logs = []
    for step in range(3):
        made.seed(1, 0, 2, step)
        made.optimizer.learning_rate = 1e-2
        said = backend.train_step(made, given)
        logs.append([float(said[name]) for name in ("loss", *PARTS)])
    return logs


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_step_tells_both_parts_and_makes_the_loss_smaller(dimensions):
    logs = steps(dimensions)
    for loss, truth, teacher in logs:
        assert loss == pytest.approx(0.5 * truth + 0.5 * teacher, rel=1e-5)
    assert logs[-1][0] < logs[0][0]


@pytest.mark.slow
def test_a_step_of_jax_tells_them_too():
    pytest.importorskip("jax")
    library = Path(slicewise.network.backend.__file__).parents[2]
    root = Path(__file__).parents[2]
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join([str(library), str(root)]),
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling takes longer than computing
    }
    done = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, cwd=root
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for logs in json.loads(done.stdout.splitlines()[-1]):
        for loss, truth, teacher in logs:
            assert loss == pytest.approx(0.5 * truth + 0.5 * teacher, rel=1e-5)
        assert logs[-1][0] < logs[0][0]


if __name__ == "__main__":
    print(json.dumps([steps(2), steps(3)]))
