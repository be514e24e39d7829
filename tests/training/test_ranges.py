"""Ranges over the records of training cases."""

from __future__ import annotations

import json

import numpy as np
import pytest

from slicewise.config import Content
from slicewise.network.ranges import Range, Ranges
from slicewise.training.ranges import ranges_of
from slicewise.volumes.pose import centred
from slicewise.volumes.tones import Tones
from tests.case_records import case_record

CONTENT = Content(
    intensity="hu",
    contiguous=True,
    labels={"liver": [1], "tumour": [2]},
    other_labels="background",
    regions={"all": [1, 2], "core": [2]},
)
TONES = {"low": -100.0, "middle": 20.0, "high": 150.0, "noise": 10.0, "topped": 0.0}
TONES |= {"centre": [0.5, 0.5, 0.5], "ct": True}


def record(name: str, **changed: object):
    given = {
        "tones": [Tones(**TONES)],
        "ml": {"liver": 30.0, "tumour": 10.0},
        "centres": {"liver": [0.6, 0.5, 0.4], "tumour": [0.2, 0.5, 0.8]},
    }
    return case_record(name, **given | changed)


def test_the_axes_are_those_of_the_patient() -> None:
    cases = [
        record("a"),
        record("b", orientation="SAR", shape=[4, 20, 30], spacing=[5.0, 2.0, 1.0]),
    ]
    found = ranges_of(cases, CONTENT)
    assert found.spacing == [
        *(Range(low=0.75, high=1), Range(low=0.75, high=2), Range(low=2.5, high=5))
    ]
    assert found.field == [
        *(Range(low=7.5, high=30), Range(low=9, high=40), Range(low=12.5, high=20))
    ]
    assert Ranges(**json.loads(json.dumps(found.model_dump()))) == found


def test_regions_are_their_labels_together() -> None:
    healthy = record("b", ml={"liver": 50.0, "tumour": 0.0}, centres={"liver": [0.5, 0.5, 0.5]})
    found = ranges_of([record("a"), healthy], CONTENT).labels
    assert found["all"].ml == Range(low=40, high=50) and found["all"].lacking == 0
    assert found["all"].centre == [Range(low=0.5, high=0.5)] * 3
    assert found["core"].ml == Range(low=10, high=10) and found["core"].lacking == 0.5
    assert found["core"].centre == [Range(low=v, high=v) for v in (0.2, 0.5, 0.8)]


def test_a_patient_counts_once_and_a_missing_channel_not_at_all() -> None:
    other = Tones(**TONES | {"high": 90.0, "ct": False})
    cases = [
        record("a", patient="p", tones=[Tones(**TONES), None]),
        record("b", patient="p", tones=[other, None]),
    ]
    found = ranges_of(cases, CONTENT)
    assert found.patients == 1
    assert found.channels[1] is None
    assert found.channels[0].high == Range(low=90, high=150) and found.channels[0].ct is None


def test_how_scans_lie_takes_four_patients_and_their_pictures() -> None:
    random = np.random.default_rng(0)
    pictures = [[int(v) for v in random.integers(0, 255, 384)] for _ in range(5)]
    cases = [
        record(f"c{k}", patient=f"p{max(1, k)}", tones=[Tones(**TONES, picture=picture)])
        for k, picture in enumerate(pictures)
    ]
    (known,) = ranges_of(cases, CONTENT).channels
    wanted = np.mean([centred(each, flat=False) for each in pictures], axis=0)
    np.testing.assert_allclose(known.picture, wanted.ravel(), atol=1e-4)
    assert known.alike is not None and len(known.upright) == 15
    (known,) = ranges_of(cases, CONTENT.model_copy(update={"contiguous": False})).channels
    assert len(known.picture) == 64 and len(known.upright) == 7
    (known,) = ranges_of(cases[:4], CONTENT).channels
    assert known.picture == [] and known.alike is None, "of three patients"
    plain = record("x", patient="x", tones=[Tones(**TONES)])
    (known,) = ranges_of([*cases[:4], plain], CONTENT).channels
    assert known.picture == [], "one of four has none"


@pytest.mark.parametrize(("changed", "lost"), [({"contiguous": False}, False), ({}, True)])
def test_what_is_not_true_is_left_out(changed: dict[str, object], lost: bool) -> None:
    content = CONTENT.model_copy(update=changed)
    found = ranges_of([record("a"), record("b", lost=lost)], content)
    assert bool(found.labels) == lost
    assert not found.spacing and not found.field
    assert found.channels[0].middle == Range(low=20, high=20)
    assert bool(found.channels[0].centre) == content.contiguous


def test_volumes_are_of_cases_that_were_drawn_as_a_whole() -> None:
    content = CONTENT.model_copy(update={"ignore": 9})
    whole = [record("a"), record("b")]
    part = record("c", undrawn=0.5, ml={"liver": 3.0, "tumour": 0.0})
    known, wanted = ranges_of([*whole, part], content), ranges_of(whole, CONTENT)
    assert known.labels == wanted.labels and known.field and known.patients == 3
    assert ranges_of([*whole, part, part], content).labels == {}, "half of them"
    assert ranges_of([part], content).labels == {}


def test_records_of_earlier_versions_have_fewer() -> None:
    found = ranges_of([case_record("a")], CONTENT.model_copy(update={"regions": {}}))
    assert found.channels == [] and found.labels["liver"].centre == []
    assert found.labels["liver"].ml == Range(low=1500.25, high=1500.25)
