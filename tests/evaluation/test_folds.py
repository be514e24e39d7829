"""What the folds of an experiment left."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from slicewise.evaluation.folds import training_minutes
from tests.pages import history


def test_minutes_ignore_a_night_between_two_epochs_and_read_any_clock():
    seconds = np.array([0.0, 60, 120, 40_000, 40_060])
    clock = 1.7e9 + seconds
    for stamps in (clock, clock * 1000, pd.to_datetime(clock, unit="s").astype(str)):
        table = pd.DataFrame({"epoch": range(5), "timestamp": stamps})
        assert training_minutes([table]) == pytest.approx(5.0)
    assert training_minutes([table.head(1)]) is None


def test_minutes_are_of_all_folds():
    # four epochs each, half a minute each
    assert training_minutes([history(), history()]) == pytest.approx(4.0)
