"""Of labels that share a voxel the higher rank has it, in whatever order they are painted."""

from __future__ import annotations

import itertools

import numpy as np

from slicewise.volumes.dicom.painting import Drawn, Painting
from slicewise.volumes.segments import Segment

BODY = Segment("body", 1, 0)
LIVER = Segment("liver", 2, 0)
TUMOUR = Segment("tumour", 3, 0)
NUMBERS = {BODY: 300, LIVER: 1, TUMOUR: 2}
RANKS = {1: 1, 2: 2}
ALL = (slice(0, 4), slice(0, 3), slice(0, 2))


def ones(width: int) -> np.ndarray:
    inside = np.zeros((4, 3, 2), bool)
    inside[:width] = True
    return inside


PARTS = [Drawn(BODY, ALL, ones(4)), Drawn(LIVER, ALL, ones(3)), Drawn(TUMOUR, ALL, ones(2))]


def test_the_order_of_parts_makes_no_difference():
    for order in itertools.permutations(PARTS):
        painting = Painting((4, 3, 2), NUMBERS, RANKS)
        for part in order:
            painting.add(part)
        assert painting.mask[:, 0, 0].tolist() == [2, 2, 1, 300]
        assert sum(painting.overlaps.values()) == 12  # what gives way to all is in no overlap
        assert painting.counts == {BODY: 24, LIVER: 18, TUMOUR: 12}


def test_parts_of_one_label_are_united():
    painting = Painting((4, 3, 2), {LIVER: 1, TUMOUR: 1}, {1: 1})
    for part in PARTS[1:]:
        painting.add(part)
    assert painting.mask.dtype == np.uint8
    assert not painting.overlaps
    np.testing.assert_array_equal(painting.mask, ones(3))


def test_a_part_lies_where_it_says_and_what_is_outside_is_counted():
    painting = Painting((4, 3, 2), {LIVER: 7}, {7: 1})
    where = (slice(1, 3), slice(2, 3), slice(0, 1))
    painting.add(Drawn(LIVER, where, np.array([True, False]).reshape(2, 1, 1), outside=5))
    assert np.argwhere(painting.mask == 7).tolist() == [[1, 2, 0]]
    assert painting.outside == 5
