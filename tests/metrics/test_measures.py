"""What measures the metrics of the table: all of them, and where they apply."""

from __future__ import annotations

import numpy as np

from slicewise.metrics.measures import MEASURES, Pair, measured
from slicewise.metrics.table import METRICS, names_of

HIT, ELSEWHERE = np.zeros((2, 6, 6, 6), bool)
HIT[1:3, 1:3, 1:3] = True
ELSEWHERE[2:5, 1:3, 1:3] = True


def test_each_function_measures_what_the_table_says_of_it():
    pair = Pair(HIT, ELSEWHERE, 1.0, (1.0, 1.0, 2.0), 2.0, lesion_iou=0.1)
    for name, measure in MEASURES.items():
        assert set(measure(pair)) == {each.name for each in METRICS if each.measure == name}


def test_everything_that_is_measured_has_an_entry_and_the_other_way_round():
    pair = Pair(HIT, ELSEWHERE, 1.0, (1.0, 1.0, 2.0), 2.0, lesion_iou=0.1)
    assert set(measured(pair)) == {each.name for each in METRICS if each.measure is not None}


def test_without_neighbours_only_overlap_and_volumes_are_measured():
    row = measured(Pair(HIT, ELSEWHERE, 1.0, None, 2.0, lesion_iou=0.1))
    assert set(row) == {*names_of("overlap"), *names_of("volume"), *names_of("error")} - {"nsd"}


def test_lesions_are_counted_where_a_label_is_one():
    spacing = (1.0, 1.0, 1.0)
    assert measured(Pair(HIT, HIT, 1.0, spacing, 2.0, lesion_iou=0.5))["lesions_found"] == 1
    assert "lesions" not in measured(Pair(HIT, HIT, 1.0, spacing, 2.0))
