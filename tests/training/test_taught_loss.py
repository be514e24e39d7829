"""The loss to a teacher's probabilities, against plain numpy in float64 and the loss to masks."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from slicewise.config import Loss
from slicewise.training.losses import WHOLE, Target, segmentation_loss, taught_loss

RANDOM = np.random.default_rng(3)
NONE = {"dice": 0.0, "cross_entropy": 0.0}
PARTS = {
    "dice": Loss(**NONE | {"dice": 0.7}, smooth=1e-3),
    "dice of slices": Loss(**NONE | {"dice": 1.0}, dice_over="image", smooth=1e-3),
    "cross-entropy": Loss(**NONE | {"cross_entropy": 2.0}),
    "tversky": Loss(**NONE, tversky=1.0, tversky_alpha=0.2, tversky_beta=0.9, smooth=1e-3),
    "focal": Loss(**NONE, focal=1.5),
    "all": Loss(dice=0.5, dice_over="image", cross_entropy=2.0, tversky=0.8, smooth=1e-2),
}
REGIONS = Target(regions=((1, 2), (2,)))


def numpy_loss(logits: np.ndarray, taught: np.ndarray, s: Loss, softmax: bool) -> float:
    """The loss once more, in plain numpy and float64."""
    logits, taught = logits.astype(np.float64), taught.astype(np.float64)
    if softmax:
        e = np.exp(logits - logits.max(-1, keepdims=True))
        p = e / e.sum(-1, keepdims=True)
        whole = np.concatenate([1 - taught.sum(-1, keepdims=True), taught], -1)
        entropy = -(whole * np.log(p)).sum(-1).mean()
        p = p[..., 1:]
    else:
        p = 1 / (1 + np.exp(-logits))
        entropy = -(taught * np.log(p) + (1 - taught) * np.log(1 - p)).mean()
    slices = tuple(range(1, p.ndim - 1))
    axes = slices if s.dice_over == "image" else (0, *slices)
    both = np.minimum(p, taught)
    dice = (2 * both.sum(axes) + s.smooth) / (p.sum(axes) + taught.sum(axes) + s.smooth)
    hit, false, missed = (v.sum((0, *slices)) for v in (both, p - both, taught - both))
    wrong = s.tversky_alpha * false + s.tversky_beta * missed
    tversky = (2 * hit + s.smooth) / (2 * hit + 2 * wrong + s.smooth)
    return (
        s.dice * (1 - dice.mean())
        + (s.cross_entropy + s.focal) * entropy
        + s.tversky * (1 - tversky.mean())
    )


def loss_and_gradient(
    logits: np.ndarray, taught: np.ndarray, s: Loss, target: Target
) -> tuple[float, np.ndarray]:
    given = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = taught_loss(given, ops.convert_to_tensor(taught), s, target)
    return float(loss), tape.gradient(loss, given).numpy()


def example(kind: str, block: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray, Target]:
    outputs = {"sigmoid": 1, "softmax": 3, "regions": 2}[kind]
    logits = RANDOM.normal(0, 2, (2, 2, 3, *block, outputs)).astype(np.float32)
    taught = RANDOM.dirichlet([0.7] * 3, logits.shape[:-1])[..., : max(1, outputs - 1)]
    taught = RANDOM.random(logits.shape) if kind == "regions" else taught
    return logits, taught.astype(np.float32), REGIONS if kind == "regions" else WHOLE


@pytest.mark.parametrize("kind", ["sigmoid", "softmax", "regions"])
@pytest.mark.parametrize("block", [(), (2,)])
@pytest.mark.parametrize("part", PARTS)
def test_value_and_gradient_equal_numpy_and_finite_differences(kind, block, part):
    logits, taught, target = example(kind, block)
    softmax = kind == "softmax"
    got, gradient = loss_and_gradient(logits, taught, PARTS[part], target)
    assert got == pytest.approx(numpy_loss(logits, taught, PARTS[part], softmax), rel=1e-5)
    wanted = np.empty(logits.shape)
    for place in np.ndindex(*logits.shape):
        step = np.zeros(logits.shape)
        step[place] = 1e-5
        up, down = (
            numpy_loss(logits + sign * step, taught, PARTS[part], softmax) for sign in (1, -1)
        )
        wanted[place] = (up - down) / 2e-5
    np.testing.assert_allclose(gradient, wanted, rtol=1e-3, atol=3e-6)


@pytest.mark.parametrize("kind", ["sigmoid", "softmax", "regions"])
@pytest.mark.parametrize("block", [(), (4,)])
@pytest.mark.parametrize("part", [part for part in PARTS if part != "focal"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_teacher_who_says_what_the_masks_say_is_the_loss_to_the_masks(kind, block, part, deep):
    logits, _, target = example(kind, block)
    outputs = logits.shape[-1]
    size = (2, 7, 6, *block)
    labels = 2 if kind == "regions" else max(outputs - 1, 1)
    masks = RANDOM.integers(0, labels + 1, size)
    taught = ops.convert_to_numpy(target.truth(masks, outputs))
    taught = taught[..., 1:] if kind == "softmax" else taught
    sizes = [size, *([(2, 4, 3, *(n // 2 for n in block))] if deep else [])]
    each = [RANDOM.normal(0, 2, (*one, outputs)).astype(np.float32) for one in sizes]
    given = each if deep else each[0]
    told = float(taught_loss(given, ops.convert_to_tensor(taught), PARTS[part], target))
    assert told == pytest.approx(float(segmentation_loss(given, masks, PARTS[part], target)), 1e-5)


@pytest.mark.parametrize("kind", ["sigmoid", "softmax", "regions"])
@pytest.mark.parametrize("part", PARTS)
def test_it_is_least_where_the_network_says_what_the_teacher_says(kind, part):
    _, taught, target = example(kind)
    whole = taught
    if kind == "softmax":
        whole = np.concatenate([1 - taught.sum(-1, keepdims=True), taught], -1)
        same = np.log(whole.clip(1e-6))
    else:
        same = np.log(whole.clip(1e-6) / (1 - whole).clip(1e-6))
    same = same.astype(np.float32)
    least, _ = loss_and_gradient(same, taught, PARTS[part], target)
    for _ in range(20):
        other = same + RANDOM.normal(0, 0.5, same.shape).astype(np.float32)
        assert loss_and_gradient(other, taught, PARTS[part], target)[0] > least - 1e-6


@pytest.mark.parametrize("kind", ["sigmoid", "softmax", "regions"])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("said", [0.0, 1.0])
def test_extreme_logits_give_finite_numbers(kind, part, said):
    logits, taught, target = example(kind)
    taught = np.zeros_like(taught)
    taught[..., 0] = said
    for size in (1e2, 1e4, 1e8):
        extreme = np.float32(size) * np.sign(logits)
        loss, gradient = loss_and_gradient(extreme, taught, PARTS[part], target)
        assert np.isfinite(loss) and np.isfinite(gradient).all()
