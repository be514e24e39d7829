"""Describing a scan so that it is known again."""

import numpy as np

from slicewise.dataset.marking import slice_marks
from slicewise.dataset.marks import COEFFICIENTS, pack
from slicewise.phantom.patient import phantom
from slicewise.volumes.volume import Volume


def scan(index: int, size: int = 96) -> Volume:
    return phantom(index, seed=11, size=size, slices=(20, 24))[0]


def test_the_marks_are_few_and_the_same_to_the_bit():
    volume = scan(5)
    found = slice_marks(volume)
    assert found.marks.dtype == np.int8
    assert found.marks.shape == (len(found), 3, COEFFICIENTS)
    assert len(found) <= volume.array.shape[2]
    assert pack(found) == pack(slice_marks(volume))
    # slices that repeat add nothing
    thick = Volume(np.repeat(volume.canonical().array, 4, axis=2), np.eye(4))
    assert len(slice_marks(thick)) == len(found)
