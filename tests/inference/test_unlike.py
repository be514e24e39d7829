"""Flags of scans that were spoilt, each in its own way, and none of healthy ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from slicewise.config import Content
from slicewise.inference.trust import FoundLabel, Watch, found_in
from slicewise.inference.unlike import seen_of, unlike
from slicewise.network.card import ModelCard
from slicewise.phantom.patient import phantom
from slicewise.training.ranges import ranges_of
from slicewise.volumes.volume import Volume
from tests.described import described_case
from tests.discs import card_with

CONTENT = Content(intensity="hu", contiguous=True, labels={"liver": [1]}, other_labels="background")
KINDS = ("hu", "arbitrary")


@cache
def patient(index: int) -> tuple[Volume, Volume]:
    """A healthy CT and its liver."""
    image, mask = phantom(index, seed=11, size=48, slices=(16, 20))
    return image, replace(mask, array=(mask.array == 1).astype(np.uint8))


def as_mr(image: Volume) -> Volume:
    """The same body in numbers without a unit, whose scale is another one in each scan."""
    scale = 1 + float(image.array.sum() % 7)
    bright = np.interp(image.array, [-1000, -200, 0, 60, 300, 2000], [3, 10, 90, 50, 140, 300])
    return replace(image, array=(scale * bright).astype(np.float32))


def shown(index: int, kind: str) -> Volume:
    """A healthy scan as a CT, or without a unit."""
    image, _ = patient(index)
    return image if kind == "hu" else as_mr(image)


@cache
def card(patients: int, kind: str = "hu") -> ModelCard:
    """What a model says that was trained on the first patients."""
    content = CONTENT.model_copy(update={"intensity": kind})
    cases = [
        described_case(f"p{k}", shown(k, kind), patient(k)[1], content) for k in range(patients)
    ]
    changed = {"values": {"liver": [1]}, "intensity": kind}
    return card_with(**changed, ranges=ranges_of(cases, content).model_dump())


def kinds(image: Volume, mask: Volume, told: ModelCard) -> set[str]:
    """Flags of a scan in which a perfect model finds what is there."""
    found = found_in(mask, told, Watch(told))
    return {flag.kind for flag in unlike(seen_of(image, told), found, told)}


def changed(number: int, image: object = None, mask: object = None) -> tuple[Volume, Volume]:
    """A healthy patient of no training, with arrays in canonical orientation changed."""
    one, other = (volume.canonical() for volume in patient(number))
    return (
        replace(one, array=image(one.array)) if image else one,
        replace(other, array=mask(other.array)) if mask else other,
    )


@pytest.mark.parametrize("patients", [1, 3, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_healthy_scans_have_no_flag(patients: int, kind: str) -> None:
    told = card(patients, kind)
    for k in range(8, 13):
        assert kinds(shown(k, kind), patient(k)[1], told) == set(), k


@pytest.mark.parametrize("patients", [3, 8])
def test_each_fault_has_its_flag(patients: int) -> None:
    told = card(patients)
    upside_down = changed(8, lambda a: a[:, :, ::-1], lambda a: a[:, :, ::-1])
    assert "body in an unusual place" in kinds(*upside_down, told)
    mirrored = changed(8, lambda a: a[::-1], lambda a: a[::-1])
    assert "in an unusual place" in kinds(*mirrored, told)
    half = changed(8, lambda a: a[: a.shape[0] // 2], lambda a: a[: a.shape[0] // 2])
    assert "field of view outside training" in kinds(*half, told)
    windowed = changed(8, lambda a: a.clip(-1000, 60))
    assert kinds(*windowed, told) == {"intensities unlike training"}
    dark = changed(8, lambda a: np.where(a > -200, a - 150, a))
    assert "intensities unlike training" in kinds(*dark, told)
    noise = np.random.default_rng(1).normal(0, 150, patient(8)[0].canonical().array.shape)
    noisy = changed(8, lambda a: a + noise)
    assert "intensities unlike training" in kinds(*noisy, told)
    image, mask = patient(8)
    thick = image.affine @ np.diag([1, 1, 4, 1])
    wanted = {"spacing outside training", "field of view outside training"}
    assert wanted <= kinds(Volume(image.array, thick), Volume(mask.array, thick), told)


def test_a_volume_outside_of_training_is_said() -> None:
    told = card(8)
    seen = seen_of(patient(8)[0], told)
    known = told.ranges.labels["liver"].ml
    for ml, flags in ((known.low / 4, 1), (known.high, 0), (known.high * 3, 1)):
        said = unlike(seen, [FoundLabel("liver", ml)], told)
        assert [flag.kind for flag in said] == ["volume outside training"] * flags
    (flag,) = unlike(seen, [FoundLabel("liver", 3.21)], told)
    assert flag.sentence.startswith("liver has 3.2 ml, in training ")


def test_another_scale_is_no_fault_without_units() -> None:
    told = card(3, "arbitrary")
    image, mask = shown(9, "arbitrary"), patient(9)[1]
    for scale in (0.01, 1.0, 500.0):
        assert kinds(replace(image, array=image.array * np.float32(scale)), mask, told) == set()
    noise = np.random.default_rng(1).normal(0, image.array.max() / 4, image.array.shape)
    spoilt = replace(image, array=(image.array + noise).astype(np.float32))
    assert "intensities unlike training" in kinds(spoilt, mask, told)


def test_a_card_without_ranges_says_nothing() -> None:
    image, mask = patient(8)
    assert kinds(image, mask, card_with(values={"liver": [1]})) == set()


def test_how_a_scan_is_stored_means_nothing() -> None:
    told = card(3)
    image, _ = patient(8)
    assert seen_of(image, told) == seen_of(image.canonical(), told)
