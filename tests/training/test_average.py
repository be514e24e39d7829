"""The moving average of weights, against the same in plain numbers."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from slicewise.config import Loss, Optimizer
from slicewise.network import backend
from slicewise.network.layers import BatchNormalization
from slicewise.training.trainer import Trainer, make_optimizer, numpy_of


def moved(settings: Optimizer, steps: int, pull: float = 1.0) -> tuple[list[float], float]:
    """Return a weight after each of so many batches, and its moving average at the end."""
    optimizer = make_optimizer(settings)
    weight = keras.Variable(np.array([1.0]))
    optimizer.build([weight])
    seen = []
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(weight) * pull], [weight])
        seen.append(float(numpy_of([weight])[0][0]))
    optimizer.finalize_variable_values([weight])
    return seen, float(numpy_of([weight])[0][0])


@pytest.mark.parametrize(
    ("name", "accumulate", "share"),
    list(itertools.product(("adam", "adamw", "sgd"), (1, 2), (0.1, 0.25, None))),
)
def test_it_is_the_average_that_is_described(
    name: str, accumulate: int, share: float | None
) -> None:
    settings = Optimizer.model_validate(
        {
            "name": name,
            "learning_rate": 0.05,
            "momentum": 0.5,
            "ema": 0.9,
            "ema_share": share,
            "accumulate": accumulate,
        }
    )
    seen, found = moved(settings, 60)
    expected = seen[0]
    for batch, weight in enumerate(seen):
        updates = batch // accumulate
        most = 0.9 ** (1 / accumulate)
        ratio = 0.0 if share is None else 1 / share - 1
        momentum = min(most, updates * accumulate / (updates * accumulate + ratio or 1))
        expected = momentum * expected + (1 - momentum) * weight
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_average_of_a_constant_is_the_constant() -> None:
    seen, found = moved(Optimizer(weight_decay=0.0), 50, pull=0.0)
    assert {*seen, found} == {1.0}


def test_a_step_is_on_average_as_old_as_the_share() -> None:
    """A weight that moves by one each step shows its mean age by how far the average lags."""
    optimizer = make_optimizer(
        Optimizer(name="sgd", momentum=0.0, weight_decay=0.0, ema=0.999, clip_norm=None)
    )
    weight = keras.Variable(np.array([0.0]))
    optimizer.build([weight])
    optimizer.learning_rate = 1.0
    ages = {}
    for step in range(1, 401):
        optimizer.apply([keras.ops.ones((1,)) * -1.0], [weight])
        (average,) = (each for each in optimizer.variables if "average" in each.path)
        ages[step] = step - float(numpy_of([average])[0][0])
    assert ages[1] == 0, "the first step leaves nothing of the initial weights"
    for step in (5, 40, 400):
        assert ages[step] == pytest.approx(0.1 * (step - 1), abs=0.2)


def test_no_average_is_kept_where_none_is_asked_for() -> None:
    assert not make_optimizer(Optimizer(ema=None)).use_ema


class Plain(keras.layers.Layer):
    """Preprocessing that does nothing."""

    def call(self, images: object) -> object:
        return images


def unet_of(normalisation: bool) -> keras.Model:
    """Return a network of one channel with or without statistics of batches."""
    image = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(2, 3, padding="same")(image)
    x = BatchNormalization(momentum=0.5)(x) if normalisation else x
    return keras.Model(image, keras.layers.Conv2D(1, 1)(x))


@pytest.mark.parametrize("share", [0.25, None])
def test_statistics_of_batches_are_averaged_as_the_weights_are(share: float | None) -> None:
    keras.utils.set_random_seed(1)
    settings = Optimizer(learning_rate=0.05, ema=0.8, ema_share=share)
    trainer = Trainer(Plain(), unet_of(True), Loss(), optimizer=settings)
    trainer.compile(optimizer=make_optimizer(settings), jit_compile=False)
    random = np.random.default_rng(0)
    expected: list[np.ndarray] = []
    for step in range(12):
        images = random.normal(step, 1, (3, 4, 4, 1)).astype(np.float32)
        backend.train_step(
            trainer, {"images": images, "masks": (images > step).astype(np.uint8)[..., 0]}
        )
        now = numpy_of(trainer.unet.weights)
        momentum = 0.8 if share is None else min(0.8, step / (step + 3))
        stays = momentum if step else 0.0
        expected = [
            stays * (e if step else 0 * n) + (1 - stays) * n
            for e, n in zip(expected or now, now, strict=True)
        ]
    trainer.take_averages()
    for found, wanted in zip(numpy_of(trainer.unet.weights), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert not np.allclose(found, now[-1]), "the average is not the newest"


def test_nothing_is_averaged_beside_where_nothing_is_to_fit() -> None:
    for unet, settings in (
        (unet_of(False), Optimizer()),
        (unet_of(True), Optimizer(ema=None)),
        (unet_of(True), None),
    ):
        assert not Trainer(Plain(), unet, Loss(), optimizer=settings).statistics.variables
