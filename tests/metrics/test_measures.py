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


GOOD, POOR = np.zeros((2, 10, 10, 10), bool)
GOOD[2:6, 2:6, 2:6] = True
POOR[4:7, 3:6, 2:5] = True


def scores(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    return measured(Pair(truth, prediction, 0.5, (1.0, 1.0, 2.0), 1.0, lesion_iou=0.1))


def test_what_needs_neighbours_is_what_is_left_out_without():
    flat = measured(Pair(GOOD, POOR, 0.5, None, 1.0, lesion_iou=0.1))
    needing = {each.name for each in METRICS if each.needs_neighbours}
    assert scores(GOOD, POOR).keys() - flat.keys() == needing


def test_the_direction_that_the_table_calls_better_is():
    right, wrong = scores(GOOD, GOOD), scores(GOOD, POOR)
    for each in METRICS:
        if each.higher_is_better is not None:
            # experiments are compared by the size of what has a sign
            better, worse = abs(right[each.name]), abs(wrong[each.name])
            assert (better > worse) == each.higher_is_better, each.name


def test_what_has_a_sign_is_below_zero_where_too_little_was_found():
    less = scores(GOOD, POOR)
    signed = {each.name for each in METRICS if each.signed}
    assert {name for name in less if isinstance(less[name], float) and less[name] < 0} == signed


def test_what_is_of_the_truth_alone_does_not_depend_on_the_prediction():
    one, other = scores(GOOD, GOOD), scores(GOOD, POOR)
    for each in METRICS:
        if each.of_truth and each.name in one:
            assert one[each.name] == other[each.name], each.name
