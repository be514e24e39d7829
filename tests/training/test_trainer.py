"""The network as it is trained."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.spatial import distance

from slicewise.config import Loss, Optimizer
from slicewise.errors import SlicewiseError
from slicewise.network import backend
from slicewise.network.preprocessing import Preprocess
from slicewise.network.unet import FIRST
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import extract
from slicewise.slices.folder import SliceFolder
from slicewise.training import augmentation as augment
from slicewise.training.losses import Target
from slicewise.training.trainer import Trainer, batch_dice, make_optimizer, make_trainer
from slicewise.volumes.volume import Volume
from tests.discs import CARD, RECIPE, card_with, disc_truth, disc_volume
from tests.training.runs import changed, train_on
from tests.training.test_average import Plain, unet_of


def test_a_call_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    call = Trainer.call

    def counted(self: Trainer, inputs: object, training: bool = False) -> object:
        calls.append(training)
        return call(self, inputs, training=training)

    monkeypatch.setattr(Trainer, "call", counted)
    trainer = Trainer(Plain(), unet_of(True), Loss())
    trainer.compile(optimizer=make_optimizer(Optimizer()), jit_compile=False)
    trainer.optimizer.build(trainer.trainable_variables)
    images = np.zeros((2, 4, 4, 1), np.float32)
    for _ in range(2):
        backend.train_step(trainer, {"images": images, "masks": np.zeros((2, 4, 4), np.uint8)})
    assert calls == [True]


def test_devices_that_are_not_there(
    slices: SliceSet, validation_slices: SliceSet, tmp_path: Path
) -> None:
    settings = changed(training={"devices": 3})
    with pytest.raises(
        SlicewiseError, match=r"training.devices: 3 are asked for, and 1 is visible"
    ):
        train_on(slices, validation_slices, disc_truth, settings, CARD, tmp_path)


def test_accumulated_gradients_are_those_of_a_larger_batch(
    slices: SliceSet, tmp_path: Path
) -> None:
    """Where the loss is a mean over pixels and nothing looks at the whole batch."""
    made = []
    for batch, accumulate in ((6, 1), (3, 2)):
        settings = changed(
            network={"normalisation": "none", "dropout": 0.0},
            loss={"dice": 0.0},
            optimizer={
                "name": "sgd",
                "learning_rate": 0.05,
                "momentum": 0.5,
                "accumulate": accumulate,
                "schedule": "constant",
                "warmup": 0.0,
                "ema": None,
            },
            training={"batch": batch, "epochs": 2, "foreground": 0.0},
        )
        settings = settings.model_copy(update={"augmentation": None})
        where = tmp_path / str(batch)
        made.append(train_on(slices, SliceSet([]), disc_truth, settings, CARD, where))
    whole, parts = (one.model.get_weights() for one in made)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert made[0].resolved.steps == made[1].resolved.steps / 2 == 10


def test_dice_of_a_batch_is_a_mean_over_labels() -> None:
    masks = np.array([[[0, 1, 1, 2]]])
    assert float(batch_dice(masks, masks, 3)) == pytest.approx(1)
    guess = np.array([[[0, 1, 2, 2]]])
    assert float(batch_dice(guess, masks, 3)) == pytest.approx(2 / 3, abs=1e-5)
    assert float(batch_dice(masks > 0, masks > 0, 1)) == pytest.approx(1), "one label, one output"


def test_biases_and_scales_do_not_decay() -> None:
    optimizer = make_optimizer(Optimizer(name="adamw", weight_decay=0.1))
    for name, decays in (("kernel", True), ("bias", False), ("gamma", False), ("beta", False)):
        variable = keras.Variable(np.zeros(1), name=name)
        assert optimizer._use_weight_decay(variable) is decays, name


def test_the_same_key_draws_the_same_noise() -> None:
    class Bare(Trainer):
        def __init__(self) -> None:
            keras.Model.__init__(self)
            self.noise = keras.random.SeedGenerator(0)
            self.unet = keras.Sequential([keras.layers.Dropout(0.5, seed=1)])

    trainer = Bare()
    states = []
    for key in ((1, 2), (1, 3), (1, 2)):
        trainer.seed(*key)
        dropout = trainer.unet.layers[0].seed_generator.state
        states.append([*np.array(trainer.noise.state), *np.array(dropout)])
    assert states[0] == states[2] != states[1]


def test_the_running_dice_leaves_out_what_nobody_drew() -> None:
    masks = np.array([[[1, 0, 255, 255]]], np.int32)
    logits = np.array([[[[9.0], [-9.0], [9.0], [-9.0]]]], np.float32)
    trainer = Trainer(None, None, Loss(), target=Target(partial=True))
    given = {"logits": keras.ops.convert_to_tensor(logits), "masks": masks}
    loss = trainer.compute_loss(y_pred=given)
    assert float(trainer.dice.result()) == pytest.approx(1)
    assert float(loss) == pytest.approx(0, abs=1e-3)
    trainer = Trainer(None, None, Loss())
    trainer.compute_loss(y_pred=given | {"masks": np.where(masks == 255, 0, masks)})
    assert float(trainer.dice.result()) == pytest.approx(2 / 3, abs=1e-3)


@pytest.mark.slow
def test_slices_of_which_nothing_was_drawn_change_no_weight(tmp_path: Path) -> None:
    """To the bit, whatever their images are, and whatever the network would find there."""
    made = []
    for number, wild in enumerate((0, 900)):
        folders = []
        for case in range(2):
            image, mask = disc_volume(case)
            array = image.array.copy()
            array[..., 5:] += wild
            mask[..., 5:] = 255
            mask[:9] = 255
            one = SliceFolder.below(tmp_path / str(number), f"case{case}")
            known = extract(
                Volume(array, image.affine),
                mask,
                ["liver"],
                RECIPE,
                one,
                intensity="hu",
                partial=True,
            )
            known.write(one.geometry)
            folders.append(one)
        settings = changed(training={"epochs": 2, "empty": 1.0})
        where = tmp_path / f"run{number}"
        made.append(train_on(SliceSet(folders), SliceSet([]), disc_truth, settings, CARD, where))
    assert made[0].resolved.training_slices == 2 * 5
    assert made[0].resolved.weights_sha256 == made[1].resolved.weights_sha256
    assert made[0].history["train/dice"].between(0, 1).all()


def test_the_running_dice_of_regions_is_a_mean_over_them() -> None:
    random = np.random.default_rng(0)
    masks = random.choice([0, 1, 2, 255], (2, 6, 5)).astype(np.int32)
    logits = random.normal(0, 1, (2, 6, 5, 2)).astype(np.float32)
    regions = ((1, 2), (2,))
    trainer = Trainer(None, None, Loss(), target=Target(partial=True, regions=regions))
    given = {"logits": keras.ops.convert_to_tensor(logits), "masks": masks}
    trainer.compute_loss(y_pred=given)
    drawn = masks != 255
    each = [
        1 - distance.dice(np.isin(masks, own)[drawn], logits[..., k][drawn] > 0)
        for k, own in enumerate(regions)
    ]
    assert float(trainer.dice.result()) == pytest.approx(np.mean(each), abs=1e-5)


@pytest.mark.slow
def test_a_network_of_regions_is_trained_to_a_model_of_sigmoids(tmp_path: Path) -> None:
    folders = []
    truth = {}
    for number in range(3):
        image, mask = disc_volume(number)
        mask[:, :16] *= 2
        name = f"case{number}"
        one = SliceFolder.below(tmp_path, name)
        extract(image, mask, ["left", "right"], RECIPE, one, intensity="hu").write(one.geometry)
        truth[name] = mask
        folders.append(one)
    regions = {"both": [1, 2], "one": [2]}
    card = card_with(labels=["left", "right"], values={"left": [1], "right": [2]}, regions=regions)
    settings = changed(
        network={"filters": [4, 8, 8], "deep_supervision": True},
        training={"epochs": 2},
        postprocessing={"largest_component": "auto"},
    )
    sets = SliceSet(folders[:2]), SliceSet(folders[2:])
    trained = train_on(*sets, truth.__getitem__, settings, card, tmp_path / "run")
    likely = trained.model.predict_on_batch(sets[1].images(range(2)))
    assert likely.shape == (2, 32, 32, 2)
    assert not np.allclose(likely.sum(axis=-1), 1), "no softmax"
    assert trained.history[["train/dice", "val/dice"]].notna().all().all()
    assert trained.resolved.untrained_labels == []
    assert "largest_component" in trained.resolved.postprocessing


TOLD = card_with(context={"slices": 1, "mm": 2.5, "plane": True})


def told_trainer(**network: object) -> Trainer:
    settings = changed(
        network={"dropout": 0.0, **network}, input={"plane": True}, augmentation={"elastic": 0.05}
    )
    return make_trainer(settings, Preprocess(None, None, 0.0, 1.0, TOLD), 1, "float32")


def test_changes_of_slices_leave_what_tells_their_plane() -> None:
    trainer = told_trainer()
    settings = trainer.augmentation
    assert settings is not None
    images = np.random.default_rng(0).normal(0, 1, (6, 32, 32, 4)).astype(np.float32)
    images[..., 1:] = np.eye(3)[[0, 1, 2, 0, 1, 2]][:, None, None]
    masks = np.zeros((6, 32, 32), np.uint8)
    changes = augment.draw(settings, augment.Moment(1, 0, 0), 6, (32, 32), np.ones(6, np.float32))
    trainer.seed(1)
    seen, _ = trainer.prepare({"images": images, "masks": masks, **changes.arrays()})
    seen = keras.ops.convert_to_numpy(seen)
    np.testing.assert_array_equal(seen[..., 1:], images[..., 1:])
    assert not np.array_equal(seen[..., 0], images[..., 0])
    # and the picture is changed as if nothing was told
    plain = make_trainer(changed(), Preprocess(None, None, 0.0, 1.0, CARD), 1, "float32")
    plain.augmentation = settings
    plain.seed(1)
    alone, _ = plain.prepare({"images": images[..., :1], "masks": masks, **changes.arrays()})
    np.testing.assert_array_equal(seen[..., :1], keras.ops.convert_to_numpy(alone))


@pytest.mark.parametrize("residual", [False, True])
def test_a_network_learns_from_the_plane_that_it_is_told(residual: bool) -> None:
    """The same picture holds an organ in one plane and none in another; the third stays unknown."""
    trainer = told_trainer(residual=residual, filters=[4, 8])
    picture = np.random.default_rng(0).normal(0, 1, (1, 16, 16, 1)).astype(np.float32)
    images = np.concatenate([np.repeat(picture, 2, 0), np.zeros((2, 16, 16, 3))], -1)
    images[..., 1:] = np.eye(3)[[2, 1]][:, None, None]
    images = images.astype(np.float32)
    masks = np.zeros((2, 16, 16), np.uint8)
    masks[0] = 1

    def said(axis: int) -> np.ndarray:
        told = np.concatenate([picture, np.zeros((1, 16, 16, 3), np.float32)], -1)
        told[..., 1:] = np.eye(3)[axis]
        return keras.ops.convert_to_numpy(trainer.unet(told, training=False))

    np.testing.assert_array_equal(said(0), said(2), err_msg="it begins without heeding planes")
    trainer.optimizer.learning_rate = 0.02
    for step in range(60):
        trainer.seed(step)
        backend.train_step(trainer, {"images": images, "masks": masks})
    trainer.take_averages()
    assert (said(2) > 0).mean() > 0.9 and (said(1) > 0).mean() < 0.1
    for name in FIRST if residual else FIRST[:1]:
        kernel = trainer.unet.get_layer(name).get_weights()[0]
        # of the third plane nothing was learnt, so that what is said of it is said of none
        assert not kernel[..., 1, :].any() and kernel[..., 2, :].any() and kernel[..., 3, :].any()
