"""What was measured, and how far it is to be trusted, in sentences."""

from __future__ import annotations

import pandas as pd

from tests.publish.test_methods import gathered, text_of


def test_few_patients_have_rough_intervals_and_many_have_not(tmp_path):
    one = gathered(tmp_path)
    assert "With 6 test patients, intervals are rough" in text_of(one, "Evaluation")
    many = pd.concat([one.result.metrics.assign(patient=f"p{n}") for n in range(50)])
    object.__setattr__(one.result, "metrics", many)
    assert "rough" not in text_of(one, "Evaluation")
