import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.metrics.patients import mean_of, mean_over_patients, patient_scores


def test_a_patient_with_many_scans_counts_once():
    # patients of 4, 4, 1 and 1 scans
    scores = [[0.9]] * 4 + [[0.1]] * 4 + [[0.2], [0.4]]
    patients = ["a"] * 4 + ["b"] * 4 + ["c", "d"]
    assert mean_over_patients(scores, patients) == pytest.approx((0.9 + 0.1 + 0.2 + 0.4) / 4)


def test_what_has_no_score_is_left_out():
    scores = [[0.8, math.nan], [math.nan, math.nan], [0.6, 0.4]]
    assert mean_over_patients(scores, ["a", "b", "c"]) == pytest.approx((0.8 + 0.5) / 2)
    assert math.isnan(mean_over_patients([[math.nan]], ["a"]))
    assert math.isnan(mean_over_patients(np.zeros((0, 2)), []))


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.floats(0, 1) | st.just(math.nan), st.floats(0, 1)),
        min_size=1,
    )
)
def test_the_means_are_those_of_pandas(rows):
    patients = [row[0] for row in rows]
    table = pd.DataFrame([row[1:] for row in rows])
    expected = table.groupby(patients, sort=False).mean()
    found = patient_scores(table.to_numpy(), patients)
    np.testing.assert_allclose(found, expected.to_numpy(), rtol=1e-12)
    wanted = expected.mean(axis=1).mean()
    assert mean_over_patients(table.to_numpy(), patients) == pytest.approx(wanted)


@pytest.mark.filterwarnings("error")
def test_nobody_is_divided_by() -> None:
    nothing = np.full((2, 2), np.nan)
    assert np.isnan(patient_scores(nothing, ["a", "b"])).all()
    assert np.isnan(mean_of(nothing, axis=0)).all()
