"""The ordinary range of intensities, whatever a few voxels hold."""

import itertools

import numpy as np
import pytest

from slicewise.volumes.intensity import LINEAR, ordinary_range, robust_scale, say_absurd

SHAPE = (40, 40, 16)


def body(seed: int = 0, air: float = 5.0, share: float = 0.5) -> np.ndarray:
    """Air, tissue of 100 and an organ of 300, with noise of 10."""
    random = np.random.default_rng(seed)
    array = np.full(SHAPE, air)
    ordered = array.ravel()
    ordered[: int(share * array.size)] = 100
    ordered[: int(share * array.size / 5)] = 300
    return (array + random.normal(0, 10, SHAPE)).astype(np.float32)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        *itertools.product((1, 5, 100), (1e5, -1e5)),
        *itertools.product((1, 100, 1000), (1e9, -1e30)),
    ],
)
def test_absurd_voxels_leave_mean_and_deviation(number, value):
    plain = robust_scale(body())
    array = body()
    array.ravel()[np.random.default_rng(1).choice(array.size, number, replace=False)] = value
    scale = robust_scale(array)
    assert abs(scale.mean - plain.mean) < 0.5 * plain.deviation
    assert 0.7 < scale.deviation / plain.deviation < 2.5
    scores = scale.apply(array).astype(np.float16)
    assert np.isfinite(scores).all()
    assert np.sign(scores.ravel()[np.abs(array).ravel().argmax()]) == np.sign(value)


def test_a_twelfth_of_absurd_voxels_of_both_signs_and_all_sizes():
    array = body()
    random = np.random.default_rng(2)
    place = random.choice(array.size, array.size // 12, replace=False)
    array.ravel()[place] = 10 ** random.uniform(5, 12, len(place)) * random.choice(
        [-1, 1], len(place)
    )
    assert robust_scale(array).deviation < 4 * robust_scale(body()).deviation


def test_ordinary_data_are_as_their_percentiles():
    array = body()
    low, high = ordinary_range(array)
    assert (low, high) == tuple(np.percentile(array, (0.5, 99.5), method="nearest"))
    clipped = np.clip(array.astype(float), low, high)
    scale = robust_scale(array)
    assert scale.mean == pytest.approx(clipped.mean())
    assert scale.deviation == pytest.approx(clipped.std())
    linear = np.abs(array - scale.mean) < LINEAR * scale.deviation
    plain = (array.astype(float) - scale.mean) / scale.deviation
    np.testing.assert_allclose(scale.apply(array)[linear], plain[linear], rtol=1e-6)


@pytest.mark.parametrize("fill", [-9999.0, -1e20, 1e20])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_a_fill_far_away_does_not_count(fill, share):
    array = (body(share=1) + 100) / 300
    array.ravel()[-int(share * array.size) :] = fill
    low, high = ordinary_range(array)
    assert low > -3
    assert high < 4


def test_a_fill_nearby_does():
    array = body(share=1)
    array.ravel()[-array.size * 2 // 3 :] = 0
    low, high = ordinary_range(array)
    assert low <= 0
    assert 280 < high < 400


def test_a_thin_patient_in_a_large_field_is_no_outlier():
    # PET: air is a hundredth of tissue; tissue fills 7 %, the bladder 0.6 %
    random = np.random.default_rng(0)
    array = np.abs(random.normal(0, 0.01, SHAPE))
    array.ravel()[: int(0.07 * array.size)] = random.normal(1, 0.2, int(0.07 * array.size))
    array.ravel()[: int(0.006 * array.size)] = random.normal(60, 5, int(0.006 * array.size))
    low, high = ordinary_range(array)
    assert low < 0.01
    assert high > 1.2


def test_a_hot_organ_stays_apart_and_so_does_the_body():
    random = np.random.default_rng(0)
    array = np.full(SHAPE, 0.01)
    values = array.ravel()
    values[:8000] = random.normal(1, 0.1, 8000)
    values[:3000] = random.normal(3, 0.1, 3000)
    values[:1000] = random.normal(100, 5, 1000)
    scores = robust_scale(array).apply(array).astype(np.float16).astype(float).ravel()
    hot, organ, rest = scores[:1000], scores[1000:3000], scores[3000:8000]
    assert hot.min() > organ.max() > rest.max()
    assert organ.min() > rest.max()
    assert len(np.unique(rest)) > 100


@pytest.mark.parametrize(("factor", "offset"), [(1e-9, 0), (1e9, 0), (1, 1e6), (-1, 0)])
def test_contrast_depends_on_no_unit(factor, offset):
    array = (body().astype(np.float64) * factor + offset).astype(np.float32)
    scores = robust_scale(array).apply(array)
    plain = robust_scale(body()).apply(body()) * np.sign(factor)
    np.testing.assert_allclose(scores, plain, atol=0.01)


def test_scores_are_monotonous_and_small():
    scale = robust_scale(body())
    values = np.concatenate([-np.logspace(38, -3, 400), np.logspace(-3, 38, 400)])
    scores = scale.apply(values)
    assert np.all(np.diff(scores) >= 0)
    assert np.abs(scores).max() < 100


def test_no_noise_and_few_values():
    array = np.zeros(SHAPE)
    array[:20] = 100
    array[:5] = 300
    array[0, 0, :5] = 1e9
    assert ordinary_range(array) == (0, 300)
    array = np.zeros(SHAPE)
    array[3, 3, 3] = 7
    assert ordinary_range(array) == (0, 7)
    assert robust_scale(np.full(SHAPE, 3.0)).deviation == 1


def test_it_is_the_same_however_a_volume_lies_in_memory():
    array = body()
    array[:3, :2] = 1e7
    scale = robust_scale(array)
    assert robust_scale(np.asfortranarray(array)) == scale
    assert robust_scale(array[::-1].copy()[::-1]) == scale
    assert robust_scale(np.ascontiguousarray(array.T).T) == scale


def test_a_line_says_how_many_voxels_are_absurd(caplog):
    say_absurd(body(), "scan")
    assert caplog.records == []
    array = body()
    array[0, 0, :5] = 1e9
    array[1, 0, :2] = -1e6
    say_absurd(array, "scan")
    (record,) = caplog.records
    assert "scan: 7 of 25600 voxels hold absurd values" in record.getMessage()
    assert "-1e+06" in record.getMessage() and "1e+09" in record.getMessage()


@pytest.mark.slow
def test_real_images_have_no_absurd_voxels(real_data, caplog):
    from slicewise.volumes.read import read_volume

    paths = sorted(real_data.glob("msd_hippocampus/imagesTr/*.nii.gz"))
    for path in paths:
        array = read_volume(path).array
        say_absurd(array, path.name)
        low, high = ordinary_range(array)
        assert (low, high) == tuple(np.percentile(array, (0.5, 99.5), method="nearest"))
    assert caplog.records == []
