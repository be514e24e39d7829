"""What was measured, and how far it is to be trusted, in sentences."""

from __future__ import annotations

import pandas as pd
import pytest

from slicewise.evaluation.statistics import summarise
from slicewise.files import write_json, write_text
from slicewise.publish.gathered import gather
from slicewise.publish.measuring import statistics
from slicewise.publish.reloaded import recommended
from tests.publish.test_methods import gathered, text_of
from tests.published import experiment


def test_few_patients_have_rough_intervals_and_many_have_not(tmp_path):
    one = gathered(tmp_path)
    assert "With 6 test patients, intervals are rough" in text_of(one, "Evaluation")
    many = pd.concat([one.result.metrics.assign(patient=f"p{n}") for n in range(50)])
    object.__setattr__(one.result, "metrics", many)
    assert "rough" not in text_of(one, "Evaluation")


@pytest.mark.parametrize(("number", "given"), [(1, False), (2, False), (3, True)])
def test_an_interval_that_is_not_given_is_not_described(tmp_path, number, given):
    folder = experiment(tmp_path / "results" / "tiny" / "baseline")
    metrics = pd.read_csv(folder / "metrics.tsv", sep="\t").head(number)
    write_text(folder / "metrics.tsv", metrics.to_csv(sep="\t", index=False))
    write_json(folder / "summary.json", summarise(metrics))
    one = gather(folder)
    said = " ".join(each.text for each in statistics([one, one]))
    assert ("percentile bootstrap" in said) is given
    assert ("no interval is given" in said) is not given
    assert "No experiment is called better than another by" in said
    spread = [row for row in recommended([one]).tables[0].rows if row[0].startswith("Spread")]
    assert [row[2] for row in spread] == ["yes" if given else "no"]
