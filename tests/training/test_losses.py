"""Losses against plain numpy in float64: values, and gradients by finite differences."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from slicewise.config import UNDRAWN, Loss
from slicewise.training import losses
from slicewise.training.losses import BatchLoss, Target, hard_masks, segmentation_loss

RANDOM = np.random.default_rng(0)
NONE = {"dice": 0.0, "cross_entropy": 0.0}
PARTS = {
    "dice": Loss(**NONE | {"dice": 0.7}, smooth=1e-3),
    "dice of slices": Loss(**NONE | {"dice": 1.0}, dice_over="image", smooth=1e-3),
    "cross-entropy": Loss(**NONE | {"cross_entropy": 2.0}),
    "focal": Loss(**NONE, focal=1.5, focal_gamma=2.0),
    "focal, small gamma": Loss(**NONE, focal=1.0, focal_gamma=0.5),
    "tversky": Loss(**NONE, tversky=1.0, tversky_alpha=0.2, tversky_beta=0.9, smooth=1e-3),
    "all": Loss(
        dice=0.5, dice_over="image", cross_entropy=2.0, focal=0.3, tversky=0.8, smooth=1e-2
    ),
}


def numpy_loss(logits: np.ndarray, masks: np.ndarray, s: Loss) -> float:
    """The loss once more, in plain numpy and float64."""
    logits = logits.astype(np.float64)
    outputs = logits.shape[-1]
    if outputs == 1:
        p = 1 / (1 + np.exp(-logits))
        t = (masks > 0)[..., None].astype(float)
        right = np.where(t > 0, p, 1 - p)[..., 0]
    else:
        e = np.exp(logits - logits.max(-1, keepdims=True))
        p = e / e.sum(-1, keepdims=True)
        t = np.eye(outputs)[masks]
        right = (p * t).sum(-1)
        p, t = p[..., 1:], t[..., 1:]
    entropy = -np.log(right).mean()
    focal = -((1 - right) ** s.focal_gamma * np.log(right)).mean()
    axes = (1, 2) if s.dice_over == "image" else (0, 1, 2)
    both, total = (p * t).sum(axes), p.sum(axes) + t.sum(axes)
    dice = ((2 * both + s.smooth) / (total + s.smooth)).mean()
    hit, false, missed = (v.sum((0, 1, 2)) for v in (p * t, p * (1 - t), (1 - p) * t))
    wrong = s.tversky_alpha * false + s.tversky_beta * missed
    # the smoothing term is added to the fraction that is written like the Dice
    tversky = ((2 * hit + s.smooth) / (2 * hit + 2 * wrong + s.smooth)).mean()
    return (
        s.dice * (1 - dice)
        + s.cross_entropy * entropy
        + s.focal * focal
        + s.tversky * (1 - tversky)
    )


def loss_and_gradient(logits: np.ndarray, masks: np.ndarray, s: Loss) -> tuple[float, np.ndarray]:
    given = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = segmentation_loss(given, ops.convert_to_tensor(masks), s)
    return float(loss), tape.gradient(loss, given).numpy()


def example(outputs: int, spread: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    logits = RANDOM.normal(0, spread, (2, 5, 6, outputs)).astype(np.float32)
    return logits, RANDOM.integers(0, max(outputs, 2), (2, 5, 6))


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("empty", [False, True])
def test_loss_equals_numpy(outputs: int, part: str, empty: bool) -> None:
    logits, masks = example(outputs)
    masks = masks * (not empty)
    got, _ = loss_and_gradient(logits, masks, PARTS[part])
    assert got == pytest.approx(numpy_loss(logits, masks, PARTS[part]), rel=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("empty", [False, True])
def test_gradient_equals_finite_differences(outputs: int, part: str, empty: bool) -> None:
    logits = RANDOM.normal(0, 2, (2, 2, 3, outputs)).astype(np.float32)
    masks = RANDOM.integers(0, max(outputs, 2), (2, 2, 3)) * (not empty)
    _, got = loss_and_gradient(logits, masks, PARTS[part])
    wanted = np.empty(logits.shape)
    for place in np.ndindex(*logits.shape):
        step = np.zeros(logits.shape)
        step[place] = 1e-5
        up, down = (numpy_loss(logits + sign * step, masks, PARTS[part]) for sign in (1, -1))
        wanted[place] = (up - down) / 2e-5
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("label", [0, 1])
def test_extreme_logits_give_finite_numbers(outputs: int, part: str, label: int) -> None:
    for size in (1e2, 1e4, 1e8):
        logits = np.float32(size) * RANDOM.choice([-1, 1], (2, 4, 4, outputs)).astype(np.float32)
        masks = np.full((2, 4, 4), label)
        loss, gradient = loss_and_gradient(logits, masks, PARTS[part])
        assert np.isfinite(loss)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_perfect_prediction_costs_nothing(outputs: int) -> None:
    _, masks = example(outputs)
    masks[1] = 0
    truth = ops.convert_to_numpy(losses.one_hot(masks, outputs))
    everything = Loss(focal=1.0, tversky=1.0, dice_over="image")
    loss = segmentation_loss(80 * truth - 40, masks, everything)
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_loss_of_empty_mask_predicted_empty_is_nothing() -> None:
    logits = ops.full((2, 4, 4, 1), -40.0)
    masks = ops.zeros((2, 4, 4), "int32")
    assert float(segmentation_loss(logits, masks, Loss(tversky=1.0))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_bfloat16_logits_are_computed_with_in_float32(outputs: int) -> None:
    logits, masks = example(outputs)
    rounded = ops.cast(logits, "bfloat16")
    loss = segmentation_loss(rounded, masks, PARTS["all"])
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    wide = ops.convert_to_numpy(ops.cast(rounded, "float32"))
    assert float(loss) == pytest.approx(numpy_loss(wide, masks, PARTS["all"]), rel=1e-5)


@given(st.integers(0, 10_000), st.sampled_from([1, 3]))
@settings(max_examples=10, deadline=None)
def test_relations_between_parts(seed: int, outputs: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0, 4, (3, 4, 4, outputs)).astype(np.float32)
    masks = random.integers(0, max(outputs, 2), (3, 4, 4)) * random.integers(0, 2, (3, 1, 1))

    def loss(logits: np.ndarray, masks: np.ndarray, **parts: object) -> float:
        return float(segmentation_loss(logits, masks, Loss.model_validate({**NONE, **parts})))

    dice = loss(logits, masks, dice=1.0)
    assert 0 <= dice <= 1
    assert loss(logits, masks, tversky=1.0, tversky_alpha=0.5, tversky_beta=0.5) == pytest.approx(
        dice, abs=1e-6
    )
    entropy = loss(logits, masks, cross_entropy=1.0)
    assert loss(logits, masks, focal=1.0, focal_gamma=0.0) == pytest.approx(entropy, rel=1e-5)
    assert loss(logits, masks, focal=1.0, focal_gamma=2.0) < entropy
    # the Dice of slices is the mean of what each of them has alone
    alone = [loss(logits[i : i + 1], masks[i : i + 1], dice=1.0) for i in range(3)]
    together = loss(logits, masks, dice=1.0, dice_over="image")
    assert together == pytest.approx(np.mean(alone), abs=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_deep_supervision_weighs_resolutions(outputs: int, size: tuple[int, int]) -> None:
    s = PARTS["all"]
    masks = RANDOM.integers(0, max(outputs, 2), (2, *size))
    padded = [side + -side % 8 for side in size]
    sizes = [size, *([side // 2**level for side in padded] for level in (1, 2))]
    logits = [RANDOM.normal(0, 2, (2, *part, outputs)).astype(np.float32) for part in sizes]
    full = np.pad(masks, [(0, 0), *((0, up - side) for up, side in zip(padded, size, strict=True))])
    # the pixel nearest to the centre of each block, of several the upper left
    half, quarter = full[:, ::2, ::2], full[:, 1::4, 1::4]
    one, two, four = (
        numpy_loss(got, true, s) for got, true in zip(logits, (masks, half, quarter), strict=True)
    )
    wanted = (one + two / 2 + four / 4) / 1.75
    assert float(segmentation_loss(logits, masks, s)) == pytest.approx(wanted, rel=1e-5)
    only = segmentation_loss(logits[:1], masks, s)
    assert float(only) == pytest.approx(one, rel=1e-5)


def test_hard_masks() -> None:
    assert ops.convert_to_numpy(
        hard_masks(ops.convert_to_tensor([[[[1.0], [-1.0]]]]))
    ).tolist() == [[[1, 0]]]
    several = ops.convert_to_tensor([[[[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]]]])
    assert ops.convert_to_numpy(hard_masks(several)).tolist() == [[[1, 0]]]


# --- what nobody drew ----------------------------------------------------------------------------

PARTIAL = Target(partial=True)


def partly(outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and masks of two slices, in which the same number of pixels was drawn."""
    logits, masks = example(outputs)
    for mask, undrawn in zip(masks, (slice(0, 2), slice(3, 5)), strict=True):
        mask[undrawn] = UNDRAWN
    return logits, masks


def deleted(logits: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same without the rows that nobody drew."""
    drawn = [(masks[k] != UNDRAWN).all(axis=1) for k in range(len(masks))]
    kept = [np.stack([each[k][rows] for k, rows in enumerate(drawn)]) for each in (logits, masks)]
    return kept[0], kept[1]


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("part", PARTS)
def test_what_nobody_drew_teaches_nothing(outputs: int, part: str) -> None:
    """The loss is that of arrays without these pixels, whatever the network says there."""
    logits, masks = partly(outputs)
    undrawn = masks == UNDRAWN
    wanted = numpy_loss(*deleted(logits, masks), PARTS[part])
    for wild in (0.0, -7.0, 1e30, np.inf, np.nan):
        logits[undrawn] = wild
        given = tf.convert_to_tensor(logits)
        with tf.GradientTape() as tape:
            tape.watch(given)
            tensor = ops.convert_to_tensor(masks)
            loss = segmentation_loss(given, tensor, PARTS[part], PARTIAL)
        gradient = tape.gradient(loss, given).numpy()
        assert float(loss) == pytest.approx(wanted, rel=1e-5)
        assert (gradient[undrawn] == 0).all(), "exactly"
        assert np.isfinite(gradient).all()
        assert gradient[~undrawn].any()


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("part", PARTS)
def test_a_batch_in_pieces_leaves_out_the_same(outputs: int, part: str) -> None:
    logits, masks = example(outputs)
    masks[0, :4] = UNDRAWN
    masks[1, 2:, 3:] = UNDRAWN
    tensors = [ops.convert_to_tensor(each) for each in (logits, masks)]
    whole = segmentation_loss(*tensors, PARTS[part], PARTIAL)
    pieces = BatchLoss(PARTS[part], PARTIAL)
    for number in range(2):
        pieces.add(*(each[number : number + 1] for each in tensors))
    assert pieces.value() == pytest.approx(float(whole), rel=1e-5)


def test_coarse_levels_leave_out_what_nobody_drew_too() -> None:
    random = np.random.default_rng(2)
    masks = random.integers(0, 3, (2, 16, 16))
    masks[:, :, 6:] = UNDRAWN
    levels = [
        tf.convert_to_tensor(random.normal(0, 1, (2, 16 // k, 16 // k, 3)).astype(np.float32))
        for k in (1, 2, 4)
    ]
    with tf.GradientTape() as tape:
        tape.watch(levels)
        loss = segmentation_loss(levels, ops.convert_to_tensor(masks), PARTS["all"], PARTIAL)
    for factor, gradient in zip((1, 2, 4), tape.gradient(loss, levels), strict=True):
        taken = (factor - 1) // 2
        undrawn = masks[:, taken::factor, taken::factor] == UNDRAWN
        assert (gradient.numpy()[undrawn] == 0).all()
        assert gradient.numpy()[~undrawn].any()


def test_a_batch_of_which_augmentation_left_nothing_drawn_has_a_loss_and_no_gradient() -> None:
    logits = tf.convert_to_tensor(example(3)[0])
    masks = ops.full((2, 5, 6), UNDRAWN, dtype="int32")
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = segmentation_loss(logits, masks, PARTS["all"], PARTIAL)
    assert np.isfinite(float(loss))
    assert not tape.gradient(loss, logits).numpy().any()


# --- regions -------------------------------------------------------------------------------------

BRATS = Target(regions=((1, 2, 3), (2, 3), (3,)))


def numpy_regions(logits: np.ndarray, masks: np.ndarray, s: Loss) -> float:
    """The loss of regions: of each sigmoid the loss of one label, by `numpy_loss`, on average."""
    each = [
        numpy_loss(logits[..., k : k + 1], np.isin(masks, numbers), s)
        for k, numbers in enumerate(BRATS.regions)
    ]
    return float(np.mean(each))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("partial", [False, True])
def test_the_loss_of_regions_is_that_of_a_sigmoid_each(part: str, partial: bool) -> None:
    logits = RANDOM.normal(0, 3, (2, 5, 6, 3)).astype(np.float32)
    masks = RANDOM.integers(0, 4, (2, 5, 6))
    kept = logits, masks
    if partial:
        masks[0, :2] = UNDRAWN
        masks[1, 3:] = UNDRAWN
        kept = deleted(logits, masks)
    target = Target(partial=partial, regions=BRATS.regions)
    given = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        loss = segmentation_loss(given, ops.convert_to_tensor(masks), PARTS[part], target)
    assert float(loss) == pytest.approx(numpy_regions(*kept, PARTS[part]), rel=1e-5)
    gradient = tape.gradient(loss, given).numpy()
    assert (gradient[masks == UNDRAWN] == 0).all()
    pieces = BatchLoss(PARTS[part], target)
    for number in range(2):
        tensors = (ops.convert_to_tensor(each[number : number + 1]) for each in (logits, masks))
        pieces.add(*tensors)
    assert pieces.value() == pytest.approx(float(loss), rel=1e-5)


def test_regions_that_are_found_have_no_loss() -> None:
    masks = RANDOM.integers(0, 4, (2, 5, 6))
    truth = np.stack([np.isin(masks, numbers) for numbers in BRATS.regions], axis=-1)
    np.testing.assert_array_equal(ops.convert_to_numpy(BRATS.truth(masks, 3)), truth)
    logits = np.where(truth, 40, -40).astype(np.float32)
    loss = segmentation_loss(ops.convert_to_tensor(logits), masks, PARTS["all"], BRATS)
    assert float(loss) == pytest.approx(0, abs=1e-5)
    likely = losses.probabilities(ops.convert_to_tensor(logits), BRATS)
    np.testing.assert_allclose(ops.convert_to_numpy(likely), truth, atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("target", [Target(), PARTIAL])
def test_the_loss_of_blocks_is_that_of_their_slices_side_by_side(
    outputs: int, part: str, target: Target
) -> None:
    blocks = RANDOM.normal(0, 2, (2, 5, 6, 4, outputs)).astype(np.float32)
    masks = RANDOM.integers(0, max(outputs, 2), (2, 5, 6, 4))
    if target.partial:
        masks[0, :4, 3:] = UNDRAWN
    side_by_side = [blocks.reshape(2, 5, 24, outputs), masks.reshape(2, 5, 24)]
    got, wanted = (
        float(segmentation_loss(*map(ops.convert_to_tensor, each), PARTS[part], target))
        for each in ((blocks, masks), side_by_side)
    )
    assert got == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("together", [1, 2, 4])
def test_coarse_levels_of_blocks_take_the_middle_slice_of_what_became_one(together: int) -> None:
    s = PARTS["all"]
    masks = RANDOM.integers(0, 3, (2, 7, 8, 4))
    full = RANDOM.normal(0, 2, (2, 7, 8, 4, 3)).astype(np.float32)
    half = RANDOM.normal(0, 2, (2, 4, 4, 4 // together, 3)).astype(np.float32)
    taken = np.pad(masks, [(0, 0), (0, 1), (0, 0), (0, 0)])[:, ::2, ::2]
    taken = taken[..., {1: [0, 1, 2, 3], 2: [0, 2], 4: [1]}[together]]
    one, two = (
        float(segmentation_loss(logits, ops.convert_to_tensor(true), s))
        for logits, true in ((full, masks), (half, taken))
    )
    assert float(segmentation_loss([full, half], masks, s)) == pytest.approx((one + two / 2) / 1.5)
