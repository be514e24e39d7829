"""Trainings that begin with coarse slices: what they see when, and that they go on to the bit."""

from __future__ import annotations

import itertools
import math
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from skimage.transform import downscale_local_mean, resize_local_mean

from slicewise.config import UNDRAWN, Coarse, Experiment
from slicewise.errors import SlicewiseError, StoppedError
from slicewise.network import backend
from slicewise.slices.batches import SliceSet
from slicewise.slices.folder import SliceFolder
from slicewise.training.batches import Batches
from slicewise.training.coarse import CoarseSlices
from slicewise.training.inputs import TrainingInputs
from slicewise.training.trainer import Trainer
from slicewise.training.validation import Validation
from tests.discs import CARD, disc_truth, experiment
from tests.training.runs import changed, plain, train_on
from tests.training.test_distil import told

HALF = {"share": 0.5, "factor": 2.0}


# --- slices --------------------------------------------------------------------------


def test_images_are_those_of_scikit_image() -> None:
    images = np.random.default_rng(1).normal(size=(2, 48, 36, 3)).astype(np.float32)
    coarse = CoarseSlices(Coarse(factor=1.5), (48, 36), stages=4)
    assert coarse.size == (32, 24)
    expected = [resize_local_mean(each, (32, 24), grid_mode=True) for each in images]
    np.testing.assert_allclose(coarse.images(images), expected, atol=1e-5)
    whole = CoarseSlices(Coarse(factor=2), (48, 36), stages=4).images(images)
    expected = downscale_local_mean(images, (1, 2, 2, 1))
    np.testing.assert_allclose(whole, expected, atol=1e-5)


def test_a_mask_is_of_the_label_that_covers_most() -> None:
    masks = np.zeros((1, 32, 32), np.uint8)
    masks[0, :2, :2] = [[1, 2], [2, 2]]
    masks[0, 2:4, :2] = [[0, 0], [0, 2]]
    masks[0, 16:, 16:] = UNDRAWN
    found = CoarseSlices(Coarse(factor=2), (32, 32), stages=3).masks(masks, 2)
    expected = np.zeros((16, 16), np.uint8)
    expected[0, 0] = 2
    expected[8:, 8:] = UNDRAWN
    np.testing.assert_array_equal(found[0], expected)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(16, 300), st.integers(16, 300), st.integers(2, 6), st.floats(1.05, 4.0))
def test_coarse_slices_are_smaller_keep_their_shape_and_can_be_halved(
    rows: int, columns: int, stages: int, factor: float
) -> None:
    multiple = 2 ** (stages - 1)
    try:
        coarse = CoarseSlices(Coarse(factor=factor), (rows, columns), stages)
    except SlicewiseError as error:
        assert "training.coarse: factor" in str(error)
        least = multiple * math.ceil(16 / multiple)
        assert max(rows, columns) / factor > max(rows, columns) - multiple or (
            max(rows, columns) <= least
        )
        return
    assert max(coarse.size) % multiple == 0
    assert max(coarse.size) < max(rows, columns)
    scale = max(coarse.size) / max(rows, columns)
    assert min(coarse.size) == pytest.approx(min(rows, columns) * scale, abs=1)
    flat = coarse.images(np.full((1, rows, columns, 1), -3.5, np.float32))
    np.testing.assert_allclose(flat, -3.5, rtol=1e-5)
    assert coarse.masks(np.ones((1, rows, columns), np.uint8), 1).all()


def test_a_factor_that_changes_nothing_is_refused() -> None:
    with pytest.raises(SlicewiseError, match=r"factor 1\.2 leaves slices of 64 x 64 as they are"):
        CoarseSlices(Coarse(factor=1.2), (64, 64), stages=6)


@pytest.mark.parametrize("value", [{"share": 0}, {"share": 1}, {"factor": 1}, {"factor": 5}])
def test_what_is_no_beginning_is_refused(value: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(value))):
        experiment(coarse=value)


def test_blocks_are_never_coarse() -> None:
    with pytest.raises(ValidationError, match=r"training.coarse goes with network.dimensions: 2"):
        changed(network={"dimensions": 3, "block": 8}, training={"coarse": HALF})


# --- batches -------------------------------------------------------------------------


def test_slices_are_coarse_until_their_share_is_over(slices: SliceSet) -> None:
    batches = Batches(slices, experiment(coarse=HALF))
    indices = batches.indices(0)[0]
    whole = batches.read(indices, 0, 0)
    assert whole["images"].shape == (6, 32, 32, 1)
    just_over = batches.read(indices, 0, 0, 0.5)
    np.testing.assert_array_equal(just_over["images"], whole["images"])
    small = batches.read(indices, 0, 0, 0.49)
    assert small["images"].shape == (6, 16, 16, 1)
    assert small["masks"].shape == (6, 16, 16)
    expected = downscale_local_mean(whole["images"], (1, 2, 2, 1))
    np.testing.assert_allclose(small["images"], expected, atol=1e-3)
    # turned by the same angle, moved by as many millimetres
    np.testing.assert_array_equal(small["affine"][:, :, :2], whole["affine"][:, :, :2])
    centres = ((whole, 31 / 2), (small, 15 / 2))
    moved = [each["affine"] @ [middle, middle, 1] - middle for each, middle in centres]
    np.testing.assert_allclose(moved[1], moved[0] / 2, atol=1e-4)


def test_what_a_teacher_says_is_as_coarse(folders: list[SliceFolder], tmp_path: Path) -> None:
    taught = experiment(coarse=HALF, distil={"teacher": "large"})
    batches = Batches(told(folders[:3], tmp_path), taught)
    indices = batches.indices(0)[0]
    whole = batches.read(indices, 0, 0)["taught"]
    small = batches.read(indices, 0, 0, 0.0)["taught"]
    np.testing.assert_allclose(small, downscale_local_mean(whole, (1, 2, 2, 1)), atol=1e-3)


# --- trainings -----------------------------------------------------------------------


def test_a_training_sees_coarse_slices_then_whole_ones_and_says_so(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = []
    lines: list[str] = []
    one_step = backend.train_step

    def seen(trainer: Trainer, inputs: dict[str, np.ndarray]) -> dict[str, object]:
        sides.append(inputs["images"].shape[1])
        return one_step(trainer, inputs)

    monkeypatch.setattr(backend, "train_step", seen)
    trained = plain(training={"epochs": 3, "coarse": {"share": 0.4, "factor": 2}})
    given = (slices, validation_slices, disc_truth, trained, CARD)
    done = train_on(*given, tmp_path / "a", log=lines.append)
    assert sides == [16] * 6 + [32] * 9
    said = "the first 40 % of the training see slices of 16 x 16 pixels, the rest of 32 x 32"
    assert said in lines
    # a validation is of whole slices, also after an epoch of coarse ones
    assert done.history["val/dice"].notna().all()
    sides.clear()
    given = (slices, validation_slices, disc_truth, plain(training={"epochs": 3}), CARD)
    other = train_on(*given, tmp_path / "b")
    assert sides == [32] * 15
    assert other.resolved.weights_sha256 != done.resolved.weights_sha256


@pytest.mark.slow
@pytest.mark.parametrize("at", [2, 12], ids=["coarse", "whole"])
def test_it_goes_on_to_the_same_bits(folders: list[SliceFolder], tmp_path: Path, at: int) -> None:
    trained = experiment(epochs=4, coarse=HALF)
    sets = SliceSet(folders[:3]), SliceSet(folders[3:])
    whole = train_on(*sets, disc_truth, trained, CARD, tmp_path / "whole")
    asked = itertools.count(1)
    given = (*sets, disc_truth, trained, CARD, tmp_path / "cut")
    with pytest.raises(SlicewiseError, match="saved at step"):
        train_on(*given, should_stop=lambda: "told to" if next(asked) == at else None)
    cut = train_on(*given)
    assert cut.resolved.weights_sha256 == whole.resolved.weights_sha256


def test_patience_waits_for_whole_slices(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it goes on after the last coarse step, whose epoch had not ended."""
    dice = itertools.chain([0.9, 0.8, 0.7], itertools.repeat(0.6))
    monkeypatch.setattr(Validation, "score", lambda *_: {"val/loss": 1.0, "val/dice": next(dice)})
    trained = plain(training={"epochs": 6, "patience": 1, "coarse": HALF})
    asked = itertools.count(1)
    given = (slices, validation_slices, disc_truth, trained, CARD, tmp_path)
    with pytest.raises(StoppedError, match="saved at step 5 of epoch 3"):
        train_on(*given, should_stop=lambda: "told to" if next(asked) == 15 else None)
    done = train_on(*given)
    assert done.history["val/dice"].tolist() == [0.9, 0.8, 0.7, 0.6, 0.6]
    assert done.resolved.selected_epoch == 1, "of all, also of those that saw coarse slices"


def test_by_the_clock_a_share_of_the_minutes_is_coarse(slices: SliceSet) -> None:
    batches = Batches(slices, experiment(coarse=HALF))
    done = {0: 0.1, 1: 0.3, 2: 0.6, 3: 0.8, 4: 0.9}
    with closing(batches.from_step(0, 0, done.__getitem__)) as steps:
        sides = [inputs["images"].shape[1] for _, _, inputs in steps]
    assert sides == [16, 16, 32, 32, 32]


def test_a_coarse_beginning_is_another_training(slices: SliceSet) -> None:
    def key(made: Experiment) -> str:
        return TrainingInputs(slices, slices, made, CARD).key

    keys = {key(made) for made in (experiment(), experiment(coarse=HALF))}
    assert len(keys) == 2
    assert key(experiment(coarse=None)) in keys
