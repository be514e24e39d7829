"""Scans that lie otherwise than in training are told, and healthy ones are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from slicewise.inference.lying import flag_of, how_odd, lying
from slicewise.inference.unlike import seen_of
from slicewise.network.card import ModelCard
from tests.inference.test_unlike import card, changed, kinds, patient, shown

TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "left and right": lambda array: array[::-1],
    "back and front": lambda array: array[:, ::-1],
    "head and foot": lambda array: array[:, :, ::-1],
    "left and right and an exchange of back and front": lambda array: array[::-1, ::-1],
}


def flag(told: ModelCard, image: object) -> str:
    """The sentence of how a scan lies; empty of one as in training."""
    (tones,) = seen_of(image, told).tones
    (known,) = told.ranges.channels
    own = flag_of(tones, known, told.ranges.patients, "")
    assert (own is not None) == (how_odd(tones, known, told.ranges.patients) > 1)
    return "" if own is None else f"{own.kind}: {own.sentence}"


@pytest.mark.parametrize("kind", ["hu", "arbitrary"])
def test_healthy_scans_lie_as_in_training(kind: str) -> None:
    told = card(8, kind)
    assert [flag(told, shown(k, kind)) for k in range(8, 20)] == [""] * 12


@pytest.mark.parametrize("sides", TURNS)
def test_a_turned_scan_is_told_with_how_to_turn_it_back(sides: str) -> None:
    told = card(8)
    image, mask = changed(8, TURNS[sides], TURNS[sides])
    said = flag(told, image)
    assert said.startswith("lies unlike training: The scan looks like training scans after an")
    assert f"exchange of {sides}, and less so as it lies: the orientation in" in said
    assert "lies unlike training" in kinds(image, mask, told)


def test_another_contrast_is_no_turn() -> None:
    told = card(8)
    image, mask = changed(8, lambda array: -array)
    assert flag(told, image).startswith("looks unlike training: The scan as a whole looks unlike")
    assert "looks unlike training" in kinds(image, mask, told)


def test_few_patients_and_models_of_earlier_versions_tell_nothing() -> None:
    for told in (card(3), card(8)):
        (tones,) = seen_of(patient(9)[0], told).tones
        (known,) = told.ranges.channels
        if told.ranges.patients == 8:
            assert len(known.upright) == 15
            known = known.model_copy(update={"picture": [], "alike": None, "upright": {}})
        assert lying(tones, known) is None
        assert how_odd(tones, known, told.ranges.patients) == 0
    (known,) = card(8).ranges.channels
    assert lying(tones.model_copy(update={"picture": []}), known) is None
