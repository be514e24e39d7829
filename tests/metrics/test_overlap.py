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
