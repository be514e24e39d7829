"""The picture of how volumes agree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from slicewise.evaluation.statistics import agreement
from slicewise.report.agreement import bland_altman


def test_bland_altman_has_a_dot_a_patient_its_lines_and_the_extremes_by_name():
    volumes = pd.DataFrame(
        {"volume_ml": [100.0, 200, 300, 400], "predicted_ml": [110.0, 190, 330, 400]},
        index=["a", "b", "c", "d"],
    )
    limits = agreement(volumes["volume_ml"].to_numpy(), volumes["predicted_ml"].to_numpy())
    axes = bland_altman(volumes, limits).axes[0]
    (dots,) = axes.collections
    assert dots.get_offsets().tolist() == [[105, 10], [195, -10], [315, 30], [400, 0]]
    heights = {float(line.get_ydata()[0]) for line in axes.lines}
    assert heights == {0.0, limits["low"], limits["bias"], limits["high"]}
    assert {text.get_text() for text in axes.texts} == {"b", "c"}


def test_bland_altman_of_two_patients_has_no_limits():
    volumes = pd.DataFrame({"volume_ml": [100.0, 200], "predicted_ml": [110.0, 190]}, ["a", "b"])
    axes = bland_altman(volumes, agreement(np.array([100, 200]), np.array([110, 190])))
    assert len(axes.axes[0].lines) == 2  # zero and the bias
