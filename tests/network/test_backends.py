"""Whatever runs in training gives the same numbers on TensorFlow and on jax.

This file is also the program that computes on the other backend: each entry of
`CALCULATIONS` takes the arrays that `examples` drew and returns arrays, which
have to be near those of TensorFlow.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import slicewise.network.backend
from slicewise.config import Augmentation, Loss, Network

import keras  # isort: skip
from keras import ops

from slicewise.network.depth import Depth
from slicewise.network.unet import build_unet
from slicewise.training import augmentation as augment
from slicewise.training.losses import segmentation_loss

QUICK = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # compiling takes longer than computing

Arrays = dict[str, np.ndarray]

NETWORKS = {
    "plain": Network(filters=[4, 8], normalisation="none", activation="relu"),
    "batch": Network(filters=[4, 8, 8], residual=True, deep_supervision=True),
    "instance": Network(filters=[4, 8], normalisation="instance", residual=True),
    "group": Network(filters=[4, 12], normalisation="group"),
}
DEPTHS = {"blocks": Depth(4, 1)}
NETWORKS["blocks"] = Network(filters=[3, 4, 4], deep_supervision=True)
LOSSES = {
    "baseline": Loss(),
    "focal and tversky": Loss(dice=0.0, cross_entropy=0.0, focal=1.0, tversky=1.0),
    "dice of slices": Loss(dice_over="image", cross_entropy=0.0, smooth=1.0),
}


def examples() -> Arrays:
    """Draw what is computed on: images, masks, logits, and weights of each network."""
    random = np.random.default_rng(5)
    drawn = {
        "images": random.normal(size=(3, 17, 22, 1)).astype(np.float32),
        "masks": random.integers(0, 3, (3, 17, 22)),
        "images of blocks": random.normal(size=(2, 9, 10, 4)).astype(np.float32),
        "masks of blocks": random.integers(0, 3, (2, 9, 10, 4)),
        "logits 1": random.normal(0, 3, (3, 17, 22, 1)).astype(np.float32),
        "logits 3": random.normal(0, 3, (3, 17, 22, 3)).astype(np.float32),
    }
    drawn["masks"][1] = 0
    for name in NETWORKS:
        for variable in built(name).weights:
            fan = np.prod(variable.shape[:-1]) if len(variable.shape) >= 4 else 1
            deviation = (2 / fan) ** 0.5 if fan > 1 else 0.1
            array = random.normal(0, deviation, variable.shape)
            if "gamma" in variable.path or "variance" in variable.path:
                array = np.abs(array) + 0.5
            drawn[f"{name} {variable.path}"] = array.astype(np.float32)
    return drawn


def differentiated(function: Callable[[Any], Any], array: np.ndarray) -> tuple[Any, np.ndarray]:
    """Return what a function of one array gives, and the gradient of the first of it."""
    if keras.backend.backend() == "jax":
        import jax

        def first(given: Any) -> Any:
            results = function(given)
            return results[0], results

        slope, results = jax.jit(jax.grad(first, has_aux=True))(array)
        return results, np.asarray(slope)
    import tensorflow as tf

    @tf.function
    def both(given: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(given)
            results = function(given)
        return results, tape.gradient(results[0], given)

    results, slope = both(tf.convert_to_tensor(array))
    return results, slope.numpy()


def networks(given: Arrays) -> Arrays:
    """Run all networks, in inference and in training: logits, loss, gradient, statistics."""
    found = {}
    for name in NETWORKS:
        unet = built(name)
        for variable in unet.weights:
            variable.assign(given[f"{name} {variable.path}"])
        of_kind = " of blocks" if name in DEPTHS else ""
        pictures = given[f"images{of_kind}"], given[f"masks{of_kind}"]
        for training in (False, True):
            results = run(unet, *pictures, training)
            found |= {f"{name} {training} {key}": value for key, value in results.items()}
    return found


def built(name: str) -> keras.Model:
    """Build a network by its name."""
    depth = DEPTHS.get(name)
    channels = 1 if depth is None else depth.slices
    return build_unet(NETWORKS[name], 2, channels=channels, supervise=True, depth=depth)


def run(unet: keras.Model, images: np.ndarray, masks: np.ndarray, training: bool) -> Arrays:
    parts = unet.trainable_variables, unet.non_trainable_variables
    state = [[variable.value for variable in part] for part in parts]

    def forward(pictures: Any) -> Any:
        logits, moved = unet.stateless_call(*state, pictures, training=training)
        loss = segmentation_loss(logits, masks, Loss())
        return loss, logits if isinstance(logits, list) else [logits], moved

    (loss, logits, moved), slope = differentiated(forward, images)
    found = {"loss": loss, "gradient": slope}
    found |= {f"logits {i}": part for i, part in enumerate(logits)}
    found |= {f"statistics {i}": part for i, part in enumerate(moved)}
    return {key: np.asarray(value) for key, value in found.items()}


def losses(given: Arrays) -> Arrays:
    """Compute all losses and their gradients, on one and on several outputs."""
    found = {}
    for name, settings in LOSSES.items():
        for outputs in (1, 3):
            (loss,), slope = differentiated(
                lambda logits, s=settings: (segmentation_loss(logits, given["masks"], s),),
                given[f"logits {outputs}"],
            )
            found[f"{name} {outputs} loss"] = np.asarray(loss)
            found[f"{name} {outputs} gradient"] = slope
    return found


def augmentation(given: Arrays) -> Arrays:
    """Change slices in every way, with and without elastic displacements."""
    found = {}
    often = {f"{change}_probability": 0.6 for change in augment.CHANGES}
    for elastic in (0.0, 0.04):
        settings = Augmentation(shear=10.0, flip=True, elastic=elastic, **often)
        changes = augment.draw(settings, augment.Moment(1, 0, 0), 3, (17, 22), aspect=1.3)
        images, masks = augment.apply(
            ops.convert_to_tensor(given["images"]),
            ops.convert_to_tensor(given["masks"]),
            augment.Changes(
                **{key: ops.convert_to_tensor(array) for key, array in changes.arrays().items()}
            ),
            ops.convert_to_tensor(given["images"][::-1].copy()),
            settings,
        )
        found[f"images {elastic}"] = ops.convert_to_numpy(images)
        found[f"masks {elastic}"] = ops.convert_to_numpy(masks)
    return found


CALCULATIONS = {"networks": networks, "losses": losses, "augmentation": augmentation}


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory: pytest.TempPathFactory) -> tuple[Arrays, Arrays]:
    """Return examples, and what jax makes of them."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed: nothing to compare TensorFlow with")
    folder = tmp_path_factory.mktemp("jax")
    given = examples()
    np.savez(folder / "given.npz", allow_pickle=False, **given)
    root = Path(slicewise.network.backend.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, __file__, str(folder / "given.npz"), str(folder / "found.npz")],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(root), **QUICK},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "found.npz", allow_pickle=False) as found:
        return given, dict(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALCULATIONS)
def test_jax_gives_the_numbers_of_tensorflow(name: str, on_jax: tuple[Arrays, Arrays]) -> None:
    given, theirs = on_jax
    ours = {f"{name}: {key}": array for key, array in CALCULATIONS[name](given).items()}
    assert ours.keys() == {key for key in theirs if key.startswith(f"{name}: ")}
    for key, array in ours.items():
        near = 1e-4 * max(1e-3, float(np.abs(array).max()))
        np.testing.assert_allclose(theirs[key], array, atol=near, err_msg=key)


if __name__ == "__main__":
    with np.load(sys.argv[1], allow_pickle=False) as stored:
        arrays = dict(stored)
    results = {f"{name}: {k}": v for name, f in CALCULATIONS.items() for k, v in f(arrays).items()}
    np.savez(sys.argv[2], allow_pickle=False, **results)
