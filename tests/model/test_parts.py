"""Losses, augmentation, layers and network against independent implementations."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import ndimage

from slicewise.config import Augmentation, Input, Loss, Network
from slicewise.errors import SlicewiseError
from slicewise.model import augment
from slicewise.model.fit import fit_preprocess
from slicewise.model.layers import InstanceNormalization, Preprocess
from slicewise.model.losses import hard_masks, segmentation_loss
from slicewise.model.predict import largest_components, load_model, predict_volume
from slicewise.model.schedule import Schedule
from slicewise.model.unet import build_unet, finished_model, model_card, weights_digest
from slicewise.slices.batches import SliceSet
from slicewise.volumes.volume import Volume, from_canonical
from tests.model.conftest import CARD, disc_volume

RANDOM = np.random.default_rng(0)


def numpy_loss(logits: np.ndarray, masks: np.ndarray, s: Loss) -> float:
    """The loss once more, in plain numpy and float64."""
    logits = logits.astype(np.float64)
    outputs = logits.shape[-1]
    if outputs == 1:
        p = 1 / (1 + np.exp(-logits))
        t = (masks > 0)[..., None].astype(float)
        entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    else:
        e = np.exp(logits - logits.max(-1, keepdims=True))
        p = e / e.sum(-1, keepdims=True)
        t = np.eye(outputs)[masks]
        entropy = -(t * np.log(p)).sum(-1).mean()
        p, t = p[..., 1:], t[..., 1:]
    both, total = (p * t).sum((0, 1, 2)), p.sum((0, 1, 2)) + t.sum((0, 1, 2))
    dice = ((2 * both + s.smooth) / (total + s.smooth)).mean()
    return s.dice * (1 - dice) + s.cross_entropy * entropy


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("weights", [(1, 0), (0, 1), (0.5, 2)])
@pytest.mark.parametrize("empty", [False, True])
def test_loss_equals_numpy(outputs: int, weights: tuple[float, float], empty: bool) -> None:
    s = Loss(dice=float(weights[0]), cross_entropy=float(weights[1]), smooth=1e-3)
    logits = RANDOM.normal(0, 3, (2, 5, 6, outputs)).astype(np.float32)
    masks = RANDOM.integers(0, max(outputs, 2), (2, 5, 6)) * (not empty)
    got = float(segmentation_loss(ops.convert_to_tensor(logits), ops.convert_to_tensor(masks), s))
    assert got == pytest.approx(numpy_loss(logits, masks, s), rel=1e-5)


def test_loss_of_empty_mask_predicted_empty_is_nothing() -> None:
    logits = ops.full((2, 4, 4, 1), -40.0)
    masks = ops.zeros((2, 4, 4), "int32")
    assert float(segmentation_loss(logits, masks, Loss())) == pytest.approx(0, abs=1e-6)


def test_loss_is_float32_in_bfloat16() -> None:
    logits = ops.cast(RANDOM.normal(0, 1, (1, 8, 8, 1)), "bfloat16")
    masks = ops.ones((1, 8, 8), "int32")
    loss = segmentation_loss(logits, masks, Loss())
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"


def test_hard_masks() -> None:
    assert ops.convert_to_numpy(
        hard_masks(ops.convert_to_tensor([[[[1.0], [-1.0]]]]))
    ).tolist() == [[[1, 0]]]
    several = ops.convert_to_tensor([[[[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]]]])
    assert ops.convert_to_numpy(hard_masks(several)).tolist() == [[[1, 0]]]


# -- augmentation ----------------------------------------------------------------


def apply(image: np.ndarray, mask: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    images, masks = augment.apply(
        ops.convert_to_tensor(image[None, ..., None].astype(np.float32)),
        ops.convert_to_tensor(mask[None]),
        ops.convert_to_tensor(table),
        ops.zeros((1, *image.shape, 1)),
    )
    return ops.convert_to_numpy(images)[0, ..., 0], ops.convert_to_numpy(masks)[0]


def test_nothing_drawn_changes_nothing() -> None:
    still = Augmentation(
        probability=0.0, contrast=0.0, brightness=0.0, noise=0.0, rotation=0.0, shift=0.0
    )
    image, mask = RANDOM.normal(size=(20, 24)), RANDOM.integers(0, 3, (20, 24))
    table = augment.draw(still, 1, (20, 24), 1, 0, 0)
    moved, labels = apply(image, mask, table)
    np.testing.assert_allclose(moved, image, atol=1e-5)
    np.testing.assert_array_equal(labels, mask)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_moves_as_scipy_does(seed: int) -> None:
    ranges = Augmentation(
        probability=1.0, rotation=180.0, flip=True, contrast=0.0, brightness=0.0, noise=0.0
    )
    random = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(random.normal(size=(24, 32)), 2)
    mask = (image > 0.05).astype(np.int32)
    table = augment.draw(ranges, 1, image.shape, seed, 3, 1)
    a, b, t, c, d, u = table[0, :6].astype(float)
    moved, labels = apply(image, mask, table)
    wanted = ndimage.affine_transform(
        image, np.array([[a, b], [c, d]]), (t, u), order=1, mode="nearest"
    )
    np.testing.assert_allclose(moved[2:-2, 2:-2], wanted[2:-2, 2:-2], atol=2e-3)
    # the mask moves with its image: nearest of the mask is the threshold of the
    # image nearly everywhere
    wanted_mask = ndimage.affine_transform(
        mask, np.array([[a, b], [c, d]]), (t, u), order=0, mode="constant"
    )
    inner = (slice(2, -2), slice(2, -2))
    assert np.mean(labels[inner] != wanted_mask[inner]) < 0.04


def test_draws_depend_on_seed_epoch_and_step_alone() -> None:
    one = augment.draw(Augmentation(), 4, (32, 32), 1, 2, 3)
    assert np.array_equal(one, augment.draw(Augmentation(), 4, (32, 32), 1, 2, 3))
    for key in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not np.array_equal(one, augment.draw(Augmentation(), 4, (32, 32), *key))


def test_draws_stay_in_range() -> None:
    ranges = Augmentation(probability=1.0)
    table = augment.draw(ranges, 2000, (64, 64), 1, 0, 0)
    zoom = 1 / np.sqrt(table[:, 0] ** 2 + table[:, 1] ** 2)
    assert zoom.max() <= 1 + ranges.scale + 1e-4
    assert zoom.min() >= 1 / (1 + ranges.scale) - 1e-4
    angle = np.degrees(np.arctan2(table[:, 3], table[:, 4]))
    assert np.abs(angle).max() <= ranges.rotation + 1e-3
    assert np.abs(table[:, 6] - 1).max() <= ranges.contrast


# -- layers and network ------------------------------------------------------------


def test_instance_norm_equals_numpy() -> None:
    x = RANDOM.normal(3, 2, (2, 7, 5, 4)).astype(np.float32)
    layer = InstanceNormalization()
    got = ops.convert_to_numpy(layer(x))
    wanted = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (31, 8), (5, 5)])
def test_any_size_goes_in_and_comes_out(size: tuple[int, int]) -> None:
    unet = build_unet(Network(filters=[4, 8, 8, 8]), labels=2)
    out = unet(np.zeros((2, *size, 1), np.float32))
    assert out.shape == (2, *size, 3)


@pytest.mark.parametrize("normalisation", ["none", "batch", "instance"])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_logits_are_float32(normalisation: str, policy: str) -> None:
    unet = build_unet(Network(filters=[4, 8], normalisation=normalisation), 1, policy)  # type: ignore[arg-type]
    out = unet(np.ones((1, 8, 8, 1), np.float32))
    assert keras.backend.standardize_dtype(out.dtype) == "float32"


def test_tutorials_network_has_its_parameters() -> None:
    # the tutorial's U-net 32 to 512 has 7,759,521 weights
    tutorial = Network(normalisation="none", activation="relu")
    assert build_unet(tutorial, labels=1).count_params() == 7_759_521


def test_preprocess_keeps_neighbouring_hounsfield_units_apart() -> None:
    layer = Preprocess(-160.0, 240.0, 10.0, 80.0, CARD)
    values = ops.convert_to_numpy(layer(np.arange(190, 210, dtype=np.float32)))
    assert len(np.unique(values)) == 20


def test_fit_equals_numpy(slices: SliceSet) -> None:
    everything = np.arange(len(slices))
    images, masks = slices.read(everything)
    inside = images[..., 0][masks > 0]
    fitted = fit_preprocess(slices, everything, Input(), CARD)
    low, high = np.percentile(inside, (0.5, 99.5), method="inverted_cdf")
    assert (fitted.low, fitted.high) == (low, high)
    clipped = np.clip(inside, low, high).astype(float)
    assert fitted.mean == pytest.approx(clipped.mean())
    assert fitted.sd == pytest.approx(clipped.std())
    plain = fit_preprocess(slices, everything, Input(window="none", normalisation="all"), CARD)
    assert plain.low is None
    assert plain.mean == pytest.approx(images.mean(dtype=float))
    assert plain.sd == pytest.approx(images.std(dtype=float))


def test_schedule() -> None:
    rate = Schedule(0.1, warmup=10, steps=110, shape="cosine")
    values = [float(rate(step)) for step in range(111)]
    assert values[:11] == sorted(values[:11])
    assert max(values) == pytest.approx(0.1)
    assert values[60] == pytest.approx(0.05)
    assert values[110] == pytest.approx(0, abs=1e-8)
    assert float(Schedule(0.1, 0, 10, "constant")(7)) == pytest.approx(0.1)


# -- the finished model ------------------------------------------------------------


def finished(labels: int = 1) -> keras.Model:
    names = [f"organ{i}" for i in range(labels)]
    card = {**CARD, "labels": names, "values": {n: [5 + i] for i, n in enumerate(names)}}
    keras.utils.set_random_seed(3)
    return finished_model(
        Preprocess(-100.0, 200.0, 20.0, 50.0, card), build_unet(Network(filters=[4, 8]), labels)
    )


def test_model_file_is_all_there_is(tmp_path: Path) -> None:
    model = finished(2)
    model.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert weights_digest(loaded) == weights_digest(model)
    assert model_card(loaded) == model_card(model)
    x = RANDOM.normal(0, 100, (2, 17, 16, 1)).astype(np.float32)
    np.testing.assert_array_equal(model.predict_on_batch(x), loaded.predict_on_batch(x))
    np.testing.assert_allclose(loaded.predict_on_batch(x).sum(-1), 1, atol=1e-5)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"nothing")
    with pytest.raises(SlicewiseError, match=r"m\.keras: not a model of slicewise"):
        load_model(tmp_path / "m.keras")


def test_prediction_does_not_depend_on_orientation_or_batch() -> None:
    model = finished()
    image, _ = disc_volume(1, slices=7)
    mask = predict_volume([model], image, batch=3)
    assert mask.shape == image.array.shape
    assert set(np.unique(mask)) <= {0, 5}
    assert 0 < np.count_nonzero(mask) < mask.size
    np.testing.assert_array_equal(mask, predict_volume([model], image, batch=7))
    affine = image.affine @ np.diag([-1, -1, 1, 1])
    turned = Volume(from_canonical(image.array, affine), affine)
    back = Volume(predict_volume([model], turned, batch=3), affine).canonical().array
    np.testing.assert_array_equal(mask, back)


def test_ensemble_is_the_mean_probability() -> None:
    model = finished()
    image, _ = disc_volume(2, slices=3)
    np.testing.assert_array_equal(
        predict_volume([model, model, model], image), predict_volume([model], image)
    )


def test_largest_component() -> None:
    mask = np.zeros((8, 8, 4), np.uint8)
    mask[1:4, 1:4] = 1
    mask[6, 6, 0] = 1
    mask[5:7, 1:3, 2] = 2
    kept = largest_components(mask, 2)
    assert kept[6, 6, 0] == 0
    assert np.count_nonzero(kept == 1) == 36
    assert np.count_nonzero(kept == 2) == 4
