"""What preprocessing learns, against plain numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Context, Input
from slicewise.errors import SlicewiseError
from slicewise.files import write_json
from slicewise.slices.batches import SliceSet
from slicewise.slices.extract import SliceSource, extract
from slicewise.slices.folder import SliceFolder
from slicewise.training.fit import fit_preprocess
from slicewise.volumes.volume import Volume
from tests.discs import CARD, RECIPE, card_with

MR = card_with(intensity="arbitrary")
X, Y, _ = np.mgrid[:32, :32, :24]
ORGAN = (X - 16) ** 2 + (Y - 15) ** 2 < 30
BODY = (X - 16) ** 2 + (Y - 16) ** 2 < 180


def mr(seed: int, noise: float = 10.0) -> np.ndarray:
    """Air of 5, a body of 100 and an organ of 300."""
    plain = np.where(ORGAN, 300.0, np.where(BODY, 100.0, 5.0))
    return plain + np.random.default_rng(seed).normal(0, 1, plain.shape) * noise


def cut(folder: Path, arrays: list[np.ndarray], intensity: str = "arbitrary") -> SliceSet:
    made = []
    for number, array in enumerate(arrays):
        one = SliceFolder.below(folder, f"case{number}")
        one.image.parent.mkdir(parents=True)
        image = Volume(array.astype(np.float32), np.diag([1, 1, 3, 1.0]))
        masks = ORGAN.astype(np.uint8)
        known = extract(image, masks, ["organ"], RECIPE, one, intensity=intensity)
        write_json(one.geometry, known.model_dump())
        made.append(one)
    return SliceSet(made)


def apart(slices: SliceSet, settings: Input) -> float:
    """Return how far the network sees the organ from the rest, in deviations."""
    numbers = np.arange(len(slices))
    fitted = fit_preprocess(slices, numbers, settings, MR)
    images, masks = slices.read(numbers)
    seen = np.asarray(fitted(images[..., 0]))
    return float(np.median(seen[masks > 0]) - np.median(seen[masks == 0]))


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


@pytest.mark.parametrize("settings", [Input(), Input(window="none", normalisation="all")])
@pytest.mark.parametrize("number", [1, 5, 100])
@pytest.mark.parametrize("value", [1e4, -1e5, 1e9, -1e30])
def test_absurd_voxels_leave_the_contrast(tmp_path: Path, settings, number, value) -> None:
    arrays = [mr(seed) for seed in range(3)]
    plain = apart(cut(tmp_path / "plain", arrays), settings)
    for array in arrays:
        outside = np.flatnonzero(~ORGAN)
        place = np.random.default_rng(0).choice(outside, number, replace=False)
        array.ravel()[place] = value
    assert apart(cut(tmp_path / "hot", arrays), settings) > 0.8 * plain > 1


@pytest.mark.parametrize("value", [1e3, 1e5, 1e9, -1e9])
def test_many_absurd_voxels_leave_the_contrast(tmp_path: Path, value) -> None:
    arrays = [mr(seed) for seed in range(3)]
    plain = apart(cut(tmp_path / "plain", arrays), Input())
    for array in arrays:
        # a twelfth of the volume, all sizes up to the value
        place = np.random.default_rng(0).choice(np.flatnonzero(~ORGAN), array.size // 12, False)
        array.ravel()[place] = value * np.random.default_rng(1).uniform(0.1, 1, len(place))
    assert apart(cut(tmp_path / "hot", arrays), Input()) > 0.8 * plain


def test_absurd_voxels_inside_the_label_leave_it_too(tmp_path: Path) -> None:
    arrays = [mr(seed) for seed in range(3)]
    for array in arrays:
        place = np.random.default_rng(0).choice(np.flatnonzero(ORGAN), ORGAN.sum() // 50, False)
        array.ravel()[place] = 1e9
    assert apart(cut(tmp_path, arrays), Input()) > 1


@pytest.mark.parametrize(("factor", "offset"), [(1e-9, 0), (1e9, 0), (0.01, 1e6)])
def test_the_unit_does_not_matter(tmp_path: Path, factor, offset) -> None:
    plain = apart(cut(tmp_path / "plain", [mr(0), mr(1)]), Input())
    others = [mr(seed) * factor + offset for seed in range(2)]
    assert apart(cut(tmp_path / "other", others), Input()) == pytest.approx(plain, rel=0.05)


def test_a_new_volume_is_seen_as_training_sees_it(tmp_path: Path) -> None:
    array = mr(0)
    array[0, 0, :5] = 1e9
    slices = cut(tmp_path, [array])
    image = Volume(array.astype(np.float32), np.diag([1, 1, 3, 1.0]))
    source = SliceSource(image, RECIPE, "arbitrary")
    np.testing.assert_array_equal(
        source.around(np.arange(len(source)), Context(mm=1.0)),
        slices.images(np.arange(len(slices))),
    )


def test_fit_of_z_scores_equals_numpy(tmp_path: Path) -> None:
    slices = cut(tmp_path, [mr(0), mr(1)])
    numbers = np.arange(len(slices))
    images, masks = slices.read(numbers)
    inside = images[..., 0][masks > 0]
    fitted = fit_preprocess(slices, numbers, Input(), MR)
    low, high = np.percentile(inside, (0.5, 99.5), method="inverted_cdf")
    assert (fitted.low, fitted.high) == (low, high)
    clipped = np.clip(inside, low, high).astype(float)
    assert fitted.mean == pytest.approx(clipped.mean())
    assert fitted.sd == pytest.approx(clipped.std())


@pytest.mark.parametrize(
    ("intensity", "settings", "remedy"),
    [
        ("arbitrary", Input(), "input.normalisation"),
        ("hu", Input(), "input.normalisation"),
        ("arbitrary", Input(window=[50.0, 60.0]), "input.window"),
    ],
)
def test_no_deviation_is_refused(tmp_path: Path, intensity, settings, remedy) -> None:
    slices = cut(tmp_path, [mr(0, noise=0), mr(1, noise=0)], intensity)
    card = card_with(intensity=intensity)
    with pytest.raises(SlicewiseError, match=r"cases case0, case1: .* one value") as caught:
        fit_preprocess(slices, np.arange(len(slices)), settings, card)
    assert f"change {remedy}" in str(caught.value)


def test_what_nobody_drew_is_inside_no_label(tmp_path: Path) -> None:
    one = SliceFolder.below(tmp_path, "a")
    array = np.random.default_rng(0).normal(0, 100, ORGAN.shape)
    masks = ORGAN.astype(np.uint8)
    masks[:, :14] = 255
    image = Volume(array.astype(np.float32), np.diag([1, 1, 3, 1.0]))
    known = extract(image, masks, ["organ"], RECIPE, one, intensity="hu", partial=True)
    write_json(one.geometry, known.model_dump())
    slices = SliceSet([one])
    fitted = fit_preprocess(slices, np.arange(len(slices)), Input(window="none"), CARD)
    inside = np.rint(array)[masks == 1]
    assert fitted.mean == pytest.approx(inside.mean())
    assert fitted.sd == pytest.approx(inside.std())


def test_each_channel_is_fitted_by_itself(tmp_path: Path) -> None:
    """Three patients, of whom one lacks the second channel."""
    made = []
    alone: dict[str, list[np.ndarray]] = {"a": [], "b": []}
    for number in range(3):
        one = SliceFolder.below(tmp_path / "both", f"case{number}")
        one.image.parent.mkdir(parents=True)
        arrays = {"a": mr(number), "b": 3 * mr(number + 9) + 7}
        alone["a"].append(arrays["a"])
        if number == 1:
            arrays["b"] = np.zeros_like(arrays["b"])
        else:
            alone["b"].append(arrays["b"])
        affine = np.diag([1, 1, 3, 1.0])
        every = {name: Volume(a.astype(np.float32), affine) for name, a in arrays.items()}
        masks = ORGAN.astype(np.uint8)
        known = extract(
            every["a"], masks, ["organ"], RECIPE, one, intensity="arbitrary", every=every
        )
        write_json(one.geometry, known.model_dump())
        made.append(one)
    slices = SliceSet(made)
    card = card_with(intensity="arbitrary", channels=["a", "b"], missing_channels="zero")
    for settings in (Input(), Input(window="none", normalisation="all"), Input(window=[-1.0, 4.0])):
        fitted = fit_preprocess(slices, np.arange(len(slices)), settings, card)
        for position, name in enumerate("ab"):
            only = cut(tmp_path / f"{name}{settings.window}", alone[name])
            other = fit_preprocess(only, np.arange(len(only)), settings, MR)
            assert fitted.mean[position] == other.mean
            assert fitted.sd[position] == other.sd
            assert (fitted.low is None) == (other.low is None)
            if fitted.low is not None:
                assert (fitted.low[position], fitted.high[position]) == (other.low, other.high)
    rows = np.flatnonzero(slices.case_of == 1)
    with pytest.raises(SlicewiseError, match="channel b: it is missing in all training cases"):
        fit_preprocess(slices, rows, Input(), card)


@pytest.mark.parametrize("intensity", ["hu", "clipped_hu"])
def test_a_window_of_one_value_is_two_thousandths_wide_on_either_side(tmp_path, intensity) -> None:
    """Its value lies in the middle, and all others beyond: none are seen as it is."""
    slices = cut(tmp_path, [mr(0, noise=0)], intensity)
    numbers = np.arange(len(slices))
    card = card_with(intensity=intensity)
    fitted = fit_preprocess(slices, numbers, Input(normalisation="none"), card)
    assert (fitted.low, fitted.high) == pytest.approx((299.998, 300.002), abs=1e-9)
    assert (fitted.mean, fitted.sd) == (0, 1)
    scaled = fit_preprocess(slices, numbers, Input(normalisation="all"), card)
    _, masks = slices.read(numbers)
    # all but the organ is darker
    share = float((masks == 0).mean())
    assert scaled.mean == pytest.approx(300 - 0.002 * share, abs=1e-6)
    assert scaled.sd == pytest.approx(0.002 * (share * (1 - share)) ** 0.5, rel=1e-6)
