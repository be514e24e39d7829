"""The body in an image: however it is stored, and against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.dataset.looked import body_quantiles
from slicewise.phantom.patient import phantom
from slicewise.volumes import tones
from slicewise.volumes.checks import is_ct
from slicewise.volumes.intensity import robust_scale
from slicewise.volumes.tones import tones_of
from slicewise.volumes.volume import Volume, from_canonical
from tests.inference.test_predict import TURNS

IMAGE = phantom(2, seed=5, size=32, slices=(12, 14))[0].canonical()


def test_numbers_are_those_of_numpy() -> None:
    array = IMAGE.array.astype(np.float64)
    body = array > -200
    found = tones_of(IMAGE, "hu")
    wanted = np.percentile(array[body], (5, 50, 95))
    np.testing.assert_allclose((found.low, found.middle, found.high), wanted, rtol=1e-5)
    pairs = [
        abs(array[x + 1, y, z] - array[x, y, z])
        for x, y, z in np.ndindex(31, *array.shape[1:])
        if body[x, y, z] and body[x + 1, y, z]
    ]
    assert found.noise == pytest.approx(np.median(pairs) / 0.6745 / 2**0.5, rel=1e-4)
    assert found.topped == pytest.approx(np.mean(array[body] == array.max()), rel=1e-4)
    centre = [(np.nonzero(body)[k].mean() + 0.5) / array.shape[k] for k in range(3)]
    np.testing.assert_allclose(found.centre, centre, rtol=1e-5)
    assert found.ct


@pytest.mark.parametrize("kind", ["hu", "arbitrary"])
@pytest.mark.parametrize("turn", range(len(TURNS)))
def test_how_a_volume_is_stored_means_nothing(turn: int, kind: str) -> None:
    affine = np.eye(4)
    affine[:3, :3] = TURNS[turn] @ np.diag(np.abs(TURNS[turn].T @ [2.0, 3.0, 5.0]))
    stored = Volume(from_canonical(IMAGE.array, affine), affine)
    assert tones_of(stored, kind) == tones_of(IMAGE, kind)


@given(scale=st.floats(1e-3, 1e4), offset=st.floats(-1e4, 1e4))
@settings(max_examples=20, deadline=None)
def test_a_scale_without_unit_means_nothing(scale: float, offset: float) -> None:
    one = tones_of(Volume(IMAGE.array.astype(np.float64), IMAGE.affine), "arbitrary")
    array = IMAGE.array.astype(np.float64) * scale + offset
    other = tones_of(Volume(array, IMAGE.affine), "arbitrary")
    for name in ("low", "middle", "high", "noise", "centre"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=0.02, abs=0.01)


def test_large_volumes_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tones_of(IMAGE, "hu")
    monkeypatch.setattr(tones, "SAMPLED", IMAGE.array.size // 3)
    assert tones.sampled(IMAGE).size <= IMAGE.array.size // 3
    part = tones_of(IMAGE, "hu")
    assert part.middle == pytest.approx(whole.middle, abs=10)
    assert part.noise == pytest.approx(whole.noise, rel=0.1)


def test_nothing_is_measured_of_nothing() -> None:
    assert tones_of(Volume(np.full((3, 3, 3), 7), np.eye(4)), "arbitrary") is None
    assert tones_of(Volume(np.full((3, 3, 3), -1000), np.eye(4)), "hu") is None


def test_what_is_a_ct() -> None:
    assert is_ct(IMAGE.array) and not is_ct(IMAGE.array + 1024)
    assert not is_ct(np.abs(IMAGE.array)) and not is_ct(IMAGE.array / 1000)
    no_air = IMAGE.array[IMAGE.array > -150]
    assert not is_ct(no_air)


@pytest.mark.parametrize("intensity", ["hu", "clipped_hu", "arbitrary"])
def test_the_page_about_the_data_and_a_card_mean_the_same_body(intensity):
    tones = tones_of(IMAGE, intensity)
    seen = body_quantiles(IMAGE.canonical().array, intensity)
    middle = seen[len(seen) // 2]
    if intensity == "arbitrary":
        middle = float(robust_scale(IMAGE.array).apply(np.array([middle]))[0])
    assert tones.middle == pytest.approx(middle, abs=0.02 * (tones.high - tones.low))
