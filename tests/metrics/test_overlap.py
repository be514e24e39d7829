"""Overlap measures against SimpleITK's and numpy's."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.metrics.overlap import overlap


@given(st.integers(0, 10_000), st.floats(0.05, 0.9), st.floats(0.05, 0.9))
@settings(max_examples=40, deadline=None)
def test_equals_simpleitk(seed: int, p: float, q: float) -> None:
    random = np.random.default_rng(seed)
    truth, guess = random.random((5, 6, 7)) < p, random.random((5, 6, 7)) < q
    if not truth.any() or not guess.any():
        return
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*(sitk.GetImageFromArray(m.astype(np.uint8)) for m in (guess, truth)))
    got = overlap(truth, guess, voxel_ml=0.5)
    assert got["dice"] == pytest.approx(measures.GetDiceCoefficient())
    assert got["jaccard"] == pytest.approx(measures.GetJaccardCoefficient())
    assert got["recall"] == pytest.approx(1 - measures.GetFalseNegativeError())
    assert got["precision"] == pytest.approx(1 - measures.GetFalseDiscoveryRate())
    assert got["volume_ml"] == truth.sum() * 0.5
    assert got["volume_error_ml"] == pytest.approx((guess.sum() - truth.sum()) * 0.5)


def test_without_the_label_there_is_no_overlap_and_what_was_predicted_is_counted() -> None:
    empty, full = np.zeros((2, 2, 2), bool), np.ones((2, 2, 2), bool)
    ratios = ("dice", "jaccard", "precision", "recall", "volume_error_percent")
    for predicted in (empty, full):
        got = overlap(empty, predicted, 0.5)
        assert all(np.isnan(got[name]) for name in ratios)
        assert (got["volume_ml"], got["predicted_ml"]) == (0, predicted.sum() * 0.5)
        assert got["volume_error_ml"] == got["predicted_ml"]


def test_a_label_that_was_missed_scores_nothing() -> None:
    empty, full = np.zeros((2, 2, 2), bool), np.ones((2, 2, 2), bool)
    got = overlap(full, empty, 1.0)
    assert [got[name] for name in ("dice", "jaccard", "precision", "recall")] == [0, 0, 0, 0]
    assert got["volume_error_percent"] == -100


def test_volumes_are_in_millilitres_and_their_error_in_percent_of_the_truth() -> None:
    truth, prediction = np.zeros((2, 4, 5, 6), bool)
    truth[:2] = True  # 60 voxels
    prediction[:3] = True  # 90 voxels
    scores = overlap(truth, prediction, 0.25)
    assert scores["volume_ml"] == 15
    assert scores["predicted_ml"] == 22.5
    assert scores["volume_error_ml"] == 7.5
    assert scores["volume_error_percent"] == 50
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["recall"] == 1
