"""Signs of what was found: numbers that agree with the flags in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slicewise.inference.signs import signs_of
from slicewise.inference.trust import FoundLabel, Watch, found_in
from slicewise.inference.unlike import seen_of, unlike
from slicewise.volumes.volume import Volume
from tests.inference.test_unlike import as_mr, card, changed, patient, shown

FAULTS = {
    "none": ({}, None),
    "upside down": ({"image": lambda a: a[::-1, ::-1], "mask": lambda a: a[::-1, ::-1]}, 2),
    "brighter": ({"image": lambda a: a + 300}, 1),
    "noisy": (
        {"image": lambda a: a + np.random.default_rng(1).normal(0, 300, a.shape).astype(a.dtype)},
        1,
    ),
    "cut": ({"image": lambda a: a[:, :, :5], "mask": lambda a: a[:, :, :5]}, 2),
    "small": ({"mask": lambda a: a * (np.arange(a.shape[2]) % 7 == 0)}, 3),
}


def found(image: Volume, mask: Volume, told) -> list[FoundLabel]:
    return [replace(one, confidence=0.9) for one in found_in(mask, told, Watch(told))]


@pytest.mark.parametrize("name", FAULTS)
def test_a_sign_is_beyond_one_where_there_is_a_flag(name: str) -> None:
    how, place = FAULTS[name]
    image, mask = changed(9, **how)
    told = card(8)
    seen = seen_of(image, told)
    labels = found(image, mask, told)
    (signs,) = signs_of(labels, seen, told).values()
    assert signs is not None and signs[0] == 0.9
    flagged = bool(unlike(seen, labels, told))
    assert (max(signs[1:4]) > 1) == flagged
    if place is None:
        assert not flagged
    else:
        assert signs[place] > 1


def test_healthy_scans_without_a_unit_are_not_odd_either() -> None:
    told = card(8, "arbitrary")
    for k in range(8, 12):
        labels = found(shown(k, "arbitrary"), patient(k)[1], told)
        (signs,) = signs_of(labels, seen_of(shown(k, "arbitrary"), told), told).values()
        assert signs is not None and max(signs[1:4]) <= 1
    assert np.array_equal(as_mr(patient(8)[0]).array, shown(8, "arbitrary").array)


def test_the_share_outside_of_the_largest_piece() -> None:
    told = card(3).model_copy(update={"ranges": None})
    seen = seen_of(patient(0)[0], told)
    one = FoundLabel("liver", 10.0, [6.0, 3.0, 1.0], confidence=0.8)
    assert signs_of([one], seen, told) == {"liver": [0.8, 0, 0, 0, 0.4]}
    piles = told.model_copy(update={"contiguous": False})
    assert signs_of([one], seen, piles) == {"liver": [0.8, 0, 0, 0, 0]}, "each slice is a piece"


def test_how_steady_a_mask_is_comes_last_where_it_was_measured() -> None:
    told = card(3).model_copy(update={"ranges": None})
    seen = seen_of(patient(0)[0], told)
    one = FoundLabel("liver", 10.0, [10.0], confidence=0.8, unsure=0.25, rough=0.0312345678)
    assert signs_of([one], seen, told) == {"liver": [0.8, 0, 0, 0, 0, 0.25, 0.0312346]}
    assert signs_of([replace(one, unsure=None)], seen, told) == {"liver": [0.8, 0, 0, 0, 0]}


def test_of_what_was_found_nowhere_there_are_none() -> None:
    told = card(3)
    seen = seen_of(patient(0)[0], told)
    assert signs_of([FoundLabel("liver", 0.0)], seen, told) == {"liver": None}
    # postprocessing may have taken all of what the network found
    assert signs_of([FoundLabel("liver", 0.0, confidence=0.4)], seen, told) == {"liver": None}
