"""Changes of training slices against scipy and plain numpy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from keras import ops
from scipy import ndimage

from slicewise.config import UNDRAWN, Augmentation
from slicewise.training import augmentation as augment

RANDOM = np.random.default_rng(0)
NEVER = {f"{change}_probability": 0.0 for change in augment.CHANGES}
GEOMETRY = ("rotation", "scale", "shift", "shear", "flip")
INTENSITIES = ("blur", "coarseness", "exponent", "contrast", "brightness", "noise")
EVERYTHING = {"shear": 10.0, "flip": True, "elastic": 0.03}


def only(*changes: str, **ranges: float) -> Augmentation:
    """Return settings that always make these changes and no other."""
    return Augmentation(**NEVER | {f"{change}_probability": 1.0 for change in changes} | ranges)


def draw(
    settings: Augmentation,
    number: int,
    size: tuple[int, int],
    key: tuple[int, ...],
    aspect: float | np.ndarray = 1.0,
) -> augment.Changes:
    """Draw the changes of a batch of a seed, epoch and step."""
    return augment.draw(settings, augment.Moment(*key), number, size, aspect)


def still(number: int, **arrays: object) -> augment.Changes:
    """Return changes that change nothing, but for some arrays."""
    ones = np.ones(number, np.float32)
    nothing = {
        "affine": np.tile(np.float32([[1, 0, 0], [0, 1, 0]]), (number, 1, 1)),
        "blur": 0 * ones,
        "coarseness": ones,
        "exponent": ones,
        "contrast": ones,
        "brightness": 0 * ones,
        "noise": 0 * ones,
    }
    return augment.Changes(
        **nothing | {name: np.float32(values) for name, values in arrays.items()}
    )


def intensities_of(changes: augment.Changes) -> np.ndarray:
    """Return all that is done to the intensities of a batch, a row a slice."""
    named = changes.arrays()
    return np.stack([named[name] for name in INTENSITIES], axis=-1)


def apply(
    images: np.ndarray,
    masks: np.ndarray,
    changes: augment.Changes,
    settings: Augmentation,
    noise: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    moved, labels = augment.apply(
        ops.convert_to_tensor(images.astype(np.float32)),
        ops.convert_to_tensor(masks),
        augment.Changes(
            **{name: ops.convert_to_tensor(array) for name, array in changes.arrays().items()}
        ),
        None if noise is None else ops.convert_to_tensor(noise.astype(np.float32)),
        settings,
    )
    assert keras.backend.standardize_dtype(moved.dtype) == "float32"
    assert keras.backend.standardize_dtype(labels.dtype) == "int32"
    assert tuple(moved.shape) == images.shape
    assert tuple(labels.shape) == masks.shape
    return ops.convert_to_numpy(moved), ops.convert_to_numpy(labels)


def change(images: np.ndarray, settings: Augmentation, **arrays: object) -> np.ndarray:
    """Change intensities alone."""
    masks = np.zeros(images.shape[:3], np.int32)
    return apply(images, masks, still(len(images), **arrays), settings)[0]


def picture(rows: int = 24, columns: int = 31, channels: int = 1, number: int = 3) -> np.ndarray:
    noise = RANDOM.normal(size=(number, rows, columns, channels))
    return ndimage.gaussian_filter(noise, (0, 1, 1, 0)).astype(np.float32)


def discs(size: tuple[int, int], centres: list[tuple[float, float]], radius: float) -> np.ndarray:
    row, column = np.mgrid[: size[0], : size[1]]
    inside = [(row - a) ** 2 + (column - b) ** 2 < radius**2 for a, b in centres]
    return np.sum([number * disc for number, disc in enumerate(inside, start=1)], axis=0)


def coordinates(affine: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the input row and column of each output pixel, in float64."""
    (a, b, t), (c, d, u) = affine.astype(float)
    i, j = np.mgrid[: size[0], : size[1]]
    return np.stack([a * i + b * j + t, c * i + d * j + u])


def assert_mask(labels: np.ndarray, mask: np.ndarray, where: np.ndarray) -> None:
    """Compare with scipy's nearest label, but for the pixels between two."""
    # scipy takes what is half a pixel outside for background; a border of it makes both alike.
    wanted = ndimage.map_coordinates(np.pad(mask, 1), where + 1, order=0, mode="constant")
    clear = (np.abs(where % 1 - 0.5) > 1e-3).all(axis=0)
    assert clear.mean() > 0.95
    np.testing.assert_array_equal(labels[clear], wanted[clear])


@pytest.fixture(params=["native", "gathered"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to resample: TensorFlow's operation, and the one for GPUs and other backends."""
    monkeypatch.setattr(augment.backend, "has_gpu", lambda: request.param == "gathered")
    return request.param


# -- geometry ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_moves_as_scipy_does(way: str, seed: int) -> None:
    ranges = only(*GEOMETRY, rotation=180.0, shear=30.0, flip=True)
    images, size = picture(), (24, 31)
    masks = np.digitize(images[..., 0], [-0.2, 0.2]).astype(np.int32)
    changes = draw(ranges, 3, size, (seed, 3, 1), np.array([0.5, 1, 2.0]))
    moved, labels = apply(images, masks, changes, ranges)
    for k in range(3):
        (a, b, t), (c, d, u) = changes.affine[k].astype(float)
        wanted = ndimage.affine_transform(
            images[k, ..., 0].astype(float),
            np.array([[a, b], [c, d]]),
            (t, u),
            order=1,
            mode="nearest",
        )
        np.testing.assert_allclose(moved[k, ..., 0], wanted, atol=1e-4)
        assert_mask(labels[k], masks[k], coordinates(changes.affine[k], size))


@pytest.mark.parametrize("aspect", [0.4, 1.0, 2.5])
def test_rotation_is_rigid_in_millimetres(way: str, aspect: float) -> None:
    ranges = only("rotation", rotation=90.0)
    size = (round(100 / aspect), 100)
    spacing = np.array([aspect, 1.0])
    row, column = np.mgrid[: size[0], : size[1]]
    spots = [np.array([42.0, 38.0]), np.array([55.0, 60.0]), np.array([60.0, 45.0])]
    images = np.stack(
        [np.exp(-((row * aspect - y) ** 2 + (column - x) ** 2) / (2 * 3.0**2)) for y, x in spots],
        axis=-1,
    )[None]
    changes = draw(ranges, 1, size, (5, 0, 0), aspect=aspect)
    moved, _ = apply(images, np.zeros((1, *size), np.int32), changes, ranges)
    assert np.abs(moved - images).max() > 0.5
    before, after = (
        np.array([ndimage.center_of_mass(x[0, ..., k]) for k in range(3)]) * spacing
        for x in (images, moved)
    )
    for i, j in ((0, 1), (1, 2), (2, 0)):
        assert np.linalg.norm(after[i] - after[j]) == pytest.approx(
            np.linalg.norm(before[i] - before[j]), abs=0.05
        )
    # round things stay round
    deviation = [
        np.sqrt(np.average((x - centre) ** 2, weights=moved[0, ..., 0]))
        for x, centre in zip((row * aspect, column), after[0], strict=True)
    ]
    assert deviation == pytest.approx([3.0, 3.0], abs=0.2)  # interpolation blurs


@pytest.mark.parametrize("changes", [(c,) for c in GEOMETRY] + [GEOMETRY, (*GEOMETRY, "elastic")])
def test_a_mask_goes_where_its_image_goes(way: str, changes: tuple[str, ...]) -> None:
    ranges = only(*changes, **EVERYTHING)
    size, number = (80, 64), 6
    mask = discs(size, [(28, 25), (45, 40)], 7.0)
    masks = np.repeat(mask[None], number, axis=0).astype(np.int32)
    images = np.stack([masks == 1, masks == 2], axis=-1).astype(np.float32)
    moved, labels = apply(images, masks, draw(ranges, number, size, (1, 0, 0), 1.5), ranges)
    assert (labels != masks).any()
    for k in range(number):
        for label in (1, 2):
            np.testing.assert_allclose(
                ndimage.center_of_mass(labels[k] == label),
                ndimage.center_of_mass(moved[k, ..., label - 1]),
                atol=0.51,  # a shift may round by half a pixel
            )


def test_a_shift_moves_by_what_it_says() -> None:
    ranges = only("shift", "scale", "rotation", shift=0.2, rotation=90.0)
    size, number = (41, 61), 200
    affine = draw(ranges, number, size, (3, 0, 0)).affine.astype(float)
    for (a, b, t), (c, d, u) in affine:
        # where the centre of the input lands
        landed = np.linalg.solve([[a, b], [c, d]], [20 - t, 30 - u])
        assert np.all(np.abs(landed - (20, 30)) <= 0.2 * np.array(size) + 1e-3)


def test_a_mirror_image() -> None:
    ranges = only("flip", flip=True)
    images = picture()
    masks = (images[..., 0] > 0).astype(np.int32)
    moved, labels = apply(images, masks, draw(ranges, 3, (24, 31), (0, 0, 0)), ranges)
    np.testing.assert_allclose(moved, images[:, ::-1], atol=1e-5)
    np.testing.assert_array_equal(labels, masks[:, ::-1])


def test_both_mirrors_rows_and_columns_each_by_itself() -> None:
    ranges, rows = only("flip", flip="both"), only("flip", flip=True)
    images, size, number = picture(), (24, 31), 400
    half = ranges.model_copy(update={"flip_probability": 0.5})
    affine = draw(half, number, size, (0, 0, 0)).affine
    ways = {(a < 0, d < 0) for a, d in zip(affine[:, 0, 0], affine[:, 1, 1], strict=True)}
    assert len(ways) == 4
    assert 150 < (affine[:, 1, 1] < 0).sum() < 250
    moved, _ = apply(images, images[..., 0] > 0, draw(ranges, 3, size, (0, 0, 0)), ranges)
    np.testing.assert_allclose(moved, images[:, ::-1, ::-1], atol=1e-5)
    # what else is drawn is as without it
    everything = Augmentation(**EVERYTHING)
    with_it = everything.model_copy(update={"flip": "both", "flip_probability": 1.0})
    one, other = (draw(s, 9, size, (1, 2, 3)) for s in (everything, with_it))
    np.testing.assert_array_equal(one.bends, other.bends)
    np.testing.assert_array_equal(intensities_of(one), intensities_of(other))
    assert augment.used(rows) == augment.used(ranges) == {"flip"}


def spline_weights(side: int) -> np.ndarray:
    """Weights of the nodes by the formula of the uniform cubic B-spline, pixel by pixel."""
    intervals = augment.NODES - 3
    weights = np.zeros((side, augment.NODES))
    for pixel in range(side):
        position = pixel * intervals / (side - 1)
        first = min(int(position), intervals - 1)
        f = position - first
        weights[pixel, first : first + 4] = (
            (1 - f) ** 3 / 6,
            (3 * f**3 - 6 * f**2 + 4) / 6,
            (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6,
            f**3 / 6,
        )
    return weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("size", [(33, 46), (64, 64)])
def test_bends_as_scipy_does(size: tuple[int, int]) -> None:
    ranges = only(*GEOMETRY, "elastic", elastic=0.05)
    images = picture(*size, channels=2)
    masks = np.digitize(images[..., 0], [-0.2, 0.2]).astype(np.int32)
    changes = draw(ranges, 3, size, (4, 1, 2))
    moved, labels = apply(images, masks, changes, ranges)
    down, across = spline_weights(size[0]), spline_weights(size[1])
    for k in range(3):
        where = coordinates(changes.affine[k], size)
        bent = where + np.einsum("ra,abx,cb->xrc", down, changes.bends[k], across)
        assert np.abs(bent - where).max() > 1
        for channel in range(2):
            wanted = ndimage.map_coordinates(
                images[k, ..., channel].astype(float), bent, order=1, mode="nearest"
            )
            np.testing.assert_allclose(moved[k, ..., channel], wanted, atol=1e-4)
        assert_mask(labels[k], masks[k], bent)


def test_displacements_have_the_deviation_of_the_settings() -> None:
    bends = draw(only("elastic", elastic=0.02), 4000, (100, 50), (1, 0, 0)).bends
    field = np.einsum("ra,nabx,cb->nrcx", spline_weights(5), bends, spline_weights(4))
    np.testing.assert_allclose(field.std(axis=0)[..., 0], 2.0, rtol=0.06)
    np.testing.assert_allclose(field.std(axis=0)[..., 1], 1.0, rtol=0.06)


def test_slices_that_are_not_bent_stay() -> None:
    ranges = Augmentation(**NEVER | {"elastic": 0.05, "elastic_probability": 0.5})
    images = picture(number=20)
    masks = RANDOM.integers(0, 4, images.shape[:3])
    changes = draw(ranges, 20, (24, 31), (1, 0, 0))
    moved, labels = apply(images, masks, changes, ranges)
    straight = ~changes.bends.any(axis=(1, 2, 3))
    assert 0 < straight.sum() < 20
    np.testing.assert_array_equal(moved[straight], images[straight])
    np.testing.assert_array_equal(labels[straight], masks[straight])
    assert (moved[~straight] != images[~straight]).any(axis=(1, 2, 3)).all()


# -- intensities -------------------------------------------------------------------


def test_blur_is_scipys() -> None:
    deviations = np.array([0.0, 0.3, 1.0, 2.0])
    images = RANDOM.normal(size=(4, 40, 51, 2)).astype(np.float32)
    # infinity would betray a slice that went through the product all the same
    images[0, 3, 4] = np.inf
    got = change(images, only("blur", blur=2.0), blur=deviations)
    np.testing.assert_array_equal(got[0], images[0])
    for k in (1, 2, 3):
        wanted = ndimage.gaussian_filter(
            images[k].astype(float), (deviations[k], deviations[k], 0), radius=12
        )
        np.testing.assert_allclose(got[k, 12:-12, 12:-12], wanted[12:-12, 12:-12], atol=1e-5)


def coarse(image: np.ndarray, factor: float) -> np.ndarray:
    """Pick the pixels of a coarser grid and interpolate between them."""
    for axis in (0, 1):
        side = image.shape[axis]
        number = int(np.ceil(side / factor))
        middles = (np.arange(number) + 0.5) * side / number
        picked = np.take(image, np.floor(middles).astype(int), axis=axis)
        image = np.apply_along_axis(
            lambda line, m=middles, n=side: np.interp(np.arange(n) + 0.5, m, line), axis, picked
        )
    return image


@pytest.mark.parametrize("size", [(32, 32), (33, 20), (17, 41)])
def test_lower_resolution_is_numpys(size: tuple[int, int]) -> None:
    factors = np.array([1.0, 1.3, 2.0, 3.7, 4.0])
    images = RANDOM.normal(size=(5, *size, 2)).astype(np.float32)
    got = change(images, only("low_resolution", low_resolution=4.0), coarseness=factors)
    np.testing.assert_array_equal(got[0], images[0])
    for k in range(1, 5):
        for channel in range(2):
            wanted = coarse(images[k, ..., channel].astype(float), float(np.float32(factors[k])))
            np.testing.assert_allclose(got[k, ..., channel], wanted, atol=1e-4)


def test_a_slice_is_blurred_and_then_made_coarser() -> None:
    images = picture(number=4)
    both = only("blur", "low_resolution", low_resolution=3.0)
    got = change(images, both, blur=[0, 0.9, 0, 0.9], coarseness=[1, 1, 2.5, 2.5])
    blurred = change(images, only("blur"), blur=[0, 0.9, 0, 0.9])
    wanted = change(
        blurred, only("low_resolution", low_resolution=3.0), coarseness=[1, 1, 2.5, 2.5]
    )
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_gamma_contrast_brightness_and_noise_are_numpys() -> None:
    images, noise = picture(channels=3, number=4), RANDOM.normal(size=(4, 24, 31, 3))
    columns = {
        "exponent": [1.0, 0.6, 1.5, 1.2],
        "contrast": [1.0, 1.2, 0.8, 1.0],
        "brightness": [0.0, 0.1, -0.2, 0.1],
        "noise": [0.0, 0.1, 0.0, 0.2],
    }
    settings = only("gamma", "contrast", "brightness", "noise")
    got, _ = apply(images, np.zeros((4, 24, 31), np.int32), still(4, **columns), settings, noise)
    np.testing.assert_array_equal(got[0], images[0])
    for k in range(1, 4):
        x = images[k].astype(float)
        low, high = x.min(), x.max()
        x = ((x - low) / (high - low)) ** columns["exponent"][k] * (high - low) + low
        x = x.mean() + (x - x.mean()) * columns["contrast"][k]
        x = x + columns["brightness"][k] + noise[k] * columns["noise"][k]
        np.testing.assert_allclose(got[k], x, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, -3.25, 1e4])
def test_a_constant_slice_stays_constant(value: float) -> None:
    settings = only(*augment.CHANGES, **EVERYTHING, noise=0.0, brightness=0.0)
    images, masks = np.full((8, 19, 16, 1), value), np.ones((8, 19, 16), np.int32)
    got, _ = apply(images, masks, draw(settings, 8, (19, 16), (1, 0, 0)), settings)
    np.testing.assert_allclose(got, images, rtol=1e-5, atol=1e-6)


# -- all together ------------------------------------------------------------------


def test_never_is_the_identity_to_the_bit() -> None:
    settings = Augmentation(**NEVER | EVERYTHING)
    images, masks = picture(), RANDOM.integers(0, 5, (3, 24, 31))
    moved, labels = apply(images, masks, draw(settings, 3, (24, 31), (1, 0, 0)), settings)
    np.testing.assert_array_equal(moved, images)
    np.testing.assert_array_equal(labels, masks)


def test_what_is_not_chosen_stays_to_the_bit(way: str) -> None:
    # others of the batch are changed in every way
    settings = Augmentation(**dict.fromkeys(NEVER, 0.5) | EVERYTHING | {"elastic": 0.0})
    images, masks = picture(number=40), RANDOM.integers(0, 5, (40, 24, 31))
    changes = draw(settings, 40, (24, 31), (1, 0, 0))
    for name, array in still(20).arrays().items():
        getattr(changes, name)[::2] = array
    noise = RANDOM.normal(size=images.shape)
    moved, labels = apply(images, masks, changes, settings, noise)
    np.testing.assert_array_equal(moved[::2], images[::2])
    np.testing.assert_array_equal(labels[::2], masks[::2])
    assert (moved[1::2] != images[1::2]).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("name", augment.CHANGES)
@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_a_change_comes_as_often_as_it_should(name: str, probability: float) -> None:
    number = 4000
    settings = Augmentation(
        **NEVER | EVERYTHING | {f"{name}_probability": probability}  # type: ignore[arg-type]
    )
    changes = draw(settings, number, (20, 30), (1, 0, 0))
    same = still(number)
    changed = (changes.affine != same.affine).any(axis=(1, 2))
    changed |= (intensities_of(changes) != intensities_of(same)).any(axis=1)
    if name == "elastic":
        changed = changes.bends.any(axis=(1, 2, 3))
    spread = np.sqrt(number * probability * (1 - probability))
    assert abs(changed.sum() - number * probability) < 4 * spread


def test_two_changes_come_independently() -> None:
    settings = Augmentation(**NEVER | {"gamma_probability": 0.5, "contrast_probability": 0.5})
    drawn = draw(settings, 4000, (20, 30), (1, 0, 0))
    both = ((drawn.exponent != 1) & (drawn.contrast != 1)).sum()
    assert abs(both - 1000) < 4 * np.sqrt(4000 * 0.25 * 0.75)


@given(
    st.fixed_dictionaries(
        {
            "rotation": st.floats(0, 180),
            "scale": st.floats(0, 0.9),
            "shear": st.floats(0, 45),
            "gamma": st.floats(1, 4),
            "contrast": st.floats(0, 0.99),
            "brightness": st.floats(0, 3),
            "noise": st.floats(0, 3),
            "blur": st.floats(0, 5),
            "low_resolution": st.floats(1, 6),
        }
    ),
    st.integers(0, 1000),
    st.sampled_from([0.3, 1.0, 4.0]),
)
@trials(max_examples=60, deadline=None)
def test_draws_stay_in_range(ranges: dict[str, float], seed: int, aspect: float) -> None:
    number, slack = 50, 1e-4
    intensities = ("blur", "low_resolution", "gamma", "contrast", "brightness", "noise")
    drawn = draw(only(*intensities, **ranges), number, (20, 31), (seed, 0, 0))
    assert drawn.blur.min() >= 0
    assert drawn.coarseness.min() >= 1
    assert drawn.exponent.min() >= 1 / ranges["gamma"] - slack
    assert drawn.noise.min() >= 0
    assert drawn.blur.max() <= ranges["blur"] + slack
    assert drawn.coarseness.max() <= ranges["low_resolution"] + slack
    assert drawn.exponent.max() <= ranges["gamma"] + slack
    assert np.abs(drawn.contrast - 1).max() <= ranges["contrast"] + slack
    assert np.abs(drawn.brightness).max() <= ranges["brightness"] + slack
    assert drawn.noise.max() <= ranges["noise"] + slack

    def maps(*changes: str) -> np.ndarray:
        """Return what output millimetres become in input millimetres."""
        moved = draw(only(*changes, **ranges), number, (20, 31), (seed, 0, 0), aspect)
        map_ = moved.affine[..., :2].astype(float)
        return map_ * [[1, aspect], [1 / aspect, 1]]

    turned = maps("rotation")
    identity = np.broadcast_to(np.eye(2), turned.shape)
    np.testing.assert_allclose(turned @ turned.transpose(0, 2, 1), identity, atol=slack)
    np.testing.assert_allclose(np.linalg.det(turned), 1, atol=slack)
    angles = np.degrees(np.arctan2(turned[:, 1, 0], turned[:, 0, 0]))
    assert np.abs(angles).max() <= ranges["rotation"] + 0.01
    factor = 1 / maps("scale")[:, 0, 0]
    assert factor.max() <= 1 + ranges["scale"] + slack
    assert factor.min() >= 1 / (1 + ranges["scale"]) - slack
    sheared = maps("shear")
    assert np.abs(sheared[:, 0, 1]).max() <= np.tan(np.radians(ranges["shear"])) + slack
    np.testing.assert_allclose(sheared[:, [0, 1, 1], [0, 0, 1]], [[1, 0, 1]] * number, atol=slack)


def test_ranges_are_made_use_of() -> None:
    settings = only(*augment.CHANGES, **EVERYTHING)
    drawn = draw(settings, 2000, (64, 64), (1, 0, 0))
    assert drawn.blur.max() > 0.95
    assert drawn.coarseness.max() > 1.95
    assert drawn.exponent.max() > 1.45
    assert drawn.exponent.min() < 0.7
    assert np.abs(drawn.contrast - 1).max() > 0.24
    assert np.abs(drawn.brightness).max() > 0.19
    assert drawn.noise.max() > 0.19
    turned = draw(only("rotation"), 2000, (64, 64), (1, 0, 0)).affine
    angles = np.degrees(np.arctan2(turned[:, 1, 0], turned[:, 0, 0]))
    assert angles.max() > 14.5
    assert angles.min() < -14.5


def test_draws_depend_on_seed_epoch_and_step_alone() -> None:
    always = {f"{change}_probability": 1.0 for change in augment.CHANGES}
    settings = Augmentation(**always | {"elastic": 0.02})

    def drawn(*key: int) -> list[np.ndarray]:
        changes = draw(settings, 4, (32, 32), key)
        return list(changes.arrays().values())

    one = drawn(1, 2, 3)
    for before, again in zip(one, drawn(1, 2, 3), strict=True):
        assert before.dtype == np.float32
        np.testing.assert_array_equal(before, again)
    for key in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        for before, other in zip(one, drawn(*key), strict=True):
            assert not np.array_equal(before, other)


def test_draws_of_a_change_do_not_depend_on_the_others() -> None:
    plain = draw(Augmentation(), 30, (32, 40), (1, 2, 3))
    assert plain.bends is None
    bent = draw(Augmentation(elastic=0.02, gamma=1.0, noise=0.0), 30, (32, 40), (1, 2, 3))
    assert bent.bends.shape == (30, augment.NODES, augment.NODES, 2)
    for name in ("affine", "blur", "coarseness", "contrast", "brightness"):
        np.testing.assert_array_equal(plain.arrays()[name], bent.arrays()[name])


@given(st.integers(5, 40), st.integers(5, 40), st.integers(0, 10_000))
@trials(max_examples=25, deadline=None)
def test_any_size_without_new_labels_or_numbers(rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    settings = only(*augment.CHANGES, **EVERYTHING)
    images = random.normal(size=(2, rows, columns, 3)).astype(np.float32)
    masks = random.choice([0, 3, 7], (2, rows, columns))
    changes = draw(settings, 2, (rows, columns), (seed, 0, 0))
    noise = random.normal(size=images.shape)
    moved, labels = apply(images, masks, changes, settings, noise)
    assert np.isfinite(moved).all()
    assert set(np.unique(labels)) <= {0, 3, 7}


@pytest.mark.parametrize("elastic", [0.0, 0.04])
def test_channels_are_changed_alike(way: str, elastic: float) -> None:
    settings = only(*augment.CHANGES, **EVERYTHING | {"elastic": elastic})
    image = picture()
    noise = RANDOM.normal(size=image.shape)
    masks = np.zeros(image.shape[:3], np.int32)
    changes = draw(settings, 3, (24, 31), (6, 0, 0))
    one, _ = apply(image, masks, changes, settings, noise)
    three, _ = apply(
        np.repeat(image, 3, axis=-1), masks, changes, settings, np.repeat(noise, 3, axis=-1)
    )
    np.testing.assert_allclose(three, np.repeat(one, 3, axis=-1), atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA by way of TensorFlow")
def test_it_compiles_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    monkeypatch.setattr(augment.backend, "has_gpu", lambda: True)
    settings, size = Augmentation(**EVERYTHING), (17, 20)
    images, masks = picture(*size), RANDOM.integers(0, 3, (3, *size)).astype(np.int32)
    changes = draw(settings, 3, size, (1, 0, 0))
    noise = RANDOM.normal(size=images.shape).astype(np.float32)

    @tf.function(jit_compile=True)
    def compiled(image, mask, named, noise):
        return augment.apply(image, mask, augment.Changes.among(named), noise, settings)

    moved, labels = compiled(*map(tf.constant, (images, masks)), changes.arrays(), noise)
    wanted, truth = apply(images, masks, changes, settings, noise)
    np.testing.assert_allclose(moved, wanted, atol=1e-4)
    assert np.mean(np.asarray(labels) != truth) < 0.005  # ties may be rounded otherwise


@pytest.mark.parametrize("way", [augment._resampled, augment._resampled_natively])
@pytest.mark.parametrize("elastic", [False, True])
def test_what_nobody_drew_moves_along_and_mixes_with_nothing(way, elastic) -> None:
    """Undrawn pixels that are turned in stay undrawn, and what comes from outside is background."""
    if elastic and way is augment._resampled_natively:
        pytest.skip("nothing is bent natively")
    random = np.random.default_rng(1)
    masks = random.choice([0, 1, 2, UNDRAWN], (4, 24, 20)).astype(np.int32)
    images = random.normal(0, 1, (4, 24, 20, 1)).astype(np.float32)
    settings = Augmentation(**EVERYTHING | {"rotation": 30.0, "shift": 0.3})
    changes = draw(settings, 4, (24, 20), (3, 1, 4))
    bends = [changes.bends] if elastic else []
    given = [ops.convert_to_tensor(each) for each in (images, masks, changes.affine, *bends)]
    moved = ops.convert_to_numpy(way(*given)[1])
    assert set(np.unique(moved)) <= {0, 1, 2, UNDRAWN}
    # each value moves as a label alone does
    for value in (1, 2, UNDRAWN):
        alone = ops.convert_to_tensor((masks == value).astype(np.int32))
        np.testing.assert_array_equal(
            moved == value, ops.convert_to_numpy(way(given[0], alone, *given[2:])[1]) == 1
        )
    everywhere = ops.full((4, 24, 20), UNDRAWN, dtype="int32")
    outside = ops.convert_to_numpy(way(given[0], everywhere, *given[2:])[1])
    assert set(np.unique(outside)) == {0, UNDRAWN}


@pytest.mark.parametrize("elastic", [0.0, 0.04])
def test_masks_of_blocks_move_slice_by_slice_as_they_would_alone(way: str, elastic: float) -> None:
    settings = only("rotation", "scale", "shift", "elastic", **EVERYTHING | {"elastic": elastic})
    images = picture(channels=4)
    masks = RANDOM.integers(0, 4, images.shape)
    changes = draw(settings, 3, (24, 31), (6, 0, 0))
    moved, labels = apply(images, masks, changes, settings)
    for number in range(4):
        alone = apply(images[..., number : number + 1], masks[..., number], changes, settings)
        np.testing.assert_array_equal(labels[..., number], alone[1])
        np.testing.assert_allclose(moved[..., number], alone[0][..., 0], atol=1e-6)
